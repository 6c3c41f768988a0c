//! One request and its answer: on which terms, by which backend, and what becomes of it.

use super::Client;
use super::answer::{Patience, Told};
use super::http2::Failed;
use super::reach::{self, Reached, Wish};
use super::round::{Beginning, Round, RoundEnd};
use super::way::Way;
use crate::books::{RouteBook, RouteCounts};
use crate::connect;
use crate::listener::Accepting;
use crate::pools::LocalPool;
use crate::relay::Relay;
use crate::session::{Established, Places, Reach, Session};
use crate::shared::count;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::end::End;
use evenkeel_core::http::body::Passage;
use evenkeel_core::http::edit::Edits;
use evenkeel_core::http::failing::Failing;
use evenkeel_core::http::grpc;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::rules::HttpRules;
use evenkeel_core::http::steer::Steered;
use evenkeel_core::http::write::Onward;
use evenkeel_core::reception::Reception;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// On which terms a request is served: those that hold now, not those of the session's beginning.
pub struct Terms {
    /// The rules.
    pub rules: Arc<HttpRules>,
    /// Where it goes if no route is for it.
    pub pool: Option<Rc<LocalPool>>,
    /// Where the routes are counted.
    pub routes: RouteBook,
}

impl Terms {
    /// Those of the next request of `session`; `None` if its service serves no requests any more.
    pub fn of(worker: &Worker, session: &Session) -> Option<Self> {
        match accepting(worker, session) {
            Some(accepting) => {
                let routes = Arc::clone(&accepting.routes);
                Self::in_reception(&accepting.listener.reception, accepting.pool.clone(), routes)
            }
            // What came before the listener was closed is served as it would have been.
            None => {
                let (pool, routes) = (session.pool.get().cloned(), RouteBook::default());
                Self::in_reception(&session.listener.reception, pool, routes)
            }
        }
    }

    fn in_reception(reception: &Reception, pool: Option<Rc<LocalPool>>, routes: RouteBook) -> Option<Self> {
        Some(Self { rules: Arc::clone(reception.http.as_ref()?), pool, routes })
    }

    /// Where a worker counts the route at this place.
    pub fn counts(&self, worker: &Worker, route: Option<usize>) -> Option<&RouteCounts> {
        Some(self.routes.get(route?)?.at(worker.index))
    }

    /// Whether the request that is being served is the last one of `session`.
    pub fn last(worker: &Worker, session: &Session) -> bool {
        worker.drains_by().is_some() || accepting(worker, session).is_none()
    }
}

/// Whether there are descriptors for `session`, a stream, to become a relay: it needs a pair of sockets in place of one that it
/// has already, and takes a place for it now, while somebody can still be told that there is none.
fn has_room_for_relay(worker: &Worker, session: &Session) -> bool {
    let places = worker.another_place().map(|of_process| Places { of_process, of_service: None });
    places.is_some_and(|places| session.places.set(places).is_ok())
}

/// The listener of `session` as it is now, if it still is.
fn accepting(worker: &Worker, session: &Session) -> Option<Rc<Accepting>> {
    let number = session.serving()?.listener;
    worker.doors.borrow().numbered(number).cloned()
}

/// One request, from its head to the last byte of its answer.
pub struct Exchange {
    /// When its head was complete.
    pub began: Instant,
    /// How long that took, from its first byte.
    pub head_took: Duration,
    /// What it wants to be done.
    pub method: Method,
    /// What backends get.
    pub head: Vec<u8>,
    /// Its body on the way to a backend.
    pub body: Passage,
    /// Whether something of that was taken from the client.
    pub is_body_touched: bool,
    /// Whether another protocol may follow.
    pub may_upgrade: bool,
    onward: Onward,
    /// On which terms.
    pub terms: Terms,
    /// Which way it goes.
    pub way: Way,
    /// What the client was told.
    pub status: Option<u16>,
    /// Whether it has got something of a backend's answer: then it can be told nothing else.
    pub is_answered: bool,
    /// How it has ended, as its backend says, if it is a call of gRPC.
    pub grpc: Option<grpc::Status>,
    /// Who answered, or was to.
    pub backend: Option<Addr>,
    /// How long the connect took, if one was needed.
    pub connect: Option<Duration>,
    /// By when it has to be over, because its backend is left.
    pub cut_by: Option<Instant>,
    /// Whether what became of it was told.
    pub is_told: bool,
    /// When the backend had taken all of it.
    pub sent: Option<Instant>,
    /// When the first byte of the answer came.
    pub first_byte: Option<Instant>,
    /// Bytes that backends took.
    pub to_backend: u64,
    /// Bytes that the client took.
    pub to_client: u64,
    /// Those of heads among them.
    pub head_to_client: u64,
}

