//! Bodies on their way from one connection to another: how long they are is always known, or it is known that they last until
//! their connection ends.

use super::chunked::{self, Chunks};
use super::edit::Edits;
use super::framing::Framing;
use super::grpc::Call;
use super::head::Lines;
use super::refusal::Refusal;

/// A body that comes in one framing and goes in another.
#[derive(Debug)]
pub struct Passage {
    from: From,
    /// Whether it goes in chunks.
    in_chunks: bool,
    /// Bytes that it had so far, without framing.
    passed: u64,
    /// How many it may have.
    most: u64,
    /// The call that it answers.
    call: Option<Call>,
}

#[derive(Debug)]
enum From {
    Length(u64),
    Chunked(Box<Chunks>),
    UntilEnd,
    Done,
}

impl Passage {
    /// From one framing to another. `most`: so many bytes may pass.
    pub fn new(from: Framing, to: Framing, most: Option<u64>) -> Self {
        let from = match from {
            Framing::Empty { .. } => From::Done,
            Framing::Length(length) => From::Length(length),
            Framing::Chunked => From::Chunked(Box::default()),
            Framing::UntilEnd => From::UntilEnd,
        };
        Self {
            from,
            in_chunks: to == Framing::Chunked,
            passed: 0,
            most: most.unwrap_or(u64::MAX),
            call: None,
        }
    }

    /// The same of the answer to `call`, of which what stands behind it tells more.
    pub fn answering(self, call: Option<Call>) -> Self {
        Self { call, ..self }
    }

    /// The call that it answers, if it does.
    pub fn call(&self) -> Option<Call> {
        self.call
    }

    /// Whether all has come.
    pub fn is_done(&self) -> bool {
        matches!(self.from, From::Done)
    }

    /// How many of `came` can be passed on just as they are; 0 if they have to be written anew.
    pub fn as_they_are(&self, came: &[u8]) -> usize {
        match self.from {
            From::Length(left) if !self.in_chunks => {
                usize::try_from(left).unwrap_or(usize::MAX).min(came.len())
            }
            From::UntilEnd if !self.in_chunks => came.len(),
            _ => 0,
        }
    }

    /// So many bytes were passed on as they are.
    pub fn on_passed(&mut self, bytes: usize) {
        self.passed += bytes as u64;
        if let From::Length(left) = &mut self.from {
            *left -= bytes as u64;
            if *left == 0 {
                self.from = From::Done;
            }
        }
    }

    /// Takes in what came and adds what is to be passed on to `out`; says how many of the bytes were of this body. What the
    /// `edits` take away of the head is not in its trailers either.
    pub fn carry(&mut self, came: &[u8], edits: &Edits, out: &mut Vec<u8>) -> Result<usize, Refusal> {
        let start = out.len();
        let used = match &mut self.from {
            From::Done => 0,
            From::UntilEnd => {
                out.extend_from_slice(came);
                came.len()
            }
            From::Length(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(came.len());
                out.extend_from_slice(&came[..length]);
                *left -= length as u64;
                length
            }
            From::Chunked(chunks) => chunks.read(came, |piece| out.extend_from_slice(piece))?,
        };
        self.passed += (out.len() - start) as u64;
        if self.in_chunks {
            // One for all that came, however many they were.
            chunked::enclose(out, start);
        }
        if self.passed > self.most {
            return Err(Refusal::BodyTooLong);
        }
        self.finish(edits, out);
        Ok(used)
    }

    fn finish(&mut self, edits: &Edits, out: &mut Vec<u8>) {
        let is_over = match &self.from {
            From::Length(left) => *left == 0,
            From::Chunked(chunks) => chunks.is_done(),
            From::UntilEnd | From::Done => false,
        };
        if is_over {
            self.end(edits, out);
        }
    }

    /// Adds what says that this was all, and is done.
    fn end(&mut self, edits: &Edits, out: &mut Vec<u8>) {
        let from = std::mem::replace(&mut self.from, From::Done);
        if let (Some(call), From::Chunked(chunks)) = (&mut self.call, &from) {
            chunks.trailer(&mut Lines::new()).into_iter().for_each(|fields| call.end(fields));
        }
        if self.in_chunks {
            out.extend_from_slice(b"0\r\n");
            if let From::Chunked(chunks) = &from {
                chunks.write_trailer(edits, out);
            }
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The connection that it came through has ended: adds what that means to `out`. Whether this was the body's end.
    pub fn on_end(&mut self, out: &mut Vec<u8>) -> bool {
        match self.from {
            From::UntilEnd => self.end(&Edits::default(), out),
            From::Done => {}
            From::Length(_) | From::Chunked(_) => return false,
        }
        true
    }
}
