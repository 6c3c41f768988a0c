//! What holds for the requests of a service; as configured.

use super::affinity::Affinity;
use super::forwarded::Forwarded;
use super::hash_by::HashBy;
use super::head::HeadLimits;
use super::route::Routes;
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
    pub trusted: Trusted,
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

/// Who is believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trusted {
    /// Who is in these networks.
    pub networks: Box<[Network]>,
    /// Whether it is who comes by a Unix socket, too.
    pub unix: bool,
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

/// Where the requests of a service go, and what is done to them on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steering {
    /// Its routes.
    pub routes: Routes,
    /// How clients stay with their backends; `None`: they do not.
    pub affinity: Option<Affinity>,
    /// What tells clients apart.
    pub hash_by: HashBy,
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
    /// Whether somebody at `addr` may say where a request comes from; who comes by a Unix socket has no address.
    pub fn trusts(&self, addr: Option<IpAddr>) -> bool {
        self.trusted.holds(addr)
    }
}

impl Trusted {
    fn holds(&self, addr: Option<IpAddr>) -> bool {
        addr.map_or(self.unix, |addr| self.networks.iter().any(|network| network.contains(addr)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_believed_who_was_not_named_not_even_behind_a_unix_socket() {
        let proxy = Some(IpAddr::from([10, 0, 0, 1]));
        assert!(!Trusted::default().holds(proxy) && !Trusted::default().holds(None));
        let networks: Box<[Network]> = Box::new(["10.0.0.0/8".parse().unwrap()]);
        let by_network = Trusted { networks, unix: false };
        assert!(by_network.holds(proxy) && !by_network.holds(None));
        let by_unix = Trusted { unix: true, ..Trusted::default() };
        assert!(by_unix.holds(None) && !by_unix.holds(proxy));
    }
}
