//! Lists of routes that say what they cannot mean.

use crate::route;
use evenkeel_core::route::{NotAPattern, Pattern, RouteTable};

/// Each problem with the place of its route.
fn problems(routes: &[&str]) -> Vec<String> {
    let made = RouteTable::new(routes.iter().map(|text| route(text)).collect());
    let problems = made.map_or_else(|problems| problems, |_| Vec::new());
    problems.iter().map(|problem| format!("{} {problem}", problem.route())).collect()
}

#[test]
fn a_route_behind_one_that_covers_it_is_a_mistake() {
    let hidden = |routes: &[&str]| {
        let problems = problems(routes);
        assert!(problems.len() < 2, "{problems:?}");
        problems.first().cloned().unwrap_or_default()
    };
    let by_first = "1 is never taken for a.example: whoever could take it takes route 0";
    assert_eq!(hidden(&["a.example", "a.example"]), by_first);
    assert_eq!(hidden(&["a.example", "A.EXAMPLE"]), by_first);
    assert_eq!(hidden(&["a.example h2,http/1.1", "a.example http/1.1"]), by_first);
    assert_eq!(hidden(&["a.example - 10.0.0.0/8", "a.example - 10.1.0.0/16,10.2.0.0/16"]), by_first);
    assert_eq!(hidden(&["-", "-"]), "1 is never taken: whoever could take it takes route 0");
    assert_eq!(
        hidden(&["*.example", "x.example,*.example"]),
        "1 is never taken for *.example: whoever could take it takes route 0"
    );
}

#[test]
fn a_route_that_somebody_can_take_is_none() {
    for routes in [
        ["a.example h2", "a.example h2,http/1.1"],
        ["a.example - 10.1.0.0/16", "a.example - 10.0.0.0/8"],
        ["a.example h2", "a.example - 10.0.0.0/8"],
        ["a.example", "a.example h2 10.0.0.0/8"],
        ["*.example", "a.example"],
        ["-", "*.example"],
    ] {
        assert!(problems(&routes).is_empty(), "{routes:?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let long = "x".repeat(256);
    let protocol = format!("b.example {long}");
    assert_eq!(
        problems(&["a.example,*.a.example,a.example", &protocol, "-", "a.example", "-"]),
        [
            "0 has the name a.example twice",
            "1 has a protocol that is not of 1 to 255 bytes",
            "3 is never taken for a.example: whoever could take it takes route 0",
            "4 is never taken: whoever could take it takes route 2",
        ]
    );
}

#[test]
fn what_is_no_pattern_says_why() {
    for (text, why) in [
        ("*", NotAPattern::Star),
        ("www.*.com", NotAPattern::Star),
        ("*www.example.com", NotAPattern::Star),
        ("*.*.com", NotAPattern::Star),
        ("münchen.de", NotAPattern::NotAscii),
        ("10.0.0.1", NotAPattern::Address),
        ("::1", NotAPattern::Address),
        ("", NotAPattern::NotAName),
        ("*.", NotAPattern::NotAName),
        ("a..b", NotAPattern::NotAName),
        ("https://example.com", NotAPattern::NotAName),
    ] {
        assert_eq!(text.parse::<Pattern>(), Err(why), "{text}");
    }
}
