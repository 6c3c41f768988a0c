//! Requests that are understood.

use super::*;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::version::Version;

#[test]
fn a_request_goes_on_with_what_was_understood() {
    let lines = "GET /a?b=c HTTP/1.1\nHost: example.com\nAccept: */*\nCookie: a=b; c=d";
    let expected = "GET /a?b=c HTTP/1.1\nHost: example.com\nAccept: */*\nCookie: a=b; c=d\n\
                    X-Forwarded-For: 10.0.0.7\nX-Forwarded-Proto: http\nX-Forwarded-Host: example.com\nX-Forwarded-Port: 80\n\
                    X-Request-Id: 00000000000000000000000000000abc\n\n";
    assert_eq!(onward(lines, &STRANGER), expected);
}

#[test]
fn what_is_meant_for_this_connection_stays_here() {
    let lines = "POST / HTTP/1.1\nHost: a\nConnection: close, X-Hop\nKeep-Alive: 5\nX-Hop: 1\nTE: trailers\n\
                 Proxy-Authorization: Basic x\nContent-Length: 3";
    let onward = onward(lines, &STRANGER);
    for name in ["Connection", "Keep-Alive", "X-Hop", "TE:", "Proxy-"] {
        assert!(!onward.contains(name), "{name} in {onward}");
    }
    assert!(onward.contains("\nContent-Length: 3\n"), "{onward}");
}

#[test]
fn the_ways_to_say_what_is_wanted() {
    for (target, path, host) in [
        ("/", "/", Some("a:80")),
        ("/x/../y?z=%00", "/x/../y?z=%00", Some("a:80")),
        ("http://a:80/x", "/x", Some("a:80")),
        ("HTTPS://A:80", "/", Some("A:80")),
    ] {
        let seen = understand(&format!("GET {target} HTTP/1.1\nHost: a:80"), |it| {
            (String::from_utf8_lossy(it.target).into_owned(), it.host.map(<[u8]>::to_vec))
        });
        assert_eq!(seen.unwrap(), (path.to_owned(), host.map(|host| host.as_bytes().to_vec())));
    }
    let asterisk = understand("OPTIONS * HTTP/1.1\nHost: a", |it| it.target.to_vec());
    assert_eq!(asterisk.unwrap(), b"*");
    let name = |host: &str| {
        let lines = format!("GET / HTTP/1.1\nHost: {host}");
        understand(&lines, |it| it.host_name().map(|name| String::from_utf8_lossy(name).into_owned()))
    };
    assert_eq!(name("a.example:8080").unwrap().as_deref(), Some("a.example"));
    assert_eq!(name("[::1]:8080").unwrap().as_deref(), Some("[::1]"));
    assert_eq!(name("[::1]").unwrap().as_deref(), Some("[::1]"));
}

#[test]
fn bodies_are_framed_in_one_way_or_not_at_all() {
    let body = |fields: &str| understand(&format!("PUT / HTTP/1.1\nHost: a\n{fields}"), |it| it.body);
    assert_eq!(body("").unwrap(), Framing::Empty { said: false });
    assert_eq!(body("Content-Length: 0").unwrap(), Framing::Empty { said: true });
    assert_eq!(body("Content-Length: 12").unwrap(), Framing::Length(12));
    assert_eq!(body("Transfer-Encoding: Chunked").unwrap(), Framing::Chunked);
}

#[test]
fn a_connection_is_kept_by_version_and_wish() {
    for (version, fields, keeps) in [
        ("1.1", "", true),
        ("1.1", "Connection: close", false),
        ("1.1", "Connection: keep-alive", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive", true),
        ("1.0", "Connection: keep-alive, close", false),
    ] {
        let lines = format!("GET / HTTP/{version}\nHost: a\n{fields}");
        assert_eq!(understand(lines.trim(), |it| it.keeps), Ok(keeps), "{lines}");
    }
    assert_eq!(
        understand("GET / HTTP/1.0", |it| (it.version, it.host.is_none())),
        Ok((Version::Http10, true))
    );
}

#[test]
fn another_protocol_goes_on_unless_it_is_http() {
    let upgrade = |protocol: &str| {
        let lines = format!("GET / HTTP/1.1\nHost: a\nConnection: Upgrade\nUpgrade: {protocol}");
        understand(&lines, |it| it.upgrade.is_some()).unwrap()
    };
    assert!(upgrade("websocket") && !upgrade("h2c") && !upgrade("h2c, websocket") && !upgrade("HTTP/2.0"));
    let lines = "GET / HTTP/1.1\nHost: a\nConnection: Upgrade, HTTP2-Settings\nUpgrade: websocket\nHTTP2-Settings: AA";
    let onward = onward(lines, &STRANGER);
    assert!(onward.contains("\nConnection: upgrade\nUpgrade: websocket\n"), "{onward}");
    assert!(!onward.contains("HTTP2"), "{onward}");
    let alone = understand("GET / HTTP/1.1\nHost: a\nUpgrade: websocket", |it| it.upgrade.is_some());
    assert_eq!(alone, Ok(false), "nobody may be told that who did not ask for it");
}

#[test]
fn methods_are_known_by_what_they_let_us_do() {
    for (name, idempotent) in
        [("GET", true), ("HEAD", true), ("DELETE", true), ("POST", false), ("get", false)]
    {
        let lines = format!("{name} / HTTP/1.1\nHost: a");
        assert_eq!(understand(&lines, |it| it.method.is_idempotent()), Ok(idempotent), "{name}");
    }
    assert_eq!(understand("HEAD / HTTP/1.1\nHost: a", |it| it.method), Ok(Method::Head));
}
