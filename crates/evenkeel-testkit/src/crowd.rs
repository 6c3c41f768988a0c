//! A backend for thousands of sessions: greets each with one byte and keeps it open, without a thread per session.

use crate::place::Place;
use socket2::Socket;
use std::io::Write;
use std::net::Shutdown;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What a [`Crowd`] says to each.
pub const GREETING: &[u8] = b"!";

/// Sessions that are there and do nothing.
pub struct Crowd {
    place: Place,
    listener: Arc<Socket>,
    accepting: Option<JoinHandle<()>>,
}

impl Crowd {
    /// Listens on 127.0.0.1 until dropped.
    pub fn start() -> Self {
        let (listener, place) = Place::any().listen(4096).expect("a listening socket");
        let listener = Arc::new(listener);
        let accepting = {
            let listener = Arc::clone(&listener);
            std::thread::spawn(move || {
                let mut open = Vec::new();
                while let Ok((mut session, _)) = listener.accept() {
                    let _ = session.write_all(GREETING);
                    open.push(session);
                }
            })
        };
        Self { place, listener, accepting: Some(accepting) }
    }

    /// Where it listens.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.listener.shutdown(Shutdown::Both);
        let _ = self.accepting.take().map(JoinHandle::join);
    }
}
