//! The admin API: HTTP and JSON for whoever wants to look into a running evenkeel or tell it something. It asks the
//! control loop by messages, and decides nothing itself. Read [`routes`] first.

mod args;
mod certificates;
mod change;
mod dashboard;
mod guard;
mod handle;
mod metrics;
mod missing;
mod openapi;
mod orders;
mod patient;
pub mod place;
mod reply;
mod routes;
mod server;
mod upgrade;
mod view;
mod why;

use crate::config::{AdminSettings, Flags};
use crate::control::{Input, Picture, Question};
use crate::error::{Exit, RunError};
use crate::logging::Notice;
use crate::reach;
use crate::tls::Material;
use crate::token::Token;
use args::Args;
use evenkeel_core::addr::Addr;
use evenkeel_core::tls::Termination;
use evenkeel_sys::limits;
use guard::{Knock, Peer};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{Request, Response, StatusCode};
use reply::{Bytestream, Refused, Reply};
use routes::Found;
use rustls::ServerConfig;
use server::Socket;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long the control loop, or a worker, may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the body of a request may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a request's body: a whole configuration has to fit.
const BODY_MAX: usize = 1 << 20;

/// Connections of one listener at once: 32, and fewer where descriptors are few.
fn connections_max() -> usize {
    (limits::raise_descriptors() / 256).clamp(4, 32) as usize
}

/// Descriptors that the admin API may hold.
pub fn descriptors(settings: &AdminSettings) -> usize {
    settings.listen.as_ref().map_or(1, Vec::len) * (1 + connections_max())
}

/// How long answers that were asked for may still take when it leaves.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Listening sockets that nobody is served at yet.
pub struct Bound {
    doors: Vec<Door>,
    token: Option<Token>,
    tls: Option<Arc<Termination>>,
    /// Why there is no default socket.
    problem: Option<String>,
}

/// A listening socket, and where it is.
struct Door {
    /// As configured; `None` is the default socket.
    wanted: Option<Addr>,
    addr: Addr,
    socket: Arc<Socket>,
    file: Option<Arc<place::File>>,
}

impl Door {
    /// Whether `wanted` means this very socket, or the place where it is.
    fn is_for(&self, wanted: Option<&Addr>) -> bool {
        let is_here = match (wanted, &self.addr) {
            (None, Addr::Unix(path)) => place::is_default(path),
            (wanted, addr) => wanted == Some(addr),
        };
        is_here || self.wanted.as_ref() == wanted
    }
}

/// The TLS of TCP listeners, and what it is spoken with now; `None` is that nobody can be met, and nobody is.
struct Tls {
    terms: Arc<Termination>,
    config: watch::Sender<Option<Arc<ServerConfig>>>,
}

/// The admin API, while it is served; dropped, it ends at once.
pub struct Admin {
    doors: Vec<Door>,
    token: Option<Token>,
    tls: Option<Tls>,
    tasks: JoinSet<()>,
    /// Its end tells the tasks to end, each in order.
    open: watch::Sender<()>,
}

impl Admin {
    /// Lets go of its addresses, and gives a wait until the requests that were taken have been answered, for a while.
    pub fn leave(self) -> impl Future<Output = ()> {
        let Self { doors, mut tasks, open, .. } = self;
        drop((doors, open));
        async move {
            // Whoever does not read its answer by then goes without.
            let _ = timeout(LAST_ANSWERS, async { while tasks.join_next().await.is_some() {} }).await;
        }
    }

    /// Whether it is served just as `bound` would be.
    pub fn is(&self, bound: &Bound) -> bool {
        let places = |doors: &[Door]| -> Vec<_> { doors.iter().map(|it| it.addr.clone()).collect() };
        let terms = self.tls.as_ref().map(|tls| &tls.terms);
        self.token == bound.token
            && terms == bound.tls.as_ref()
            && places(&self.doors) == places(&bound.doors)
    }

    /// Shows the certificates of `material` to whoever comes from now on.
    pub fn renew(&self, material: &Material) {
        if let Some(tls) = &self.tls {
            tls.config.send_replace(material.server(&tls.terms));
        }
    }

    /// The socket that was bound for `wanted`, for another one that is to be served there.
    fn door(&self, wanted: Option<&Addr>) -> Option<io::Result<Door>> {
        let door = self.doors.iter().find(|it| it.is_for(wanted))?;
        Some(door.socket.again().map(|socket| Door {
            wanted: wanted.cloned(),
            addr: door.addr.clone(),
            socket: Arc::new(socket),
            file: door.file.clone(),
        }))
    }
}

