//! The part of a session in which bytes flow: two connected sockets and what is known of them, as plain data.
//!
//! A [`Relay`] does nothing by itself. Its worker tells it what became ready and lets it
//! [`advance`](Relay::advance); between two such calls it can be kept, moved or handed to another process.

mod bandwidth;
mod carry;
mod copy;
mod crypt;
mod direction;
mod due;
mod ending;
mod patience;
mod splice;
mod suspended;
#[cfg(test)]
mod tests;
mod throttle;

pub use crypt::Tunnels;
pub use patience::{Patience, set_keepalive};
pub use splice::{PIPE_BYTES, PipePool};
pub use suspended::{Held, SuspendedDirection, SuspendedRelay};

use crate::record::Carried;
use crate::tls::{CIPHER_BYTES, Tunnel};
use bandwidth::Bandwidth;
use carry::{Fault, Pace, Way};
use direction::{Direction, Sent};
use due::Haste;
use ending::Lost;
use evenkeel_core::deadline::Deadlines;
use evenkeel_core::end::End;
use evenkeel_core::foresight::Expected;
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::{PoolRules, SocketOptions};
use evenkeel_core::span::Span;
use evenkeel_sys::poll::Readiness;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of the scratch buffer, and so the most that a blocked direction keeps in memory.
const SCRATCH_BYTES: usize = 64 * 1024;

/// What a worker lends to its relays.
pub struct Tools {
    scratch: Box<[u8]>,
    /// For what is sealed. As long as there is none, no memory is behind it: what is all zero from the beginning takes none.
    cipher: Box<[u8]>,
    pipes: PipePool,
}

impl Tools {
    /// Tools with so many pipes at most.
    pub fn new(pipes: u32) -> Self {
        let room = |bytes| vec![0; bytes].into();
        Self { scratch: room(SCRATCH_BYTES), cipher: room(CIPHER_BYTES), pipes: PipePool::new(pipes) }
    }

    /// Room for plain bytes, and for sealed ones.
    pub fn buffers(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut self.scratch, &mut self.cipher)
    }

    /// Room for sealed bytes.
    pub fn cipher(&mut self) -> &mut [u8] {
        &mut self.cipher
    }

    /// Pipes that are open now.
    pub fn open_pipes(&self) -> u64 {
        self.pipes.open().into()
    }
}

/// An established session.
#[derive(Debug)]
pub struct Relay {
    client: OwnedFd,
    backend: OwnedFd,
    to_backend: Direction,
    to_client: Direction,
    /// What the session was born with.
    rules: Arc<PoolRules>,
    deadlines: Deadlines,
    /// How long after it was established something may be due, and nothing is before; none: never. Bytes that move only put
    /// deadlines off, so that it need not be found out anew for each of them.
    due: Option<Span>,
    /// What [`due`](Self::due) was found out with.
    haste: Haste,
    /// How long after it was established the first byte for the client came.
    first_byte: Option<Span>,
    /// What most sessions do not have, and so is not in the row.
    rare: Option<Box<Rare>>,
    first_closed: Option<Side>,
    /// With peers that do not answer.
    patience: Patience,
    /// Whether its review is on its way.
    awaits_review: bool,
    /// While nobody watches its sockets: who is asked, whatever else makes it advance.
    expected: Option<Expected>,
}

/// What few relays have, or have only at their end.
#[derive(Debug, Default)]
struct Rare {
    tunnels: Option<Tunnels>,
    lost: Option<Lost>,
    bandwidth: Option<Bandwidth>,
}

impl Rare {
    /// What a session with these rules has from `now` on, if it has any of it.
    fn of(rules: &PoolRules, now: Instant) -> Option<Box<Self>> {
        let bandwidth = Some(Bandwidth::new(rules.session.bandwidth?, now));
        Some(Box::new(Self { bandwidth, ..Self::default() }))
    }
}

/// What is to be done with a relay now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Advance it again when a socket is ready, or at [`Relay::next_deadline`].
    Waiting,
    /// Advance it again this turn, after the others.
    Unfinished,
    /// It is over; dropping it closes both sides.
    Ended(End),
}

