//! The arrival of a request: waits for its head, understands it, and writes what a backend will get.

use super::exchange::{Exchange, Terms};
use super::port::Came;
use super::{Client, Desk};
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::end::End;
use evenkeel_core::http::forwarded::Origin;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::head::Seeker;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::steer;
use evenkeel_core::http::version::Version;
use evenkeel_core::http::write::Onward;
use evenkeel_core::http2;
use evenkeel_core::side::Side;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Bytes of a refused request that are told.
const SAID_MAX: usize = 256;

/// What has come.
pub enum Arrival {
    /// A head of HTTP/1.
    Head(Head),
    /// The beginning of HTTP/2.
    Http2,
}

impl From<Head> for Arrival {
    fn from(head: Head) -> Self {
        Self::Head(head)
    }
}

/// What has come of HTTP/1.
pub enum Head {
    /// A request.
    Request(Box<Exchange>),
    /// Something that is refused.
    Refused(Refused),
}

/// A request that was refused before it was one.
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// When.
    pub at: Instant,
    /// The beginning of its first line.
    pub said: Box<[u8]>,
}

impl Refused {
    /// For this reason, now that this has come.
    pub fn new(refusal: Refusal, came: &[u8], at: Instant) -> Self {
        let line = came.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or_default();
        Self { refusal, at, said: line[..line.len().min(SAID_MAX)].into() }
    }

    /// Its method, if its answer has no body.
    pub fn method(&self) -> Option<Method> {
        self.said.starts_with(b"HEAD ").then_some(Method::Head)
    }

    /// What its client is told of the connection: nobody knows where the next request would begin.
    pub fn onward(&self) -> Onward {
        Onward { version: Version::Http11, keeps: false }
    }
}

/// A client from whom the next request is to come, and how far it has. Most connections are here most of the time, so this is
/// plain data, and holds nothing.
pub struct Waiting {
    client: Client,
    seeker: Seeker,
    /// Whether what comes may be the beginning of HTTP/2.
    may_be_http2: bool,
    /// Whether its client has asked for nothing yet.
    is_first: bool,
    has_begun: bool,
    /// Bytes of empty lines that came instead of its first line.
    empty: u16,
    /// When its first byte came.
    heard: Option<Instant>,
    by: Instant,
}

impl Waiting {
    /// For the request of `client` that comes next, or the first one; `None`: none is to come any more.
    pub fn new(worker: &Worker, session: &Session, client: Client, is_first: bool) -> Option<Self> {
        let timeouts = Terms::of(worker, session)?.rules.timeouts;
        let by = match is_first {
            true => session.accepted + timeouts.head,
            false => worker.reactor.now() + timeouts.keep_alive,
        };
        // Under TLS it is agreed upon.
        let may_be_http2 = is_first && !client.is_stream() && !client.is_tls();
        let seeker = Seeker::default();
        Some(Self { client, seeker, may_be_http2, is_first, has_begun: is_first, empty: 0, heard: None, by })
    }

    /// Its client, when what was waited for has come.
    pub fn into_client(self) -> Client {
        self.client
    }

    /// Looks what has come.
    pub fn advance(&mut self, worker: &Worker, session: &Session) -> Poll<Result<Arrival, End>> {
        self.wait(worker, session, |waiting| {
            if waiting.may_be_http2 {
                match begins_http2(worker, session, &mut waiting.client)? {
                    Ok(true) => return Some(Ok(Arrival::Http2)),
                    Ok(false) => waiting.may_be_http2 = false,
                    Err(end) => return Some(Err(end)),
                }
            }
            look(worker, session, waiting).map(|head| head.map(Arrival::Head))
        })
    }

    /// Looks what has come of the request of a stream, which is said in the words of HTTP/1.
    pub fn advance_stream(&mut self, worker: &Worker, session: &Session) -> Poll<Result<Head, End>> {
        self.wait(worker, session, |waiting| look(worker, session, waiting))
    }

    /// Waits until `look` finds what has come, or nothing more is to come.
    fn wait<T: From<Head>>(
        &mut self,
        worker: &Worker,
        session: &Session,
        look: impl FnOnce(&mut Self) -> Option<Result<T, End>>,
    ) -> Poll<Result<T, End>> {
        let now = worker.reactor.now();
        if session.client_ready.get().broken() {
            return Poll::Ready(Err(left(&self.client)));
        }
        if session.client_ready.get().readable() || !self.client.held.is_empty() {
            if !std::mem::replace(&mut self.has_begun, true) {
                let Some(terms) = Terms::of(worker, session) else {
                    return Poll::Ready(Err(End::Closed(Side::Evenkeel)));
                };
                self.by = now + terms.rules.timeouts.head;
            }
            self.heard.get_or_insert(now);
            if let Some(arrival) = look(self) {
                return Poll::Ready(arrival);
            }
        }
        // Who has come before a stop may have sent its first request already, which is still on its way.
        let is_over = now >= self.by || !self.is_first && Terms::last(worker, session);
        if self.client.held.is_empty() && is_over {
            self.client.close(session, worker.tools.borrow_mut().cipher());
            return Poll::Ready(Err(End::Closed(Side::Evenkeel)));
        }
        if now >= self.by {
            let late = Refused::new(Refusal::HeadLate, &self.client.held, now);
            return Poll::Ready(Ok(Head::Refused(late).into()));
        }
        worker.reactor.arm(session.row.index, worker.drains_by().map_or(self.by, |by| by.min(self.by)));
        Poll::Pending
    }
}

/// What it ends as when the client says nothing more: in order between two requests only.
fn left(client: &Client) -> End {
    if client.held.is_empty() { End::Closed(Side::Client) } else { End::ClientLeft }
}