impl Bound {
    /// Listens as `settings` say, where that is so already with the sockets of `before`. Without the default socket
    /// evenkeel starts all the same, but not without one that was asked for. Needs a tokio runtime around it.
    pub fn bind(settings: Option<&AdminSettings>, before: Option<&Admin>) -> Result<Self, RunError> {
        let mut bound = Self { doors: Vec::new(), token: None, tls: None, problem: None };
        let Some(settings) = settings else { return Ok(bound) };
        bound.tls = settings.tls.clone();
        bound.token = token(settings)?;
        let door = |wanted: Option<&Addr>| match before.and_then(|it| it.door(wanted)) {
            Some(door) => door,
            None => open(wanted),
        };
        match &settings.listen {
            Some(listen) => {
                for addr in listen {
                    bound.doors.push(door(Some(addr)).map_err(|error| refused(addr, &error))?);
                }
            }
            None => match door(None) {
                Ok(door) => bound.doors.push(door),
                Err(error) => {
                    bound.problem = Some(format!("no admin socket, so commands find nothing here: {error}"));
                }
            },
        }
        Ok(bound)
    }

    /// Whether what it needs besides its addresses is there: those are not free as long as another process has them.
    pub fn check(settings: Option<&AdminSettings>) -> Result<(), RunError> {
        settings.map_or(Ok(None), token).map(drop)
    }

    /// What is to be told of it.
    pub fn notices(&self) -> Vec<Notice> {
        let places = self.doors.iter().map(|door| Notice::Admin {
            addr: door.addr.clone(),
            is_tls: self.tls.is_some(),
            is_default: matches!(&door.addr, Addr::Unix(path) if place::is_default(path)),
        });
        places.chain(self.problem.clone().map(Notice::Warning)).collect()
    }

    /// Begins to serve, with certificates of `material`, and `flags` above what is planned or applied, until the result is dropped.
    pub fn serve(self, inputs: Sender<Input>, material: &Material, flags: Option<Flags>) -> Admin {
        let connections = connections_max();
        // Whoever follows the events must not keep others from asking.
        let followers = Arc::new(Semaphore::new(connections / 2));
        let (open, is_open) = watch::channel(());
        let tls = self.tls.map(|terms| {
            let config = watch::Sender::new(material.server(&terms));
            Tls { terms, config }
        });
        let desk = Arc::new(Desk {
            inputs,
            flags,
            token: self.token.clone(),
            tls: tls.as_ref().map(|tls| (tls.config.subscribe(), tls.terms.timeout)),
            followers,
            easel: Arc::new(Semaphore::new(1)),
            open: is_open,
        });
        let mut tasks = JoinSet::new();
        for door in &self.doors {
            tasks.spawn(server::serve(Arc::clone(&door.socket), connections, Arc::clone(&desk)));
        }
        Admin { doors: self.doors, token: self.token, tls, tasks, open }
    }
}

fn token(settings: &AdminSettings) -> Result<Option<Token>, RunError> {
    let Some(path) = &settings.token_file else { return Ok(None) };
    let token = Token::read(path).map_err(|error| {
        RunError::new(
            Exit::BadConfig,
            format!("cannot use `admin.token-file` {}: {}", path.display(), why(path, &error)),
        )
    })?;
    Ok(Some(token))
}

/// Listens at `wanted`, or at the default socket.
fn open(wanted: Option<&Addr>) -> io::Result<Door> {
    let unix = |(socket, file): (std::os::fd::OwnedFd, place::File)| {
        let socket = Socket::Unix(tokio::net::UnixListener::from_std(socket.into())?);
        Ok((Addr::Unix(file.path().into()), socket, Some(Arc::new(file))))
    };
    let (addr, socket, file) = match wanted {
        None => place::bind_default().and_then(unix)?,
        Some(Addr::Unix(path)) => place::bind(path).and_then(unix)?,
        Some(Addr::Ip(addr)) => {
            let socket = evenkeel_sys::socket::bind_ip(*addr, evenkeel_sys::socket::Binding::default())?;
            evenkeel_sys::socket::listen(&socket, place::BACKLOG)?;
            let listener = tokio::net::TcpListener::from_std(socket.into())?;
            (Addr::Ip(listener.local_addr()?), Socket::Tcp(listener), None)
        }
    };
    Ok(Door { wanted: wanted.cloned(), addr, socket: Arc::new(socket), file })
}

/// What is wrong with a file.
fn why(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => reach::denied(path),
        _ => error.to_string(),
    }
}

fn refused(addr: &Addr, error: &io::Error) -> RunError {
    let exit = match error.kind() {
        io::ErrorKind::PermissionDenied => Exit::NoPermission,
        _ => Exit::Unavailable,
    };
    let what = match error.kind() {
        io::ErrorKind::AddrInUse => "address in use".to_owned(),
        _ => match addr {
            Addr::Unix(path) => why(path, error),
            Addr::Ip(_) => error.to_string(),
        },
    };
    RunError::new(exit, format!("cannot listen on {addr} for `admin.listen`: {what}"))
        .help("choose another address, or leave `admin.listen` out")
}

