//! What a relay makes of what its sockets tell, step by step.

use super::due::LOOK_AFTER;
use super::ending::RESET_GRACE;
use super::*;
use evenkeel_core::snapshot::{ConnectRules, QueueRules, SessionLimits};
use evenkeel_sys::pipe::Pipe;
use evenkeel_sys::poll::{self, Events, Poll};
use evenkeel_testkit::{Peer, Place, eventually};
use std::time::Duration;

fn rules() -> PoolRules {
    let (timeout, total) = (Duration::from_secs(1), Duration::from_secs(1));
    PoolRules {
        connect: ConnectRules { timeout, total, attempts: 1, retry_percent: 0, retry_min_per_second: 0 },
        queue: QueueRules { length: 0, timeout },
        session: SessionLimits { idle: None, half_close: None, lifetime: None, bandwidth: None },
        socket: SocketOptions { keepalive: None, user_timeout: None },
        send_proxy: None,
        http2: None,
        outward: None,
        tls: None,
    }
}

/// Our end of a connection, and the other one.
fn connected() -> (OwnedFd, Peer) {
    let (listener, place) = Place::any().listen(1).unwrap();
    let peer = Peer::connect(&place);
    let (socket, _) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    (socket.into(), peer)
}

/// Both ends happen before the relay looks, so that it never reads that of the backend.
#[test]
fn a_backend_that_closed_unseen_is_not_waited_for_when_the_client_is_reset() {
    let ((client, far_client), (backend, far_backend)) = (connected(), connected());
    let rules = rules();
    let options = rules.socket;
    let mut relay = Relay::new(client, backend, Vec::new(), &options, Arc::new(rules), Instant::now());
    far_client.send(b"bye").unwrap();
    far_client.reset();
    drop(far_backend);
    let (began, mut tools) = (Instant::now(), Tools::new(0));
    let end = eventually("the end", || {
        for side in [Side::Client, Side::Backend] {
            let readiness = poll::ready_now(relay.source(side).1);
            relay.on_ready(side, readiness);
        }
        match relay.advance(Instant::now(), &mut tools) {
            Progress::Ended(end) => Some(end),
            _ => None,
        }
    });
    assert_eq!((end, relay.to_backend()), (End::Reset(Side::Client), 3));
    assert!(began.elapsed() < RESET_GRACE / 2, "{:?}", began.elapsed());
}

/// The other side gets what came before a reset as long as it takes some of it.
#[test]
fn who_reads_slowly_gets_what_came_before_a_reset_and_who_stops_does_not() {
    const ALL: usize = 1 << 20;
    let ((client, far_client), (backend, far_backend)) = (connected(), connected());
    // What the kernel keeps for a client has arrived, as far as anybody knows.
    far_client.socket().set_recv_buffer_size(64 * 1024).unwrap();
    let rules = rules();
    let options = rules.socket;
    let began = Instant::now();
    let mut relay = Relay::new(client, backend, Vec::new(), &options, Arc::new(rules), began);
    let mut tools = Tools::new(0);
    let mut advance = |relay: &mut Relay, now| {
        for side in [Side::Client, Side::Backend] {
            let readiness = poll::ready_now(relay.source(side).1);
            relay.on_ready(side, readiness);
        }
        relay.advance(now, &mut tools)
    };
    far_backend.send(&vec![0; ALL]).unwrap();
    eventually("all of it", || (advance(&mut relay, began), relay.to_client() == ALL as u64).1.then_some(()));
    far_backend.reset();
    eventually("the reset", || (advance(&mut relay, began), relay.lost().is_some()).1.then_some(()));
    let mut now = began;
    for _ in 0..4 {
        far_client.receive(ALL / 8).unwrap();
        now += RESET_GRACE - Duration::from_secs(1);
        assert_eq!(advance(&mut relay, now), Progress::Waiting);
    }
    now += RESET_GRACE;
    assert_eq!(advance(&mut relay, now), Progress::Ended(End::Reset(Side::Backend)));
}

/// Far more pieces than a pipe takes at once; each so small that a pipe full of them is presumed not to be, and yet some
/// make a large read.
const SLOTS: usize = 64;
const PIECES: u64 = 600;
const PIECE: usize = 500;
const ALL: u64 = PIECES * PIECE as u64;
const PAGE: u64 = 4096;

/// A relay that is told what happens to its sockets.
struct Told {
    relay: Relay,
    tools: Tools,
    poll: Poll,
    now: Instant,
}

impl Told {
    /// And the far ends of its client and its backend.
    fn new() -> (Self, Peer, Peer) {
        let ((client, far_client), (backend, far_backend)) = (connected(), connected());
        let (rules, now, poll) = (rules(), Instant::now(), Poll::new().unwrap());
        poll.add_stream(&client, 0).unwrap();
        poll.add_stream(&backend, 1).unwrap();
        let options = rules.socket;
        let relay = Relay::new(client, backend, Vec::new(), &options, Arc::new(rules), now);
        let mut tools = Tools::new(1);
        let pipe = tools.pipes.adopt(Pipe::new(SLOTS * PAGE as usize).unwrap(), 0);
        tools.pipes.give_back(pipe);
        (Self { relay, tools, poll, now }, far_client, far_backend)
    }

