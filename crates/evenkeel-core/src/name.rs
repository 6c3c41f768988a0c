//! Identity: what makes two services, pools, listeners or backends the same one.

use crate::addr::Addr;
use std::fmt;
use std::sync::Arc;

/// The name of a service, `web` in `[tcp.web]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceName(Arc<str>);

/// The name of a pool: its own, or that of the service whose unnamed pool it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PoolName(Arc<str>);

impl ServiceName {
    /// The service called `name`.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PoolName {
    /// The pool called `name`.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for PoolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One bound address of a service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerName {
    /// The service that listens.
    pub service: ServiceName,
    /// What its clients speak: the same address of another protocol is another one.
    pub protocol: Protocol,
    /// Where it listens.
    pub addr: Addr,
}

/// What carries the traffic of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Connections: TCP, or Unix sockets.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

impl Protocol {
    /// The word for it, as in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// One backend: a new weight or check leaves it the same one, so it keeps health and load.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendKey {
    /// The pool it is in; the same address in another pool is another backend.
    pub pool: PoolName,
    /// Its address.
    pub addr: Addr,
}

impl fmt::Display for BackendKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pool, self.addr)
    }
}
