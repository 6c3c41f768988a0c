//! From what was typed to a check.

use super::chain::Chain;
use super::problem::{Problem, Problems};
use super::setting::{HttpTarget, Setting};
use evenkeel_core::health::{Check, CheckKind, ExchangeCheck, HttpCheck};
use std::sync::Arc;

const HTTP_KEYS: [&str; 4] = ["health.method", "health.host", "health.status", "health.body"];

/// The check under the settings of `chain`, which holds one `health` and the built-in settings; `None` is no check.
pub fn compile(chain: &Chain<'_>, problems: &mut Problems) -> Option<Check> {
    if !chain.is_on("health") {
        return None;
    }
    let target = match chain.find("health.http").map(|found| found.value) {
        Some(Setting::Http(target)) => Some(target),
        _ => None,
    };
    let written = |key: &&&str| chain.find(key).is_some_and(|found| found.place.is_some());
    let is_tcp = matches!(chain.find("health.tcp").map(|found| found.value), Some(Setting::Flag(true)));
    let exchange = ["health.send", "health.expect"].iter().find(written);
    let kinds = [target.map(|_| &"health.http"), is_tcp.then_some(&"health.tcp"), exchange];
    if let [first, second, ..] = kinds.into_iter().flatten().collect::<Vec<_>>()[..] {
        problems.push(
            Problem::error(format!("a check by `{first}` cannot have `{second}`"))
                .at_found(chain.find(second), "another kind of check")
                .at_found(chain.find(first), "one kind of check"),
        );
    }
    if let (None, Some(key)) = (target, HTTP_KEYS.iter().find(written)) {
        problems.push(
            Problem::error(format!("`{key}` goes only with `health.http`"))
                .at_found(chain.find(key), "this check is not by HTTP"),
        );
    }
    warn_of_overlap(chain, problems);
    let port = chain.count("health.port").and_then(|port| port.try_into().ok());
    let addr = match chain.find("health.addr").map(|found| found.value) {
        Some(Setting::Ip(addr)) => Some(*addr),
        _ => None,
    };
    Some(Check {
        kind: match (target, exchange) {
            (Some(target), _) => CheckKind::Http(http(target, chain)),
            (None, Some(_)) => CheckKind::Exchange(ExchangeCheck {
                send: bytes(chain.text("health.send")),
                expect: bytes(chain.text("health.expect")),
            }),
            (None, None) => CheckKind::Tcp,
        },
        addr: addr.or(target.and_then(|target| target.addr)),
        port: port.or(target.and_then(|target| target.port)),
        interval: chain.time("health.interval"),
        fast_interval: chain.time("health.fast-interval"),
        timeout: chain.time("health.timeout"),
        rise: chain.number("health.rise"),
        fall: chain.number("health.fall"),
        introduce: None,
        outward: None,
        tls: None,
    })
}

fn warn_of_overlap(chain: &Chain<'_>, problems: &mut Problems) {
    let (timeout, interval) = (chain.time("health.timeout"), chain.time("health.interval"));
    if timeout > interval {
        problems.push(
            Problem::warning(format!(
                "a check may take {timeout:?}, longer than the {interval:?} until the next one"
            ))
            .at_found(chain.find("health.timeout"), "timeout")
            .at_found(chain.find("health.interval"), "interval"),
        );
    }
}

fn http(target: &HttpTarget, chain: &Chain<'_>) -> HttpCheck {
    HttpCheck {
        method: chain.text("health.method").unwrap_or_default(),
        path: Arc::clone(&target.path),
        host: chain.text("health.host").or(target.host.clone()),
        status: match chain.find("health.status").map(|found| found.value) {
            Some(Setting::Statuses(ranges)) => Arc::clone(ranges),
            _ => Arc::default(),
        },
        body: chain.text("health.body").filter(|body| !body.is_empty()),
    }
}

fn bytes(text: Option<Arc<str>>) -> Arc<[u8]> {
    text.map(|text| text.as_bytes().into()).unwrap_or_default()
}
