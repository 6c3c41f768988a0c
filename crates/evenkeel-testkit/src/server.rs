//! Backends: a listener on a thread, and a thread per connection; what it does there is in [`serve`].

use crate::peer::Peer;
use crate::place::Place;
use crate::serve;
use socket2::Socket;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::Weak;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
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
        Self::start(&Place::any(), serve::echo)
    }

    /// Says its name at once, and closes.
    pub fn hello(name: &str) -> Self {
        Self::start(&Place::any(), serve::hello(name))
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
