//! What a worker waits with: readiness, deadlines, and who wants another go. Knows rows by token, no protocol.

mod wheel;

use evenkeel_core::awake::{Awake, BusyPoll};
use evenkeel_sys::clock;
use evenkeel_sys::poll::{Events, Poll, Readiness};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use wheel::Wheel;

/// Events taken from the kernel at once: few enough that nobody waits long for the others.
const EVENTS: usize = 256;

/// Time from one review of a row to the next: what a peer may wait for its last bytes.
const REVIEW: Duration = Duration::from_millis(2);

/// Turns for which deadlines wait, at most, while there are more events than one wait takes.
const DEADLINES_WAIT: u32 = 16;

/// Which descriptor became ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// One of the two sockets of a row.
    Session {
        /// The row.
        row: Row,
        /// Whether it is the client's socket.
        client: bool,
    },
    /// A connection to a backend that is of no row for long.
    Link(Row),
    /// A listening socket, by the number it was added with.
    Listener(u32),
    /// A socket that clients send datagrams to, by the number of its listener.
    Port(u32),
    /// Something is in the inbox.
    Inbox,
}

/// A place in a table, mostly that of sessions, and which of its tenants is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The place.
    pub index: u32,
    /// Distinguishes the tenant from earlier ones, of whom events may still be under way.
    pub tenant: u32,
}

const KIND_SHIFT: u32 = 62;
const TENANT_BITS: u32 = 29;
const INDEX_BITS: u32 = 32;
/// Tells a link from the inbox.
const IS_LINK: u64 = 1 << (INDEX_BITS + TENANT_BITS);

impl Row {
    /// The row at `index` whose tenant has this number, counted round.
    pub fn new(index: u32, tenant: u32) -> Self {
        Self { index, tenant: tenant & ((1 << TENANT_BITS) - 1) }
    }
}

impl Token {
    fn pack(self) -> u64 {
        match self {
            Self::Session { row, client } => {
                u64::from(client) << (INDEX_BITS + TENANT_BITS)
                    | u64::from(row.tenant) << INDEX_BITS
                    | u64::from(row.index)
            }
            Self::Listener(number) => 1 << KIND_SHIFT | u64::from(number),
            Self::Inbox => 2 << KIND_SHIFT,
            Self::Port(number) => 3 << KIND_SHIFT | u64::from(number),
            Self::Link(row) => {
                2 << KIND_SHIFT | IS_LINK | u64::from(row.tenant) << INDEX_BITS | u64::from(row.index)
            }
        }
    }

    fn unpack(packed: u64) -> Self {
        match packed >> KIND_SHIFT {
            0 => Self::Session {
                row: Row::new(packed as u32, (packed >> INDEX_BITS) as u32),
                client: packed >> (INDEX_BITS + TENANT_BITS) & 1 == 1,
            },
            1 => Self::Listener(packed as u32),
            3 => Self::Port(packed as u32),
            _ if packed & IS_LINK != 0 => Self::Link(Row::new(packed as u32, (packed >> INDEX_BITS) as u32)),
            _ => Self::Inbox,
        }
    }
}

/// One per worker.
pub struct Reactor {
    poll: Poll,
    wheel: RefCell<Wheel>,
    ready: RefCell<VecDeque<Row>>,
    /// Rows to be asked in the next turn.
    expected: RefCell<Vec<Row>>,
    /// How many events and rows to be asked there were when this turn began.
    found: Cell<usize>,
    /// Rows to be reviewed, the first first.
    reviews: RefCell<VecDeque<(Instant, Row)>>,
    now: Cell<Instant>,
    turn: Cell<u64>,
    /// Turns in a row after which there may have been more events.
    full_turns: Cell<u32>,
    awake: RefCell<Awake>,
}

impl Reactor {
    /// A reactor with nothing in it.
    pub fn new() -> io::Result<Self> {
        let now = Instant::now();
        Ok(Self {
            poll: Poll::new()?,
            wheel: RefCell::new(Wheel::new(now)),
            ready: RefCell::default(),
            expected: RefCell::default(),
            found: Cell::new(0),
            reviews: RefCell::default(),
            now: Cell::new(now),
            turn: Cell::new(0),
            full_turns: Cell::new(0),
            awake: RefCell::default(),
        })
    }

    /// The time of this turn.
    pub fn now(&self) -> Instant {
        self.now.get()
    }

    /// The number of this turn.
    pub fn turn(&self) -> u64 {
        self.turn.get()
    }

