//! Where a worker accepts: its listeners, those that rest, and the end of them. Who has begun to connect would be reset if
//! sockets were closed at once; so others are turned away first, and the sockets closed when the last handshake should be
//! over.
//!
//! There may be thousands of listeners. What is done in every turn of the loop, or for each session, does not go through
//! them.

use super::{Drain, Worker};
use crate::listener::Accepting;
use evenkeel_core::name::ListenerName;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long those are waited for who have begun to connect: longer than a round trip to nearly everywhere.
pub const ROUND_TRIP: Duration = Duration::from_millis(200);

/// How often it is told at most that accepting fails.
const TELL: Duration = Duration::from_secs(1);

/// The listeners of a worker.
#[derive(Default)]
pub struct Doors {
    open: BTreeMap<ListenerName, Rc<Accepting>>,
    /// The same, by the number that the reactor knows.
    numbered: BTreeMap<u32, Rc<Accepting>>,
    /// Nobody can begin to connect to these: when each is closed.
    closing: Vec<(Instant, Rc<Accepting>)>,
    /// Those that rest, by number: until when.
    resting: BTreeMap<u32, Instant>,
    begun: u32,
    /// Whether nothing is accepted for a while.
    halted: bool,
    told_failure: Option<Instant>,
}

impl Doors {
    /// The number of the next listener.
    pub fn next_number(&mut self) -> u32 {
        let number = self.begun;
        self.begun += 1;
        number
    }

    /// Opens one, in the place of the one that had its number.
    pub fn open(&mut self, accepting: Rc<Accepting>) {
        self.numbered.insert(accepting.number, Rc::clone(&accepting));
        self.open.insert(accepting.listener.name.clone(), accepting);
    }

    /// Takes an open one away.
    fn take(&mut self, accepting: &Accepting) {
        self.open.remove(&accepting.listener.name);
        self.numbered.remove(&accepting.number);
    }

    /// Takes the open ones of these names away; they rest no more.
    pub fn take_all(&mut self, names: &BTreeSet<ListenerName>) -> Vec<Rc<Accepting>> {
        let gone: Vec<_> = names.iter().filter_map(|name| self.open.remove(name)).collect();
        for accepting in &gone {
            self.numbered.remove(&accepting.number);
            self.resting.remove(&accepting.number);
        }
        gone
    }

    /// The open one of this number.
    pub fn numbered(&self, number: u32) -> Option<&Rc<Accepting>> {
        self.numbered.get(&number)
    }

    /// The open one of this name.
    pub fn named(&self, name: &ListenerName) -> Option<&Rc<Accepting>> {
        self.open.get(name)
    }

    /// Those that are open, by name.
    pub fn all_open(&self) -> &BTreeMap<ListenerName, Rc<Accepting>> {
        &self.open
    }

    /// The one of this number, be it closed next.
    pub fn any_numbered(&self, number: u32) -> Option<&Rc<Accepting>> {
        let closing = || self.closing.iter().map(|(_, it)| it).find(|it| it.number == number);
        self.numbered.get(&number).or_else(closing)
    }

    /// Those at which connections are accepted, the ones that are closed next among them.
    pub fn for_connections(&self) -> Vec<Rc<Accepting>> {
        let open = self.open.values().filter(|it| it.flows.is_none());
        open.chain(self.closing.iter().map(|(_, it)| it)).cloned().collect()
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        *self = Self { begun: self.begun, ..Self::default() };
    }

    /// One that is not listened on rests until then.
    pub fn rest(&mut self, number: u32, until: Instant) {
        self.resting.insert(number, until);
    }

    /// It rests no more; whether it did.
    pub fn wake(&mut self, number: u32) -> bool {
        self.resting.remove(&number).is_some()
    }

    /// There may be room now: those that rest look again.
    pub fn look_again(&mut self, now: Instant) {
        self.resting.values_mut().for_each(|until| *until = now);
    }

