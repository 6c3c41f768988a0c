//! From what was typed to where the requests of a service go, and what is done to them on the way.

use super::chain::Chain;
use super::compile::{Bound, Sends};
use super::http_fields;
use super::place::At;
use super::problem::{Problem, Problems};
use super::routes::about_variables;
use super::setting::{Layer, Routed, Setting};
use evenkeel_core::http::outcome::phrase;
use evenkeel_core::http::redirect::{Redirect, Rewrite};
use evenkeel_core::http::route::{
    Action, Answer, BODY_MAX, FieldRule, PathPattern, RouteProblem, Routes, Then, When,
};
use evenkeel_core::http::split::Split;
use evenkeel_core::route::{NotAPattern, Pattern};

/// The key for everybody.
const ALL: &str = "*";

/// What a route can do instead of sending to its `to`.
const ACTIONS: [&str; 4] = ["to", "split", "redirect", "answer"];

/// Whether a route says what becomes of its requests by another key than `to`.
pub fn acts(layer: &Layer) -> bool {
    ACTIONS[1..].iter().any(|key| layer.get(key).is_some())
}

/// The routes of `service`, whose settings are those of `chain`.
pub fn compile(service: &Bound<'_>, chain: &Chain<'_>, builtin: &Layer, problems: &mut Problems) -> Routes {
    let own = &service.section.layer;
    let otherwise = Then {
        action: Action::Default,
        rewrite: None,
        to_backend: http_fields::edits(&[own], "request-fields", problems),
        to_client: http_fields::edits(&[own], "response-fields", problems),
    };
    let typed = service.section.routes();
    let understood: Vec<_> = typed
        .iter()
        .filter_map(|routed| {
            let when = when(routed, problems);
            let then = then(service, routed, builtin, problems);
            Some(((when?, then?), routed))
        })
        .collect();
    let (routes, routed): (Vec<_>, Vec<_>) = understood.into_iter().unzip();
    match Routes::new(routes, otherwise) {
        Ok(routes) => {
            for index in routes.circles(chain.is_on("tls")) {
                problems.push(circle(routed[index]));
            }
            routes
        }
        Err(wrong) => {
            wrong.iter().for_each(|wrong| problems.push(hidden(wrong, &routed)));
            Routes::default()
        }
    }
}

/// Which requests a route is for.
fn when(routed: &Routed, problems: &mut Problems) -> Option<When> {
    let (host, path) = pattern(routed).map_err(|problem| problems.push(problem)).ok()?;
    let layer = &routed.section.layer;
    if layer.is_broken(["methods", "fields", "from"]) {
        return None;
    }
    let only = Chain::new([], layer);
    Some(When {
        host,
        path,
        methods: methods(layer, problems),
        fields: match layer.get("fields").map(|at| &at.value) {
            Some(Setting::Fields(fields)) => {
                fields.iter().filter_map(|(name, value)| field_rule(name, value, problems)).collect()
            }
            _ => Vec::new(),
        },
        from: only.networks("from"),
    })
}

/// Host and path of a key: `*`, `example.com`, `/api/*`, `example.com/api/*`.
fn pattern(routed: &Routed) -> Result<(Option<Pattern>, Option<PathPattern>), Problem> {
    let text = routed.pattern.value.as_str();
    let (host, path) = text.split_at(text.find('/').unwrap_or(text.len()));
    let wrong = |what: String| {
        let name = text.escape_debug();
        let problem = Problem::error(format!("`{name}` is nothing to route by"));
        about_variables(problem.at(&routed.pattern.place, what), routed)
    };
    let host = match host {
        "" if path.is_empty() => return Err(wrong("expected a host, a path, or both".into())),
        "" | ALL => None,
        host => Some(host.parse().map_err(|error| match error {
            NotAPattern::Address => wrong("routes are by name: who asks for an address takes `*`".into()),
            _ if host.contains(':') => wrong("a route is for all ports: write the host alone".into()),
            error => wrong(error.to_string()),
        })?),
    };
    let path = match path {
        "" => None,
        path => Some(path.parse::<PathPattern>().map_err(|error| wrong(error.to_string()))?),
    };
    Ok((host, path))
}