    /// Tells of every edge of a session's socket, until it is closed.
    pub fn add_stream(&self, socket: impl AsFd, row: Row, client: bool) -> io::Result<()> {
        self.poll.add_stream(socket, Token::Session { row, client }.pack())
    }

    /// Tells of the socket of a row, or of a link, by this token from now on.
    pub fn rename(&self, socket: impl AsFd, token: Token) -> io::Result<()> {
        self.poll.rename_stream(socket, token.pack())
    }

    /// Tells when something has come to a flow's socket.
    pub fn add_flow(&self, socket: impl AsFd, row: Row) -> io::Result<()> {
        self.poll.add_incoming(socket, Token::Session { row, client: false }.pack())
    }

    /// Tells no more when a session's socket can be read, or tells it again.
    pub fn set_reading(&self, socket: impl AsFd, row: Row, client: bool, reading: bool) -> io::Result<()> {
        self.poll.set_reading(socket, Token::Session { row, client }.pack(), reading)
    }

    /// Tells while `fd` is readable; `shared`: others poll it too.
    pub fn add_level(&self, fd: impl AsFd, token: Token, shared: bool) -> io::Result<()> {
        self.poll.add_level(fd, token.pack(), shared)
    }

    /// Tells no more of `fd`.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        self.poll.remove(fd)
    }

    /// Gives `row` another go in this or the next turn.
    pub fn push_ready(&self, row: Row) {
        self.ready.borrow_mut().push_back(row);
    }

    /// How many rows want a go now.
    pub fn ready_len(&self) -> usize {
        self.ready.borrow().len()
    }

    /// The next row that wants a go.
    pub fn pop_ready(&self) -> Option<Row> {
        self.ready.borrow_mut().pop_front()
    }

    /// Has `row`, whose sockets nobody watches, asked in the next turn, which begins without delay.
    pub fn push_expected(&self, row: Row) {
        self.expected.borrow_mut().push(row);
    }

    /// The rows to be asked in this turn go to `expected`, which is empty.
    pub fn take_expected(&self, expected: &mut Vec<Row>) {
        std::mem::swap(&mut *self.expected.borrow_mut(), expected);
    }

    /// How much there is to look after in this turn, as far as is known.
    pub fn crowd(&self) -> usize {
        self.found.get() + self.expected.borrow().len()
    }

    /// Has `row` reviewed in a moment, much sooner than a deadline could.
    pub fn push_review(&self, row: Row) {
        self.reviews.borrow_mut().push_back((self.now() + REVIEW, row));
    }

    /// The next row whose review is due.
    pub fn pop_review(&self) -> Option<Row> {
        let mut reviews = self.reviews.borrow_mut();
        let &(at, row) = reviews.front()?;
        (at <= self.now()).then(|| {
            reviews.pop_front();
            row
        })
    }

    /// Sets the deadline of the row at `index`.
    pub fn arm(&self, index: u32, at: Instant) {
        self.wheel.borrow_mut().arm(index, at);
    }

    /// Sets the deadline of the row at `index`, unless it has an earlier one: a deadline that moves away costs nothing.
    pub fn arm_by(&self, index: u32, at: Instant) {
        self.wheel.borrow_mut().arm_by(index, at);
    }

    /// Takes it away.
    pub fn disarm(&self, index: u32) {
        self.wheel.borrow_mut().disarm(index);
    }

    /// Waits for events, a deadline or `at_most`, and takes the time. Does not wait while rows want a go, or are to be asked.
    /// So many bytes were moved since the last wait.
    pub fn wait(
        &self,
        events: &mut Events,
        at_most: Option<Duration>,
        busy: BusyPoll,
        moved: u64,
    ) -> io::Result<()> {
        let expected = self.expected.borrow().len();
        let timeout = match self.ready_len() + expected {
            0 => {
                let now = Instant::now();
                let review = self.reviews.borrow().front().map(|(at, _)| at.saturating_duration_since(now));
                [self.wheel.borrow().sleep(now), review, at_most].into_iter().flatten().min()
            }
            _ => Some(Duration::ZERO),
        };
        let result = match busy {
            BusyPoll::For(window) => self.look(events, timeout, window),
            BusyPoll::Auto => {
                let mut awake = self.awake.borrow_mut();
                let result = self.look(events, timeout, awake.window());
                awake.on_wait(events.len() + expected, moved, clock::thread_cpu);
                result
            }
        };
        self.now.set(Instant::now());
        self.turn.set(self.turn.get() + 1);
        self.found.set(events.len() + expected);
        self.full_turns.set(if events.is_full() { self.full_turns.get() + 1 } else { 0 });
        result
    }

    /// Whether waits begin awake, for the most part.
    pub fn waits_awake(&self, busy: BusyPoll) -> bool {
        match busy {
            BusyPoll::For(window) => !window.is_zero(),
            BusyPoll::Auto => self.awake.borrow().pays(),
        }
    }

    /// Looks for events, for `busy` again and again before it sleeps.
    fn look(&self, events: &mut Events, timeout: Option<Duration>, busy: Duration) -> io::Result<()> {
        let busy = timeout.map_or(busy, |timeout| timeout.min(busy));
        let began = (!busy.is_zero()).then(Instant::now);
        while began.is_some_and(|began| began.elapsed() < busy) {
            self.poll.wait(events, Some(Duration::ZERO))?;
            if !events.is_empty() {
                return Ok(());
            }
            std::hint::spin_loop();
        }
        self.poll.wait(events, timeout.map(|timeout| timeout - busy))
    }

    /// The indices of the rows whose deadline has passed go to `expired`. After a pause of ours, what happened in time
    /// may still wait to be told: while there may be more of it, deadlines wait too.
    pub fn expire(&self, expired: &mut Vec<u32>) {
        if self.full_turns.get().is_multiple_of(DEADLINES_WAIT) {
            self.wheel.borrow_mut().advance(self.now(), expired);
        }
    }
}

