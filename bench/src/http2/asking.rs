//! A client's side of a connection: asks the same on one stream after the other, and wants exactly that answer on each.

use super::frame::{self, Frame, Frames};
use super::{PREFACE, WINDOW, WINDOW_AT_FIRST, is_ok, request};
use crate::http::BODY;
use anyhow::{Context, Result, bail, ensure};
use std::time::Instant;

/// A connection.
#[derive(Clone, Debug)]
pub struct Asking {
    /// The fields of each request.
    block: Vec<u8>,
    /// Bytes of each answer.
    length: usize,
    /// The number of the next stream.
    next: u32,
    streams: Vec<Stream>,
    frames: Frames,
    /// Bytes of bodies that the window was not given back for.
    taken: u32,
    /// What is to be sent, and to be taken out as far as it was.
    pub unsent: Vec<u8>,
}

/// A request that is under way.
#[derive(Clone, Debug)]
struct Stream {
    number: u32,
    /// When it was to be sent.
    asked: Instant,
    /// Bytes of the answer that have not come yet, once its head has.
    unread: Option<usize>,
}

impl Asking {
    /// A connection on which nothing was said, for answers with so many bytes.
    pub fn new(bytes: u32) -> Result<Self> {
        ensure!(bytes <= WINDOW, "answers of {bytes} bytes");
        let mut asking = Self {
            block: request(bytes),
            length: bytes as usize,
            next: 1,
            streams: Vec::new(),
            frames: Frames::default(),
            taken: 0,
            unsent: PREFACE.to_vec(),
        };
        let settings = [(frame::ENABLE_PUSH, 0), (frame::INITIAL_WINDOW_SIZE, WINDOW)];
        let payload = settings.map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat());
        asking.say(frame::SETTINGS, 0, 0, &payload.concat());
        asking.give_room(WINDOW - WINDOW_AT_FIRST);
        Ok(asking)
    }

    /// One more request, which was to be sent at `due`.
    pub fn ask(&mut self, due: Instant) {
        let flags = frame::END_HEADERS | frame::END_STREAM;
        Frame { kind: frame::HEADERS, flags, stream: self.next, payload: &self.block }
            .write(&mut self.unsent);
        self.streams.push(Stream { number: self.next, asked: due, unread: None });
        self.next += 2;
    }

    /// When the requests were to be sent that have no answer yet.
    pub fn asked(&self) -> impl Iterator<Item = Instant> {
        self.streams.iter().map(|stream| stream.asked)
    }

    /// Tells `on_answer` when each request was to be sent whose answer is complete with these bytes. What is not an answer to
    /// what was asked is an error.
    pub fn on_received(&mut self, bytes: &[u8], mut on_answer: impl FnMut(Instant)) -> Result<()> {
        let mut frames = std::mem::take(&mut self.frames);
        frames.on_received(bytes, |frame| {
            if let Some(asked) = self.on_frame(frame)? {
                on_answer(asked);
            }
            Ok(())
        })?;
        self.frames = frames;
        if self.taken > WINDOW / 2 {
            self.give_room(self.taken);
            self.taken = 0;
        }
        Ok(())
    }

    fn on_frame(&mut self, frame: Frame<'_>) -> Result<Option<Instant>> {
        match frame.kind {
            frame::HEADERS => return self.on_head(frame),
            frame::DATA => return self.on_body(frame),
            frame::SETTINGS if frame.flags == 0 => self.say(frame::SETTINGS, frame::ACK, 0, b""),
            frame::PING if frame.flags == 0 => self.say(frame::PING, frame::ACK, 0, frame.payload),
            frame::RST_STREAM | frame::GOAWAY => {
                bail!("frame {} with {:x?} on stream {}", frame.kind, frame.payload, frame.stream)
            }
            frame::PUSH_PROMISE | frame::CONTINUATION => bail!("a frame of kind {}", frame.kind),
            // Answers to ours, room for bodies that we do not have, and what nobody has to understand.
            _ => {}
        }
        Ok(None)
    }

    fn on_head(&mut self, frame: Frame<'_>) -> Result<Option<Instant>> {
        let at = self.place_of(frame)?;
        ensure!(
            frame.has_only(frame::END_HEADERS | frame::END_STREAM),
            "a head with flags {:x}",
            frame.flags
        );
        ensure!(frame.flags & frame::END_HEADERS != 0, "a head in parts");
        ensure!(self.streams[at].unread.is_none(), "a second head");
        ensure!(is_ok(frame.payload), "answered {:x?}", frame.payload);
        self.streams[at].unread = Some(self.length);
        self.on_end(at, frame)
    }

    fn on_body(&mut self, frame: Frame<'_>) -> Result<Option<Instant>> {
        let at = self.place_of(frame)?;
        ensure!(frame.has_only(frame::END_STREAM), "a body with flags {:x}", frame.flags);
        let unread = self.streams[at].unread.context("a body before its head")?;
        ensure!(frame.payload.len() <= unread, "more bytes than the answer has");
        ensure!(frame.payload.iter().all(|byte| *byte == BODY), "a body that is not the backend's");
        self.streams[at].unread = Some(unread - frame.payload.len());
        self.taken += frame.payload.len() as u32;
        self.on_end(at, frame)
    }

    /// When the request was to be sent if `frame` is the end of its answer.
    fn on_end(&mut self, at: usize, frame: Frame<'_>) -> Result<Option<Instant>> {
        if !frame.is_last() {
            return Ok(None);
        }
        let stream = self.streams.swap_remove(at);
        ensure!(stream.unread == Some(0), "an answer that ends too early");
        Ok(Some(stream.asked))
    }

    fn place_of(&self, frame: Frame<'_>) -> Result<usize> {
        let found = self.streams.iter().position(|stream| stream.number == frame.stream);
        found.with_context(|| format!("an answer on stream {}, where nobody asked", frame.stream))
    }

    fn give_room(&mut self, bytes: u32) {
        self.say(frame::WINDOW_UPDATE, 0, 0, &bytes.to_be_bytes());
    }

    fn say(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        Frame { kind, flags, stream, payload }.write(&mut self.unsent);
    }
}

