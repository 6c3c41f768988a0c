//! What holds for the requests of a service; as configured.

use super::steer::Steering;
use crate::network::Network;
use std::net::IpAddr;
use std::time::Duration;

/// The rules of a service that balances requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRules {
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How long a request may be.
    pub limits: HeadLimits,
    /// Bytes of a request's body, at most.
    pub body_max: Option<u64>,
    /// What backends are told of where a request comes from.
    pub forwarded: Forwarded,
    /// Who may have said so before.
    pub trusted: Box<[Network]>,
    /// Where requests go, and what is done to them on the way.
    pub steering: Steering,
    /// Connections to backends that wait for their next request.
    pub links: LinkRules,
    /// Whether a client may have a tunnel: `CONNECT`.
    pub tunnels: bool,
    /// Whether a client that ends its side before its answer begins has left.
    pub abort_on_close: bool,
    /// By which name it tells in `Via` that a message came through here; `None`: it does not.
    pub via: Option<Box<[u8]>>,
}

/// How long the parts of an exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a head, or from accept, to its last.
    pub head: Duration,
    /// From one request of a client to its next.
    pub keep_alive: Duration,
    /// A whole request, with its answer.
    pub request: Option<Duration>,
    /// From the last byte of a request to the first of its answer.
    pub response: Duration,
    /// From some bytes of a body to the next.
    pub body: Duration,
}

/// How long a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// In all, in bytes.
    pub bytes: u32,
    /// In fields.
    pub fields: u32,
    /// The target of a request, in bytes.
    pub target: u32,
}

impl HeadLimits {
    /// What a head of our own making keeps.
    pub const OURS: Self = Self { bytes: u32::MAX, fields: u32::MAX, target: u32::MAX };
}

/// What backends are told of where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// By `X-Forwarded-For` and its like.
    pub x: bool,
    /// By `Forwarded`, RFC 7239.
    pub standard: bool,
}

/// How connections to backends are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkRules {
    /// For each backend, in each worker, at most.
    pub idle_max: u32,
    /// For how long.
    pub idle_for: Duration,
}

impl HttpRules {
    /// Whether somebody at `addr` may say where a request comes from; who comes by a Unix socket has no address, and is on
    /// this machine.
    pub fn trusts(&self, addr: Option<IpAddr>) -> bool {
        addr.is_none_or(|addr| self.trusted.iter().any(|network| network.contains(addr)))
    }
}
