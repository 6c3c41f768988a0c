//! Where a request is sent on to, by an answer or by another path to the backend.

use super::template::{NotATemplate, Template, Values, Variable};
use crate::host_name;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An answer that sends the client elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// How: 301, 302, 303, 307 or 308.
    pub status: u16,
    to: Template,
    /// Whether the target has a query or a fragment of its own.
    has_query: bool,
}

/// Another path, as the backend gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite(Template);

/// A redirect to the host that a request is for cannot be made: it names none that could stand in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoHost;

impl Redirect {
    /// To `http://` or `https://` and a host, or to a path of the same host. `{host}`, `{path}` and `{rest}` may stand in it; the
    /// query is kept, unless there is one in it, or a fragment.
    pub fn new(status: u16, to: &str) -> Result<Self, NotATarget> {
        let template = Template::parse(to).map_err(NotATarget::Template)?;
        let allowed = [Variable::Host, Variable::Path, Variable::Rest];
        check_variables(&template, &allowed)?;
        let path = match scheme(to) {
            Some(authority) => behind_host(authority).ok_or(NotATarget::Host)?,
            None if to.starts_with('/') => to,
            None => return Err(NotATarget::Nowhere),
        };
        check_path(path)?;
        Ok(Self { status, has_query: to.contains(['?', '#']), to: template })
    }

    /// Adds where a request with this query is sent.
    pub fn write(&self, values: &Values<'_>, query: &[u8], out: &mut Vec<u8>) -> Result<(), NoHost> {
        let names_host = self.to.variables().any(|variable| variable == Variable::Host);
        if names_host && !is_host(values.host) {
            return Err(NoHost);
        }
        self.to.write(values, out);
        if !self.has_query {
            out.extend_from_slice(query);
        }
        Ok(())
    }
}

impl Rewrite {
    /// A path that begins with a slash, or with `{rest}`, the only variable that may stand in it: it is in normal form, so that no
    /// client gets out of what stands before it. The query is kept.
    pub fn new(path: &str) -> Result<Self, NotATarget> {
        let template = Template::parse(path).map_err(NotATarget::Template)?;
        check_variables(&template, &[Variable::Rest])?;
        if !path.starts_with('/') && !path.starts_with("{rest}") {
            return Err(NotATarget::Nowhere);
        }
        if path.contains(['?', '#']) {
            return Err(NotATarget::Query);
        }
        check_path(path)?;
        Ok(Self(template))
    }

    /// Adds the target of a request with this query.
    pub fn write(&self, values: &Values<'_>, query: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        self.0.write(values, out);
        if out.len() == start {
            out.push(b'/');
        }
        out.extend_from_slice(query);
    }
}

/// What follows `http://` or `https://`.
fn scheme(to: &str) -> Option<&str> {
    to.strip_prefix("http://").or_else(|| to.strip_prefix("https://"))
}

fn check_variables(template: &Template, allowed: &[Variable]) -> Result<(), NotATarget> {
    match template.variables().find(|variable| !allowed.contains(variable)) {
        Some(variable) => Err(NotATarget::Variable(variable)),
        None => Ok(()),
    }
}

/// Two slashes in a row could lead to another host; variables bring their own.
fn check_path(path: &str) -> Result<(), NotATarget> {
    if path.contains([' ', '\t', '"', '<', '>', '\\']) {
        return Err(NotATarget::Space);
    }
    let is_doubled = ["//", "/{path}", "/{rest}"].iter().any(|it| path.contains(it));
    if is_doubled { Err(NotATarget::Slashes) } else { Ok(()) }
}

/// What stands behind a host, written or that of the request, and its port; `None` if there is no host, or something that is
/// no path.
fn behind_host(text: &str) -> Option<&str> {
    let behind = text.strip_prefix("{host}").or_else(|| {
        let end = match text.starts_with('[') {
            true => text.find(']')? + 1,
            false => text.find([':', '/', '?', '#', '{']).unwrap_or(text.len()),
        };
        is_host(&text.as_bytes()[..end]).then_some(&text[end..])
    })?;
    let path = match behind.strip_prefix(':') {
        Some(port) => {
            let end = port.find(|c: char| !c.is_ascii_digit()).unwrap_or(port.len());
            port[..end].parse::<u16>().ok().filter(|port| *port > 0)?;
            &port[end..]
        }
        None => behind,
    };
    let begins = |start: &&str| path.starts_with(*start);
    (path.is_empty() || ["/", "?", "#", "{path}", "{rest}"].iter().any(begins)).then_some(path)
}

/// Whether this is a host name or an address, as it stands in a URL.
fn is_host(host: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(host) else { return false };
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => host_name::canonical(host).is_some() || text.parse::<Ipv4Addr>().is_ok(),
    }
}

/// Why something is no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotATarget {
    /// It is no text with variables.
    Template(NotATemplate),
    /// A variable that cannot stand there.
    Variable(Variable),
    /// It begins like no target.
    Nowhere,
    /// No host follows `http://` or `https://`.
    Host,
    /// A path with two slashes in a row.
    Slashes,
    /// A query or a fragment where there can be none.
    Query,
    /// Something that no URL has.
    Space,
}