#[cfg(test)]
mod tests {
    use super::super::response;
    use super::*;

    const END: u8 = frame::END_STREAM;
    const HEAD_END: u8 = frame::END_HEADERS;

    /// A connection with requests on these streams, and nothing that is still to be sent.
    fn asked(bytes: u32, requests: usize) -> Asking {
        let mut asking = Asking::new(bytes).unwrap();
        (0..requests).for_each(|_| asking.ask(Instant::now()));
        asking.unsent.clear();
        asking
    }

    fn text(frames: &[(u8, u8, u32, &[u8])]) -> Vec<u8> {
        let mut text = Vec::new();
        for &(kind, flags, stream, payload) in frames {
            Frame { kind, flags, stream, payload }.write(&mut text);
        }
        text
    }

    fn answers(asking: &mut Asking, frames: &[(u8, u8, u32, &[u8])]) -> Result<usize> {
        let mut answers = 0;
        asking.on_received(&text(frames), |_| answers += 1)?;
        Ok(answers)
    }

    #[test]
    fn answers_are_complete_at_the_end_of_their_streams_in_any_order() {
        let (head, body) = (response(4), [BODY; 4]);
        let mut asking = asked(4, 3);
        let frames = [
            (frame::HEADERS, HEAD_END, 5, &head[..]),
            (frame::HEADERS, HEAD_END, 1, &head),
            (frame::DATA, END, 1, &body),
            (frame::DATA, 0, 5, &body[..1]),
            (frame::DATA, 0, 5, &body[1..]),
        ];
        assert_eq!(answers(&mut asking, &frames).unwrap(), 1);
        assert_eq!(answers(&mut asking, &[(frame::DATA, END, 5, b"")]).unwrap(), 1);
        assert_eq!(asking.asked().count(), 1);
        assert_eq!(asking.unsent, b"");
    }

    #[test]
    fn settings_and_pings_are_answered_once() {
        let mut asking = asked(4, 0);
        let came = [
            (frame::SETTINGS, 0, 0, &b""[..]),
            (frame::SETTINGS, frame::ACK, 0, b""),
            (frame::PING, 0, 0, b"12345678"),
        ];
        answers(&mut asking, &came).unwrap();
        let said = [(frame::SETTINGS, frame::ACK, 0, &b""[..]), (frame::PING, frame::ACK, 0, b"12345678")];
        assert_eq!(asking.unsent, text(&said));
    }

    #[test]
    fn room_is_given_back_when_half_of_it_is_taken() {
        let (head, body) = (response(WINDOW), [BODY; frame::LONGEST]);
        let mut asking = asked(WINDOW, 1);
        answers(&mut asking, &[(frame::HEADERS, HEAD_END, 1, &head)]).unwrap();
        let half = WINDOW as usize / 2 / frame::LONGEST;
        for _ in 0..half {
            answers(&mut asking, &[(frame::DATA, 0, 1, &body)]).unwrap();
        }
        assert_eq!(asking.unsent, b"");
        answers(&mut asking, &[(frame::DATA, 0, 1, &body)]).unwrap();
        let given = ((half + 1) * frame::LONGEST) as u32;
        assert_eq!(asking.unsent, text(&[(frame::WINDOW_UPDATE, 0, 0, &given.to_be_bytes())]));
    }

    #[test]
    fn another_answer_than_the_one_to_what_was_asked_is_an_error() {
        let (head, body) = (response(4), [BODY; 5]);
        let headed = (frame::HEADERS, HEAD_END, 1, &head[..]);
        for wrong in [
            &[(frame::HEADERS, HEAD_END, 3, &head[..])][..],
            &[(frame::HEADERS, 0, 1, &head)],
            &[(frame::HEADERS, HEAD_END, 1, &[0x8d])],
            &[(frame::HEADERS, HEAD_END | END, 1, &head)],
            &[headed, headed],
            &[(frame::DATA, END, 1, &body[..4])],
            &[headed, (frame::DATA, END, 1, &body)],
            &[headed, (frame::DATA, END, 1, &body[..3])],
            &[headed, (frame::DATA, END, 1, b"1234")],
            &[headed, (frame::DATA, END | 0x8, 1, &body[..4])],
            &[headed, (frame::RST_STREAM, 0, 1, &[0; 4])],
            &[(frame::GOAWAY, 0, 0, &[0; 8])],
        ] {
            assert!(answers(&mut asked(4, 1), wrong).is_err(), "{wrong:x?}");
        }
    }
}
