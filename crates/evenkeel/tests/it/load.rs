//! Clients of every kind, who look at each byte that they get: what changes meanwhile they must not notice.

use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::{Ending, Peer, Place, Server, eventually, limits, serve};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

/// Threads whose clients come and go; each has one at a time.
const COMERS: u64 = 2;

/// How long each of those waits between two of them: that makes about 200 in a second.
const PACE: Duration = Duration::from_millis(9);

/// Threads with long transfers, and how many each of them has.
const SHARDS: u64 = 5;
const LONG: u64 = 100;

/// Between two transfers of one thread.
const BREATH: Duration = Duration::from_millis(1);

/// Clients that send as much as gets through.
const BULK: u64 = 3;

/// Bytes that those send at once.
const BULK_CHUNK: u64 = 200_000;

/// Clients that wait for the end: so many idle ones, and as many half-closed by themselves, or by the server.
const WAITING: usize = 20;

/// Sessions that last.
pub const LASTING: u64 = SHARDS * LONG + BULK + 3 * WAITING as u64;

/// How long a backend waits for a client that has nothing to say.
const FOR_EVER: Duration = Duration::from_secs(600);

/// Descriptors that all of it takes in this process.
const DESCRIPTORS: u64 = 3 * LASTING;

/// Whether there is room for it here; a test that has none passes, and says why.
pub fn fits() -> bool {
    limits::have_descriptors(DESCRIPTORS)
}

/// Answers whatever kind of client comes, by its first byte.
pub struct Backend {
    pub server: Server,
    gate: Arc<AtomicBool>,
    late: Arc<AtomicU64>,
}

impl Backend {
    pub fn start() -> Self {
        let (gate, late) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (is_open, came_late) = (Arc::clone(&gate), Arc::clone(&late));
        let server = Server::start(&Place::any(), move |peer: &Peer| {
            // It is not told to hurry: some clients wait until the end.
            peer.set_patience(FOR_EVER);
            match peer.receive(1).as_deref() {
                Ok(b"E") => serve::echo(peer),
                Ok(b"S") => serve::hello("hi")(peer),
                Ok(b"H") => {
                    let (request, _) = peer.read_to_end();
                    while !is_open.load(SeqCst) {
                        thread::sleep(Duration::from_millis(20));
                    }
                    let _ = peer.send(&request);
                }
                Ok(b"D") => {
                    let _ = peer.send(b"bye");
                    peer.finish();
                    came_late
                        .fetch_add(u64::from(peer.read_to_end() == (b"late".to_vec(), Ending::Fin)), SeqCst);
                }
                _ => {}
            }
        });
        Self { server, gate, late }
    }
}

/// Nobody waits for the gate any more, also when a test fails.
impl Drop for Backend {
    fn drop(&mut self) {
        self.gate.store(true, SeqCst);
    }
}

/// How far the clients have come.
#[derive(Default)]
pub struct Progress {
    short: AtomicU64,
    long: AtomicU64,
    bulk: AtomicU64,
    stop: AtomicBool,
}

impl Progress {
    fn now(&self) -> [u64; 3] {
        [&self.short, &self.long, &self.bulk].map(|it| it.load(SeqCst))
    }

    /// Waits until clients of each kind have come further.
    pub fn wait(&self) {
        let [short, long, bulk] = self.now();
        eventually("all kinds of clients go on", || {
            let now = self.now();
            (now[0] >= short + 20 && now[1] >= long + 2 * LONG && now[2] > bulk).then_some(())
        });
    }
}

/// Tells others to stop, also when a test fails: whoever waits for them would wait for ever.
pub struct Stop<'a>(pub &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Lets `act` happen while clients come, stay, send, wait, and look at what they get.
pub fn under_load(place: &Place, backends: &[&Backend], act: impl FnOnce(&Progress)) {
    let (progress, pattern) = (Progress::default(), Pattern::new(evenkeel_testkit::seed()));
    thread::scope(|scope| {
        let (progress, pattern) = (&progress, &pattern);
        let _stop = Stop(&progress.stop);
        (0..COMERS).for_each(|_| drop(scope.spawn(|| come_and_go(place, progress))));
        (0..SHARDS).for_each(|shard| drop(scope.spawn(move || stay(place, shard, pattern, progress))));
        (0..BULK).for_each(|_| drop(scope.spawn(|| pour(place, pattern, progress))));
        let waiting = Waiting::connect(place);
        let open = || backends.iter().map(|it| it.server.open()).sum::<u64>();
        eventually("all that last are there", || (open() >= LASTING).then_some(()));
        progress.wait();
        act(progress);
        progress.wait();
        waiting.end(backends);
    });
}

