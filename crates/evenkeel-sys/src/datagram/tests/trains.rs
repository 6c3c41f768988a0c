//! Trains: whoever gets datagrams that went as some gets the same as without them.

use super::{bound, wait};
use crate::datagram::{Inbox, Peer, Trains, connect, gather, open, reply, send_all};
use std::net::UdpSocket;
use std::os::fd::OwnedFd;

/// Bytes that may wait in a socket of anybody.
const ROUND_MAX: usize = 60_000;

/// Numbers that look like chance (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    /// Runs of datagrams of one size, each unlike the others.
    fn datagrams(&mut self) -> Vec<Vec<u8>> {
        let sizes = [0, 1, 2, 7, 64, 100, 1000, 1200, 1472, 1473, 4000, 20_000, 59_000];
        let (mut all, mut bytes) = (Vec::new(), 0);
        loop {
            let size = sizes[self.below(sizes.len())];
            for _ in 0..=self.below(40) {
                bytes += size;
                if bytes > ROUND_MAX || all.len() == 100 {
                    return all;
                }
                all.push((0..size).map(|_| self.below(256) as u8).collect());
            }
        }
    }
}

/// All that comes to `socket`, which waits for so many, `take` being told of each batch.
fn receive_all(socket: &OwnedFd, count: usize, mut take: impl FnMut(&Inbox)) -> Vec<Vec<u8>> {
    let (mut inbox, mut all) = (Inbox::new(), Vec::new());
    while all.len() < count {
        wait(socket);
        inbox.receive(socket).unwrap();
        take(&inbox);
        all.extend((0..inbox.len()).map(|index| inbox.datagram(index).to_vec()));
    }
    all
}

fn forward(inbox: &Inbox, mut send: impl FnMut(std::ops::Range<usize>) -> std::io::Result<usize>) {
    let mut start = 0;
    while start < inbox.len() {
        start += send(start..inbox.len()).unwrap();
    }
}

#[test]
fn datagrams_that_went_as_trains_come_as_they_were() {
    for seed in 1..=40 {
        let sent = Numbers(seed).datagrams();
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        let [(first, first_addr), (second, second_addr)] = [bound("0.0.0.0:0"), bound("[::1]:0")];
        let towards = open(second_addr).unwrap();
        connect(&towards, second_addr).unwrap();
        [&first, &second].iter().for_each(|socket| gather(socket).unwrap());
        client.connect(("127.0.0.9", first_addr.port())).unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        for datagram in &sent {
            client.send(datagram).unwrap();
        }
        let (trains, mut peer) = (Trains::default(), None::<Peer>);
        let came = receive_all(&first, sent.len(), |inbox| {
            peer = Some(*inbox.peer(0));
            forward(inbox, |which| send_all(&towards, inbox, which, &trains));
        });
        assert!(came == sent, "seed {seed}: to the first");
        let peer = peer.unwrap();
        // There some come as trains, and go on as others, to somebody who knows of none.
        let came = receive_all(&second, sent.len(), |inbox| {
            forward(inbox, |which| reply(&first, inbox, which, &peer, &trains));
        });
        assert!(came == sent, "seed {seed}: as trains");
        let mut room = vec![0; 70_000];
        for (index, datagram) in sent.iter().enumerate() {
            let length = client.recv(&mut room).unwrap();
            assert!(room[..length] == **datagram, "seed {seed}: datagram {index} to the client");
        }
    }
}

#[test]
fn a_train_is_received_in_one_piece() {
    let ((first, first_addr), (second, second_addr)) = (bound("127.0.0.1:0"), bound("127.0.0.1:0"));
    gather(&second).unwrap();
    connect(&first, second_addr).unwrap();
    connect(&second, first_addr).unwrap();
    // What is sent is what was received before.
    for _ in 0..30 {
        super::send(&second, &[7; 1000]).unwrap();
    }
    super::send(&second, b"and the last").unwrap();
    let mut inbox = Inbox::new();
    wait(&first);
    assert_eq!(inbox.receive(&first).unwrap(), 31);
    assert_eq!(send_all(&first, &inbox, 0..31, &Trains::default()).unwrap(), 31);
    wait(&second);
    assert_eq!(inbox.receive_connected(&second).unwrap(), 31);
    assert!(!inbox.is_full(), "it was one piece of {}", super::BATCH);
    assert_eq!((inbox.datagram(29), inbox.datagram(30)), (&[7; 1000][..], &b"and the last"[..]));
}
