//! From what was typed to a pool: its members and the rules that hold for them.

use super::chain::{Chain, Found};
use super::gate;
use super::health;
use super::problem::{Problem, Problems};
use super::setting::{Entry, Layer, Setting};
use super::sockets;
use super::tls::{self, Paths};
use evenkeel_core::balance::Balance;
use evenkeel_core::director::{Leaving, Member, PoolConfig, Target};
use evenkeel_core::eject::EjectionRules;
use evenkeel_core::eject::{Errors, Tolerance};
use evenkeel_core::eligible::AllDown;
use evenkeel_core::http2::silence::Pings;
use evenkeel_core::load::SeatLimits;
use evenkeel_core::name::PoolName;
use evenkeel_core::ramp::SlowStart;
use evenkeel_core::rate::Rate;
use evenkeel_core::snapshot::{
    ConnectRules, Http2Rules, Keepalive, PoolRules, QueueRules, SendProxy, SessionLimits, SocketOptions, Tlvs,
};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that may come at once however narrow a session is: a smaller piece costs more than it saves.
const BURST_MIN: u64 = 16 * 1024;

/// How long a backend that owes an answer by HTTP/2 may be silent before it is pinged. Most answers take less, and what was
/// lost on the way has been sent again several times.
const SILENCE: Duration = Duration::from_secs(5);

/// The pool `name` of these `entries`, under the settings of `chain`.
pub fn compile(
    name: &str,
    entries: &[Entry],
    chain: &Chain<'_>,
    builtin: &Layer,
    paths: &mut Paths,
    problems: &mut Problems,
) -> PoolConfig {
    let limits = limits(chain);
    let members: Vec<Member> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Backend(target, layer) => Some(member(&target.value, &Chain::new([layer], builtin))),
            Entry::Pool(_) => None,
        })
        .collect();
    let caps = members.iter().map(|member| member.limits(limits).sessions).filter(|&cap| cap != u32::MAX);
    let room = caps.fold(None, |sum: Option<u32>, cap| Some(sum.unwrap_or(0).saturating_add(cap)));
    let queue = room.map_or(u32::MAX, |room| room.saturating_mul(2));
    let send_proxy = send_proxy(chain, problems);
    let outward = sockets::outward(chain, entries, problems);
    let http2 = http2(chain);
    let tls = tls::origination(chain, http2.is_some(), paths, problems).map(Arc::new);
    let check = health::compile(&chain.only(["health"]), problems);
    let rules = PoolRules {
        connect: connect(chain, problems),
        queue: QueueRules {
            length: chain.count("queue-length").unwrap_or(queue),
            timeout: chain.time("timeout.queue"),
        },
        session: session(chain, problems),
        socket: socket(chain),
        outward,
        send_proxy,
        http2,
        tls,
    };
    PoolConfig {
        name: PoolName::new(name),
        members,
        balance: balance(chain, problems),
        check: check.map(|check| Arc::new(check.as_sessions(&rules))),
        ejection: ejection(chain, problems),
        slow_start: chain.is_on("slow-start").then(|| SlowStart {
            duration: chain.time("slow-start.duration"),
            from_percent: chain.number("slow-start.from"),
        }),
        limits,
        all_down: match chain.text("all-down").as_deref() {
            Some("close") => AllDown::Close,
            _ => AllDown::Try,
        },
        on_remove: leaving(chain, "on-remove").unwrap_or(Leaving::Keep),
        on_down: leaving(chain, "on-down"),
        rules: Arc::new(rules),
    }
}

/// What holds for each backend of a pool that says nothing of it.
fn limits(pool: &Chain<'_>) -> SeatLimits {
    SeatLimits {
        sessions: pool.count("max-sessions-per-backend").unwrap_or(u32::MAX),
        connecting: pool.number("max-connecting-per-backend"),
    }
}

/// The backend at `target`, under its `own` settings.
fn member(target: &Target, own: &Chain<'_>) -> Member {
    Member {
        target: target.clone(),
        weight: own.number("to.weight"),
        backup: own.is_set("to.backup"),
        max_sessions: own.count("to.max-sessions"),
        check_port: own.count("to.check-port").and_then(|port| port.try_into().ok()),
        check_addr: match own.find("to.check-addr").map(|found| found.value) {
            Some(Setting::Ip(ip)) => Some(*ip),
            _ => None,
        },
    }
}

fn send_proxy(chain: &Chain<'_>, problems: &mut Problems) -> Option<SendProxy> {
    if !chain.is_on("send-proxy") {
        return None;
    }
    let (version, tlvs) = (chain.find("send-proxy.version"), chain.find("send-proxy.tlvs"));
    if chain.text("send-proxy.version").as_deref() == Some("v1") {
        // What comes from farther away was meant for those that have version 2.
        if let Some((version, tlvs)) = version.zip(tlvs).filter(|(version, tlvs)| version.level >= tlvs.level)
        {
            let problem = Problem::error("a header of version 1 has room for addresses only");
            problems.push(problem.at_found(Some(tlvs), "has no effect").at_found(Some(version), ""));
        }
        return Some(SendProxy::V1);
    }
    let words: &[&str] = match tlvs.map(|found| found.value) {
        Some(Setting::Words(words)) => words,
        _ => &[],
    };
    let has = |word| words.contains(&word);
    Some(SendProxy::V2(Tlvs {
        alpn: has("alpn"),
        authority: has("authority"),
        ssl: has("ssl"),
        unique_id: has("unique-id"),
        crc32c: has("crc32c"),
        received: has("received"),
    }))
}

fn leaving(chain: &Chain<'_>, key: &str) -> Option<Leaving> {
    match chain.find(key).map(|found| found.value) {
        Some(Setting::Leaving(leaving)) => Some(*leaving),
        _ => None,
    }
}