impl Relay {
    /// A relay between two connected sockets, from `now` on. What the client has sent `early` goes first; its socket has
    /// these `options`.
    pub fn new(
        client: OwnedFd,
        backend: OwnedFd,
        early: Vec<u8>,
        options: &SocketOptions,
        rules: Arc<PoolRules>,
        now: Instant,
    ) -> Self {
        Self {
            client,
            backend,
            to_backend: Direction::holding(early),
            to_client: Direction::default(),
            rare: Rare::of(&rules, now),
            rules,
            deadlines: Deadlines::new(now),
            due: Some(Span::ZERO),
            haste: Haste::default(),
            first_byte: None,
            first_closed: None,
            patience: Patience::new(options),
            awaits_review: false,
            expected: None,
        }
    }

    /// The same with TLS on one side, or both. What was said already on a side goes first.
    pub fn with_tls(mut self, client: Option<Tunnel>, backend: Option<Tunnel>) -> Self {
        if client.is_none() && backend.is_none() {
            return self;
        }
        let mut tunnels = Tunnels { client, backend };
        for side in [Side::Client, Side::Backend] {
            if let (Some(tunnel), _) = tunnels.from(side) {
                let direction = self.direction_from(side);
                *direction = Direction::holding(tunnel.take_early());
                // Its end may have come together with that, and will not be told again.
                direction.on_source_ready(false);
            }
        }
        self.rare.get_or_insert_default().tunnels = Some(tunnels);
        self
    }

    /// The same where each side has said something already that is for the other: `to_backend`, and `to_client`.
    pub fn beginning(mut self, to_backend: Vec<u8>, to_client: Vec<u8>) -> Self {
        for (side, bytes) in [(Side::Client, to_backend), (Side::Backend, to_client)] {
            let direction = self.direction_from(side);
            *direction = Direction::holding(bytes);
            direction.on_source_ready(false);
        }
        self
    }

    /// Whether it is under TLS on any side: then it cannot go to another process.
    pub fn is_under_tls(&self) -> bool {
        self.tunnels().is_some()
    }

    /// Whether either direction is in bulk.
    pub fn is_bulk(&self) -> bool {
        self.to_backend.half.is_bulk() || self.to_client.half.is_bulk()
    }

    /// Bytes that the backend took.
    pub fn to_backend(&self) -> u64 {
        self.to_backend.half.moved()
    }

    /// Bytes that the client took.
    pub fn to_client(&self) -> u64 {
        self.to_client.half.moved()
    }

    fn first_byte(&self) -> Option<Instant> {
        self.first_byte.map(|span| span.after(self.deadlines.established()))
    }

    /// What it has carried.
    pub fn carried(&self) -> Carried {
        Carried {
            to_backend: self.to_backend(),
            to_client: self.to_client(),
            datagrams: None,
            first_byte: self.first_byte(),
            active: self.deadlines.last_active(),
        }
    }

