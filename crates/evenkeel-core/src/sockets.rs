//! What a service or a pool wants of its sockets beyond what every socket gets. Hardly anybody wants anything, and then the
//! kernel is asked for nothing.

use crate::attempt::ConnectFailure;
use crate::side::Side;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

/// Wishes of a service for the sockets towards its clients. They hold for TCP only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inward {
    /// The mark of its packets, for rules of routing and filtering.
    pub mark: Option<u32>,
    /// The algorithm of congestion control.
    pub congestion: Option<Arc<str>>,
    /// The interface that clients have to come by.
    pub interface: Option<Arc<str>>,
    /// Clients that say nothing are not accepted before this, in whole seconds.
    pub defer_accept: Option<Duration>,
    /// Clients at once that may send bytes with their first packet.
    pub fast_open: Option<u32>,
    /// Whether clients may speak Multipath TCP.
    pub mptcp: bool,
}

/// Wishes of a pool for the sockets towards its backends. They hold for TCP only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outward {
    /// The mark of its packets, for rules of routing and filtering.
    pub mark: Option<u32>,
    /// The algorithm of congestion control.
    pub congestion: Option<Arc<str>>,
    /// Whether bytes are sent with the first packet.
    pub fast_open: bool,
    /// Where connects come from.
    pub source: Source,
}

/// The address that a connect to a backend comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The one that the kernel takes.
    #[default]
    Usual,
    /// One of these, each in turn.
    Turns(Arc<Sources>),
    /// That of the client.
    Client,
}

/// Addresses of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sources {
    v4: Box<[Ipv4Addr]>,
    v6: Box<[Ipv6Addr]>,
}

/// There is no address to connect from: the client has none that a backend's family knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSource;

impl Sources {
    /// These addresses, each once.
    pub fn new(addrs: impl IntoIterator<Item = IpAddr>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for addr in addrs {
            match addr {
                IpAddr::V4(addr) if !v4.contains(&addr) => v4.push(addr),
                IpAddr::V6(addr) if !v6.contains(&addr) => v6.push(addr),
                _ => {}
            }
        }
        Self { v4: v4.into(), v6: v6.into() }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = IpAddr> {
        self.v4.iter().copied().map(IpAddr::V4).chain(self.v6.iter().copied().map(IpAddr::V6))
    }

    /// As many as there are for a backend at an address like this one.
    pub fn count(&self, backend: IpAddr) -> usize {
        if backend.is_ipv4() { self.v4.len() } else { self.v6.len() }
    }

    /// The one whose turn it is towards `backend`; `None` if none is of its family.
    pub fn at(&self, backend: IpAddr, turn: u32) -> Option<IpAddr> {
        let turn = (turn as usize).checked_rem(self.count(backend))?;
        Some(if backend.is_ipv4() { self.v4[turn].into() } else { self.v6[turn].into() })
    }
}

impl Outward {
    /// What checks want of their sockets: the same, but that they have no client, and that a connect of theirs is to show
    /// that somebody is there.
    pub fn of_checks(&self) -> Option<Box<Self>> {
        let source = match &self.source {
            Source::Client => Source::Usual,
            source => source.clone(),
        };
        let outward = Self { source, fast_open: false, ..self.clone() };
        (outward != Self::default()).then(|| Box::new(outward))
    }
}

impl Source {
    /// The address to connect to `backend` from, in this `turn`, for a client at `client`; `None` leaves it to the kernel.
    pub fn towards(
        &self,
        backend: IpAddr,
        client: Option<IpAddr>,
        turn: u32,
    ) -> Result<Option<IpAddr>, NoSource> {
        // A header of the PROXY protocol may say anything. With no address at all the kernel would take one of ours, and
        // what is answered to a loopback address stays where it is answered.
        let is_someone = |it: &IpAddr| {
            !it.is_unspecified() && !it.is_multicast() && (!it.is_loopback() || backend.is_loopback())
        };
        match self {
            Self::Usual => Ok(None),
            Self::Turns(sources) => Ok(sources.at(backend, turn)),
            Self::Client => {
                let client = client.map(|it| it.to_canonical()).filter(is_someone);
                client.filter(|it| it.is_ipv4() == backend.is_ipv4()).map(Some).ok_or(NoSource)
            }
        }
    }

    /// Whether a connect that failed so was the backend's fault. What is answered to a client's address finds its way back
    /// only by routes that others have to keep: silence says nothing then.
    pub fn blames(&self, failure: ConnectFailure) -> bool {
        let is_answer =
            matches!(failure, ConnectFailure::Refused | ConnectFailure::Reset(_) | ConnectFailure::NoTls);
        failure.fault() == Side::Backend && (is_answer || *self != Self::Client)
    }

    /// How many addresses of this machine connects to `backend` come from; `None`: those of the clients, which have ports
    /// of their own.
    pub fn count(&self, backend: IpAddr) -> Option<usize> {
        match self {
            Self::Usual => Some(1),
            Self::Turns(sources) => Some(sources.count(backend).max(1)),
            Self::Client => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn sources_take_turns_among_those_of_the_backends_family() {
        let sources = Sources::new(["10.0.0.1", "fd00::1", "10.0.0.2", "10.0.0.1"].map(ip));
        let turns = Source::Turns(Arc::new(sources));
        let from = |backend, turn| turns.towards(ip(backend), None, turn).ok().flatten();
        assert_eq!(
            [0, 1, 2].map(|turn| from("10.0.0.9", turn)),
            ["10.0.0.1", "10.0.0.2", "10.0.0.1"].map(|it| Some(ip(it)))
        );
        assert_eq!(from("fd00::9", u32::MAX), Some(ip("fd00::1")));
        assert_eq!([turns.count(ip("10.0.0.9")), turns.count(ip("fd00::9"))], [Some(2), Some(1)]);
    }

    #[test]
    fn without_a_source_of_the_backends_family_the_kernel_takes_one() {
        let turns = Source::Turns(Arc::new(Sources::new([ip("10.0.0.1")])));
        assert_eq!(turns.towards(ip("fd00::9"), None, 7), Ok(None));
        assert_eq!(turns.count(ip("fd00::9")), Some(1));
    }

    #[test]
    fn a_client_is_a_source_only_with_an_address_of_the_backends_family() {
        let from = |backend, client: &str| Source::Client.towards(ip(backend), client.parse().ok(), 0);
        assert_eq!(from("10.0.0.9", "192.0.2.7"), Ok(Some(ip("192.0.2.7"))));
        assert_eq!(from("10.0.0.9", "::ffff:192.0.2.7"), Ok(Some(ip("192.0.2.7"))));
        assert_eq!(from("fd00::9", "2001:db8::7"), Ok(Some(ip("2001:db8::7"))));
        for client in
            ["127.0.0.1", "2001:db8::7", "0.0.0.0", "::", "::ffff:0.0.0.0", "224.0.0.1", "a unix socket"]
        {
            assert_eq!(from("10.0.0.9", client), Err(NoSource), "{client}");
        }
        assert_eq!(Source::Client.count(ip("10.0.0.9")), None);
        assert_eq!(from("127.0.0.1", "127.0.0.1"), Ok(Some(ip("127.0.0.1"))));
    }

    #[test]
    fn silence_towards_a_clients_address_is_nobodys_fault() {
        use ConnectFailure::{Denied, Refused, TimedOut, Unreachable};
        let blamed = |source: Source| {
            [Refused, TimedOut, Unreachable(113), Denied(13)].map(|failure| source.blames(failure))
        };
        assert_eq!(blamed(Source::Usual), [true, true, true, false]);
        assert_eq!(blamed(Source::Client), [true, false, false, false]);
    }
}
