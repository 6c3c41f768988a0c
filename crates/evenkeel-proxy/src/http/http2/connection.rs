//! A connection of HTTP/2 with a client: its streams become sessions, which it carries bytes for.

use super::detour::Detour;
use super::limits;
use super::opening;
use super::pipe::Pipe;
use super::stream::Stream;
use super::wire::{Turn, Wire};
use crate::http::answer::Told;
use crate::http::arrival::Refused;
use crate::http::exchange::Terms;
use crate::http::port::Came;
use crate::http::{Client, tell};
use crate::session::{Open, Session};
use crate::shared::Place;
use crate::worker::Worker;
use evenkeel_core::end::End;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::rules::Timeouts;
use evenkeel_core::http2::endpoint::{Endpoint, Event};
use evenkeel_core::http2::hpack;
use evenkeel_core::http2::message::{self, Malformed};
use evenkeel_core::http2::reason::Reason;
use evenkeel_core::http2::unpacked::Unpacked;
use evenkeel_core::http2::wording::{self, Asked};
use evenkeel_core::side::Side;
use evenkeel_sys::poll::Readiness;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// How long a client that was told to leave may take.
const LINGER: Duration = Duration::from_secs(2);

/// Whether it was agreed upon with the client, under TLS.
pub fn is_agreed(session: &Session) -> bool {
    let opening = session.opening.borrow();
    let agreed = opening.notes.tls.as_ref().and_then(|tls| tls.agreed.as_ref());
    agreed.is_some_and(|agreed| agreed.alpn.as_deref() == Some("h2"))
}

/// Serves `client`, who speaks HTTP/2.
pub fn serve(worker: Rc<Worker>, session: Rc<Session>, client: Client) -> Open {
    Box::pin(async move {
        let mut connection = Connection::new(worker, session, client).ok_or(End::Closed(Side::Evenkeel))?;
        let end = poll_fn(|_| connection.advance()).await;
        Err(end)
    })
}

struct Connection {
    worker: Rc<Worker>,
    session: Rc<Session>,
    wire: Rc<Wire>,
    endpoint: Endpoint,
    talk: Talk,
    /// By their numbers, which grow.
    streams: Vec<Stream>,
    /// Whether what it says is not read now, as it does not take what it is told.
    is_deaf: bool,
    /// Whose go it is first: the room that the client has for all of them goes round.
    first: u32,
    timeouts: Timeouts,
    /// Since when it has no streams.
    idle_since: Instant,
    /// Since when the client is to open no more of them.
    leaving_since: Option<Instant>,
    /// How the session ends, once its streams have.
    end: Option<End>,
}

/// There is no room for another stream.
struct NoRoom;

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Talk {
    Speaking,
    /// What is on its way is all that we say.
    Ending,
    /// We have said all, and wait for the client to leave.
    Leaving,
    Over,
}

impl Connection {
    fn new(worker: Rc<Worker>, session: Rc<Session>, client: Client) -> Option<Self> {
        let rules = Terms::of(&worker, &session)?.rules;
        session.serving()?.speak_http2();
        let (socket, tunnel, held) = client.into_parts()?;
        let now = worker.reactor.now();
        let wire = Rc::new(Wire::new(socket, tunnel, Rc::clone(&worker.http.frames)));
        let mut turn = wire.begin(session.client_ready.get());
        let endpoint = Endpoint::server(limits::of_clients(&rules.limits), now, &mut turn.out);
        let mut connection = Self {
            wire: Rc::clone(&wire),
            endpoint,
            talk: Talk::Speaking,
            streams: Vec::new(),
            is_deaf: false,
            first: 0,
            timeouts: rules.timeouts,
            idle_since: now,
            leaving_since: None,
            end: None,
            worker,
            session,
        };
        connection.take(&held, &mut turn.desk.unpacked, &mut turn.out, now);
        drop(turn);
        Some(connection)
    }

