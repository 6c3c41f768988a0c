//! Who is answered. A Unix socket has a mode of its own; over TCP there is a token, under TLS a certificate, or else this
//! machine may look and not touch.
//! Web pages of other sites get nothing: a browser reaches the loopback interface of whoever uses it.

use crate::token::Token;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, StatusCode};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// What stands before a token, in whatever case (RFC 9110, section 11.1).
const BEARER: &[u8] = b"Bearer ";

/// Characters of a certificate's name that are told.
const NAME_MAX: usize = 64;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A process of this machine that may open the socket's file.
    Unix {
        /// Its user.
        uid: u32,
        /// Its process id, if the kernel knows it.
        pid: Option<i32>,
    },
    /// Somebody over TCP.
    Tcp(SocketAddr),
    /// Somebody over TLS.
    Tls {
        /// From there.
        addr: SocketAddr,
        /// The name in the certificate that was shown, which may be none, if one was. It counts: others end in the handshake.
        certificate: Option<Arc<str>>,
    },
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix { uid, pid: Some(pid) } => write!(f, "uid {uid} (pid {pid})"),
            Self::Unix { uid, pid: None } => write!(f, "uid {uid}"),
            Self::Tcp(addr) | Self::Tls { addr, certificate: None } => addr.fmt(f),
            Self::Tls { addr, certificate: Some(name) } if name.is_empty() => {
                write!(f, "certificate without a name ({addr})")
            }
            // Whoever signed it has seen the name, and may not have looked closely.
            Self::Tls { addr, certificate: Some(name) } => {
                let end = name.char_indices().nth(NAME_MAX).map_or("", |_| "…");
                let name: String = name.chars().take(NAME_MAX).collect();
                write!(f, "certificate \"{}{end}\" ({addr})", name.escape_debug())
            }
        }
    }
}

/// What decides about a request, besides who asks.
pub struct Knock<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Whether anybody may know the answer.
    pub is_open: bool,
    /// Whether the answer is the dashboard, to which others may link.
    pub is_page: bool,
}

/// Why a request is not answered.
pub type Refusal = (StatusCode, &'static str);

/// Whether `peer` is answered.
pub fn admit(peer: &Peer, token: Option<&Token>, knock: &Knock<'_>) -> Result<(), Refusal> {
    if knock.headers.get_all(HOST).iter().count() > 1 {
        return Err((StatusCode::BAD_REQUEST, "it names two hosts"));
    }
    if is_foreign(peer, knock) {
        return Err((StatusCode::FORBIDDEN, "a web page of another site asks"));
    }
    let host = text(knock, &HOST);
    match (peer, token) {
        _ if knock.is_open => Ok(()),
        // A port of whoever uses a browser may lead here, by `ssh -L`: see below. Programs call a socket what they like.
        (Peer::Unix { .. }, _) if host.is_none_or(|it| is_machine(it) || !it.contains('.')) => Ok(()),
        (Peer::Tcp(_) | Peer::Tls { .. }, Some(token)) => has_token(token, knock),
        // The Host may be any name: a browser that was led here by another one refuses the certificate that it sees.
        (Peer::Tls { certificate: Some(_), .. }, None) => Ok(()),
        // Whoever answers for a name may let it point here, and a page under that name would be of the same origin.
        (Peer::Tcp(_) | Peer::Tls { .. }, None) if host.is_some_and(is_machine) => match *knock.method {
            Method::GET | Method::HEAD => Ok(()),
            _ => may_change(peer, token).map_err(|why| (StatusCode::FORBIDDEN, why)),
        },
        _ => Err((StatusCode::FORBIDDEN, "without a token, ask by an address: the Host is a name")),
    }
}

/// Whether `peer`, once admitted, may change something.
pub fn may_change(peer: &Peer, token: Option<&Token>) -> Result<(), &'static str> {
    match peer {
        Peer::Tcp(_) | Peer::Tls { certificate: None, .. } if token.is_none() => Err(
            "to change something, use the Unix socket, or set `admin.token-file` or `admin.tls.client-ca`",
        ),
        _ => Ok(()),
    }
}

fn text<'a>(knock: &Knock<'a>, name: &HeaderName) -> Option<&'a str> {
    knock.headers.get(name).and_then(|it| it.to_str().ok())
}