impl fmt::Display for NotATarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Template(wrong) => wrong.fmt(f),
            Self::Variable(variable) => write!(f, "{{{}}} cannot stand here", variable.word()),
            Self::Nowhere => {
                f.write_str("expected a path such as \"/new{rest}\", or a URL where it can be one")
            }
            Self::Host => f.write_str("expected a host behind the scheme, as in \"https://{host}{path}\""),
            Self::Slashes => f.write_str(
                "two slashes in a row: {path} and {rest} begin with their own, as in \"/new{rest}\"",
            ),
            Self::Query => f.write_str("the query is kept as it is: a path has none"),
            Self::Space => f.write_str("a character that no URL has"),
        }
    }
}

impl std::error::Error for NotATarget {}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'static> = Values {
        client: None,
        host: b"www.example.com",
        path: b"/old/a",
        rest: b"/a",
        request_id: b"1",
        is_tls: false,
    };

    fn location(to: &str, values: &Values<'_>, query: &str) -> Result<String, NoHost> {
        let mut out = Vec::new();
        Redirect::new(308, to).unwrap().write(values, query.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn rewritten(path: &str, values: &Values<'_>, query: &str) -> String {
        let mut out = Vec::new();
        Rewrite::new(path).unwrap().write(values, query.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_client_is_sent_to_another_scheme_host_or_path_with_its_query() {
        for (to, query, expected) in [
            ("https://{host}{path}", "?a=1", "https://www.example.com/old/a?a=1"),
            ("https://{host}:8443{path}", "", "https://www.example.com:8443/old/a"),
            ("https://new.example{rest}", "?a", "https://new.example/a?a"),
            ("https://new.example", "?a", "https://new.example?a"),
            ("http://[::1]:81/x{path}", "", "http://[::1]:81/x/old/a"),
            ("/new{rest}", "?a=1", "/new/a?a=1"),
            ("/login?from={path}", "?a=1", "/login?from=/old/a"),
            ("/a#b", "?a=1", "/a#b"),
            ("/a{{b}}", "", "/a{b}"),
        ] {
            assert_eq!(location(to, &VALUES, query).as_deref(), Ok(expected), "{to}");
        }
    }

    #[test]
    fn a_host_that_is_none_leads_nowhere() {
        for (host, is_one) in [
            (&b"a.example"[..], true),
            (b"10.0.0.1", true),
            (b"[::1]", true),
            (b"", false),
            (b"a%0d%0ab", false),
            (b"a.example@evil.example", false),
            (b"[::1", false),
            (b"a..b", false),
        ] {
            let values = Values { host, ..VALUES };
            assert_eq!(location("https://{host}{path}", &values, "").is_ok(), is_one, "{host:?}");
            assert!(location("/x", &values, "").is_ok());
        }
    }

    #[test]
    fn a_redirect_leads_to_no_host_that_a_client_thinks_of() {
        let odd = Values { path: b"//evil.example/", rest: b"/evil.example", ..VALUES };
        assert_eq!(
            location("https://{host}{path}", &odd, "").unwrap(),
            "https://www.example.com//evil.example/"
        );
        for to in ["//evil.example", "/{path}", "/{rest}", "{path}", "{rest}", "/a/{rest}"] {
            assert!(Redirect::new(302, to).is_err(), "{to}");
        }
    }

    #[test]
    fn a_path_is_rewritten_with_its_query() {
        for (path, rest, expected) in [
            ("{rest}", "/a", "/a?q"),
            ("{rest}", "", "/?q"),
            ("/v2{rest}", "/a", "/v2/a?q"),
            ("/v2{rest}", "", "/v2?q"),
            ("/fixed", "/a", "/fixed?q"),
        ] {
            let values = Values { rest: rest.as_bytes(), ..VALUES };
            assert_eq!(rewritten(path, &values, "?q"), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_target_says_why() {
        for (to, told) in [
            ("", "expected a path"),
            ("new", "expected a path"),
            ("ftp://a.example", "expected a path"),
            ("javascript:alert(1)", "expected a path"),
            ("https://", "expected a host"),
            ("https:///a", "expected a host"),
            ("https://{path}", "expected a host"),
            ("https://user@a.example/", "expected a host"),
            ("https://a.example:99999/", "expected a host"),
            ("https://{host}.evil/", "expected a host"),
            ("https://a.example{host}", "expected a host"),
            ("https://a.example:{path}", "expected a host"),
            ("https://a.example/{rest}", "two slashes"),
            ("/a b", "no URL has"),
            ("/{client}", "{client} cannot stand here"),
            ("/{user}", "no variable"),
        ] {
            let error = Redirect::new(302, to).unwrap_err().to_string();
            assert!(error.contains(told), "{to}: {error}");
        }
        for (path, told) in [
            ("", "expected a path"),
            ("v2", "expected a path"),
            ("/a?b", "the query"),
            ("/x{path}", "cannot stand"),
        ] {
            let error = Rewrite::new(path).unwrap_err().to_string();
            assert!(error.contains(told), "{path}: {error}");
        }
    }
}