impl Exchange {
    /// For `request`, of which backends get `head`.
    pub fn new(
        worker: &Worker,
        session: &Session,
        request: &Request<'_>,
        (head, steered): (Vec<u8>, Steered),
        terms: Terms,
    ) -> Self {
        Self {
            way: Way::new(worker, session, &terms, steered),
            began: worker.reactor.now(),
            head_took: Duration::ZERO,
            method: request.method,
            head,
            body: Passage::new(request.body, request.body, terms.rules.body_max),
            is_body_touched: false,
            may_upgrade: request.upgrade.is_some(),
            onward: Onward { version: request.version, keeps: request.keeps },
            terms,
            status: None,
            is_answered: false,
            grpc: None,
            backend: None,
            connect: None,
            cut_by: None,
            is_told: false,
            sent: None,
            first_byte: None,
            to_backend: 0,
            to_client: 0,
            head_to_client: 0,
        }
    }

    /// Its client was told something by us.
    pub fn note_told(&mut self, told: Told) {
        self.to_client += told.head + told.body;
        self.head_to_client += told.head;
    }

    /// Whether there may be another request after this one.
    pub fn keeps(&self) -> bool {
        self.onward.keeps
    }

    /// Whether all of its body was taken from the client.
    pub fn is_body_gone(&self) -> bool {
        self.body.is_done()
    }

    /// Takes in what came of its body, and adds what its backend gets of that to `out`; says how many of the bytes were of it.
    pub fn carry(&mut self, came: &[u8], out: &mut Vec<u8>) -> Result<usize, Refusal> {
        self.body.carry(came, &self.way.then(&self.terms.rules).to_backend, out)
    }

    /// What is done to the fields of its answer.
    pub fn edits_to_client(&self) -> &Edits {
        &self.way.then(&self.terms.rules).to_client
    }

    /// What the client is told of its connection if that is kept, or not, from now on.
    pub fn onward(&mut self, keeps: bool) -> Onward {
        self.onward.keeps &= keeps;
        self.onward
    }

    /// Sends it to a backend, and the answer back; to another one as long as that is safe.
    pub async fn run(
        &mut self,
        worker: &Rc<Worker>,
        session: &Session,
        client: &mut Client,
    ) -> (Outcome, Option<Box<Established>>) {
        if self.way.said.is_some() {
            return (Outcome::Ruled, None);
        }
        let Some(pool) = self.way.pool.clone() else {
            return (Outcome::Unserved(End::NoBackend), None);
        };
        if self.method == Method::Connect && pool.newest().rules.http2.is_some() {
            // A stream cannot become a relay.
            return (Outcome::Refused(Refusal::Connect), None);
        }
        let may_be_relayed = self.may_upgrade || self.method == Method::Connect;
        if may_be_relayed && client.is_stream() && !has_room_for_relay(worker, session) {
            return (Outcome::Unserved(End::Ceiling), None);
        }
        pool.note_session();
        let mut wish = Wish {
            since: None,
            alone: self.terms.rules.links.idle_max == 0,
            alive: !self.method.is_idempotent() || !self.body.is_done(),
            started: worker.reactor.now(),
            by: self.by(),
        };
        loop {
            let mut reached = match reach::reach(worker, session, &pool, client.socket(), &mut wish).await {
                Ok(reached) => reached,
                Err(End::ClientLeft) => return (Outcome::ClientLeft, None),
                Err(End::NotConnected(ConnectFailure::NoAnswer(failing))) => {
                    return (Outcome::Unanswered(failing), None);
                }
                Err(end) => return (Outcome::Unserved(end), None),
            };
            count(&reached.seat.counts.requests, 1);
            self.backend = Some(reached.addr().clone());
            (self.connect, self.sent) = (reached.connect, None);
            let round = Round::new(worker, session, client, self, &reached);
            let (end, in_order) = round.run().await;
            if !matches!(end, RoundEnd::Upgraded(_)) {
                session.set_reach(Reach::Nobody);
            }
            worker.on_seat_freed(&pool);
            match end {
                RoundEnd::Done => {
                    self.keep(worker, &pool, &mut reached, in_order);
                    return (Outcome::Answered, None);
                }
                RoundEnd::Upgraded(beginning) => {
                    return match self.upgrade(worker, session, client, reached, beginning) {
                        Some(established) => (Outcome::Upgraded, Some(Box::new(established))),
                        None => (Outcome::CutShort, None),
                    };
                }
                RoundEnd::Failed(failing) => {
                    match self.fail(worker, session, &pool, reached, failing, &mut wish).await {
                        None => {}
                        Some(outcome) => return (outcome, None),
                    }
                }
                RoundEnd::Over(outcome) => {
                    self.keep(worker, &pool, &mut reached, false);
                    return (outcome, None);
                }
            }
        }
    }