    /// Those that have rested long enough.
    pub fn rested(&self, now: Instant) -> Vec<Rc<Accepting>> {
        let rested = self.resting.iter().filter(|(_, until)| **until <= now);
        rested.filter_map(|(number, _)| self.any_numbered(*number)).cloned().collect()
    }

    /// When the next one has rested long enough.
    pub fn next_rested(&self) -> Option<Instant> {
        self.resting.values().min().copied()
    }

    /// Whether nothing is accepted for a while.
    pub fn are_halted(&self) -> bool {
        self.halted
    }

    /// Accepts nothing for a while, or goes on; whether it was so before.
    pub fn halt(&mut self, halted: bool) -> bool {
        std::mem::replace(&mut self.halted, halted)
    }

    /// Whether it is to be told that accepting fails.
    pub fn tells_failure(&mut self, now: Instant) -> bool {
        let tells = self.told_failure.is_none_or(|told| now >= told + TELL);
        if tells {
            self.told_failure = Some(now);
        }
        tells
    }
}

impl Worker {
    /// Stops accepting on these; who waits there already is served, and where others are turned away, so is who has begun to
    /// connect, within `last`.
    pub(super) fn forget(self: &Rc<Self>, gone: Vec<Rc<Accepting>>, last: Duration) {
        let numbers: BTreeSet<u32> = gone.iter().map(|accepting| accepting.number).collect();
        let at = self.reactor.now() + last;
        for accepting in gone {
            self.doors.borrow_mut().take(&accepting);
            if accepting.bound.awaits_last() {
                self.doors.borrow_mut().closing.push((at, accepting));
            } else {
                self.close(accepting);
            }
        }
        if !numbers.is_empty() {
            self.wake_serving(|serving| numbers.contains(&serving.listener));
        }
    }

    /// Stops accepting for good, and has sessions end then. Ports of flows stay open: what belongs to a flow goes on.
    pub(super) fn close_doors(self: &Rc<Self>, last: Duration) {
        let doors = self.doors.borrow().open.values().filter(|it| it.flows.is_none()).cloned().collect();
        self.forget(doors, last);
        self.end_closing();
    }

    /// Whether none is closed now: who waits there would be accepted, which nobody may be.
    fn keeps_closing(&self) -> bool {
        self.doors.borrow().halted && self.draining.get().is_none()
    }

    /// Closes the listeners whose time it is.
    pub(super) fn end_closing(self: &Rc<Self>) {
        if self.keeps_closing() {
            return;
        }
        let now = self.reactor.now();
        let due: Vec<_> = self.doors.borrow_mut().closing.extract_if(.., |(at, _)| *at <= now).collect();
        due.into_iter().for_each(|(_, accepting)| self.close(accepting));
        let drain = self.draining.get().filter(|drain| !drain.is_shut);
        if let Some(drain) = drain.filter(|_| self.doors.borrow().closing.is_empty()) {
            self.draining.set(Some(Drain { is_shut: true, ..drain }));
            self.hurry();
        }
    }