/// Room for the events of one wait.
pub fn events() -> Events {
    Events::new(EVENTS)
}

/// The event at `index` of the last wait.
pub fn event(events: &Events, index: usize) -> Option<(Token, Readiness)> {
    events.get(index).map(|(packed, readiness)| (Token::unpack(packed), readiness))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn who_waits_awake_is_told_of_events_and_wakes_at_its_time() {
        let (reactor, mut events) = (Reactor::new().unwrap(), events());
        let (socket, mut peer) = UnixStream::pair().unwrap();
        reactor.add_level(&socket, Token::Listener(0), false).unwrap();
        let mut wait = |at_most: u64, busy: u64| {
            let began = Instant::now();
            let [at_most, busy] = [at_most, busy].map(Duration::from_millis);
            reactor.wait(&mut events, Some(at_most), BusyPoll::For(busy), 0).unwrap();
            (events.is_empty(), began.elapsed())
        };
        for (at_most, busy) in [(30, 5), (30, 60_000), (30, 30)] {
            let (is_empty, took) = wait(at_most, busy);
            assert!(is_empty && took >= Duration::from_millis(30), "{at_most} {busy}: {took:?}");
        }
        peer.write_all(b"!").unwrap();
        for busy in [5, 60_000] {
            let (is_empty, took) = wait(60_000, busy);
            assert!(!is_empty && took < Duration::from_secs(30), "{busy}: {took:?}");
        }
    }

    #[test]
    fn deadlines_wait_for_events_that_were_not_told_yet_but_not_for_ever() {
        let reactor = Reactor::new().unwrap();
        let pairs: Vec<_> = (0..EVENTS).map(|_| UnixStream::pair().unwrap()).collect();
        for (index, (socket, peer)) in (0..).zip(&pairs) {
            (&mut &*peer).write_all(b"!").unwrap();
            reactor.add_level(socket, Token::Listener(index), false).unwrap();
        }
        let turn = || {
            let mut expired = Vec::new();
            reactor.wait(&mut events(), Some(Duration::ZERO), BusyPoll::Auto, 0).unwrap();
            reactor.expire(&mut expired);
            expired
        };
        reactor.arm(7, reactor.now());
        // A deadline is over when time has passed: more than two ticks.
        std::thread::sleep(Duration::from_millis(40));
        for _ in 1..DEADLINES_WAIT {
            assert!(turn().is_empty());
        }
        assert_eq!(turn(), [7], "busy for so long that they can wait no more");
        reactor.arm(8, reactor.now());
        std::thread::sleep(Duration::from_millis(40));
        assert!(turn().is_empty());
        reactor.remove(&pairs[0].0).unwrap();
        assert_eq!(turn(), [8], "there is nothing more to be told");
    }

    #[test]
    fn tokens_survive_packing() {
        let tokens = [
            Token::Session { row: Row::new(0, 0), client: false },
            Token::Session { row: Row::new(u32::MAX, (1 << TENANT_BITS) - 1), client: true },
            Token::Session { row: Row::new(17, u32::MAX), client: false },
            Token::Listener(u32::MAX),
            Token::Port(u32::MAX),
            Token::Inbox,
            Token::Link(Row::new(3, 5)),
        ];
        for token in tokens {
            assert_eq!(Token::unpack(token.pack()), token);
        }
    }
}
