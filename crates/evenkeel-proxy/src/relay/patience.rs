//! How long a session bears a peer that does not answer. Keepalive, for a session that is silent, is the kernel's; what
//! is under way to a peer is looked at here, now and then, rather than told by the kernel: `TCP_USER_TIMEOUT` also ends
//! a peer that answers and only reads nothing.

use evenkeel_core::side::Side;
use evenkeel_core::snapshot::SocketOptions;
use evenkeel_core::vanish::UnderWay;
use evenkeel_sys::socket;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// A session that lasts this long gets its keepalive: most are over sooner, and are spared the calls.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(5);

/// From one look to the next, at least.
const PERIOD_MIN: Duration = Duration::from_millis(100);

/// The looks at the two sockets of a session, half of the shorter limit apart. Small: it is in every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The client's limit in milliseconds, 0 for none; the backend's is among the rules of its pool.
    pub client_ms: u32,
    /// How many looks there were or would have been.
    pub looks: u32,
    /// Looks in a row at which something was under way: to the client, to the backend.
    pub under_way: [u8; 2],
    /// Whether the backend's socket has its keepalive.
    pub has_keepalive: bool,
}

impl Patience {
    /// For a session whose client's socket has these options.
    pub fn new(client: &SocketOptions) -> Self {
        let ms = client.user_timeout.map_or(0, |limit| u32::try_from(limit.as_millis()).unwrap_or(u32::MAX));
        Self { client_ms: ms, looks: 0, under_way: [0; 2], has_keepalive: false }
    }

    /// When to [`look`](Self::look) at a session established then.
    pub fn next(&self, established: Instant, backend: &SocketOptions) -> Option<Instant> {
        let keepalive = (!self.has_keepalive).then(|| established + KEEPALIVE_AFTER);
        let look = self.period(backend).map(|period| established + period * (self.looks + 1));
        keepalive.into_iter().chain(look).min()
    }

    /// Does what is due in a session of this age: gives the backend's socket its keepalive, and looks who has vanished.
    pub fn look(&mut self, age: Duration, sockets: [&OwnedFd; 2], backend: &SocketOptions) -> Option<Side> {
        if !self.has_keepalive && age >= KEEPALIVE_AFTER {
            self.has_keepalive = true;
            // A Unix socket has none.
            let _ = set_keepalive(sockets[1], backend);
        }
        let period = self.period(backend)?;
        if age < period * (self.looks + 1) {
            return None;
        }
        // The nearest: after a pause of ours, looks that were missed are not made up for.
        let looks = (age + period / 2).as_nanos() / period.as_nanos().max(1);
        self.looks = u32::try_from(looks).unwrap_or(u32::MAX - 1);
        let limits = self.limits(backend);
        let vanished = [0, 1].map(|index| self.has_vanished(index, sockets[index], limits[index], period));
        match vanished {
            [true, _] => Some(Side::Client),
            [_, true] => Some(Side::Backend),
            _ => None,
        }
    }

    /// Whether the peer at `socket` has vanished. Its silence alone says nothing: before it nothing was to be answered,
    /// perhaps. So something has to be under way at each look for as long as the limit.
    fn has_vanished(
        &mut self,
        index: usize,
        socket: &OwnedFd,
        limit: Option<Duration>,
        period: Duration,
    ) -> bool {
        let Some(limit) = limit else { return false };
        let looks = &mut self.under_way[index];
        let is_under_way = socket::unacknowledged(socket).is_ok_and(|bytes| bytes > 0);
        *looks = if is_under_way { looks.saturating_add(1) } else { 0 };
        let enough = limit.as_nanos().div_ceil(period.as_nanos()) + 1;
        // A Unix socket does not answer, and needs no limit: its peer cannot vanish.
        u128::from(*looks) >= enough.min(u8::MAX.into())
            && under_way(socket).is_ok_and(|it| it.has_vanished(limit))
    }

    fn limits(&self, backend: &SocketOptions) -> [Option<Duration>; 2] {
        let client = (self.client_ms > 0).then(|| Duration::from_millis(self.client_ms.into()));
        [client, backend.user_timeout]
    }

    /// From one look to the next; `None` when there is nothing to look for.
    fn period(&self, backend: &SocketOptions) -> Option<Duration> {
        let limit = self.limits(backend).into_iter().flatten().min()?;
        Some((limit / 2).max(PERIOD_MIN))
    }
}

fn under_way(socket: &OwnedFd) -> io::Result<UnderWay> {
    let socket::Answers { unacked, retransmits, backoff, probes, rto, silence } = socket::answers(socket)?;
    Ok(UnderWay { unacked, retransmits: retransmits.max(backoff), probes, rto, silence })
}

/// Keepalive, as configured.
pub fn set_keepalive(socket: &OwnedFd, options: &SocketOptions) -> io::Result<()> {
    let keepalive = options.keepalive.map(|keepalive| (keepalive.idle, keepalive.interval, keepalive.count));
    socket::set_keepalive(socket, keepalive)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn options(seconds: Option<u32>) -> SocketOptions {
        SocketOptions { keepalive: None, user_timeout: seconds.map(|it| it * SECOND) }
    }

    #[test]
    fn looks_are_half_of_the_shorter_limit_apart_and_missed_ones_are_left_out() {
        let (start, backend) = (Instant::now(), options(Some(8)));
        let (socket, peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let (socket, peer) = (OwnedFd::from(socket), OwnedFd::from(peer));
        let mut patience = Patience::new(&options(Some(4)));
        let mut seen = Vec::new();
        for late in [0, 0, 0, 7, 0] {
            let next = patience.next(start, &backend).unwrap() - start;
            seen.push(next.as_secs());
            assert_eq!(patience.look(next + late * SECOND, [&socket, &peer], &backend), None);
        }
        assert_eq!(seen, [2, 4, 5, 6, 16], "with keepalive after 5 s");
    }

    #[test]
    fn without_a_limit_there_is_nothing_to_look_for_but_keepalive() {
        let (start, off) = (Instant::now(), options(None));
        let (socket, peer) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut patience = Patience::new(&off);
        assert_eq!(patience.next(start, &off), Some(start + KEEPALIVE_AFTER));
        patience.look(KEEPALIVE_AFTER, [&socket.into(), &peer.into()], &off);
        assert_eq!(patience.next(start, &off), None);
    }

    #[test]
    fn a_row_pays_twelve_bytes() {
        assert_eq!(size_of::<Patience>(), 12);
    }
}