/// Where requests are taken.
pub struct Desk {
    inputs: Sender<Input>,
    /// What stands above any configuration of this process.
    flags: Option<Flags>,
    token: Option<Token>,
    /// What TLS is spoken with over TCP, and how long a handshake may take; `None` is that there is no TLS.
    tls: Option<(watch::Receiver<Option<Arc<ServerConfig>>>, Duration)>,
    /// Seats for those who follow events.
    followers: Arc<Semaphore>,
    /// Whoever shows everything there is sits here: one at a time, so that no more than one core is kept from the traffic.
    easel: Arc<Semaphore>,
    /// Closed when it leaves: no new requests, and no end of events.
    open: watch::Receiver<()>,
}

impl Desk {
    /// The answer to a request of `peer`.
    async fn answer(&self, peer: Peer, request: Request<Incoming>) -> Response<Bytestream> {
        let found = routes::find(request.method(), request.uri().path());
        let op = if let Found::Route(route, _) = &found { Some(route.op) } else { None };
        let knock = Knock {
            method: request.method(),
            headers: request.headers(),
            is_open: op.is_some_and(routes::Op::is_open),
            is_page: op == Some(routes::Op::Page),
        };
        let outcome = match guard::admit(&peer, self.token.as_ref(), &knock) {
            Err((status, what)) => Err(Refused { status, what: what.to_owned() }),
            Ok(()) => match found {
                Found::Route(route, parts) => self.perform(route, parts, peer, request).await,
                Found::Nothing => {
                    Err(Refused::missing("there is nothing here; /openapi.json lists all there is"))
                }
                Found::OtherMethods(methods) => return not_allowed(&methods.join(", ")),
            },
        };
        reply::respond(outcome)
    }

    async fn perform(
        &self,
        route: &'static routes::Route,
        parts: Vec<(&'static str, String)>,
        peer: Peer,
        request: Request<Incoming>,
    ) -> Result<Reply, Refused> {
        let query = request.uri().query().unwrap_or_default().to_owned();
        let refused = |status, what: &str| Refused { status, what: what.to_owned() };
        let body = timeout(BODY_TIMEOUT, Limited::new(request.into_body(), BODY_MAX).collect()).await;
        let body = body.map_err(|_| refused(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"))?;
        let body = body.map_err(|error| match error.downcast_ref::<http_body_util::LengthLimitError>() {
            Some(_) => refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 1 MiB"),
            None => Refused::bad("the body was cut"),
        })?;
        let args = Args::read(route, parts, &query, &body.to_bytes())?;
        handle::perform(self, route.op, peer, &args).await
    }

    /// A picture of everything.
    async fn look(&self) -> Result<Box<Picture>, Refused> {
        self.ask(Question::Look).await
    }

    /// Shows everything there is, on a thread of its own: of thousands of services it takes half a second, in which the
    /// one that is here has checks to make and orders to take. The runtime's other threads may all wait for names.
    async fn show<V>(&self, view: V) -> Result<Reply, Refused>
    where
        V: FnOnce(&Picture) -> Result<Reply, Refused> + Send + 'static,
    {
        let seat = Arc::clone(&self.easel).acquire_owned().await.map_err(|_| busy())?;
        let picture = self.look().await?;
        let (sender, shown) = oneshot::channel();
        let show = move || {
            // Nobody listens when whoever asked is gone.
            let _ = sender.send(view(&picture).map(Reply::written));
            drop(seat);
        };
        let thread = std::thread::Builder::new().name("easel".into()).spawn(show);
        thread.map_err(|error| Refused::unavailable(format!("no thread to show it: {error}")))?;
        shown.await.map_err(|_| busy())?
    }

    /// Asks the control loop, and waits for its answer.
    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Result<T, Refused> {
        let (sender, answer) = oneshot::channel();
        self.send(question(sender)).await?;
        self.in_time(answer).await?.map_err(|_| busy())
    }

    async fn send(&self, question: Question) -> Result<(), Refused> {
        self.in_time(self.inputs.send(question.into())).await?.map_err(|_| busy())
    }

    async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Result<T, Refused> {
        timeout(PATIENCE, answer).await.map_err(|_| busy())
    }
}

fn busy() -> Refused {
    Refused::unavailable("no answer in time: it is busy, or ends")
}

fn not_allowed(methods: &str) -> Response<Bytestream> {
    let what = format!("this is not done here; it takes {methods}");
    let mut response = reply::respond(Err(Refused { status: StatusCode::METHOD_NOT_ALLOWED, what }));
    if let Ok(value) = HeaderValue::from_str(methods) {
        response.headers_mut().insert(ALLOW, value);
    }
    response
}

/// `text` without its `%XX`; nothing if that is not UTF-8.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        bytes.push((digit()? * 16 + digit()?) as u8);
    }
    String::from_utf8(bytes).ok()
}

/// `text` as a part of a path or a query.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b':' => {
                encoded.push(byte.into())
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        for text in ["", "web", "[::1]:80", "unix:/run/a b.sock", "100%", "ü?&=#"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
            assert!(encode(text).is_ascii());
        }
        assert_eq!(decode("%4"), None);
        assert_eq!(decode("%zz"), None);
    }
}
