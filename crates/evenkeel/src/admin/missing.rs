//! Things that somebody asks for and that are not there: what was probably meant, else what there is.

use super::reply::Refused;
use crate::config::suggest;
use crate::control::Picture;
use crate::logging::Grouped;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::OrderError;
use evenkeel_core::name::{BackendKey, PoolName};
use evenkeel_core::snapshot::Pool;
use evenkeel_proxy::Filter;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Things that are named to somebody who asks for one that is not there.
const NAMED_MAX: usize = 5;

/// The tables of a configuration that hold what has a name, as somebody may write it in front of that.
const TABLES: [&str; 4] = ["tcp", "udp", "http", "pool"];

/// No such service.
pub fn service(picture: &Picture, name: &str) -> Refused {
    let listeners = picture.snapshot.listeners.keys();
    let services: BTreeSet<&str> = listeners.map(|it| it.service.as_str()).collect();
    let hint = near(name, services.into_iter());
    Refused::missing(format!("no service is called `{}`{hint}", name.escape_debug()))
}

/// No such pool.
pub fn pool(picture: &Picture, name: &str) -> Refused {
    let hint = near(name, picture.snapshot.pools.keys().map(PoolName::as_str));
    Refused::missing(format!("no pool is called `{}`{hint}", name.escape_debug()))
}

/// No such backend in its pool, which a service may have named, or no such pool; `when` completes the sentence.
pub fn backend(picture: &Picture, key: &BackendKey, when: &str) -> Refused {
    let Some(found) = pool_of(picture, key) else { return pool(picture, key.pool.as_str()) };
    let hint = near_addr(&key.addr, found.backends.iter().map(|it| &it.addr));
    Refused::missing(format!("no backend of `{}` is at {}{when}{hint}", found.name, key.addr))
}

fn pool_of<'a>(picture: &'a Picture, key: &BackendKey) -> Option<&'a Arc<Pool>> {
    let pools = &picture.snapshot.pools;
    let of_service =
        || picture.snapshot.listeners.values().find(|it| it.name.service.as_str() == key.pool.as_str());
    pools.get(&key.pool).or_else(|| pools.get(of_service()?.pool.as_ref()?))
}

/// What an order is about, if that is missing.
pub fn of_order(picture: &Picture, error: &OrderError) -> Option<Refused> {
    match error {
        OrderError::NoService(name) => Some(service(picture, name.as_str())),
        OrderError::NoPool(name) => Some(pool(picture, name.as_str())),
        OrderError::NoBackend(key) => Some(backend(picture, key, "")),
        OrderError::IsThere(_) => None,
    }
}

/// What of `filter` is not there, so that no session can be meant by it, now or later.
pub fn of_filter(picture: &Picture, filter: &Filter) -> Option<Refused> {
    let (pools, listeners) = (&picture.snapshot.pools, &picture.snapshot.listeners);
    if let Some(name) = &filter.service
        && !listeners.keys().any(|it| it.service == *name)
    {
        return Some(service(picture, name.as_str()));
    }
    if let Some(name) = filter.pool.as_ref().filter(|name| !pools.contains_key(*name)) {
        return Some(pool(picture, name.as_str()));
    }
    let addr = filter.backend.as_ref()?;
    let wanted = |it: &&Arc<Pool>| filter.pool.as_ref().is_none_or(|name| *name == it.name);
    let backends = || pools.values().filter(wanted).flat_map(|it| &it.backends).map(|it| &it.addr);
    if backends().any(|it| it == addr) {
        return None;
    }
    let hint = near_addr(addr, backends());
    let of = filter.pool.as_ref().map_or_else(String::new, |name| format!(" of `{name}`"));
    Some(Refused::missing(format!("no backend{of} is at {addr}{hint}")))
}

fn near_addr<'a>(written: &Addr, among: impl Iterator<Item = &'a Addr>) -> String {
    // Several pools may have the same backend.
    let mut seen = BTreeSet::new();
    let addrs: Vec<String> = among.filter(|it| seen.insert(*it)).map(ToString::to_string).collect();
    near(&written.to_string(), addrs.iter().map(String::as_str))
}

/// What was probably meant by `written`, else what there is.
pub fn near<'a>(written: &str, among: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = among.collect();
    let name = match written.split_once('.') {
        Some((table, name)) if TABLES.contains(&table) => name,
        _ => written,
    };
    match suggest::word(name, &words) {
        Some(word) => format!("; did you mean {word}?"),
        None if words.is_empty() => String::new(),
        None => format!("; there is {}", some_of(&words)),
    }
}

/// The first of them, and how many more there are.
fn some_of(words: &[&str]) -> String {
    let (named, others) = words.split_at(words.len().min(NAMED_MAX));
    let named = named.join(", ");
    if others.is_empty() { named } else { format!("{named} and {} more", Grouped(others.len() as u64)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_by_a_slip_and_with_its_table() {
        let near = |written| near(written, ["api", "web"].into_iter());
        assert_eq!(near("wbe"), "; did you mean web?");
        assert_eq!(near("tcp.web"), "; did you mean web?");
        assert_eq!(near("nope"), "; there is api, web");
    }
}