    /// Lets so much time pass, and the relay advance for as long as something happens; what the backend has then.
    fn advance(&mut self, time: Duration) -> u64 {
        self.now += time;
        let mut events = Events::new(8);
        loop {
            assert_eq!(self.relay.advance(self.now, &mut self.tools), Progress::Waiting);
            self.poll.wait(&mut events, Some(Duration::ZERO)).unwrap();
            if events.get(0).is_none() {
                return self.relay.to_backend();
            }
            for (token, readiness) in (0..).map_while(|index| events.get(index)) {
                self.relay.on_ready(if token == 0 { Side::Client } else { Side::Backend }, readiness);
            }
        }
    }
}

/// Sends pieces that lie apart from each other, so that each is one in a pipe, too.
fn send_pieces(peer: &Peer) {
    let pages = tempfile::tempfile().unwrap();
    pages.set_len(PIECES * PAGE).unwrap();
    for piece in 0..PIECES {
        let sent = rustix::fs::sendfile(peer.socket(), &pages, Some(&mut (piece * PAGE)), PIECE).unwrap();
        assert_eq!(sent, PIECE);
    }
}

/// A pipe that is full of small pieces looks like a source that has no more. Nobody tells of what is left.
#[test]
fn what_a_full_pipe_leaves_in_a_source_is_looked_for_and_then_never_again_left() {
    let (mut told, far_client, far_backend) = Told::new();
    far_client.send(&[0; 80 * 1024]).unwrap();
    let bulk = eventually("bulk", || Some(told.advance(Duration::ZERO)).filter(|&bytes| bytes == 80 * 1024));
    assert!(told.relay.is_bulk());
    far_backend.receive(80 * 1024).unwrap();

    let all = bulk + ALL;
    send_pieces(&far_client);
    assert!(told.advance(Duration::ZERO) < all, "a pipe has no room for so many pieces");
    assert!(told.advance(LOOK_AFTER / 2) < all, "it is not time to look");
    assert_eq!(told.advance(LOOK_AFTER), all);
    far_backend.receive(ALL as usize).unwrap();

    send_pieces(&far_client);
    assert_eq!(told.advance(Duration::ZERO), all + ALL, "it has learnt");
}

/// A relay that nobody watches, and the far ends of its client and its backend.
fn unwatched() -> (Relay, Peer, Peer) {
    let ((client, far_client), (backend, far_backend)) = (connected(), connected());
    let rules = rules();
    let options = rules.socket;
    let mut relay = Relay::new(client, backend, Vec::new(), &options, Arc::new(rules), Instant::now());
    relay.go_unwatched();
    (relay, far_client, far_backend)
}

/// Waits until there is something to read on the side that a relay asks next.
fn await_side(relay: &mut Relay, side: Side) {
    eventually("something to read", || poll::ready_now(relay.source(side).1).readable().then_some(()));
}

#[test]
fn a_session_that_is_answered_in_time_is_over_without_anybody_watching() {
    let (mut relay, client, backend) = unwatched();
    let (now, mut tools) = (Instant::now(), Tools::new(0));
    let steps: [(Side, &dyn Fn()); 3] = [
        (Side::Client, &|| backend.send(b"an answer").unwrap()),
        (Side::Backend, &|| client.finish()),
        (Side::Client, &|| backend.finish()),
    ];
    client.send(b"a question").unwrap();
    for (side, answer) in steps {
        await_side(&mut relay, side);
        assert_eq!(relay.advance(now, &mut tools), Progress::Waiting);
        assert!(relay.is_unwatched(), "{side:?}");
        answer();
    }
    await_side(&mut relay, Side::Backend);
    let end = relay.advance(now, &mut tools);
    assert_eq!(end, Progress::Ended(End::Closed(Side::Client)));
}

#[test]
fn a_session_that_is_kept_waiting_is_to_be_watched() {
    let (mut relay, client, _backend) = unwatched();
    let (now, mut tools) = (Instant::now(), Tools::new(0));
    let asks = |relay: &mut Relay, tools: &mut Tools| {
        let goes = (0..100).take_while(|_| {
            assert_eq!(relay.advance(now, tools), Progress::Waiting);
            relay.is_unwatched()
        });
        goes.count()
    };
    client.send(b"a question").unwrap();
    await_side(&mut relay, Side::Client);
    let asked = asks(&mut relay, &mut tools);
    assert!((2..20).contains(&asked), "{asked}");
    assert_eq!(relay.to_backend(), 10);
}

#[test]
fn a_session_with_bytes_in_hand_is_to_be_watched() {
    let (mut relay, client, _backend) = unwatched();
    let (now, mut tools) = (Instant::now(), Tools::new(0));
    let sender = std::thread::spawn(move || {
        let pattern = evenkeel_testkit::pattern::Pattern::new(1);
        let _ = client.send_pattern(&pattern, 0, 64 << 20);
    });
    await_side(&mut relay, Side::Client);
    eventually("more than anybody has room for", || {
        relay.go_unwatched();
        let _ = relay.advance(now, &mut tools);
        relay.holds_bytes().then_some(())
    });
    assert!(!relay.is_unwatched());
    drop(relay);
    sender.join().unwrap();
}
