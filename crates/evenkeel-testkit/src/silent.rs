//! A backend that never answers: its accept queue is full, so that the kernel drops every SYN.

use crate::deadline::PATIENCE;
use crate::place::Place;
use socket2::Socket;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// Connects to it time out until it is dropped.
pub struct Silent {
    place: Place,
    _listener: Socket,
    _waiting: Vec<Socket>,
}

impl Silent {
    /// Listens on 127.0.0.1 and fills its own queue.
    pub fn start() -> Self {
        let (listener, place) = Place::any().listen(0).expect("a listening socket");
        let mut waiting = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let socket = place.socket().unwrap();
            match socket.connect_timeout(&place.sock_addr(), Duration::from_millis(200)) {
                Ok(()) => waiting.push(socket),
                Err(error) if error.kind() == ErrorKind::TimedOut => break,
                Err(error) => panic!("filling the queue of {place}: {error}"),
            }
            assert!(Instant::now() < deadline, "the queue of {place} never fills");
        }
        Self { place, _listener: listener, _waiting: waiting }
    }

    /// Where nobody answers.
    pub fn place(&self) -> &Place {
        &self.place
    }
}
