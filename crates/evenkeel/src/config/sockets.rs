//! From what was typed to what is wanted of sockets beyond what all of them get.

use super::chain::Chain;
use super::problem::{Problem, Problems};
use super::setting::{Entry, Setting};
use evenkeel_core::addr::Addr;
use evenkeel_core::director::Target;
use evenkeel_core::sockets::{Inward, Outward, Source, Sources};
use std::net::IpAddr;
use std::sync::Arc;

/// Source addresses of a pool at most: each is tried when the pool is new.
const SOURCES_MAX: usize = 1024;

/// What a service wants of the sockets towards its clients.
pub fn inward(chain: &Chain<'_>) -> Inward {
    Inward {
        mark: above_zero(chain, "mark"),
        congestion: chain.text("congestion"),
        interface: chain.text("interface"),
        defer_accept: chain.duration("defer-accept"),
        fast_open: above_zero(chain, "fast-open"),
        mptcp: chain.is_set("mptcp"),
    }
}

/// What a pool of these `entries` wants of the sockets towards its backends; `None` is nothing.
pub fn outward(chain: &Chain<'_>, entries: &[Entry], problems: &mut Problems) -> Option<Box<Outward>> {
    let outward = Outward {
        mark: above_zero(chain, "mark"),
        congestion: chain.text("congestion"),
        fast_open: chain.is_set("fast-open-connect"),
        source: source(chain, entries, problems),
    };
    (outward != Outward::default()).then(|| Box::new(outward))
}

fn above_zero(chain: &Chain<'_>, key: &str) -> Option<u32> {
    chain.count(key).filter(|&number| number > 0)
}

/// Of `transparent` and `source`, the nearer one holds.
fn source(chain: &Chain<'_>, entries: &[Entry], problems: &mut Problems) -> Source {
    let transparent = chain.find("transparent").filter(|_| chain.is_set("transparent"));
    let given = chain.find("source");
    match (transparent, given) {
        (Some(client), Some(own)) if client.level == own.level => {
            let what = "a connect cannot come from the client's address and from one of `source`";
            let problem = Problem::error(what).at_found(transparent, "the client's");
            problems.push(problem.at_found(given, "addresses of this machine"));
            Source::Client
        }
        (Some(client), own) if own.is_none_or(|own| client.level < own.level) => {
            no_unix(chain, entries, problems);
            Source::Client
        }
        _ => turns(chain, entries, problems),
    }
}

fn turns(chain: &Chain<'_>, entries: &[Entry], problems: &mut Problems) -> Source {
    let found = chain.find("source");
    let Some(Setting::Sources(ranges)) = found.map(|found| found.value) else { return Source::Usual };
    let all = || ranges.iter().flat_map(|at| at.value.iter().copied());
    if all().count() > SOURCES_MAX {
        let what = format!("`source` has {} addresses", all().count());
        let label = format!("expected at most {SOURCES_MAX}");
        problems.push(Problem::error(what).at_found(found, &label));
        return Source::Usual;
    }
    let sources = Sources::new(all());
    for (place, addr) in backends(entries) {
        let Some(ip) = addr.ip().map(|addr| addr.ip()).filter(|&ip| sources.count(ip) == 0) else { continue };
        let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
        problems.push(
            Problem::error(format!("`source` has no address that could connect to {addr}"))
                .at(place, format!("it needs one of {family}"))
                .at_found(found, ""),
        );
    }
    Source::Turns(Arc::new(sources))
}

/// A Unix socket has no room for the client's address.
fn no_unix(chain: &Chain<'_>, entries: &[Entry], problems: &mut Problems) {
    for (place, addr) in backends(entries).filter(|(_, addr)| addr.ip().is_none()) {
        problems.push(
            Problem::error(format!("{addr} cannot see the client's address"))
                .at(place, "a Unix socket knows no addresses")
                .at_found(chain.find("transparent"), "asked for here")
                .help("`send-proxy` tells such a backend where the client is"),
        );
    }
}

/// Backends whose address is known already.
fn backends(entries: &[Entry]) -> impl Iterator<Item = (&super::place::Place, &Addr)> {
    entries.iter().filter_map(|entry| match entry {
        Entry::Backend(target, _) => match &target.value {
            Target::Addr(addr) => Some((&target.place, addr)),
            Target::Name { .. } => None,
        },
        Entry::Pool(_) => None,
    })
}

/// The addresses that `10.0.0.2` or `10.0.0.2-10.0.0.9` means; the error says what is wrong with it.
pub fn addresses(text: &str) -> Result<Box<[IpAddr]>, String> {
    let ip = |text: &str| {
        let ip =
            text.trim().parse::<IpAddr>().map_err(|_| format!("`{}` is not an IP address", text.trim()))?;
        match ip.is_unspecified() || ip.is_multicast() {
            true => Err(format!("{ip} is no address of a machine")),
            false => Ok(ip.to_canonical()),
        }
    };
    if text.contains('/') {
        return Err("expected an address, or a range such as \"10.0.0.2-10.0.0.9\"".to_owned());
    }
    let Some((first, last)) = text.split_once('-') else { return Ok([ip(text)?].into()) };
    let range: Box<[IpAddr]> = match (ip(first)?, ip(last)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            (first.into()..=u32::from(last)).take(SOURCES_MAX + 1).map(|it| IpAddr::V4(it.into())).collect()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            (first.into()..=u128::from(last)).take(SOURCES_MAX + 1).map(|it| IpAddr::V6(it.into())).collect()
        }
        _ => return Err("its two ends are of different families".to_owned()),
    };
    match range.len() {
        0 => Err("the range ends before it begins".to_owned()),
        1..=SOURCES_MAX => Ok(range),
        _ => Err(format!("a range may hold at most {SOURCES_MAX} addresses")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_addresses_are_understood_one_by_one_and_by_range() {
        let read = |text| addresses(text).map(|all| all.iter().map(IpAddr::to_string).collect::<Vec<_>>());
        assert_eq!(read("10.0.0.2").unwrap(), ["10.0.0.2"]);
        assert_eq!(read("10.0.0.255 - 10.0.1.1").unwrap(), ["10.0.0.255", "10.0.1.0", "10.0.1.1"]);
        assert_eq!(read("fd00::1-fd00::2").unwrap(), ["fd00::1", "fd00::2"]);
        assert_eq!(read("255.255.255.254-255.255.255.255").unwrap().len(), 2);
        for (written, said) in [
            ("10.0.0.2-10.0.0.1", "the range ends before it begins"),
            ("10.0.0.1-fd00::1", "its two ends are of different families"),
            ("10.0.0.0-10.255.255.255", "a range may hold at most 1024 addresses"),
            ("::1-fd00::1", "a range may hold at most 1024 addresses"),
            ("10.0.0.0/8", "expected an address, or a range such as \"10.0.0.2-10.0.0.9\""),
            ("10.0.0.1:80", "`10.0.0.1:80` is not an IP address"),
            ("0.0.0.0", "0.0.0.0 is no address of a machine"),
            ("", "`` is not an IP address"),
        ] {
            assert_eq!(read(written).unwrap_err(), said, "{written}");
        }
    }
}
