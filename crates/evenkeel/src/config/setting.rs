//! What was understood: values by key, as `read` made them.

use super::LogTo;
use super::address::ListenSpec;
use super::place::{At, Place};
use super::typed::Section;
use evenkeel_core::director::{Leaving, Target};
use evenkeel_core::network::Network;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// A value that was understood.
#[derive(Clone, Debug)]
pub enum Setting {
    /// It was not; that is told already.
    Broken,
    /// What the key stands for happens.
    On,
    /// It does not happen, or has no limit.
    Off,
    /// A duration.
    Duration(Duration),
    /// A number, or a share in percent.
    Count(u32),
    /// One of the words that the key knows.
    Word(&'static str),
    /// Any text.
    Text(Arc<str>),
    /// Any bytes.
    Bytes(Arc<[u8]>),
    /// Yes or no.
    Flag(bool),
    /// Permission bits.
    Mode(u32),
    /// Inclusive ranges of HTTP statuses.
    Statuses(Arc<[(u16, u16)]>),
    /// An IP address.
    Ip(IpAddr),
    /// What to ask by HTTP.
    Http(HttpTarget),
    /// Where to listen.
    Listen(Vec<At<ListenSpec>>),
    /// Where to send.
    To(Vec<Entry>),
    /// One backend.
    Target(Target),
    /// What becomes of sessions.
    Leaving(Leaving),
    /// Files or folders.
    Files(Vec<At<String>>),
    /// IP networks.
    Networks(Vec<At<Network>>),
    /// IP addresses, by range.
    Sources(Vec<At<Box<[IpAddr]>>>),
    /// Some of the words that the key knows.
    Words(Vec<&'static str>),
    /// Texts.
    Texts(Vec<At<String>>),
    /// Proxies in front.
    Proxies(Vec<At<Proxy>>),
    /// Networks, and files that list them.
    Access(Vec<At<AccessEntry>>),
    /// So many in a second.
    Rate(u32),
    /// So many bytes in a second.
    Bandwidth(u64),
    /// Routes.
    Routes(Vec<Routed>),
    /// Fields with their values.
    Fields(Vec<(At<String>, At<String>)>),
    /// Pools with their weights.
    Weights(Vec<(At<String>, u32)>),
    /// Where the log goes.
    LogTo(LogTo),
}

/// What an HTTP check's path or URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpTarget {
    /// Beginning with `/`.
    pub path: Arc<str>,
    /// Host name, for the `Host` header.
    pub host: Option<Arc<str>>,
    /// Address to ask at.
    pub addr: Option<IpAddr>,
    /// Port to ask at.
    pub port: Option<u16>,
}

/// An entry of `to`.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A shared pool, by name.
    Pool(At<String>),
    /// A backend, with what is said about it.
    Backend(At<Target>, Layer),
}

/// An entry of `trust`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Whoever is in a network.
    Network(Network),
    /// Whoever comes by a Unix socket.
    Unix,
}

/// An entry of `allow` or `deny`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessEntry {
    /// A network.
    Network(Network),
    /// A file that lists some, by its path as it was typed.
    File(String),
}

/// A route of a service.
#[derive(Clone, Debug)]
pub struct Routed {
    /// For whom it is: a host name, a suffix, or everybody.
    pub pattern: At<String>,
    /// What it says, under the name that its own pool would have.
    pub section: Section,
}

impl Routed {
    /// Whether a client has to say what it wants before this route can be taken or passed over.
    pub fn waits(&self) -> bool {
        self.pattern.value != "*" || self.section.layer.get("alpn").is_some()
    }
}

/// What one table says: settings by the name of their key.
#[derive(Clone, Debug, Default)]
pub struct Layer(pub BTreeMap<&'static str, At<Setting>>);

impl Layer {
    /// The setting of `key`, if it was written here.
    pub fn get(&self, key: &str) -> Option<&At<Setting>> {
        self.0.get(key)
    }

    /// Whether one of `keys` was written here and not understood, which was told.
    pub fn is_broken<const N: usize>(&self, keys: [&str; N]) -> bool {
        keys.iter().any(|key| matches!(self.get(key), Some(At { value: Setting::Broken, .. })))
    }

    /// Notes a setting; the place of an earlier one of the same key is an error to be told, unless that was broken.
    pub fn insert(&mut self, key: &'static str, value: Setting, place: &Place) -> Result<(), Place> {
        match self.0.get(key) {
            Some(At { value: earlier, place }) if !matches!(earlier, Setting::Broken) => Err(place.clone()),
            _ => {
                self.0.insert(key, At { value, place: place.clone() });
                Ok(())
            }
        }
    }
}
