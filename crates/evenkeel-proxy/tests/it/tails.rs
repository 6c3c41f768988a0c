//! A long bulk transfer is told of in batches; what is too little for one must not stay behind.

use crate::rig::Parts;
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::{Dice, Peer, Place, Server, seed};

/// Long enough for its source to gather bytes.
const BULK: u64 = 6 * 1024 * 1024;

/// One after the other in one session, each with a tail.
const TRANSFERS: u64 = 12;

/// How long each of them is, and each tail; all are answered, and the answer is waited for.
fn lengths(seed: u64) -> impl Iterator<Item = u64> {
    let mut dice = Dice::new(seed);
    (0..TRANSFERS).flat_map(move |_| [BULK + dice.below(300_000), 1 + dice.below(200_000)])
}

/// Sends each transfer and waits until it is answered.
fn send(peer: &Peer, seed: u64) {
    let pattern = Pattern::new(seed);
    let mut at = 0;
    for len in lengths(seed) {
        peer.send_pattern(&pattern, at, len).unwrap();
        at += len;
        assert_eq!(peer.receive(1).unwrap(), b"!", "an answer to the first {at} bytes");
    }
}

/// Receives each transfer and answers when it is whole.
fn receive(peer: &Peer, seed: u64) {
    let (pattern, mut buffer) = (Pattern::new(seed), vec![0; Pattern::CHUNK]);
    let mut at = 0;
    for len in lengths(seed) {
        let end = at + len;
        while at < end {
            let wanted = (end - at).min(Pattern::CHUNK as u64) as usize;
            let n = peer.read(&mut buffer[..wanted]).unwrap();
            assert!(n > 0, "an end after {at} bytes");
            pattern.check(at, &buffer[..n]);
            at += n as u64;
        }
        peer.send(b"!").unwrap();
    }
}

#[test]
fn the_end_of_a_long_transfer_to_a_client_is_not_kept_back() {
    let seed = seed();
    let server = Server::start(&Place::any(), move |peer: &Peer| send(peer, seed));
    let rig = Parts::to(&[server.place()]).start();
    receive(&rig.connect(), seed);
}

#[test]
fn the_end_of_a_long_transfer_to_a_backend_is_not_kept_back() {
    let seed = seed();
    let server = Server::start(&Place::any(), move |peer: &Peer| receive(peer, seed));
    let rig = Parts::to(&[server.place()]).start();
    send(&rig.connect(), seed);
}
