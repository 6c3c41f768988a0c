//! What a client has sent before there is anybody to send it to: a header, the beginning of a handshake, and whatever
//! came with them. It is read here and nowhere else, and goes to the backend before everything else does.

use crate::session::{Interrupted, Session};
use crate::worker::Worker;
use evenkeel_core::early::EarlyPlace;
use evenkeel_core::end::End;
use evenkeel_core::rejection::Rejection;
use evenkeel_sys::socket;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Room that is made when there is none left, at least, as what is there is doubled; and the most that is read at once.
const ROOM_BYTES: usize = 4096;

/// Bytes of the client's that nobody has got yet.
#[derive(Debug, Default)]
pub struct Early {
    bytes: Vec<u8>,
    /// Its part of the room for such bytes, from the first of them on.
    place: Option<EarlyPlace>,
}

/// Why no more bytes came.
#[derive(Debug)]
pub enum NoMore {
    /// The client has sent everything, or is gone.
    ClientLeft,
    /// The deadline has passed.
    TooLate,
    /// There are as many as may be.
    TooMany,
    /// There are as many as may be of all clients together.
    NoRoom,
}

impl NoMore {
    /// What a session ends as for want of bytes; `late` if they did not come in time, `long` if they were too many.
    pub fn end(self, late: Rejection, long: Rejection) -> End {
        match self {
            Self::ClientLeft => End::ClientLeft,
            Self::TooLate => late.into(),
            Self::TooMany => long.into(),
            Self::NoRoom => Rejection::NoRoom.into(),
        }
    }
}

impl Early {
    /// What is there.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of it.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Takes all of it away, for somebody who has to say what is held of it from now on.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Takes away the first `length` bytes: they were for us.
    pub fn consume(&mut self, length: usize) {
        self.bytes.drain(..length);
    }

    /// Says that so many bytes are held for the client from now on. False: there is no room for them.
    pub fn hold(&mut self, worker: &Worker, bytes: usize) -> bool {
        match &mut self.place {
            None if bytes == 0 => true,
            place => {
                let place = place.get_or_insert_with(|| EarlyPlace::new(&worker.shared.early));
                place.hold(bytes as u64)
            }
        }
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
        if self.bytes.len() >= limit {
            return Err(NoMore::TooMany);
        }
        let read = || match session.client_ready.get().readable() {
            true => self.read(worker, session, client, limit),
            false => None,
        };
        match session.until(worker, deadline, read).await {
            Ok(read) => read,
            Err(Interrupted::ClientLeft) => Err(NoMore::ClientLeft),
            Err(Interrupted::TooLate) => Err(NoMore::TooLate),
        }
    }

    /// One read, up to `limit` bytes in all; `None` if nothing is there after all.
    fn read(
        &mut self,
        worker: &Worker,
        session: &Session,
        client: &OwnedFd,
        limit: usize,
    ) -> Option<Result<(), NoMore>> {
        let had = self.bytes.len();
        if had == self.bytes.capacity() {
            self.bytes.reserve(ROOM_BYTES.min(limit - had));
        }
        // What is held is the memory, however little is in it.
        if !self.hold(worker, self.bytes.capacity()) {
            return Some(Err(NoMore::NoRoom));
        }
        self.bytes.resize(self.bytes.capacity().min(limit).min(had + ROOM_BYTES), 0);
        let result = loop {
            match socket::recv(client, &mut self.bytes[had..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.bytes.truncate(had + result.as_ref().map_or(0, |read| *read));
        match result {
            Ok(0) => Some(Err(NoMore::ClientLeft)),
            Ok(_) => Some(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                session.client_ready.set(session.client_ready.get().read_up());
                None
            }
            Err(_) => Some(Err(NoMore::ClientLeft)),
        }
    }
}