    /// How long it is until one is to be closed; `None`: there is none.
    pub(super) fn closing_due(&self) -> Option<Duration> {
        let doors = self.doors.borrow();
        let next = doors.closing.iter().map(|(at, _)| *at).min().filter(|_| !self.keeps_closing())?;
        Some(next.saturating_duration_since(self.reactor.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bind::Bound;
    use crate::books::{RouteBook, ServiceCounts};
    use crate::shared::Ceiling;
    use evenkeel_core::flow::FlowRules;
    use evenkeel_core::name::{Protocol, ServiceName};
    use evenkeel_core::snapshot::{Listener, SocketOptions};
    use evenkeel_core::sockets::Inward;
    use std::cell::Cell;
    use std::sync::Arc;

    fn name(service: &str) -> ListenerName {
        let addr = "127.0.0.1:80".parse::<std::net::SocketAddr>().unwrap().into();
        ListenerName { service: ServiceName::new(service), protocol: Protocol::Tcp, addr }
    }

    fn accepting(number: u32, service: &str) -> Rc<Accepting> {
        let listener = Listener {
            name: name(service),
            pool: None,
            reception: Arc::default(),
            open: true,
            backlog: 1,
            max_sessions: 1,
            socket: SocketOptions { keepalive: None, user_timeout: None },
            inward: Inward::default(),
            unix_mode: 0o600,
            flows: FlowRules::default(),
        };
        Rc::new(Accepting {
            number,
            listener: Arc::new(listener),
            pool: None,
            tls: None,
            bound: Arc::new(Bound::default()),
            ceiling: Arc::new(Ceiling::new(1)),
            gate: None,
            counts: Arc::new(ServiceCounts::default()),
            routes: RouteBook::default(),
            flows: None,
            stride: Cell::default(),
        })
    }

    fn doors(services: &[&str]) -> Doors {
        let mut doors = Doors::default();
        for service in services {
            let number = doors.next_number();
            doors.open(accepting(number, service));
        }
        doors
    }

    fn numbers<'a>(of: impl IntoIterator<Item = &'a Rc<Accepting>>) -> Vec<u32> {
        of.into_iter().map(|accepting| accepting.number).collect()
    }

    #[test]
    fn a_listener_is_found_by_name_and_by_number_until_it_is_gone() {
        let mut doors = doors(&["web", "api"]);
        assert_eq!(doors.named(&name("api")).map(|it| it.number), Some(1));
        assert!(Rc::ptr_eq(doors.numbered(1).unwrap(), doors.named(&name("api")).unwrap()));
        let other = accepting(1, "api");
        doors.open(Rc::clone(&other));
        assert!(Rc::ptr_eq(doors.numbered(1).unwrap(), &other), "in the place of the one before");
        doors.rest(1, Instant::now());
        let gone = doors.take_all(&BTreeSet::from([name("api"), name("nobody")]));
        assert_eq!(numbers(&gone), [1]);
        assert!(doors.named(&name("api")).is_none() && doors.numbered(1).is_none());
        assert_eq!((numbers(doors.all_open().values()), doors.next_rested()), (vec![0], None));
        assert_eq!(doors.next_number(), 2, "no number is given twice: events may be under way");
    }

    #[test]
    fn one_that_is_closed_next_is_found_by_its_number_alone() {
        let mut doors = doors(&["web", "api"]);
        let web = Rc::clone(doors.named(&name("web")).unwrap());
        doors.take(&web);
        doors.closing.push((Instant::now(), web));
        assert!(doors.named(&name("web")).is_none() && doors.numbered(0).is_none());
        assert_eq!(doors.any_numbered(0).map(|it| it.number), Some(0));
        assert_eq!(numbers(&doors.for_connections()), [1, 0]);
        doors.clear();
        assert!(doors.any_numbered(0).is_none() && doors.any_numbered(1).is_none());
        assert_eq!(doors.next_number(), 2);
    }

    #[test]
    fn those_that_rest_look_again_when_their_time_has_come_or_there_is_room() {
        let now = Instant::now();
        let at = |seconds| now + Duration::from_secs(seconds);
        let mut doors = doors(&["a", "b", "c"]);
        doors.rest(0, at(2));
        doors.rest(2, at(1));
        assert_eq!((numbers(&doors.rested(at(0))), doors.next_rested()), (vec![], Some(at(1))));
        assert_eq!(numbers(&doors.rested(at(1))), [2]);
        assert_eq!((doors.wake(2), doors.wake(1)), (true, false));
        assert_eq!((numbers(&doors.rested(at(1))), doors.next_rested()), (vec![], Some(at(2))));
        doors.look_again(at(1));
        assert_eq!(numbers(&doors.rested(at(1))), [0]);
    }

    #[test]
    fn that_accepting_fails_is_told_once_a_second() {
        let now = Instant::now();
        let mut doors = Doors::default();
        let tells = [0, 1, 999, 1000, 1001].map(|ms| doors.tells_failure(now + Duration::from_millis(ms)));
        assert_eq!(tells, [true, false, false, true, false]);
    }
}