fn balance(chain: &Chain<'_>, problems: &mut Problems) -> Balance {
    let rule = chain.find("balance");
    let mut only_with = |key: &str, value: &str| {
        let Some(found) = chain.find(key).filter(|found| found.place.is_some()) else { return };
        // A key from farther away was meant for the pools that have the fitting rule, and so is one of `[defaults]` beside
        // no rule at all.
        let is_meant = |rule: Found<'_>| match rule.place {
            Some(_) => rule.level >= found.level,
            None => !chain.is_from_defaults(found),
        };
        if rule.is_some_and(is_meant) {
            let problem = Problem::error(format!("`{key}` goes only with `balance = \"{value}\"`"));
            problems.push(
                problem.at_found(Some(found), "has no effect").at_found(rule, "because of this balance"),
            );
        }
    };
    let word = match rule.map(|found| found.value) {
        Some(Setting::Word(word)) => *word,
        _ => "random",
    };
    if word != "random" {
        only_with("choices", "random");
    }
    if word != "maglev" {
        only_with("hash-key", "maglev");
    }
    match word {
        "round-robin" => Balance::RoundRobin,
        "least-conn" => Balance::LeastConn,
        "maglev" => Balance::Maglev { hash_key: hash_key(&chain.text("hash-key").unwrap_or_default()) },
        "first" => Balance::First,
        _ => Balance::Random { choices: if chain.number("choices") == 1 { 1 } else { 2 } },
    }
}

/// Two evenkeels of any version must agree on it: it may never change.
fn hash_key(text: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(0, 0);
    hasher.write(text.as_bytes());
    hasher.finish()
}

fn ejection(chain: &Chain<'_>, problems: &mut Problems) -> Option<EjectionRules> {
    let rules = EjectionRules {
        tolerance: Tolerance {
            failures: chain.number("eject.failures"),
            errors: chain.number("eject.errors"),
            errors_are: match chain.text("eject.errors-are").as_deref() {
                Some("5xx") => Errors::All,
                _ => Errors::Gateway,
            },
        },
        time: chain.time("eject.time"),
        max_time: chain.time("eject.max-time"),
    };
    in_order(chain, "eject.time", "eject.max-time", problems);
    chain.is_on("eject").then_some(rules)
}

fn http2(chain: &Chain<'_>) -> Option<Http2Rules> {
    let pings = chain.duration("timeout.ping").map(|within| Pings { after: SILENCE, within });
    (chain.text("to-http").as_deref() == Some("2")).then_some(Http2Rules { pings })
}

fn connect(chain: &Chain<'_>, problems: &mut Problems) -> ConnectRules {
    let timeout = chain.time("timeout.connect");
    in_order(chain, "timeout.connect", "timeout.connect-total", problems);
    let retry = chain.is_on("retry");
    ConnectRules {
        timeout,
        total: chain.duration("timeout.connect-total").unwrap_or(timeout * 3),
        attempts: if retry { chain.number("retry.attempts") } else { 1 },
        retry_percent: if retry { chain.number("retry.budget") } else { 0 },
        retry_min_per_second: if retry { chain.number("retry.min-per-second") } else { 0 },
    }
}

/// The duration `shorter` may not be longer than `longer`.
fn in_order(chain: &Chain<'_>, shorter: &str, longer: &str, problems: &mut Problems) {
    let (Some(short), Some(long)) = (chain.duration(shorter), chain.duration(longer)) else { return };
    if short > long {
        let (one, other) = (chain.find(shorter), chain.find(longer));
        let by_default = |found: Option<Found<'_>>| match found.and_then(|found| found.place) {
            Some(_) => "",
            None => " by default",
        };
        let what = format!(
            "`{shorter}` ({short:?}{}) is longer than `{longer}` ({long:?}{})",
            by_default(one),
            by_default(other)
        );
        problems.push(
            Problem::error(what).at_found(one, &format!("{short:?}")).at_found(other, &format!("{long:?}")),
        );
    }
}

fn session(chain: &Chain<'_>, problems: &mut Problems) -> SessionLimits {
    let idle = chain.find("timeout.idle");
    if matches!(idle.map(|found| found.value), Some(Setting::Off)) {
        problems.push(
            Problem::warning("sessions that nobody uses any more are never closed")
                .at_found(idle, "no limit")
                .help("TCP keepalive finds peers that have vanished, not those that have forgotten"),
        );
    }
    SessionLimits {
        idle: chain.duration("timeout.idle"),
        half_close: chain.duration("timeout.half-close"),
        lifetime: chain.duration("timeout.lifetime"),
        bandwidth: gate::rule(chain, "max-bandwidth", "rate", problems, bandwidth),
    }
}

fn bandwidth(chain: &Chain<'_>, key: &str) -> Option<Rate> {
    let Setting::Bandwidth(per_second) = *chain.find(key)?.value else { return None };
    Some(Rate { per_second, burst: (per_second / 10).max(BURST_MIN) })
}

/// Socket options under the settings of `chain`.
pub fn socket(chain: &Chain<'_>) -> SocketOptions {
    SocketOptions {
        keepalive: chain.is_on("keepalive").then(|| Keepalive {
            idle: chain.time("keepalive.idle"),
            interval: chain.time("keepalive.interval"),
            count: chain.number("keepalive.count"),
        }),
        user_timeout: chain.duration("user-timeout"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_key_never_changes_its_meaning() {
        assert_eq!(hash_key(""), 0xd1fb_a762_150c_532c);
        assert_ne!(hash_key("blue"), hash_key("green"));
    }
}
