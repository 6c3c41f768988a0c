//! From what was typed to who may become a session of a service.

use super::World;
use super::chain::Chain;
use super::files;
use super::place::{At, Place};
use super::problem::{Problem, Problems};
use super::setting::{AccessEntry, Setting};
use super::watched::Watched;
use evenkeel_core::access::{AccessRules, NetworkSet, parse_list};
use evenkeel_core::admit::GateRules;
use evenkeel_core::network::Network;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::sources::Prefixes;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Files that list networks: each is read once, however many services name it.
pub struct Lists<'a> {
    world: &'a World<'a>,
    /// What they hold; nothing if that was not understood.
    read: BTreeMap<PathBuf, Vec<Network>>,
    /// What `allow` and `deny` came to, by where they are set: services that have the same defaults share them.
    rules: BTreeMap<[Option<*const Setting>; 2], Arc<AccessRules>>,
    /// How they were when they were read.
    pub watched: Vec<Watched>,
}

impl<'a> Lists<'a> {
    /// None is read yet.
    pub fn new(world: &'a World<'a>) -> Self {
        Self { world, read: BTreeMap::new(), rules: BTreeMap::new(), watched: Vec::new() }
    }

    /// The networks in the file `name`, which is relative to the file that it was written in.
    fn networks(&mut self, name: &str, place: &Place, problems: &mut Problems) -> &[Network] {
        let path = place.path(name);
        if !self.read.contains_key(&path) {
            self.watched.push(Watched::look(&path));
            let networks = self.parse(&path, place, problems);
            self.read.insert(path.clone(), networks);
        }
        &self.read[&path]
    }

    fn parse(&self, path: &std::path::Path, place: &Place, problems: &mut Problems) -> Vec<Network> {
        let bytes = match (self.world.read)(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                problems.push(files::unreadable(path, place, &error));
                return Vec::new();
            }
        };
        parse_list(&bytes).unwrap_or_else(|wrong| {
            let problem = Problem::error(format!("{} is no list of networks", path.display()));
            problems.push(problem.at(place, "nothing of it is taken").help(wrong.to_string()));
            Vec::new()
        })
    }
}

/// The rules under the settings of `chain`.
pub fn compile(chain: &Chain<'_>, lists: &mut Lists<'_>, problems: &mut Problems) -> GateRules {
    GateRules {
        access: access(chain, lists, problems),
        source_sessions: rule(chain, "max-sessions-per-source", "limit", problems, |chain, key| {
            chain.count(key)
        }),
        source_rate: rate(chain, "max-rate-per-source", problems),
        rate: rate(chain, "max-rate", problems),
        prefixes: Prefixes { v4: bits(chain, "source-prefix.ipv4"), v6: bits(chain, "source-prefix.ipv6") },
    }
}

fn access(
    chain: &Chain<'_>,
    lists: &mut Lists<'_>,
    problems: &mut Problems,
) -> Option<Rule<Arc<AccessRules>>> {
    let mode = mode(chain, "access-mode");
    let set_at = ["allow", "deny"].map(|key| chain.find(key).map(|found| std::ptr::from_ref(found.value)));
    if let Some(known) = lists.rules.get(&set_at) {
        return Some(Rule { limit: Arc::clone(known), mode });
    }
    let mut set = |key: &str| -> Option<NetworkSet> {
        let Setting::Access(entries) = chain.find(key)?.value else { return None };
        Some(entries.iter().flat_map(|entry| networks(entry, lists, problems)).collect())
    };
    let (allow, deny) = (set("allow"), set("deny"));
    if allow.is_none() && deny.is_none() {
        return None;
    }
    let rules = Arc::new(AccessRules { allow, deny: deny.unwrap_or_default() });
    lists.rules.insert(set_at, Arc::clone(&rules));
    Some(Rule { limit: rules, mode })
}

fn networks(entry: &At<AccessEntry>, lists: &mut Lists<'_>, problems: &mut Problems) -> Vec<Network> {
    match &entry.value {
        AccessEntry::Network(network) => vec![*network],
        AccessEntry::File(name) => lists.networks(name, &entry.place, problems).to_vec(),
    }
}

fn rate(chain: &Chain<'_>, key: &str, problems: &mut Problems) -> Option<Rule<Rate>> {
    rule(chain, key, "rate", problems, |chain, rate| {
        let Setting::Rate(number) = *chain.find(rate)?.value else { return None };
        let burst = chain.count(&format!("{key}.burst")).unwrap_or(number);
        Some(Rate { per_second: number.into(), burst: burst.into() })
    })
}

/// The rule that `key` is, if it is on; `limit` finds its limit, which is called `inner` there.
pub fn rule<T>(
    chain: &Chain<'_>,
    key: &str,
    inner: &str,
    problems: &mut Problems,
    limit: impl FnOnce(&Chain<'_>, &str) -> Option<T>,
) -> Option<Rule<T>> {
    let chain = chain.only([key]);
    if !chain.is_on(key) {
        return None;
    }
    let inner = format!("{key}.{inner}");
    let found = limit(&chain, &inner);
    if found.is_none() && !chain.is_written(&inner) {
        problems.push(
            Problem::error(format!("`{key}` has no limit"))
                .at_found(chain.find(key), format!("`{inner}` is missing").as_str()),
        );
    }
    Some(Rule { limit: found?, mode: mode(&chain, &format!("{key}.mode")) })
}

fn mode(chain: &Chain<'_>, key: &str) -> Mode {
    match chain.text(key).as_deref() {
        Some("observe") => Mode::Observe,
        _ => Mode::Enforce,
    }
}

fn bits(chain: &Chain<'_>, key: &str) -> u8 {
    u8::try_from(chain.number(key)).unwrap_or(u8::MAX)
}
