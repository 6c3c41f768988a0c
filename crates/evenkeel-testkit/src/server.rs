//! Backends: a listener on a thread, and a thread per connection that does one simple thing.

use crate::pattern::Pattern;
use crate::peer::{Ending, Peer};
use crate::place::Place;
use socket2::Socket;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a server does with a connection; returning closes it.
type Serve = dyn Fn(&Peer) + Send + Sync;

/// A server that can be stopped as if it were killed, and started again at the same place.
pub struct Server {
    place: Place,
    serve: Arc<Serve>,
    counts: Arc<Counts>,
    running: Option<Running>,
}

#[derive(Default)]
struct Counts {
    accepted: AtomicU64,
    open: AtomicU64,
}

struct Running {
    listener: Arc<Socket>,
    stopping: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves at `place` (port 0 is the kernel's choice) until dropped.
    pub fn start(place: &Place, serve: impl Fn(&Peer) + Send + Sync + 'static) -> Self {
        let mut server =
            Self { place: place.clone(), serve: Arc::new(serve), counts: Arc::default(), running: None };
        server.restart();
        server
    }

    /// Sends back what it receives, and its FIN after the client's.
    pub fn echo() -> Self {
        Self::start(&Place::any(), echo)
    }

    /// Says its name at once, and closes.
    pub fn hello(name: &str) -> Self {
        Self::start(&Place::any(), hello(name))
    }

    /// As many of these as names, each saying its own.
    pub fn hellos<const N: usize>(names: [&str; N]) -> [Self; N] {
        names.map(Self::hello)
    }

    /// Where it listens.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.place.port()
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.load(SeqCst)
    }

    /// Connections open now.
    pub fn open(&self) -> u64 {
        self.counts.open.load(SeqCst)
    }

    /// Listens again after [`stop`](Self::stop), at the same place.
    pub fn restart(&mut self) {
        assert!(self.running.is_none(), "it runs already");
        let (listener, place) =
            self.place.listen(1024).unwrap_or_else(|error| panic!("listen on {}: {error}", self.place));
        self.place = place;
        let listener = Arc::new(listener);
        let stopping = Arc::new(AtomicBool::new(false));
        let accepting = {
            let (listener, stopping) = (Arc::clone(&listener), Arc::clone(&stopping));
            let (serve, counts) = (Arc::clone(&self.serve), Arc::clone(&self.counts));
            std::thread::spawn(move || accept(&listener, &stopping, &serve, &counts))
        };
        self.running = Some(Running { listener, stopping, accepting });
    }

    /// Stops listening and resets every connection, as the kernel does for a process that is killed with data unread.
    pub fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.stopping.store(true, SeqCst);
        let _ = running.listener.shutdown(Shutdown::Both);
        drop(running.listener);
        if running.accepting.join().is_err() && !std::thread::panicking() {
            panic!("the server at {} failed", self.place);
        }
        if let Place::Unix(path) = &self.place {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(listener: &Socket, stopping: &AtomicBool, serve: &Arc<Serve>, counts: &Arc<Counts>) {
    let mut sessions: Vec<(Weak<Peer>, JoinHandle<()>)> = Vec::new();
    while let Ok((socket, _)) = listener.accept() {
        if stopping.load(SeqCst) {
            break;
        }
        counts.accepted.fetch_add(1, SeqCst);
        counts.open.fetch_add(1, SeqCst);
        let peer = Arc::new(Peer::new(socket));
        let weak = Arc::downgrade(&peer);
        let (serve, counts) = (Arc::clone(serve), Arc::clone(counts));
        let session = std::thread::Builder::new().stack_size(256 * 1024).spawn(move || {
            serve(&peer);
            drop(peer);
            counts.open.fetch_sub(1, SeqCst);
        });
        sessions.retain(|(_, session)| !session.is_finished());
        sessions.push((weak, session.expect("a thread")));
    }
    for (peer, _) in &sessions {
        if let Some(peer) = peer.upgrade() {
            peer.reset_on_drop();
            peer.stop_reading();
        }
    }
    for (peer, session) in sessions {
        let soon = Instant::now() + Duration::from_millis(100);
        while !session.is_finished() {
            if Instant::now() > soon {
                // It does not read, so it is stuck in a write.
                let _ = peer.upgrade().map(|peer| peer.stop());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = session.join();
    }
}

/// Sends back what comes; FIN for FIN.
pub fn echo(peer: &Peer) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(n @ 1..) = peer.read(&mut buffer) {
        if peer.send(&buffer[..n]).is_err() {
            return;
        }
    }
}

/// Says `name` at once and closes.
pub fn hello(name: &str) -> impl Fn(&Peer) + Send + Sync + use<> {
    let name = name.to_owned();
    move |peer| {
        let _ = peer.send(name.as_bytes());
        peer.finish();
        let _ = read_away(peer);
    }
}

/// Says `name` at once and stays until the client goes: a session that is there, and whose.
pub fn stay(name: &str) -> impl Fn(&Peer) + Send + Sync + use<> {
    let name = name.to_owned();
    move |peer| {
        let _ = peer.send(name.as_bytes());
        let _ = read_away(peer);
    }
}

/// Closes at once.
pub fn close(_: &Peer) {}

/// Resets after `n` bytes have come.
pub fn reset_after(n: usize) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        let _ = peer.receive(n);
        peer.reset_on_drop();
    }
}

/// Reads `pattern` to its end, then answers how much came and how it ended: `1234 Fin`.
pub fn sink(pattern: Pattern) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        let (total, ending) = peer.check_pattern(&pattern);
        let _ = peer.send(format!("{total} {ending:?}").as_bytes());
    }
}

/// Sends `len` bytes of `pattern` and closes.
pub fn source(pattern: Pattern, len: u64) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        let _ = peer.send_pattern(&pattern, 0, len);
        peer.finish();
        let _ = read_away(peer);
    }
}

/// Answers one HTTP request with the status that `status` holds now, and `body`.
pub fn http(status: Arc<AtomicU16>, body: &str) -> impl Fn(&Peer) + Send + Sync + use<> {
    let body = body.to_owned();
    move |peer| {
        if http_request(peer).is_none() {
            return;
        }
        let (status, len) = (status.load(SeqCst), body.len());
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}");
        let _ = peer.send(answer.as_bytes());
        peer.finish();
        let _ = read_away(peer);
    }
}

/// The head of one HTTP request, if a whole one comes.
pub fn http_request(peer: &Peer) -> Option<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        match peer.read(&mut buffer) {
            Ok(n @ 1..) => head.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

/// Reads until the other side ends, and says how.
pub fn read_away(peer: &Peer) -> io::Result<Ending> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match peer.read(&mut buffer) {
            Ok(0) => return Ok(Ending::Fin),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Ending::Reset),
            Err(error) => return Err(error),
        }
    }
}