fn methods(layer: &Layer, problems: &mut Problems) -> Vec<Box<[u8]>> {
    let Some(Setting::Texts(texts)) = layer.get("methods").map(|at| &at.value) else { return Vec::new() };
    let mut methods = Vec::new();
    for At { value, place } in texts {
        let is_method = value.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
        if is_method {
            methods.push(value.as_bytes().into());
            continue;
        }
        let problem = Problem::error(format!("`{}` is no method", value.escape_debug()));
        let upper = value.to_ascii_uppercase();
        problems.push(match value.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            true => problem.at(place, "methods are told apart by case").fix(
                format!("did you mean `{upper}`?"),
                place,
                super::tree::toml_string(&upper),
            ),
            false => problem.at(place, "expected one such as \"GET\""),
        });
    }
    methods
}

fn field_rule(name: &At<String>, value: &At<String>, problems: &mut Problems) -> Option<FieldRule> {
    if !http_fields::is_name(&name.value) {
        problems.push(http_fields::no_name(name));
        return None;
    }
    let value = Some(value.value.as_str()).filter(|value| *value != ALL);
    let name = name.value.to_ascii_lowercase().into_bytes().into();
    Some(FieldRule { name, value: value.map(|value| value.as_bytes().into()) })
}

/// What becomes of the requests of a route.
fn then(service: &Bound<'_>, routed: &Routed, builtin: &Layer, problems: &mut Problems) -> Option<Then> {
    let layer = &routed.section.layer;
    let chain = Chain::new([layer], builtin);
    let said: Vec<_> = ACTIONS.iter().filter_map(|key| Some((*key, layer.get(key)?))).collect();
    if let [(one, first), (other, second), ..] = said[..] {
        let pattern = routed.pattern.value.escape_debug();
        problems.push(
            Problem::error(format!("the route `{pattern}` has both `{one}` and `{other}`"))
                .at(&first.place, "either this")
                .at(&second.place, "or this"),
        );
        return None;
    }
    let layers = [layer, &service.section.layer];
    let to_backend = http_fields::edits(&layers, "request-fields", problems);
    let to_client = http_fields::edits(&layers, "response-fields", problems);
    let sends = service.sends.iter().filter(|sends| sends.route.is_some_and(|it| std::ptr::eq(it, routed)));
    let action = match said.first()?.0 {
        "redirect" => redirect(&chain, problems)?,
        "answer" => answer(routed, &chain, problems)?,
        "split" => split(layer, sends, problems)?,
        _ => Action::Pool(sends.map(Sends::pool).next()?),
    };
    Some(Then { rewrite: rewrite(routed, &action, problems), action, to_backend, to_client })
}

fn redirect(chain: &Chain<'_>, problems: &mut Problems) -> Option<Action> {
    let status = chain.number("redirect.status");
    let to = chain.find("redirect.to");
    let Some(text) = chain.text("redirect.to") else {
        if !chain.is_written("redirect.to") {
            problems.push(
                Problem::error("a redirect leads nowhere")
                    .at_found(chain.find("redirect"), "expected `to`")
                    .help("such as: redirect = \"https://{host}{path}\""),
            );
        }
        return None;
    };
    if !matches!(status, 301..=303 | 307 | 308) {
        problems.push(
            Problem::error(format!("{status} is no redirect"))
                .at_found(chain.find("redirect.status"), "expected 301, 302, 303, 307 or 308"),
        );
    }
    match Redirect::new(status as u16, &text) {
        Ok(redirect) => Some(Action::Redirect(redirect)),
        Err(wrong) => {
            let what = format!("`{}` is nowhere to redirect to", text.escape_debug());
            problems.push(Problem::error(what).at_found(to, &wrong.to_string()));
            None
        }
    }
}

