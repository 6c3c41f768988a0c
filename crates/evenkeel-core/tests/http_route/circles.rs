//! Redirects that lead back to themselves.

use crate::when;
use evenkeel_core::http::redirect::Redirect;
use evenkeel_core::http::route::{Action, Routes, Then};
use evenkeel_core::name::PoolName;

/// Of routes with where they redirect to, or `pool`, those that go round, without TLS and with it.
fn circles(routes: &[(&str, &str)]) -> (Vec<usize>, Vec<usize>) {
    let routes = routes.iter().map(|(pattern, to)| {
        let action = match *to {
            "pool" => Action::Pool(PoolName::new("web")),
            to => Action::Redirect(Redirect::new(302, to).unwrap()),
        };
        let then = Then { action, ..Then::default() };
        (when(pattern), then)
    });
    let routes = Routes::new(routes.collect(), Then::default()).unwrap();
    (routes.circles(false), routes.circles(true))
}

#[test]
fn to_https_is_a_circle_only_where_https_is_spoken() {
    assert_eq!(circles(&[("*", "https://{host}{path}")]), (vec![], vec![0]));
    assert_eq!(circles(&[("*", "http://{host}{path}")]), (vec![0], vec![]));
    assert_eq!(circles(&[("*", "https://{host}:8443{path}")]), (vec![], vec![]));
}

#[test]
fn one_host_to_another_is_none() {
    let routes = [("example.com", "https://www.example.com{path}"), ("www.example.com", "pool")];
    assert_eq!(circles(&routes), (vec![], vec![]));
    assert_eq!(circles(&[("*", "https://www.example.com{path}")]), (vec![], vec![0]));
    assert_eq!(circles(&[("*.example.com", "https://example.com{path}")]), (vec![], vec![]));
    assert_eq!(circles(&[("*.com", "https://www.example.com{path}"), ("www.example.com", "pool")]).1, []);
}

#[test]
fn a_path_below_itself_is_one() {
    assert_eq!(circles(&[("/old/*", "/old/new{rest}")]), (vec![0], vec![0]));
    assert_eq!(circles(&[("/old/*", "/new{rest}")]), (vec![], vec![]));
    assert_eq!(circles(&[("/*", "/login"), ("/login", "pool")]), (vec![], vec![]));
    assert_eq!(circles(&[("/*", "/login")]), (vec![0], vec![0]));
    assert_eq!(circles(&[("/login", "/login?again")]), (vec![0], vec![0]));
}

#[test]
fn two_that_lead_to_each_other_are_one() {
    assert_eq!(circles(&[("/a", "/b"), ("/b", "/a")]).0, [0, 1]);
    assert_eq!(circles(&[("/a", "/b"), ("/b", "/c"), ("/c", "/b")]).0, [1, 2]);
    assert_eq!(circles(&[("/a", "/b"), ("/b PUT", "/a")]).0, [1]);
}
