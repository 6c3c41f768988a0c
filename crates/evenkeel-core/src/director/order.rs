//! What operators want beside the configuration: kept over reloads, until the file itself says something else about the same.

use super::config::{Member, PoolConfig, Target};
use crate::addr::Addr;
use crate::name::{BackendKey, PoolName, ServiceName};
use std::collections::BTreeMap;
use std::fmt;

/// Whether something takes new sessions, as far as operators are concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Duty {
    /// As the configuration and its checks have it.
    #[default]
    On,
    /// Nothing new; open sessions end in their own time.
    Drain,
    /// Nothing new, and open sessions are closed.
    Off,
}

impl Duty {
    /// The one word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::On => "enabled",
            Self::Drain => "drain",
            Self::Off => "disabled",
        }
    }
}

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Something about a backend.
    Backend(BackendKey, BackendOrder),
    /// Whether a service takes new sessions.
    Service(ServiceName, Duty),
}

/// What an operator wants of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendOrder {
    /// Whether it takes new sessions.
    Duty(Duty),
    /// Its share.
    Weight(u32),
    /// That it be there, like this. Its target is its address.
    Add(Member),
    /// That it not be there.
    Remove,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = |duty: &Duty| match duty {
            Duty::On => "enable",
            Duty::Drain => "drain",
            Duty::Off => "disable",
        };
        match self {
            Self::Service(name, duty) => write!(f, "{} service {name}", verb(duty)),
            Self::Backend(key, BackendOrder::Duty(duty)) => write!(f, "{} {key}", verb(duty)),
            Self::Backend(key, BackendOrder::Weight(weight)) => write!(f, "weight {key} {weight}"),
            Self::Backend(key, BackendOrder::Add(member)) => write!(f, "add {key}, weight {}", member.weight),
            Self::Backend(key, BackendOrder::Remove) => write!(f, "remove {key}"),
        }
    }
}

/// Why an order cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderError {
    /// There is no such service.
    NoService(ServiceName),
    /// There is no such pool.
    NoPool(PoolName),
    /// There is no such backend in its pool.
    NoBackend(BackendKey),
    /// It is there already.
    IsThere(BackendKey),
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoService(name) => write!(f, "no service is called `{name}`"),
            Self::NoPool(name) => write!(f, "no pool is called `{name}`"),
            Self::NoBackend(key) => write!(f, "no backend of `{}` is at {}", key.pool, key.addr),
            Self::IsThere(key) => write!(f, "`{}` has a backend at {} already", key.pool, key.addr),
        }
    }
}

/// Where what holds and what the configuration says differ, by an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A service takes nothing new.
    Service(ServiceName, Duty),
    /// A backend takes nothing new.
    Backend(BackendKey, Duty),
    /// It has another weight than configured.
    Weight {
        /// Which.
        key: BackendKey,
        /// As configured; `None` where that says nothing about this very address.
        configured: Option<u32>,
        /// As ordered.
        ordered: u32,
        /// The name that it belongs to, where it has no entry of its own.
        name: Option<Target>,
    },
    /// It is not in the configuration.
    Added(BackendKey, Member),
    /// It is in the configuration only.
    Removed {
        /// Which.
        key: BackendKey,
        /// The name that it belongs to, where it has no entry of its own.
        name: Option<Target>,
    },
}

/// What was ordered since the configuration was loaded, and is what that says, too. It is no difference, but whoever wrote
/// an earlier order to the file in between has written something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// A backend was added that is configured, like this.
    There(BackendKey, Member),
    /// One was removed that is not configured.
    Gone(BackendKey),
    /// One was given the weight that it has there.
    Weight(BackendKey, u32),
}

/// The orders about one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PoolOrders {
    /// Those that still stand.
    wishes: BTreeMap<Addr, Wish>,
    /// What they have been about since the configuration was loaded.
    touched: BTreeMap<Addr, Touched>,
}

/// What orders about one backend have been about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Touched {
    /// Its share.
    Weight,
    /// Whether it is there at all.
    Presence,
}

/// The orders about one backend that still stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Whether it takes new sessions.
    pub duty: Duty,
    /// Its share.
    pub weight: Option<u32>,
    /// That it be there though not configured, like this.
    pub added: Option<Member>,
    /// That it not be there though configured.
    pub removed: bool,
}

impl Wish {
    /// The file says `after` of the backend where it said `before`: newer than the orders, so what it changed counts.
    fn give_way(&mut self, before: Option<&Member>, after: Option<&Member>) {
        match (before, after) {
            (Some(_), None) => *self = Self::default(),
            // How it is, is in the file now, perhaps because an order was written there. Whether it takes anything never is.
            (None, Some(_)) => *self = Self { duty: self.duty, ..Self::default() },
            (Some(before), Some(after)) if before != after => {
                self.removed = false;
                if before.weight != after.weight {
                    self.weight = None;
                }
            }
            _ => {}
        }
    }
}

/// What a director remembers of the orders about one backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishMemory {
    /// Where the backend is.
    pub addr: Addr,
    /// What is wanted of it.
    pub wish: Wish,
    /// What the configuration says of it, to be compared with one that may be newer.
    pub configured: Option<Member>,
}

impl PoolOrders {
    /// Takes an order about the backend at `addr`, of which `configured` is the member, if it has one of its own.
    pub fn take(&mut self, addr: &Addr, order: BackendOrder, configured: bool) {
        self.touch(addr, &order);
        let wish = self.wishes.entry(addr.clone()).or_default();
        match order {
            BackendOrder::Duty(duty) => wish.duty = duty,
            BackendOrder::Weight(weight) => wish.weight = Some(weight),
            // Back again: as it is configured, but with the share that is wanted now.
            BackendOrder::Add(member) if configured => {
                *wish = Wish { weight: Some(member.weight), ..Wish::default() };
            }
            BackendOrder::Add(member) => {
                *wish = Wish { added: Some(member), ..Wish::default() };
            }
            BackendOrder::Remove if wish.added.is_some() => *wish = Wish::default(),
            BackendOrder::Remove => *wish = Wish { removed: true, ..Wish::default() },
        }
        self.prune();
    }

