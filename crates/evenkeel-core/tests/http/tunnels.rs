//! Requests for a tunnel, and what is answered to them.

use super::*;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::response::Response;
use evenkeel_core::http::version::Version;
use evenkeel_core::http::write::Onward;

#[test]
fn where_a_tunnel_leads_to_is_passed_on_and_no_path_for_routes() {
    for host in ["Host: a.test:443\n", "Host: A.test\n", "Host:\n"] {
        let lines = format!(
            "CONNECT a.test:443 HTTP/1.1\n{host}Proxy-Authorization: Basic eDp5\nUpgrade: x\nConnection: upgrade"
        );
        let onward = onward(&lines, &STRANGER);
        assert!(onward.starts_with("CONNECT a.test:443 HTTP/1.1\nHost: a.test:443\n"), "{onward}");
        assert!(onward.contains("\nProxy-Authorization: Basic eDp5\n"), "{onward}");
        assert!(!onward.contains("Upgrade") && !onward.contains("Length"), "{onward}");
        let asked = understand(&lines, |request| {
            (
                request.path_and_query() == b"*",
                request.host_name() == Some(b"a.test"),
                request.upgrade.is_none(),
            )
        });
        assert_eq!(asked, Ok((true, true, true)));
    }
    assert_eq!(
        understand("CONNECT [::1]:22 HTTP/1.0", |request| request.body).ok(),
        Some(Framing::Empty { said: false })
    );
}

#[test]
fn who_asks_for_something_else_keeps_what_is_for_a_proxy_to_itself() {
    let onward = onward("GET / HTTP/1.1\nHost: a\nProxy-Authorization: Basic eDp5", &STRANGER);
    assert!(!onward.contains("Proxy"), "{onward}");
}

/// What a client is told of the answer to its `CONNECT`, and whether a tunnel follows.
fn told(head: &str) -> (String, bool, Framing) {
    let (head, mut lines, mut out) = (head.replace('\n', "\r\n") + "\r\n\r\n", Lines::new(), Vec::new());
    let response = Response::parse(head.as_bytes(), Method::Connect, &mut lines).unwrap();
    let onward = Onward { version: Version::Http11, keeps: false };
    let framing = write::response(&response, Method::Connect, onward, None, &mut out);
    (String::from_utf8(out).unwrap().replace("\r\n", "\n"), response.opens_tunnel(Method::Connect), framing)
}

#[test]
fn a_good_answer_opens_the_tunnel_whatever_it_says_of_a_body() {
    for fields in ["", "\nContent-Length: 5", "\nTransfer-Encoding: chunked", "\nConnection: close"] {
        let (told, opens, framing) = told(&format!("HTTP/1.1 200 Connection established{fields}"));
        assert_eq!(told, "HTTP/1.1 200 Connection established\n\n", "{fields}");
        assert_eq!((opens, framing), (true, Framing::Empty { said: false }));
    }
}

#[test]
fn any_other_answer_is_one_with_a_body() {
    let (told, opens, framing) = told("HTTP/1.1 407 No\nProxy-Authenticate: Basic\nContent-Length: 5");
    assert_eq!((opens, framing), (false, Framing::Length(5)));
    assert!(
        told.contains("\nProxy-Authenticate: Basic\n") && told.contains("\nContent-Length: 5\n"),
        "{told}"
    );
}