/// Whether a page of another site asks. One that links to the dashboard is none: what comes is the same for everybody, and
/// does not open in a frame.
fn is_foreign(peer: &Peer, knock: &Knock<'_>) -> bool {
    let is_site = text(knock, &FETCH_SITE).is_none_or(|site| ["same-origin", "none"].contains(&site));
    let is_link = knock.is_page && text(knock, &FETCH_DEST) == Some("document");
    let host = text(knock, &HOST);
    let scheme = if matches!(peer, Peer::Tls { .. }) { "https://" } else { "http://" };
    let is_own = |origin: &str| host.is_some_and(|host| origin.strip_prefix(scheme) == Some(host));
    let is_origin = !knock.headers.contains_key(ORIGIN) || text(knock, &ORIGIN).is_some_and(is_own);
    !(is_origin && (is_site || is_link))
}

fn has_token(token: &Token, knock: &Knock<'_>) -> Result<(), Refusal> {
    let given = knock.headers.get(AUTHORIZATION).map_or(&[][..], |it| it.as_bytes());
    let given = match given.split_at_checked(BEARER.len()) {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case(BEARER) => given,
        _ => &[],
    };
    let refusal = (StatusCode::UNAUTHORIZED, "send the token: `Authorization: Bearer …`");
    if token.is(given) { Ok(()) } else { Err(refusal) }
}

