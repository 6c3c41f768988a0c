//! What backends are told of where a request comes from.

use super::*;
use std::net::{IpAddr, Ipv6Addr};

const SAID: &str = "GET / HTTP/1.1\nHost: a\nX-Forwarded-For: 6.6.6.6\nX-Forwarded-Proto: https\n\
                    Forwarded: for=6.6.6.6\nX-Real-IP: 6.6.6.6\nX-Request-Id: mine\nX-Forwarded-Port: 1";

#[test]
fn a_stranger_cannot_say_where_it_comes_from() {
    let both = Origin { rules: Forwarded { x: true, standard: true }, is_tls: true, ..STRANGER };
    for origin in [STRANGER, both, Origin { rules: Forwarded { x: false, standard: false }, ..STRANGER }] {
        let onward = onward(SAID, &origin);
        assert!(
            !onward.contains("6.6.6.6") && !onward.contains("mine") && !onward.contains("Port: 1\n"),
            "{onward}"
        );
    }
    let onward = onward(SAID, &both);
    assert!(onward.contains("\nX-Forwarded-For: 10.0.0.7\nX-Forwarded-Proto: https\n"), "{onward}");
    assert!(onward.contains("\nForwarded: for=10.0.0.7;host=\"a\";proto=https\n"), "{onward}");
}

#[test]
fn an_underscore_is_no_way_around_that() {
    let lines = "GET / HTTP/1.1\nHost: a\nX_Forwarded_For: 6.6.6.6\nContent_Length: 5\nX_Own: 1";
    let onward = onward(lines, &STRANGER);
    assert!(!onward.contains("6.6.6.6") && !onward.contains("Content_Length"), "{onward}");
    assert!(onward.contains("\nX_Own: 1\n"), "{onward}");
}

#[test]
fn who_is_trusted_is_added_to() {
    let trusted = Origin { is_trusted: true, rules: Forwarded { x: true, standard: true }, ..STRANGER };
    let onward = onward(SAID, &trusted);
    for line in [
        "X-Forwarded-For: 6.6.6.6, 10.0.0.7",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: a",
        "Forwarded: for=6.6.6.6, for=10.0.0.7;host=\"a\";proto=http",
        "X-Real-IP: 6.6.6.6",
        "X-Forwarded-Port: 1",
        "X-Request-Id: mine",
    ] {
        assert_eq!(onward.matches(&format!("\n{line}\n")).count(), 1, "{line} in {onward}");
    }
}

#[test]
fn what_is_not_told_by_us_passes_from_whom_is_trusted() {
    let origin = Origin { is_trusted: true, rules: Forwarded { x: false, standard: false }, ..STRANGER };
    let onward = onward(SAID, &origin);
    assert!(onward.contains("\nX-Forwarded-For: 6.6.6.6\n") && onward.contains("\nForwarded: for=6.6.6.6\n"));
}

#[test]
fn addresses_of_ipv6_stand_in_brackets_where_they_must() {
    let client = Some(IpAddr::V6(Ipv6Addr::LOCALHOST));
    let origin = Origin { client, rules: Forwarded { x: true, standard: true }, ..STRANGER };
    let onward = onward("GET / HTTP/1.0", &origin);
    assert!(
        onward.contains("\nX-Forwarded-For: ::1\n") && onward.contains("for=\"[::1]\";proto"),
        "{onward}"
    );
}

#[test]
fn a_name_that_is_none_is_not_taken_over() {
    let trusted = Origin { is_trusted: true, ..STRANGER };
    let long = "x".repeat(129);
    for id in ["a b", "a\"b", "", &long] {
        let onward = onward(&format!("GET / HTTP/1.1\nHost: a\nX-Request-Id: {id}"), &trusted);
        assert!(onward.contains("X-Request-Id: 00000000000000000000000000000abc\n"), "{onward}");
    }
}

#[test]
fn the_port_is_the_one_that_the_client_thinks_of() {
    let trusted = Origin { is_trusted: true, ..STRANGER };
    let tls = Origin { is_tls: true, ..STRANGER };
    for (origin, lines, expected) in [
        (STRANGER, "Host: a", "80"),
        (STRANGER, "Host: a:8080", "8080"),
        (STRANGER, "Host: [::1]:8080", "8080"),
        (STRANGER, "Host: [::1]", "80"),
        (STRANGER, "Host: a:", "80"),
        (STRANGER, "Host:", "80"),
        (tls, "Host: a", "443"),
        (tls, "Host: a:8443", "8443"),
        (trusted, "Host: a\nX-Forwarded-Proto: https", "443"),
        (trusted, "Host: a:1\nX-Forwarded-Host: b:2", "2"),
        (trusted, "Host: a:1\nX-Forwarded-Port: 3", "3"),
        (STRANGER, "Host: a\nX-Forwarded-Port: 3\nX-Forwarded-Proto: https", "80"),
    ] {
        let onward = onward(&format!("GET / HTTP/1.1\n{lines}"), &origin);
        assert!(onward.contains(&format!("\nX-Forwarded-Port: {expected}\n")), "{lines}: {onward}");
    }
}
