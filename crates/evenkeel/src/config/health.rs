//! From what was typed to a check.

use super::chain::Chain;
use super::problem::{Problem, Problems};
use super::setting::{HttpTarget, Setting};
use evenkeel_core::health::{Check, CheckKind, DnsCheck, ExchangeCheck, HttpCheck};
use evenkeel_core::wire::dns::{Question, Rcode};
use std::sync::Arc;

const HTTP_KEYS: [&str; 4] = ["health.method", "health.host", "health.status", "health.body"];
const DNS_KEYS: [&str; 2] = ["health.dns-type", "health.dns-rcode"];

/// The check under the settings of `chain`, which holds one `health` and the built-in settings; `None` is no check.
pub fn compile(chain: &Chain<'_>, problems: &mut Problems) -> Option<Check> {
    if !chain.is_on("health") {
        return None;
    }
    let target = match chain.find("health.http").map(|found| found.value) {
        Some(Setting::Http(target)) => Some(target),
        _ => None,
    };
    one_kind(chain, problems);
    goes_with("health.http", "HTTP", &HTTP_KEYS, chain, problems);
    goes_with("health.dns", "DNS", &DNS_KEYS, chain, problems);
    warn_of_overlap(chain, problems);
    let port = chain.count("health.port").and_then(|port| port.try_into().ok());
    let addr = match chain.find("health.addr").map(|found| found.value) {
        Some(Setting::Ip(addr)) => Some(*addr),
        _ => None,
    };
    Some(Check {
        kind: kind(target, chain, problems),
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

/// Tells of two keys of which each says what kind of check it is.
fn one_kind(chain: &Chain<'_>, problems: &mut Problems) {
    let written = |key| is_written(chain, key).then_some(key);
    let set = |key| chain.is_set(key).then_some(key);
    // What is sent and expected goes by UDP as well.
    let exchange = || written("health.send").or(written("health.expect"));
    let kinds = [
        written("health.http"),
        written("health.dns"),
        set("health.tcp"),
        set("health.postgres"),
        set("health.udp").or_else(exchange),
    ];
    if let [first, second, ..] = kinds.into_iter().flatten().collect::<Vec<_>>()[..] {
        problems.push(
            Problem::error(format!("a check by `{first}` cannot have `{second}`"))
                .at_found(chain.find(second), "another kind of check")
                .at_found(chain.find(first), "one kind of check"),
        );
    }
}

/// Tells of a key of `keys` without the one that makes a check one by `protocol`.
fn goes_with(maker: &str, protocol: &str, keys: &[&str], chain: &Chain<'_>, problems: &mut Problems) {
    if let (None, Some(key)) = (chain.find(maker), keys.iter().find(|key| is_written(chain, key))) {
        problems.push(
            Problem::error(format!("`{key}` goes only with `{maker}`"))
                .at_found(chain.find(key), &format!("this check is not by {protocol}")),
        );
    }
}

fn is_written(chain: &Chain<'_>, key: &str) -> bool {
    chain.find(key).is_some_and(|found| found.place.is_some())
}

fn kind(target: Option<&HttpTarget>, chain: &Chain<'_>, problems: &mut Problems) -> CheckKind {
    let exchange =
        || ExchangeCheck { send: chain.bytes("health.send"), expect: chain.bytes("health.expect") };
    if let Some(target) = target {
        CheckKind::Http(http(target, chain))
    } else if let Some(dns) = dns(chain, problems) {
        CheckKind::Dns(dns)
    } else if chain.is_set("health.postgres") {
        CheckKind::Postgres
    } else if chain.is_set("health.udp") {
        needs_something_to_send(chain, problems);
        CheckKind::Datagram(exchange())
    } else if is_written(chain, "health.send") || is_written(chain, "health.expect") {
        CheckKind::Exchange(exchange())
    } else {
        CheckKind::Tcp
    }
}

/// Over UDP nobody is there before something was sent.
fn needs_something_to_send(chain: &Chain<'_>, problems: &mut Problems) {
    if chain.bytes("health.send").is_empty() {
        problems.push(
            Problem::error("a check by UDP has nothing to send")
                .at_found(chain.find("health.udp"), "needs `send`")
                .help("what a backend answers shows that it is there; one that never answers cannot be checked by UDP"),
        );
    }
}

fn dns(chain: &Chain<'_>, problems: &mut Problems) -> Option<DnsCheck> {
    let question = Question::new(&chain.text("health.dns")?, &chain.text("health.dns-type")?)?;
    let rcode = chain.find("health.dns-rcode");
    let words: &[&str] = match rcode.map(|found| found.value) {
        Some(Setting::Words(words)) => words,
        _ => &["noerror", "nxdomain"],
    };
    if words.is_empty() {
        problems.push(Problem::error("no answer would pass").at_found(rcode, "this list is empty"));
    }
    Some(DnsCheck { question, rcodes: words.iter().filter_map(|word| Rcode::named(word)).collect() })
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