fn answer(routed: &Routed, chain: &Chain<'_>, problems: &mut Problems) -> Option<Action> {
    let status = chain.number("answer.status") as u16;
    let content_type = chain.text("answer.type").unwrap_or_default();
    let body = chain.text("answer.body");
    let has_none = matches!(status, 204 | 205 | 304);
    if has_none && body.is_some() {
        let problem = Problem::error(format!("an answer with status {status} has no body"));
        problems.push(problem.at_found(chain.find("answer.body"), "nobody would see this"));
    }
    if body.as_ref().is_some_and(|body| body.len() > BODY_MAX) {
        let problem = Problem::error("the text of an answer is longer than 64 KiB");
        problems.push(problem.at_found(chain.find("answer.body"), "files are for backends to serve"));
    }
    let methods = routed.section.layer.get("methods").map(|at| &at.value);
    let is_head = matches!(methods, Some(Setting::Texts(texts)) if texts.iter().all(|it| it.value == "HEAD"));
    if is_head && body.is_some() {
        let problem = Problem::warning("an answer to HEAD has no body");
        problems.push(problem.at_found(chain.find("answer.body"), "nobody will see this"));
    }
    if !http_fields::is_value(&content_type) {
        let problem = Problem::error("`answer.type` cannot stand in a field");
        problems
            .push(problem.at_found(chain.find("answer.type"), "expected one such as \"application/json\""));
        return None;
    }
    let text = body.map_or_else(|| format!("{status} {}\n", phrase(status)), |body| body.to_string());
    let body = if has_none { Box::default() } else { text.into_bytes().into() };
    Some(Action::Answer(Answer { status, content_type: (&*content_type).into(), body }))
}

fn split<'a>(
    layer: &Layer,
    sends: impl Iterator<Item = &'a Sends<'a>>,
    problems: &mut Problems,
) -> Option<Action> {
    let at = layer.get("split")?;
    let Setting::Weights(weights) = &at.value else { return None };
    let known: Vec<_> = sends.collect();
    let of = |(name, weight): &(At<String>, u32)| {
        let is_it = |sends: &&&Sends<'_>| sends.shared.is_some_and(|shared| shared.name.value == name.value);
        Some((known.iter().find(is_it)?.pool(), *weight))
    };
    // One that is not known was told where it was looked for.
    let pools = weights.iter().map(of).collect::<Option<Vec<_>>>()?;
    let split = Split::new(pools);
    if split.is_none() {
        problems.push(Problem::error("a `split` sends to no pool").at(&at.place, "every weight is 0"));
    }
    split.map(Action::Split)
}

fn rewrite(routed: &Routed, action: &Action, problems: &mut Problems) -> Option<Rewrite> {
    let at = routed.section.layer.get("rewrite")?;
    let Setting::Text(text) = &at.value else { return None };
    let mut wrong = |label: &str| {
        let problem = Problem::error(format!("`{}` is no path to rewrite to", text.escape_debug()));
        problems.push(problem.at(&at.place, label));
        None
    };
    if !matches!(action, Action::Pool(_) | Action::Split(_)) {
        return wrong("no backend gets these requests");
    }
    if !routed.pattern.value.contains('/') {
        return wrong("the route has to be for a path, such as \"/*\"");
    }
    Rewrite::new(text).map_err(|error| wrong(&error.to_string())).ok()
}

fn hidden(wrong: &RouteProblem, routed: &[&Routed]) -> Problem {
    let place = |index: usize| &routed[index].pattern.place;
    let pattern = routed[wrong.route].pattern.value.escape_debug();
    Problem::error(format!("the route `{pattern}` is never taken"))
        .at(place(wrong.route), "whoever could take it")
        .at(place(wrong.behind), "takes this one")
}

fn circle(routed: &Routed) -> Problem {
    let pattern = routed.pattern.value.escape_debug();
    let problem = Problem::error(format!("the redirect of the route `{pattern}` leads back to it"));
    match routed.section.layer.get("redirect") {
        Some(at) => problem.at(&at.place, "clients would go round in circles"),
        None => problem.at(&routed.pattern.place, "clients would go round in circles"),
    }
}