    /// The backend has done what it can for it: its link goes on, if that is in order. Of HTTP/2 a request can be taken back.
    fn keep(&self, worker: &Worker, pool: &LocalPool, reached: &mut Reached<'_>, in_order: bool) {
        let can_go_on = in_order || reached.lease.link.is_http2();
        if can_go_on && reached.is_eligible(pool) {
            reached.lease.keep(&self.terms.rules.links, worker.reactor.now());
        }
    }

    /// What becomes of it after a backend failed to answer: `None`, it is to be sent again.
    async fn fail(
        &mut self,
        worker: &Worker,
        session: &Session,
        pool: &LocalPool,
        mut reached: Reached<'_>,
        failing: Failing,
        wish: &mut Wish,
    ) -> Option<Outcome> {
        let is_unseen = reached.lease.failed() == Some(Failed::Unseen);
        if failing == Failing::Reset && !is_unseen {
            // Of several requests it may be this one only.
            self.keep(worker, pool, &mut reached, false);
        }
        let Reached { lease, seat, pool: chosen, index, .. } = reached;
        let may_repeat = self.may_repeat(is_unseen) && self.by().is_none_or(|by| worker.reactor.now() < by);
        let is_lost = matches!(failing, Failing::Closed | Failing::Reset | Failing::Silent);
        let has_ended_meanwhile = (lease.is_reused || is_unseen) && is_lost;
        drop(lease);
        let failure = ConnectFailure::NoAnswer(failing);
        let backend = &chosen.backends[index as usize];
        if has_ended_meanwhile && may_repeat && wish.since.is_none() {
            // It was closed while it waited, as any server may: that says nothing of the backend.
            let now = worker.reactor.now();
            (wish.since, wish.started) = (Some(now), now);
            if failing == Failing::Silent {
                // Which took so long that somebody may ask why.
                connect::note_attempt(worker, session, backend, failure, self.began);
            }
            return None;
        }
        if failing.is_of_backend() && !has_ended_meanwhile {
            seat.failed(failure);
            connect::note_failure(worker, session, &chosen, backend, failure, self.began);
        } else {
            drop(seat);
            connect::note_attempt(worker, session, backend, failure, self.began);
        }
        if !may_repeat {
            return Some(Outcome::Unanswered(failing));
        }
        let rules = chosen.rules.connect;
        match connect::go_on(worker, session, pool, &rules, failure, wish.started).await {
            Ok(()) => None,
            Err(End::ClientLeft) => Some(Outcome::ClientLeft),
            Err(_) => Some(Outcome::Unanswered(failing)),
        }
    }

    /// By when all of it must be over, if it must.
    pub fn by(&self) -> Option<Instant> {
        self.terms.rules.timeouts.request.map(|limit| self.began + limit)
    }

    /// How long its client may take for what we say ourselves.
    pub fn patience(&self) -> Patience {
        Patience { pause: self.terms.rules.timeouts.body, by: None }
    }

    /// Whether it can be sent again: all of it is still here, nothing was answered, and it does no harm if it was done already.
    /// Without its body, a request that has one was not done; nor was one that is unseen, as the backend has said.
    fn may_repeat(&self, is_unseen: bool) -> bool {
        let has_body = !self.body.is_done();
        let is_harmless = self.method.is_idempotent() || has_body || is_unseen;
        self.first_byte.is_none() && !self.is_body_touched && is_harmless
    }

    /// Both sockets as a relay, which begins with what both sides said already.
    fn upgrade(
        &self,
        worker: &Worker,
        session: &Session,
        client: &mut Client,
        reached: Reached<'_>,
        beginning: Beginning,
    ) -> Option<Established> {
        let Reached { lease, seat, pool, .. } = reached;
        session.backend_ready.set(lease.link.ready());
        let (backend, to_backend_tunnel) = lease.into_parts()?;
        let token = crate::reactor::Token::Session { row: session.row, client: false };
        worker.reactor.rename(&backend, token).ok()?;
        let (taken, to_client_tunnel) = client.take_socket(&worker.reactor, session)?;
        let options = &session.listener.socket;
        let rules = Arc::clone(&pool.rules);
        let now = worker.reactor.now();
        let mut relay = Relay::new(taken, backend, Vec::new(), options, rules, now)
            .with_tls(to_client_tunnel, to_backend_tunnel)
            .beginning(
                [beginning.to_backend, std::mem::take(&mut client.held)].concat(),
                beginning.to_client,
            );
        self.cut_by.into_iter().for_each(|at| relay.drain_by(at));
        Some(Established { relay, seat })
    }
}
