//! Routes that nobody could take.

use crate::when;
use evenkeel_core::http::route::RouteTable;

/// Which routes are hidden, and behind which.
fn hidden(routes: &[&str]) -> Vec<(usize, usize)> {
    match RouteTable::new(routes.iter().map(|text| when(text)).collect()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| (problem.route, problem.behind)).collect(),
    }
}

#[test]
fn the_same_route_twice_is_never_taken_the_second_time() {
    assert_eq!(hidden(&["a.x/b/*", "a.x/b/*"]), [(1, 0)]);
    assert_eq!(hidden(&["*", "/*", "*"]), [(2, 0)]);
    assert_eq!(hidden(&["a.x GET,PUT", "a.x PUT"]), [(1, 0)]);
    assert_eq!(hidden(&["a.x - - 10.0.0.0/8", "a.x - - 10.1.0.0/16,10.2.0.0/16"]), [(1, 0)]);
    assert_eq!(hidden(&["a.x - x-env", "a.x - x-env=test"]), [(1, 0)]);
}

#[test]
fn what_somebody_may_still_take_is_no_problem() {
    for routes in [
        ["a.x/b", "a.x/b/*"],
        ["a.x/*", "a.x"],
        ["a.x", "*.x"],
        ["a.x PUT", "a.x GET,PUT"],
        ["a.x - x-env=test", "a.x - x-env=other"],
        ["a.x - x-env=test", "a.x - x-env"],
        ["a.x", "a.x GET"],
        ["a.x - - 10.1.0.0/16", "a.x - - 10.0.0.0/8"],
    ] {
        assert_eq!(hidden(&routes), [], "{routes:?}");
    }
}

#[test]
fn all_problems_are_told_with_host_and_path() {
    let routes = ["a.x/b", "a.x/b", "*.x/*", "*.x/*"].map(when).to_vec();
    let problems = RouteTable::new(routes).unwrap_err();
    let told: Vec<_> = problems
        .iter()
        .map(|it| format!("{}{} {it}", it.host.as_ref().unwrap(), it.path.as_ref().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            "a.x/b is never taken: whoever could take it takes route 0",
            "*.x/* is never taken: whoever could take it takes route 2",
        ]
    );
}