/// Whether what comes is the beginning of HTTP/2; `None` if there is more to come before that is known.
fn begins_http2(worker: &Worker, session: &Session, client: &mut Client) -> Option<Result<bool, End>> {
    let mut tools = worker.tools.borrow_mut();
    let (scratch, cipher) = tools.buffers();
    let mut length = client.take_held(scratch);
    loop {
        if let Some(is_http2) = http2::begins(&scratch[..length]) {
            client.hold(&scratch[..length]);
            return Some(Ok(is_http2));
        }
        if let Err(end) = read_on(client, session, (scratch, cipher), &mut length)? {
            return Some(Err(end));
        }
    }
}

/// Reads what there is of a head; `None` if there is more to come.
fn look(worker: &Worker, session: &Session, waiting: &mut Waiting) -> Option<Result<Head, End>> {
    let Waiting { client, seeker, heard, empty, .. } = waiting;
    let Some(terms) = Terms::of(worker, session) else { return Some(Err(End::Closed(Side::Evenkeel))) };
    let mut tools = worker.tools.borrow_mut();
    let (scratch, cipher) = tools.buffers();
    let mut length = client.take_held(scratch);
    let limits = terms.rules.limits;
    loop {
        let now = worker.reactor.now();
        let refused = |refusal, came: &[u8]| Some(Ok(Head::Refused(Refused::new(refusal, came, now))));
        let skipped = skip_empty_lines(scratch, &mut length);
        if skipped > 0 {
            *seeker = Seeker::default();
            *empty = empty.saturating_add(u16::try_from(skipped).unwrap_or(u16::MAX));
            // They are part of no head, but who sends nothing else would never be done.
            if u32::from(*empty) >= limits.bytes {
                return refused(Refusal::HeadTooLong, &[]);
            }
        }
        match seeker.end(&scratch[..length]) {
            Err(refusal) => return refused(refusal, &scratch[..length]),
            Ok(Some(end)) if end > limits.bytes as usize => {
                return refused(Refusal::HeadTooLong, &scratch[..end]);
            }
            Ok(Some(end)) => {
                client.hold(&scratch[end..length]);
                let head = &scratch[..end];
                let took = heard.map_or(Duration::ZERO, |heard| now - heard);
                return match arrive(worker, session, client, terms, (head, took)) {
                    Ok(exchange) => Some(Ok(Head::Request(exchange))),
                    Err(refusal) => refused(refusal, head),
                };
            }
            Ok(None) if length >= limits.bytes as usize => {
                let is_line = scratch[..length].contains(&b'\n');
                let refusal = if is_line { Refusal::HeadTooLong } else { Refusal::TargetTooLong };
                return refused(refusal, &scratch[..length]);
            }
            Ok(None) => {}
        }
        if let Err(end) = read_on(client, session, (scratch, cipher), &mut length)? {
            return Some(Err(end));
        }
    }
}

/// Reads what comes next behind the `length` bytes that have come; `None`, and those are held, if there is more to come.
fn read_on(
    client: &mut Client,
    session: &Session,
    (scratch, cipher): (&mut [u8], &mut [u8]),
    length: &mut usize,
) -> Option<Result<(), End>> {
    match client.port(&session.client_ready).recv(&mut scratch[*length..], cipher) {
        Came::Bytes(bytes) => {
            *length += bytes;
            Some(Ok(()))
        }
        Came::Nothing => {
            client.hold(&scratch[..*length]);
            None
        }
        Came::End | Came::Lost => {
            client.hold(&scratch[..*length]);
            Some(Err(left(client)))
        }
    }
}

/// Takes away empty lines at the beginning: some end a body with one that is no part of it, RFC 9112, section 2.2. Says how many
/// bytes those were.
fn skip_empty_lines(scratch: &mut [u8], length: &mut usize) -> usize {
    let empty = 2 * scratch[..*length].chunks_exact(2).take_while(|pair| *pair == b"\r\n").count();
    if empty > 0 {
        scratch.copy_within(empty..*length, 0);
        *length -= empty;
    }
    empty
}

/// A whole head has come.
fn arrive(
    worker: &Worker,
    session: &Session,
    client: &Client,
    terms: Terms,
    (head, took): (&[u8], Duration),
) -> Result<Box<Exchange>, Refusal> {
    let mut desk = worker.http.desk.borrow_mut();
    let Desk { lines, .. } = &mut *desk;
    let mut request = Request::parse(head, &terms.rules.limits, lines)?;
    if client.is_stream() {
        request = request.over_http2();
    }
    if let (Framing::Length(length), Some(most)) = (request.body, terms.rules.body_max)
        && length > most
    {
        return Err(Refusal::BodyTooLong);
    }
    let mut written = Vec::with_capacity(head.len() + 256);
    let origin = origin(worker, session, client, &terms);
    let steered = steer::steer(&terms.rules, &request, &origin, &mut written)?;
    if let Some(serving) = session.serving() {
        serving.on_request();
        serving.set_aborts_on_close(terms.rules.abort_on_close && !client.is_stream());
    }
    let mut exchange = Box::new(Exchange::new(worker, session, &request, (written, steered), terms));
    exchange.head_took = took;
    Ok(exchange)
}

fn origin(worker: &Worker, session: &Session, client: &Client, terms: &Terms) -> Origin {
    let mut dice = worker.dice.borrow_mut();
    let source = session.source();
    Origin {
        client: source,
        is_tls: client.is_tls(),
        is_trusted: terms.rules.trusts(source),
        id: u128::from(dice.roll()) << 64 | u128::from(dice.roll()),
        rules: terms.rules.forwarded,
    }
}