    /// The relay as plain data, its descriptors lent. Nothing changes by it.
    pub fn suspend(&self) -> SuspendedRelay<BorrowedFd<'_>> {
        SuspendedRelay {
            client: self.client.as_fd(),
            backend: self.backend.as_fd(),
            to_backend: self.to_backend.suspend(),
            to_client: self.to_client.suspend(),
            rules: Arc::clone(&self.rules),
            established: self.deadlines.established(),
            active: self.deadlines.last_active(),
            is_half_closed: self.deadlines.is_half_closed(),
            drain: self.deadlines.drain(),
            first_byte: self.first_byte(),
            lost: self.lost().map(|lost| (lost.side, lost.end, lost.since)),
            first_closed: self.first_closed,
            patience: self.patience,
        }
    }

    /// The relay that was suspended, from `now` on. Its sockets have to be watched, and what they are ready for told,
    /// before it advances.
    pub fn resume(suspended: SuspendedRelay<OwnedFd>, now: Instant, tools: &Tools) -> Self {
        let SuspendedRelay { established, active, drain, .. } = suspended;
        let half_closed = suspended.is_half_closed.then_some(now);
        let mut rare = Rare::of(&suspended.rules, active);
        if let Some((side, end, since)) = suspended.lost {
            rare.get_or_insert_default().lost = Some(Lost::new(side, end, since));
        }
        Self {
            client: suspended.client,
            backend: suspended.backend,
            to_backend: Direction::resume(suspended.to_backend, tools),
            to_client: Direction::resume(suspended.to_client, tools),
            rules: suspended.rules,
            deadlines: Deadlines::resume(established, active, half_closed, drain),
            due: Some(Span::ZERO),
            haste: Haste::default(),
            first_byte: suspended.first_byte.map(|at| Span::between(established, at)),
            rare,
            first_closed: suspended.first_closed,
            patience: suspended.patience,
            awaits_review: false,
            expected: None,
        }
    }

    /// Its two sockets, the client's first.
    pub fn sockets(&self) -> [BorrowedFd<'_>; 2] {
        [self.client.as_fd(), self.backend.as_fd()]
    }

    /// The socket of `side` became ready.
    pub fn on_ready(&mut self, side: Side, readiness: Readiness) {
        let (from, to) = match side {
            Side::Client => (&mut self.to_backend, &mut self.to_client),
            _ => (&mut self.to_client, &mut self.to_backend),
        };
        if readiness.urgent() {
            from.half.on_source_urgent();
        }
        if readiness.readable() {
            from.on_source_ready(readiness.read_closing());
        }
        if readiness.writable() {
            to.on_sink_ready();
        }
        from.suspect |= readiness.broken();
    }

    /// Nobody watches its sockets: it asks by itself whether there is something, one side each time, the client first.
    pub fn go_unwatched(&mut self) {
        self.expected = Some(Expected::from(Side::Client));
    }

    /// Whether nobody needs to watch its sockets, if it advances in the next turn.
    pub fn is_unwatched(&self) -> bool {
        self.expected.is_some()
    }

    /// Carries what can be carried now.
    pub fn advance(&mut self, now: Instant, tools: &mut Tools) -> Progress {
        let before = self.to_backend() + self.to_client();
        let age = self.deadlines.age(now);
        let is_due = self.due.is_some_and(|due| age >= due);
        self.look_after_suspects(now);
        if is_due {
            self.take_patience(now);
            self.look_for_more(now);
        }
        self.flush(now);
        let asked = self.ask();
        let paces = [self.run(Side::Client, now, tools), self.run(Side::Backend, now, tools)];
        if self.to_backend() + self.to_client() != before {
            self.deadlines.on_activity(now);
        }
        if self.first_byte.is_none() && self.to_client() + self.to_client.half.held() as u64 > 0 {
            self.first_byte = Some(age);
        }
        if let Some(end) = self.end(is_due, now) {
            return Progress::Ended(end);
        }
        let haste = self.haste();
        if is_due || self.rare.is_some() || haste != self.haste {
            (self.haste, self.due) = (haste, self.find_due());
        }
        let is_unfinished = paces.contains(&Pace::Spent) || self.has_suspect();
        self.expected = asked.and_then(|asked| self.expect(asked, is_unfinished));
        if is_unfinished { Progress::Unfinished } else { Progress::Waiting }
    }

    /// Whether the socket of `side` is to be watched for bytes from now on, if that changes.
    pub fn watch(&mut self, side: Side) -> Option<(BorrowedFd<'_>, bool)> {
        let (direction, socket) = self.source(side);
        direction.watch().map(|reading| (socket, reading))
    }

    /// How many bytes the socket of `side` is to gather before it tells of them, if that changes.
    pub fn gather(&mut self, side: Side) -> Option<(BorrowedFd<'_>, u32)> {
        if self.throttle().is_some() {
            return None;
        }
        let (direction, socket) = self.source(side);
        direction.gather().map(|bytes| (socket, bytes))
    }

    /// Whether it is to be reviewed in a moment; said once for each review.
    pub fn wants_review(&mut self) -> bool {
        let gathers = self.to_backend.gathers() || self.to_client.gathers();
        gathers && !std::mem::replace(&mut self.awaits_review, true)
    }

    /// Has the next [`advance`](Self::advance) look for bytes that a gathering socket has not told of.
    pub fn review(&mut self) {
        self.awaits_review = false;
        self.to_backend.review();
        self.to_client.review();
    }

    /// Has the side read whose turn it is, and says what it has sent before.
    fn ask(&mut self) -> Option<(Expected, Sent)> {
        let expected = self.expected?;
        let direction = self.direction_from(expected.side());
        direction.on_source_ready(false);
        Some((expected, direction.sent()))
    }

    /// Who is asked next; nobody, if there is more to look after than what one of them says.
    fn expect(&mut self, (asked, before): (Expected, Sent), is_unfinished: bool) -> Option<Expected> {
        if is_unfinished || self.rare.is_some() || self.holds_bytes() {
            return None;
        }
        let (side, other) = (asked.side(), opposite(asked.side()));
        let next = if self.direction_from(other).half.is_finished() { side } else { other };
        asked.on_asked(self.direction_from(side).sent() != before, next)
    }

    /// Carries what comes from `source`, and notes how that ended.
    fn run(&mut self, source: Side, now: Instant, tools: &mut Tools) -> Pace {
        let was_finished = self.direction_from(source).half.is_finished();
        let last = self.direction_from(opposite(source)).half.is_over();
        let quota = self.quota(source, now);
        let (direction, from, to) = match source {
            Side::Client => (&mut self.to_backend, &self.client, &self.backend),
            _ => (&mut self.to_client, &self.backend, &self.client),
        };
        let way = Way { source: from.as_fd(), sink: to.as_fd(), last };
        let before = direction.read();
        let carried = match self.rare.as_deref_mut() {
            Some(Rare { tunnels: Some(tunnels), .. }) => direction.crypt(&way, source, tunnels, quota, tools),
            _ => direction.carry(&way, quota, tools),
        };
        let bytes = direction.read() - before;
        self.observe(source, bytes, now);
        let pace = match carried {
            Ok(pace) if quota.is_some() => self.pay(source, bytes, pace, now),
            Ok(pace) => pace,
            Err(Fault::Source(error)) => {
                // The kernel hands out all that came before it tells the error.
                self.direction_from(source).half.on_source_lost();
                self.on_lost(source, &error, now)
            }
            Err(Fault::Sink(error)) => self.on_lost(opposite(source), &error, now),
        };
        if self.direction_from(source).half.is_finished() && !was_finished {
            self.on_finished(source, now);
        }
        pace
    }

    /// Sends what is sealed already and was not taken; nobody else asks for that once it was carried.
    fn flush(&mut self, now: Instant) {
        let Some(Rare { tunnels: Some(tunnels), lost, .. }) = self.rare.as_deref_mut() else { return };
        let (sockets, is_lost) =
            ([(Side::Client, &self.client), (Side::Backend, &self.backend)], lost.is_some());
        let failed = sockets.into_iter().filter_map(|(side, socket)| {
            let error = tunnels.from(side).0?.flush(&socket.as_fd()).err()?;
            (error.kind() != io::ErrorKind::WouldBlock).then_some((side, error))
        });
        let failed: Option<(Side, io::Error)> = failed.last();
        if let Some((side, error)) = failed.filter(|_| !is_lost) {
            self.on_lost(side, &error, now);
        }
    }

    /// Whether the socket of `side` has taken what was sealed for it.
    fn is_flushed(&self, side: Side) -> bool {
        self.tunnels().and_then(|it| it.of(side)).is_none_or(Tunnel::is_flushed)
    }

    /// Whether bytes are in hand for either side.
    fn holds_bytes(&self) -> bool {
        let held = self.to_backend.half.held() + self.to_client.half.held();
        held > 0 || !self.is_flushed(Side::Client) || !self.is_flushed(Side::Backend)
    }

    fn tunnels(&self) -> Option<&Tunnels> {
        self.rare.as_ref()?.tunnels.as_ref()
    }

    fn lost(&self) -> Option<&Lost> {
        self.rare.as_ref()?.lost.as_ref()
    }

    /// The direction from `source` to the other side.
    fn direction_from(&mut self, source: Side) -> &mut Direction {
        self.source(source).0
    }

    /// The direction from `side` to the other, and the socket that it reads.
    fn source(&mut self, side: Side) -> (&mut Direction, BorrowedFd<'_>) {
        match side {
            Side::Client => (&mut self.to_backend, self.client.as_fd()),
            _ => (&mut self.to_client, self.backend.as_fd()),
        }
    }
}

fn opposite(side: Side) -> Side {
    if side == Side::Client { Side::Backend } else { Side::Client }
}