    fn advance(&mut self) -> Poll<End> {
        let now = self.worker.reactor.now();
        let wire = Rc::clone(&self.wire);
        let mut turn = wire.begin(self.session.client_ready.get());
        let told = self.session.backend_ready.replace(Readiness::NONE);
        if told.readable() || told.writable() {
            // It is not told which of them it is.
            self.streams.iter_mut().filter_map(|stream| stream.detour.as_mut()).for_each(Detour::wake);
        }
        self.talk_on(&mut turn, now);
        self.session.client_ready.set(turn.ready());
        self.worker.note_moved(turn.came() as u64);
        if turn.is_to_go_on() {
            self.worker.queue_row(self.session.row);
        }
        if let Some(end) = self.end.filter(|_| self.streams.is_empty()) {
            return Poll::Ready(end);
        }
        let by = self.deadline();
        self.worker.reactor.arm(self.session.row.index, self.worker.drains_by().map_or(by, |it| it.min(by)));
        Poll::Pending
    }

    fn talk_on(&mut self, turn: &mut Turn<'_>, now: Instant) {
        if turn.ready().broken() {
            self.stop(self.left());
        }
        if self.talk == Talk::Leaving && turn.ignore() {
            self.stop(End::Closed(Side::Evenkeel));
        }
        self.send(turn);
        self.listen(turn, now);
        self.carry(turn, now);
        self.tell_of_refused(now);
        if self.leaving_since.is_none() && self.is_to_leave(now) {
            self.leave(&mut turn.out, now);
        }
        if self.talk == Talk::Speaking && self.endpoint.is_left() {
            self.say_no_more(now);
        }
        self.send(turn);
        if now >= self.deadline() {
            self.stop(End::Closed(Side::Evenkeel));
        }
    }

    /// Sends what is to go out, and the end if that was all.
    fn send(&mut self, turn: &mut Turn<'_>) {
        match turn.send() {
            Ok(true) if self.talk == Talk::Ending => {
                turn.close();
                self.talk = Talk::Leaving;
            }
            Ok(_) => {}
            Err(_) => self.stop(self.left()),
        }
    }

    /// Takes what has come.
    fn listen(&mut self, turn: &mut Turn<'_>, now: Instant) {
        while self.talk == Talk::Speaking {
            match turn.recv() {
                Came::Bytes(bytes) => {
                    let (came, unpacked, out) = turn.parts(bytes);
                    self.take(came, unpacked, out, now);
                }
                Came::Nothing => {
                    self.is_deaf = turn.is_full();
                    return;
                }
                Came::End | Came::Lost => return self.stop(self.left()),
            }
        }
    }

    fn take(&mut self, mut came: &[u8], unpacked: &mut Unpacked, out: &mut Vec<u8>, now: Instant) {
        loop {
            match self.endpoint.next(&mut came, unpacked, out, now) {
                Ok(Some(event)) => self.on_event(event, unpacked, out, now),
                Ok(None) => return,
                Err(why) => {
                    let is_flood = why == Reason::ENHANCE_YOUR_CALM;
                    self.tell_refused(if is_flood { Refusal::Flood } else { Refusal::Frames }, b"", now);
                    self.endpoint.go_away(why, out);
                    return self.say_no_more(now);
                }
            }
        }
    }

    fn on_event(&mut self, event: Event<'_>, unpacked: &Unpacked, out: &mut Vec<u8>, now: Instant) {
        match event {
            Event::Fields { stream, is_new: true, is_over } => {
                self.open((stream, is_over), unpacked, out, now);
            }
            Event::Fields { stream, .. } => self.pass(stream, out, |it| it.take_trailers(unpacked)),
            Event::Data { stream, bytes, is_over } => {
                self.pass(stream, out, |it| it.take(bytes, is_over));
            }
            Event::Reset { stream, .. } => self.give_up(stream),
            // Each is asked whether it waits for that.
            Event::Room => {}
        }
    }

    fn stream(&mut self, id: u32) -> Option<&mut Stream> {
        self.streams.binary_search_by_key(&id, |stream| stream.id).ok().map(|at| &mut self.streams[at])
    }