    fn touch(&mut self, addr: &Addr, order: &BackendOrder) {
        match order {
            BackendOrder::Duty(_) => {}
            BackendOrder::Weight(_) => drop(self.touched.entry(addr.clone()).or_insert(Touched::Weight)),
            BackendOrder::Add(_) | BackendOrder::Remove => {
                self.touched.insert(addr.clone(), Touched::Presence);
            }
        }
    }

    /// A configuration was loaded: only what is ordered from now on is to be compared with it.
    pub fn compare_anew(&mut self) {
        self.touched.clear();
    }

    /// The file says `after` where it said `before`.
    pub fn give_way(&mut self, before: &PoolConfig, after: &PoolConfig) {
        self.compare_anew();
        for (addr, wish) in &mut self.wishes {
            wish.give_way(member_at(before, addr), member_at(after, addr));
        }
        self.prune();
    }

    /// The orders that still stand beside `config`.
    pub fn memory(&self, config: &PoolConfig) -> Vec<WishMemory> {
        let remembered = |(addr, wish): (&Addr, &Wish)| WishMemory {
            addr: addr.clone(),
            wish: wish.clone(),
            configured: member_at(config, addr).cloned(),
        };
        self.wishes.iter().map(remembered).collect()
    }

    /// The orders that are remembered, as far as they stand beside `config`, which is newer.
    pub fn recalled(memory: &[WishMemory], config: &PoolConfig) -> Self {
        let recalled = |memory: &WishMemory| {
            let mut wish = memory.wish.clone();
            wish.give_way(memory.configured.as_ref(), member_at(config, &memory.addr));
            (memory.addr.clone(), wish)
        };
        let mut orders = Self { wishes: memory.iter().map(recalled).collect(), touched: BTreeMap::new() };
        orders.prune();
        orders
    }

    fn prune(&mut self) {
        self.wishes.retain(|_, wish| *wish != Wish::default());
    }

    /// Whether the backend at `addr` is not to be there.
    pub fn is_removed(&self, addr: &Addr) -> bool {
        self.wishes.get(addr).is_some_and(|it| it.removed)
    }

    /// Those that are to be there though not configured.
    pub fn added(&self) -> impl Iterator<Item = &Member> {
        self.wishes.values().filter_map(|it| it.added.as_ref())
    }

    /// What operators want of the backend at `addr`.
    pub fn duty(&self, addr: &Addr) -> Duty {
        self.wishes.get(addr).map_or(Duty::On, |it| it.duty)
    }

    /// The share of the backend at `addr`, whose member says `configured`.
    pub fn weight(&self, addr: &Addr, configured: u32) -> u32 {
        match self.wishes.get(addr) {
            Some(Wish { duty: Duty::Drain | Duty::Off, .. }) => 0,
            Some(wish) => wish.weight.unwrap_or(configured),
            None => configured,
        }
    }

    /// Where they differ from `config`, where `name_of` knows which name stands for an address.
    pub fn differences(
        &self,
        config: &PoolConfig,
        name_of: impl Fn(&Addr) -> Option<Target>,
    ) -> Vec<Difference> {
        let of = |(addr, wish): (&Addr, &Wish)| {
            let key = BackendKey { pool: config.name.clone(), addr: addr.clone() };
            let configured = member_at(config, addr).map(|it| it.weight);
            let name = if configured.is_some() { None } else { name_of(addr) };
            let duty = (wish.duty != Duty::On).then(|| Difference::Backend(key.clone(), wish.duty));
            let weight = wish.weight.filter(|it| configured != Some(*it) && wish.added.is_none());
            let weight = weight.map(|ordered| Difference::Weight {
                key: key.clone(),
                configured,
                ordered,
                name: name.clone(),
            });
            let added = wish.added.clone().map(|member| {
                let weight = wish.weight.unwrap_or(member.weight);
                Difference::Added(key.clone(), Member { weight, ..member })
            });
            let removed = wish.removed.then_some(Difference::Removed { key, name });
            [added, removed, duty, weight]
        };
        self.wishes.iter().flat_map(of).flatten().collect()
    }

    /// Where they say what `config` says, too, though they may have said something else in between.
    pub fn agreements(&self, config: &PoolConfig) -> Vec<Agreement> {
        let of = |(addr, touched): (&Addr, &Touched)| {
            let wish = self.wishes.get(addr).cloned().unwrap_or_default();
            if wish.added.is_some() || wish.removed {
                return None;
            }
            let key = BackendKey { pool: config.name.clone(), addr: addr.clone() };
            match (touched, member_at(config, addr)) {
                (Touched::Presence, None) => Some(Agreement::Gone(key)),
                (Touched::Presence, Some(member)) => {
                    let weight = wish.weight.unwrap_or(member.weight);
                    Some(Agreement::There(key, Member { weight, ..member.clone() }))
                }
                (Touched::Weight, Some(member)) if wish.weight == Some(member.weight) => {
                    Some(Agreement::Weight(key, member.weight))
                }
                (Touched::Weight, _) => None,
            }
        };
        self.touched.iter().filter_map(of).collect()
    }
}

/// The member whose own address this is.
pub(super) fn member_at<'a>(config: &'a PoolConfig, addr: &Addr) -> Option<&'a Member> {
    config.members.iter().find(|it| matches!(&it.target, Target::Addr(own) if own == addr))
}
