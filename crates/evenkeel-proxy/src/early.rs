//! What a client has sent before there is anybody to send it to: a header, the beginning of a handshake, and whatever
//! came with them. It is read here and nowhere else, and goes to the backend before everything else does.

use crate::session::{Interrupted, Session};
use crate::worker::Worker;
use evenkeel_sys::socket;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Room that is made for one read, in bytes.
const READ_BYTES: usize = 4096;

/// Bytes of the client's that nobody has got yet.
#[derive(Debug, Default)]
pub struct Early(Vec<u8>);

/// Why no more bytes came.
#[derive(Debug)]
pub enum NoMore {
    /// The client has sent everything, or is gone.
    ClientLeft,
    /// The deadline has passed.
    TooLate,
    /// There are as many as may be.
    TooMany,
}

impl Early {
    /// What is there.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// All of it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Takes away the first `length` bytes: they were for us.
    pub fn consume(&mut self, length: usize) {
        self.0.drain(..length);
    }

    /// Waits until there are more bytes, but no more than `limit` in all.
    pub async fn more(
        &mut self,
        worker: &Worker,
        session: &Session,
        client: &OwnedFd,
        limit: usize,
        deadline: Instant,
    ) -> Result<(), NoMore> {
        let room = limit.saturating_sub(self.0.len()).min(READ_BYTES);
        if room == 0 {
            return Err(NoMore::TooMany);
        }
        let read = || match session.client_ready.get().readable() {
            true => self.read(session, client, room),
            false => None,
        };
        match session.until(worker, deadline, read).await {
            Ok(Ok(0)) => Err(NoMore::ClientLeft),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(Interrupted::ClientLeft) => Err(NoMore::ClientLeft),
            Err(Interrupted::TooLate) => Err(NoMore::TooLate),
        }
    }

    /// One read of up to `room` bytes; `None` if nothing is there after all.
    fn read(&mut self, session: &Session, client: &OwnedFd, room: usize) -> Option<io::Result<usize>> {
        let had = self.0.len();
        self.0.resize(had + room, 0);
        let result = loop {
            match socket::recv(client, &mut self.0[had..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.0.truncate(had + result.as_ref().map_or(0, |read| *read));
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                session.client_ready.set(session.client_ready.get().read_up());
                None
            }
            result => Some(result),
        }
    }
}
