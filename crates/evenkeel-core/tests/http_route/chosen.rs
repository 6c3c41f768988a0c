//! Who goes before whom.

use crate::{choose, table};
use evenkeel_core::http::route::path::OddPath;

#[test]
fn the_host_goes_first_then_the_path_then_the_conditions() {
    let table = table(&[
        "*",
        "/api/*",
        "*.example.com",
        "*.example.com/api/v1/*",
        "www.example.com/api/*",
        "www.example.com/api",
        "www.example.com/api/* GET",
        "www.example.com/api/v1/*",
    ]);
    for (request, route) in [
        ("GET other.example/", 0),
        ("GET other.example/api/x", 1),
        ("GET a.example.com/api/x", 2),
        ("GET a.example.com/api/v1", 3),
        ("GET www.example.com/", 2),
        ("GET www.example.com/api", 5),
        ("GET www.example.com/api/", 6),
        ("POST www.example.com/api/", 4),
        ("GET www.example.com/api/v1/x/y", 7),
        ("GET www.example.com/api/v2?v1", 6),
        ("GET www.example.com/apis", 2),
        ("GET WWW.Example.com./api", 5),
        ("GET /api", 1),
        ("OPTIONS *", 0),
        ("OPTIONS www.example.com*", 2),
    ] {
        assert_eq!(choose(&table, request), Ok(Some(route)), "{request}");
    }
}

#[test]
fn a_path_with_all_below_it_ends_at_a_slash() {
    let table = table(&["/a/b/*"]);
    for (path, is_taken) in
        [("/a/b", true), ("/a/b/", true), ("/a/b/c", true), ("/a/bc", false), ("/a", false), ("/A/b", false)]
    {
        assert_eq!(choose(&table, &format!("GET x.example{path}")), Ok(is_taken.then_some(0)), "{path}");
    }
}

#[test]
fn a_slash_at_the_end_is_another_path() {
    let table = table(&["/a", "/b/"]);
    for (path, route) in [("/a", Some(0)), ("/a/", None), ("/b/", Some(1)), ("/b", None), ("/a?x", Some(0))] {
        assert_eq!(choose(&table, &format!("GET x.example{path}")), Ok(route), "{path}");
    }
}

#[test]
fn more_conditions_go_first_then_the_order_written() {
    let table = table(&[
        "/a - x-env=test",
        "/a GET,HEAD",
        "/a GET x-env=test",
        "/a - x-env",
        "/a - - 10.0.0.0/8",
        "/a",
    ]);
    for (request, route) in [
        ("GET /a x-env=test", 2),
        ("HEAD /a x-env=test", 0),
        ("PUT /a X-Env=other", 3),
        ("get /a", 5),
        ("PUT /a - 10.1.1.1", 4),
        ("PUT /a - ::ffff:10.1.1.1", 4),
        ("PUT /a x-env=test,x-env=other 10.1.1.1", 0),
        ("PUT /a x-env=other,x-env=test", 0),
    ] {
        assert_eq!(choose(&table, request), Ok(Some(route)), "{request}");
    }
}

#[test]
fn who_has_no_address_is_in_no_network() {
    assert_eq!(choose(&table(&["/a - - 0.0.0.0/0,::/0"]), "GET /a"), Ok(None));
}

#[test]
fn a_route_that_is_passed_over_leaves_the_request_to_less_specific_ones() {
    let table =
        table(&["www.example.com/a POST", "www.example.com/* - x-y", "*.com/a PUT", "/a DELETE", "*"]);
    for (method, route) in [("POST", 0), ("PUT", 2), ("DELETE", 3), ("GET", 4)] {
        assert_eq!(choose(&table, &format!("{method} www.example.com/a")), Ok(Some(route)), "{method}");
    }
}

#[test]
fn no_way_to_write_a_path_leads_past_a_route() {
    let table = table(&["/admin/*", "*"]);
    for path in [
        "/admin",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/x/%2e%2E/admin",
        "/%61dmin",
        "/admin/../admin",
        "/admin//x",
        "/admin%2f",
        "/admin;x/y",
    ] {
        let chosen = choose(&table, &format!("GET x.example{path}"));
        assert!(matches!(chosen, Ok(Some(0)) | Err(OddPath::Ambiguous)), "{path}: {chosen:?}");
    }
    for path in ["/admin%2Fx", "/x%2f..%2fadmin", "/x/..%5Cadmin", "/admin;x", "/x/..;/admin", "/%5cadmin"] {
        assert_eq!(choose(&table, &format!("GET x.example{path}")), Err(OddPath::Ambiguous), "{path}");
    }
}

#[test]
fn a_path_that_can_be_read_in_two_ways_is_fine_where_both_lead_to_the_same_route() {
    let table = table(&["/npm/*", "/pets/*"]);
    assert_eq!(choose(&table, "GET x.example/npm/@scope%2fname"), Ok(Some(0)));
    assert_eq!(choose(&table, "GET x.example/pets/cat;color=red"), Ok(Some(1)));
    assert_eq!(choose(&table, "GET x.example/other/a%2fb"), Ok(None));
    assert_eq!(choose(&table, "GET x.example/npm/..%2fpets"), Err(OddPath::Ambiguous));
}

#[test]
fn where_no_route_is_for_a_path_no_path_is_refused() {
    let table = table(&["www.example.com"]);
    for path in ["/%", "/../x", "/a%00", "*"] {
        assert_eq!(choose(&table, &format!("GET www.example.com{path}")), Ok(Some(0)), "{path}");
    }
}

#[test]
fn a_route_is_called_as_it_is_written() {
    for name in ["*", "*.example.com", "www.example.com", "/api/*", "/*", "www.example.com/a"] {
        assert_eq!(crate::when(name).to_string(), name);
    }
}

#[test]
fn no_path_that_a_client_thinks_of_is_slow() {
    let routes: Vec<String> = (0..1_000).map(|n| format!("host{n}.example/api/v{n}/*")).collect();
    let table = table(&routes.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(choose(&table, "GET host999.example/api/v999/x"), Ok(Some(999)));
    // Quadratic, this would take minutes.
    let path = "/a".repeat(1_000_000);
    assert_eq!(choose(&table, &format!("GET host999.example{path}")), Ok(None));
}
