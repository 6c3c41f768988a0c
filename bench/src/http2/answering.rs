//! A backend's side of a connection, for loads without a balancer: answers as far as the client has given room.

use super::frame::{self, Frame, Frames};
use super::{PREFACE, WINDOW, WINDOW_AT_FIRST, length_asked, response};
use crate::http::BODY;
use anyhow::{Context, Result, bail, ensure};
use std::collections::VecDeque;

/// A connection.
#[derive(Debug)]
pub struct Answering {
    frames: Frames,
    /// Bytes of the preface that have not come yet.
    preface: &'static [u8],
    /// Bytes of bodies that the client has room for.
    room: usize,
    /// Streams that have got a head, and bytes of the body that are not said yet.
    due: VecDeque<(u32, usize)>,
    /// What is to be sent, and to be taken out as far as it was.
    pub unsent: Vec<u8>,
}

/// A piece of any body.
static PIECE: [u8; frame::LONGEST] = [BODY; frame::LONGEST];

impl Answering {
    /// A connection on which nothing was said.
    pub fn new() -> Self {
        let (preface, room) = (PREFACE, WINDOW_AT_FIRST as usize);
        let mut answering =
            Self { frames: Frames::default(), preface, room, due: VecDeque::new(), unsent: Vec::new() };
        answering.say(frame::SETTINGS, 0, 0, b"");
        answering
    }

    /// Says what is due with these bytes.
    pub fn on_received(&mut self, bytes: &[u8]) -> Result<()> {
        let (preface, rest) = bytes.split_at(bytes.len().min(self.preface.len()));
        self.preface = self.preface.strip_prefix(preface).context("not a preface")?;
        let mut frames = std::mem::take(&mut self.frames);
        frames.on_received(rest, |frame| self.on_frame(frame))?;
        self.frames = frames;
        self.answer();
        Ok(())
    }

    fn on_frame(&mut self, frame: Frame<'_>) -> Result<()> {
        match frame.kind {
            frame::HEADERS => {
                let length = length_asked(frame.payload).context("not a request as the load makes them")?;
                ensure!(length <= WINDOW, "asked for too much");
                self.say(frame::HEADERS, frame::END_HEADERS, frame.stream, &response(length));
                self.due.push_back((frame.stream, length as usize));
            }
            frame::WINDOW_UPDATE => self.room += u32::from_be_bytes(frame.payload.try_into()?) as usize,
            frame::SETTINGS if frame.flags == 0 => self.say(frame::SETTINGS, frame::ACK, 0, b""),
            frame::SETTINGS => {}
            _ => bail!("a frame of kind {}", frame.kind),
        }
        Ok(())
    }

    /// Bodies, one after the other.
    fn answer(&mut self) {
        while let Some((stream, unsaid)) = self.due.pop_front() {
            let piece = unsaid.min(frame::LONGEST).min(self.room);
            if piece == 0 && unsaid > 0 {
                return self.due.push_front((stream, unsaid));
            }
            self.room -= piece;
            let is_last = piece == unsaid;
            self.say(frame::DATA, u8::from(is_last) * frame::END_STREAM, stream, &PIECE[..piece]);
            if !is_last {
                self.due.push_front((stream, unsaid - piece));
            }
        }
    }

    fn say(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        Frame { kind, flags, stream, payload }.write(&mut self.unsent);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Asking;
    use super::*;
    use std::time::Instant;

    /// Both talk, in pieces of so many bytes, until they have nothing to say; how many answers came.
    fn answers(asking: &mut Asking, answering: &mut Answering, piece: usize) -> usize {
        let mut answers = 0;
        while !asking.unsent.is_empty() || !answering.unsent.is_empty() {
            for bytes in std::mem::take(&mut asking.unsent).chunks(piece) {
                answering.on_received(bytes).unwrap();
            }
            for bytes in std::mem::take(&mut answering.unsent).chunks(piece) {
                asking.on_received(bytes, |_| answers += 1).unwrap();
            }
        }
        answers
    }

    #[test]
    fn every_request_has_its_answer_however_much_all_of_them_are() {
        for (length, piece) in [(0, 1), (64, 7), (16_384, 1000), (300_000, 5000), (WINDOW, 65_536)] {
            let (mut asking, mut answering) = (Asking::new(length).unwrap(), Answering::new());
            for _ in 0..3 {
                (0..10).for_each(|_| asking.ask(Instant::now()));
                assert_eq!(answers(&mut asking, &mut answering, piece), 10, "of {length} bytes");
            }
        }
    }

    #[test]
    fn a_body_waits_for_room() {
        let (mut asking, mut answering) = (Asking::new(WINDOW).unwrap(), Answering::new());
        (0..2).for_each(|_| asking.ask(Instant::now()));
        answering.on_received(&asking.unsent).unwrap();
        let said = answering.unsent.len();
        assert!((WINDOW as usize..WINDOW as usize + 2000).contains(&said), "{said}");
    }
}