    /// Has a stream take what came.
    fn pass(&mut self, id: u32, out: &mut Vec<u8>, take: impl FnOnce(&mut Stream) -> Result<(), Malformed>) {
        let Some(stream) = self.stream(id) else { return };
        let (taken, row) = (take(stream), stream.session.row);
        self.worker.queue_row(row);
        if taken.is_err() {
            self.endpoint.reset(id, Reason::PROTOCOL_ERROR, out);
            self.give_up(id);
        }
    }

    /// A stream is over before its time.
    fn give_up(&mut self, id: u32) {
        let worker = Rc::clone(&self.worker);
        self.stream(id).into_iter().for_each(|stream| give_up(&worker, stream));
    }

    /// Carries bytes of the streams that have something to do, beginning where the room of the client was used up.
    fn carry(&mut self, turn: &mut Turn<'_>, now: Instant) {
        let begin = self.streams.partition_point(|stream| stream.id < self.first);
        let count = self.streams.len();
        let mut was_full = self.endpoint.is_full();
        for at in (begin..count).chain(0..begin) {
            if turn.is_full() {
                self.send(turn);
            }
            let is_full = turn.is_full();
            let stream = &mut self.streams[at];
            if stream.is_due(&self.endpoint, is_full)
                && stream.advance(&mut self.endpoint, &mut turn.out, is_full)
            {
                self.worker.queue_row(stream.session.row);
            }
            if !was_full && self.endpoint.is_full() {
                (was_full, self.first) = (true, stream.id + 1);
            }
        }
        for stream in self.streams.extract_if(.., |stream| stream.is_over()) {
            let report = stream.place.and_then(|place| place.leave(None));
            report.into_iter().for_each(|report| self.worker.shared.report(report));
        }
        self.wire.streams.set(self.streams.len());
        if count > 0 && self.streams.is_empty() {
            // An idle connection is to hold as little as it can.
            self.streams = Vec::new();
            self.idle_since = now;
        }
    }

    /// The client has opened a stream: it gets a session.
    fn open(&mut self, (id, is_over): (u32, bool), unpacked: &Unpacked, out: &mut Vec<u8>, now: Instant) {
        let Ok(asked) = message::request(unpacked, is_over) else {
            return self.endpoint.reset(id, Reason::PROTOCOL_ERROR, out);
        };
        let Ok(place) = self.place() else {
            return self.endpoint.reset(id, Reason::REFUSED_STREAM, out);
        };
        let pipe = Rc::new(Pipe::new(Rc::clone(&self.wire), self.session.row));
        let written = match unpacked.is_too_long() {
            true => Err(Refusal::HeadTooLong),
            false => {
                let nonce = if asked.protocol.is_some() { self.nonce() } else { 0 };
                wording::request(&asked, unpacked.fields(), nonce, &mut pipe.to_backend.borrow_mut())
            }
        };
        let framing = match written {
            Ok(framing) => framing,
            Err(refusal) => return self.refuse(id, refusal, &asked, out, now),
        };
        let session = opening::session(&self.worker, &self.session);
        let request = (asked.method(), (!is_over).then_some(framing));
        let mut stream = Stream::new(id, session, pipe, request);
        stream.place = place;
        opening::begin(&self.worker, &stream, self.session.row);
        self.streams.push(stream);
        self.wire.streams.set(self.streams.len());
    }

    fn nonce(&self) -> u128 {
        let mut dice = self.worker.dice.borrow_mut();
        u128::from(dice.roll()) << 64 | u128::from(dice.roll())
    }

    /// A stream is refused before it is a request.
    fn refuse(&mut self, id: u32, why: Refusal, asked: &Asked<'_>, out: &mut Vec<u8>, now: Instant) {
        // `CONNECT` has no path, but where to.
        let target = asked.path.or(asked.authority).and_then(|it| it.split(|byte| *byte == b'?').next());
        let line = [asked.method, target.unwrap_or_default()].join(&b' ');
        self.tell_refused(why, &line, now);
        self.endpoint.refuse(id, out, |out| hpack::status(why.status(), out));
    }

