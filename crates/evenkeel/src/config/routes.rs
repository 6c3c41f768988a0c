//! From what was typed to the routes of a service.

use super::chain::Chain;
use super::compile::{Bound, Sends};
use super::problem::{Problem, Problems};
use super::setting::{Routed, Setting};
use evenkeel_core::reception::{Routes, Strangers};
use evenkeel_core::route::{NotAPattern, Route, RouteProblem, RouteTable};

/// The key for everybody.
const ALL: &str = "*";

/// The routes of `service`, whose settings are those of `chain`; `None` if all its sessions go to one pool.
pub fn compile(service: &Bound<'_>, chain: &Chain<'_>, problems: &mut Problems) -> Option<Routes> {
    if !service.sends.iter().any(|sends| sends.route.is_some()) {
        return None;
    }
    let understood = service.sends.iter().filter_map(|sends| {
        let routed = sends.route?;
        Some((route(sends, routed, problems)?, routed))
    });
    let (routes, routed): (Vec<_>, Vec<_>) = understood.unzip();
    let by_hello = routes.iter().any(|route| !route.names.is_empty() || !route.alpn.is_empty());
    let table = match RouteTable::new(routes) {
        Ok(table) => table,
        Err(wrong) => {
            wrong.iter().for_each(|wrong| problems.push(tell(wrong, &routed)));
            RouteTable::new(Vec::new()).ok()?
        }
    };
    Some(Routes {
        table,
        by_hello,
        timeout: chain.time("hello.timeout"),
        longest: chain.number("hello.max-bytes") as usize,
        strangers: match chain.text("hello.else").as_deref() {
            Some("default") => Strangers::Served,
            _ => Strangers::Closed,
        },
    })
}

fn route(sends: &Sends<'_>, routed: &Routed, problems: &mut Problems) -> Option<Route> {
    let names = match routed.pattern.value.as_str() {
        ALL => Vec::new(),
        name => vec![name.parse().map_err(|wrong| problems.push(not_a_name(routed, wrong))).ok()?],
    };
    let layer = &routed.section.layer;
    if layer.is_broken(["alpn", "from"]) {
        return None;
    }
    let alpn = match layer.get("alpn").map(|at| &at.value) {
        Some(Setting::Texts(texts)) => texts.iter().map(|at| at.value.as_bytes().into()).collect(),
        _ => Vec::new(),
    };
    let from = Chain::new([], layer).networks("from");
    Some(Route { names, alpn, from, to: sends.pool() })
}

fn not_a_name(routed: &Routed, wrong: NotAPattern) -> Problem {
    let name = routed.pattern.value.escape_debug();
    let problem = Problem::error(format!("`{name}` is no name to route by"));
    about_variables(problem.at(&routed.pattern.place, wrong.to_string()), routed)
}

/// `problem` with the pattern of a route, and with what has to be known of variables in it.
pub fn about_variables(problem: Problem, routed: &Routed) -> Problem {
    match routed.pattern.value.contains("${") {
        true => problem.help("variables are replaced in values, not in keys"),
        false => problem,
    }
}

fn tell(wrong: &RouteProblem, routed: &[&Routed]) -> Problem {
    let at = |problem: Problem, index: usize, label: &str| problem.at(&routed[index].pattern.place, label);
    let pattern = routed[wrong.route()].pattern.value.escape_debug();
    match wrong {
        RouteProblem::Hidden { route, behind, .. } => {
            let problem = Problem::error(format!("the route `{pattern}` is never taken"));
            at(at(problem, *route, "whoever could take it"), *behind, "takes this one")
        }
        RouteProblem::Twice { route, .. } | RouteProblem::Protocol { route, .. } => {
            at(Problem::error(format!("the route `{pattern}` {wrong}")), *route, "")
        }
    }
}
