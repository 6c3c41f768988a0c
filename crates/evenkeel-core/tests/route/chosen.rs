//! Who goes before whom.

use crate::{choose, table};

#[test]
fn the_name_itself_goes_before_the_longest_suffix_and_that_before_none() {
    let table = table(&["-", "*.com", "*.example.com", "www.example.com"]);
    for (name, route) in [
        ("www.example.com", 3),
        ("a.example.com", 2),
        ("a.b.www.example.com", 2),
        ("example.com", 1),
        ("com", 0),
        ("example.net", 0),
        ("xexample.com", 1),
        ("-", 0),
    ] {
        assert_eq!(choose(&table, name), Some(route), "{name}");
    }
}

#[test]
fn who_has_no_route_is_told_so() {
    let table = table(&["www.example.com", "*.example.net"]);
    for name in ["example.com", "example.net", "a.www.example.com", "-"] {
        assert_eq!(choose(&table, name), None, "{name}");
    }
    assert_eq!(choose(&crate::table(&[]), "www.example.com"), None);
}

#[test]
fn more_conditions_go_first_then_the_order_written() {
    let table = table(&[
        "a.example",
        "a.example - 10.0.0.0/8",
        "a.example h2",
        "a.example h2 10.0.0.0/8",
        "a.example - 10.1.0.0/16,192.168.0.0/16",
    ]);
    for (client, route) in [
        ("a.example", 0),
        ("a.example http/1.1 11.0.0.1", 0),
        ("a.example - 10.1.0.1", 1),
        ("a.example h2 11.0.0.1", 2),
        ("a.example http/1.1,h2 10.0.0.1", 3),
        ("a.example - 192.168.0.1", 4),
        ("a.example h2 192.168.0.1", 2),
    ] {
        assert_eq!(choose(&table, client), Some(route), "{client}");
    }
}

#[test]
fn a_route_whose_conditions_do_not_hold_is_passed_over_to_the_next_suffix() {
    let table = table(&["www.example.com h2", "*.example.com - 10.0.0.0/8", "*.com acme-tls/1", "-"]);
    for (client, route) in [
        ("www.example.com h2", 0),
        ("www.example.com - 10.0.0.1", 1),
        ("www.example.com acme-tls/1", 2),
        ("www.example.com http/1.1", 3),
        ("- h2 10.0.0.1", 3),
    ] {
        assert_eq!(choose(&table, client), Some(route), "{client}");
    }
}

#[test]
fn a_mapped_source_is_the_ipv4_address() {
    let table = table(&["- - 10.0.0.0/8", "- - ::/0"]);
    assert_eq!(choose(&table, "- - ::ffff:10.0.0.1"), Some(0));
    assert_eq!(choose(&table, "- - 2001:db8::1"), Some(1));
    assert_eq!(choose(&table, "- - 11.0.0.1"), None);
}

#[test]
fn patterns_are_written_in_any_case_and_shown_in_one() {
    let table = table(&["WWW.Example.com,*.EXAMPLE.net."]);
    assert_eq!(choose(&table, "www.example.com"), Some(0));
    assert_eq!(choose(&table, "a.example.net"), Some(0));
    let shown: Vec<_> = table.routes()[0].names.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["www.example.com", "*.example.net"]);
}

#[test]
fn thousands_of_names_are_no_matter() {
    let names: Vec<String> =
        (0..5_000).flat_map(|n| [format!("host{n}.example"), format!("*.host{n}.example")]).collect();
    let table = table(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(choose(&table, "host4999.example"), Some(9_998));
    assert_eq!(choose(&table, &format!("{}host4999.example", "a.".repeat(100))), Some(9_999));
}