    /// Room for one more stream, each of which has a backend as a session has: the first has the place of its connection.
    fn place(&self) -> Result<Option<Place>, NoRoom> {
        if self.streams.is_empty() {
            return Ok(None);
        }
        self.worker.another_place().map(Some).ok_or(NoRoom)
    }

    /// Waits for the client to end its side, having ended ours: a socket that is closed with bytes unread is reset, which might
    /// overtake what was said.
    fn say_no_more(&mut self, now: Instant) {
        self.leaving_since = Some(now);
        self.talk = Talk::Ending;
        self.break_streams();
    }

    /// It is over: so are its streams.
    fn stop(&mut self, end: End) {
        self.end.get_or_insert(end);
        self.talk = Talk::Over;
        self.break_streams();
    }

    fn break_streams(&mut self) {
        self.streams.iter_mut().for_each(|stream| give_up(&self.worker, stream));
    }

    /// What it ends as when the client says nothing more.
    fn left(&self) -> End {
        let has_all = self.streams.iter().all(Stream::is_answered);
        if has_all { End::Closed(Side::Client) } else { End::ClientLeft }
    }

    /// Whether the client is to open no more streams.
    fn is_to_leave(&self, now: Instant) -> bool {
        let is_idle = self.streams.is_empty() && now >= self.idle_since + self.timeouts.keep_alive;
        is_idle || Terms::last(&self.worker, &self.session) && !self.may_begin(now)
    }

    /// Whether the client has come lately and said nothing yet: its first request may be on its way.
    fn may_begin(&self, now: Instant) -> bool {
        !self.endpoint.has_begun() && now < self.begins_by()
    }

    /// By when it has to say something if it is to be the last thing that it says.
    fn begins_by(&self) -> Instant {
        self.session.accepted + self.timeouts.head
    }

    fn leave(&mut self, out: &mut Vec<u8>, now: Instant) {
        self.leaving_since = Some(now);
        match self.talk {
            Talk::Speaking if self.endpoint.has_begun() => self.endpoint.leave(out),
            _ => self.stop(End::Closed(Side::Evenkeel)),
        }
    }

    /// By when it is over, or something is to be done.
    fn deadline(&self) -> Instant {
        // The rest of a head may be there that we do not read: then its answers have to be taken in time.
        let may_speak = self.talk == Talk::Speaking && !self.is_deaf;
        let inside = self.endpoint.inside_since().filter(|_| may_speak);
        let head = inside.map(|since| since + self.timeouts.head);
        let idle = match self.leaving_since {
            _ if !self.streams.is_empty() => None,
            Some(since) => Some(since.max(self.idle_since) + LINGER),
            None if Terms::last(&self.worker, &self.session) => Some(self.begins_by()),
            None => Some(self.idle_since + self.timeouts.keep_alive),
        };
        let far = self.worker.reactor.now() + Duration::from_secs(3600);
        [head, idle].into_iter().flatten().min().unwrap_or(far)
    }

    /// Streams that were reset for the client's fault.
    fn tell_of_refused(&mut self, now: Instant) {
        for _ in 0..self.endpoint.take_refused() {
            self.tell_refused(Refusal::Stream, b"", now);
        }
    }

    fn tell_refused(&self, refusal: Refusal, said: &[u8], now: Instant) {
        tell::refused(&self.worker, &self.session, &Refused::new(refusal, said, now), Told::default());
    }
}

/// The client has left a stream: its session is told, or cut if it is established, as one whose client resets it.
fn give_up(worker: &Rc<Worker>, stream: &mut Stream) {
    let row = stream.session.row;
    match stream.give_up() {
        Some(_) => worker.cut(row, End::Reset(Side::Client)),
        None => worker.queue_row(row),
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.break_streams();
    }
}
