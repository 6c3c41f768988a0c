//! What a backend that speaks HTTP/2 answers, in the words of HTTP/1.

use super::body::Incoming;
use super::errand::Failed;
use evenkeel_core::http::framing::Framing;
use evenkeel_core::http::method::Method;
use evenkeel_core::http::response::HEAD_MAX;
use evenkeel_core::http2::endpoint::Endpoint;
use evenkeel_core::http2::message;
use evenkeel_core::http2::unpacked::Unpacked;
use evenkeel_core::http2::wording;

/// An answer.
#[derive(Default)]
pub struct Answer {
    /// Whether its head has come.
    has_head: bool,
    body: Incoming,
    /// What nobody has read of it.
    told: Vec<u8>,
}

impl Answer {
    /// Fields have come, of the answer to a request by this `method`: a head, or what follows the body.
    pub fn fields(&mut self, method: Method, unpacked: &Unpacked, is_over: bool) -> Result<(), Failed> {
        if unpacked.is_too_long() {
            return Err(Failed::Seen);
        }
        if self.has_head {
            return match is_over {
                true => Ok(self.body.trailers(unpacked, &mut self.told)?),
                false => Err(Failed::Seen),
            };
        }
        let status = message::response(unpacked)?;
        let framing = wording::response((status, method), is_over, unpacked.fields(), &mut self.told)?;
        if is_over && matches!(framing, Framing::Length(_)) {
            // It says that there is something, and there is nothing.
            return Err(Failed::Seen);
        }
        match status {
            // No window holds up heads.
            100..200 if is_over || status == 101 || self.told.len() > HEAD_MAX => return Err(Failed::Seen),
            100..200 => return Ok(()),
            _ => self.has_head = true,
        }
        if !is_over {
            self.body = Incoming::new(framing);
        }
        Ok(())
    }

    /// A piece of the body has come.
    pub fn piece(&mut self, piece: &[u8], is_over: bool) -> Result<(), Failed> {
        self.body.piece(piece, is_over, &mut self.told)?;
        if self.has_head { Ok(()) } else { Err(Failed::Seen) }
    }

    /// Whether all of it has come.
    pub fn is_whole(&self) -> bool {
        self.has_head && self.body.is_over()
    }

    /// Whether nothing but its end is to come, or not even that.
    pub fn has_all(&self) -> bool {
        self.has_head && self.body.has_all()
    }

    /// Whether all that has come was read.
    pub fn is_read(&self) -> bool {
        self.told.is_empty()
    }

    /// Moves what there is into `room`; how many bytes.
    pub fn read(&mut self, room: &mut [u8]) -> usize {
        let length = self.told.len().min(room.len());
        room[..length].copy_from_slice(&self.told[..length]);
        self.told.drain(..length);
        length
    }

    /// Gives the backend new room when all was read.
    pub fn release(&mut self, stream: u32, endpoint: &mut Endpoint, out: &mut Vec<u8>) {
        self.body.release(stream, &self.told, endpoint, out);
    }

    /// Gives back all room: nobody reads on.
    pub fn give_up(&mut self, stream: u32, endpoint: &mut Endpoint, out: &mut Vec<u8>) {
        self.body.release(stream, &[], endpoint, out);
    }
}