fn come_and_go(place: &Place, progress: &Progress) {
    while !progress.stop.load(SeqCst) {
        let client = Peer::connect(place);
        client.send(b"S").unwrap();
        assert_eq!(client.read_to_end(), (b"hi".to_vec(), Ending::Fin));
        progress.short.fetch_add(1, SeqCst);
        thread::sleep(PACE);
    }
}

/// One transfer, of which something is always under way.
struct Transfer {
    peer: Peer,
    sent: u64,
    came: u64,
}

fn stay(place: &Place, shard: u64, pattern: &Pattern, progress: &Progress) {
    let connect = |number| {
        let (peer, at) = (Peer::connect(place), (shard * LONG + number) * 7919);
        peer.send(b"E").unwrap();
        Transfer { peer, sent: at, came: at }
    };
    let mut transfers: Vec<_> = (0..LONG).map(connect).collect();
    while !progress.stop.load(SeqCst) {
        for (transfer, length) in transfers.iter_mut().zip((100..).step_by(37)) {
            let before = transfer.sent;
            transfer.peer.send_pattern(pattern, transfer.sent, length).unwrap();
            transfer.sent += length;
            receive(transfer, before, pattern);
            progress.long.fetch_add(1, SeqCst);
            thread::sleep(BREATH);
        }
    }
    for mut transfer in transfers {
        let sent = transfer.sent;
        receive(&mut transfer, sent, pattern);
        transfer.peer.finish();
        assert_eq!(transfer.peer.ending(), Ending::Fin);
    }
}

/// Receives and checks what was sent up to there.
fn receive(transfer: &mut Transfer, until: u64, pattern: &Pattern) {
    let bytes = transfer.peer.receive((until - transfer.came) as usize).unwrap();
    pattern.check(transfer.came, &bytes);
    transfer.came = until;
}

fn pour(place: &Place, pattern: &Pattern, progress: &Progress) {
    let (peer, sent) = (Peer::connect(place), AtomicU64::new(0));
    peer.send(b"E").unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut at = 0;
            while !progress.stop.load(SeqCst) {
                peer.send_pattern(pattern, at, BULK_CHUNK).unwrap();
                at += BULK_CHUNK;
                progress.bulk.fetch_add(1, SeqCst);
            }
            sent.store(at, SeqCst);
            peer.finish();
        });
        let (came, ending) = peer.check_pattern(pattern);
        assert_eq!(ending, Ending::Fin);
        eventually("the sender has ended", || (sent.load(SeqCst) == came).then_some(()));
    });
}

/// Clients that do nothing until the end.
struct Waiting {
    idle: Vec<Peer>,
    half_closed: Vec<Peer>,
    answered: Vec<Peer>,
}

impl Waiting {
    fn connect(place: &Place) -> Self {
        let clients = |first: &'static [u8]| -> Vec<Peer> {
            let connect = |_| {
                let peer = Peer::connect(place);
                peer.send(first).unwrap();
                peer
            };
            (0..WAITING).map(connect).collect()
        };
        let waiting =
            Self { idle: clients(b"E"), half_closed: clients(b"Hrequest"), answered: clients(b"D") };
        waiting.idle.iter().for_each(|peer| peer.check_echo("before"));
        waiting.half_closed.iter().for_each(Peer::finish);
        waiting.answered.iter().for_each(|peer| assert_eq!(peer.text(), "bye"));
        waiting
    }

    fn end(self, backends: &[&Backend]) {
        self.idle.iter().for_each(|peer| peer.check_echo("after"));
        backends.iter().for_each(|it| it.gate.store(true, SeqCst));
        for peer in &self.half_closed {
            assert_eq!(peer.read_to_end(), (b"request".to_vec(), Ending::Fin));
        }
        for peer in &self.answered {
            peer.send(b"late").unwrap();
            peer.finish();
        }
        let late = || backends.iter().map(|it| it.late.load(SeqCst)).sum::<u64>();
        eventually("what came late has arrived", || (late() == WAITING as u64).then_some(()));
    }
}