/// Whether a `Host` names this machine by an address, or as `localhost`.
fn is_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    };
    name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    const SECRET: &str = "0123456789abcdef";

    /// The status for a request with these headers, one a line.
    fn status(peer: &Peer, with_token: bool, method: Method, lines: &str) -> u16 {
        let mut headers = HeaderMap::new();
        for line in lines.lines() {
            let (name, value) = line.trim().split_once(": ").unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let token = with_token.then(|| Token::new(SECRET).unwrap());
        let knock = Knock { method: &method, headers: &headers, is_open: false, is_page: false };
        admit(peer, token.as_ref(), &knock).map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    const UNIX: Peer = Peer::Unix { uid: 0, pid: None };
    const TCP: Peer = Peer::Tcp(SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1));

    #[test]
    fn a_unix_socket_may_do_everything_but_for_web_pages() {
        assert_eq!(status(&UNIX, false, Method::POST, ""), 200);
        assert_eq!(status(&UNIX, true, Method::DELETE, "host: anything"), 200);
        assert_eq!(status(&UNIX, false, Method::GET, "host: x\norigin: http://evil.example"), 403);
    }

    #[test]
    fn a_name_that_points_to_a_tunnel_opens_nothing() {
        for host in ["localhost:9900", "127.0.0.1:9900", "[::1]:9900", "x"] {
            assert_eq!(status(&UNIX, false, Method::POST, &format!("host: {host}")), 200, "{host}");
        }
        for host in ["rebound.example:9900", "127.0.0.1.evil.example"] {
            assert_eq!(status(&UNIX, false, Method::GET, &format!("host: {host}")), 403, "{host}");
        }
    }

    #[test]
    fn others_may_link_to_the_page_and_no_more() {
        let link = |is_page: bool, dest: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("127.0.0.1:9900"));
            headers.insert(FETCH_SITE, HeaderValue::from_static("cross-site"));
            headers.insert(FETCH_DEST, HeaderValue::from_static(dest));
            admit(&TCP, None, &Knock { method: &Method::GET, headers: &headers, is_open: is_page, is_page })
                .is_ok()
        };
        assert!(link(true, "document"));
        assert!(!link(true, "iframe") && !link(true, "script") && !link(false, "document"));
    }

    #[test]
    fn of_two_hosts_neither_counts() {
        assert_eq!(status(&UNIX, false, Method::GET, "host: 127.0.0.1\nhost: evil.example"), 400);
    }

    #[test]
    fn who_may_only_look_is_told_why() {
        let token = Token::new(SECRET).unwrap();
        assert!(may_change(&UNIX, None).is_ok() && may_change(&TCP, Some(&token)).is_ok());
        assert!(may_change(&TCP, None).unwrap_err().contains("admin.token-file"));
    }

    #[test]
    fn without_a_token_this_machine_may_look_and_not_touch() {
        for host in ["127.0.0.1:9900", "localhost:9900", "[::1]:9900", "127.0.0.1"] {
            assert_eq!(status(&TCP, false, Method::GET, &format!("host: {host}")), 200, "{host}");
        }
        assert_eq!(status(&TCP, false, Method::POST, "host: 127.0.0.1:9900"), 403);
        assert_eq!(status(&TCP, false, Method::GET, ""), 403);
        assert_eq!(status(&TCP, false, Method::GET, "host: rebound.example:9900"), 403);
        assert_eq!(status(&TCP, false, Method::GET, "host: 127.0.0.1.evil.example"), 403);
    }

    #[test]
    fn with_a_certificate_any_host_will_do_and_with_a_token_both_are_needed() {
        let known = tls(Some("ops.example"));
        let bearer = format!("host: lb.example\nauthorization: Bearer {SECRET}");
        assert_eq!(status(&known, false, Method::POST, "host: lb.example:9900"), 200);
        assert_eq!(status(&known, true, Method::POST, "host: lb.example:9900"), 401);
        assert_eq!(status(&known, true, Method::POST, &bearer), 200);
        let page = |origin: &str| format!("host: lb.example\norigin: {origin}\nsec-fetch-site: same-origin");
        assert_eq!(status(&known, false, Method::POST, &page("https://lb.example")), 200);
        for origin in ["http://lb.example", "https://evil.example"] {
            assert_eq!(status(&known, false, Method::POST, &page(origin)), 403, "{origin}");
        }
        // Without a certificate TLS gives no rights.
        assert_eq!(status(&tls(None), false, Method::GET, "host: 127.0.0.1"), 200);
        assert_eq!(status(&tls(None), false, Method::GET, "host: lb.example"), 403);
        assert_eq!(status(&tls(None), false, Method::POST, "host: 127.0.0.1"), 403);
        assert!(may_change(&known, None).is_ok() && may_change(&tls(None), None).is_err());
    }

    #[test]
    fn a_name_is_told_so_that_it_cannot_pass_for_another_line() {
        let told = |name: &str| tls(Some(name)).to_string();
        assert_eq!(told("ops.example"), "certificate \"ops.example\" (127.0.0.1:1)");
        assert_eq!(told("a\"\n\u{202e}b"), "certificate \"a\\\"\\n\\u{202e}b\" (127.0.0.1:1)");
        assert_eq!(told(&"x".repeat(99)), format!("certificate \"{}…\" (127.0.0.1:1)", "x".repeat(64)));
        assert_eq!(told(""), "certificate without a name (127.0.0.1:1)");
        assert_eq!(tls(None).to_string(), "127.0.0.1:1");
    }

    fn tls(certificate: Option<&str>) -> Peer {
        let addr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
        Peer::Tls { addr, certificate: certificate.map(Arc::from) }
    }

    #[test]
    fn with_a_token_nobody_else_gets_anything() {
        let with =
            |token: &str| status(&TCP, true, Method::POST, &format!("host: lb\nauthorization: {token}"));
        for scheme in ["Bearer", "bearer", "BEARER"] {
            assert_eq!(with(&format!("{scheme} {SECRET}")), 200, "{scheme}");
        }
        for wrong in ["Bearer 0123456789abcdeX", "Bearer 0123456789abcde", SECRET, "Bearer x", "Basic x"] {
            assert_eq!(with(wrong), 401, "{wrong}");
        }
        assert_eq!(status(&TCP, true, Method::GET, "host: 127.0.0.1"), 401);
    }

    #[test]
    fn pages_of_other_sites_are_refused_whatever_they_send() {
        let auth = format!("host: 127.0.0.1:9900\nauthorization: Bearer {SECRET}");
        for page in [
            "origin: http://evil.example",
            "origin: null",
            "origin: http://127.0.0.1:8080",
            "sec-fetch-site: cross-site",
            "sec-fetch-site: same-site",
        ] {
            assert_eq!(status(&TCP, true, Method::POST, &format!("{auth}\n{page}")), 403, "{page}");
        }
        let own = format!("{auth}\norigin: http://127.0.0.1:9900\nsec-fetch-site: same-origin");
        assert_eq!(status(&TCP, true, Method::POST, &own), 200);
    }
}
