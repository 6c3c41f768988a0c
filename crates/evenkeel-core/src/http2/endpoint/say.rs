//! What goes out.

use super::super::credit::Credit;
use super::super::frame::{self, END_HEADERS, END_STREAM, FRAME_MAX, HEAD_BYTES, Kind};
use super::super::hpack;
use super::super::reason::Reason;
use super::stream::{Stream, Streams};
use super::{Endpoint, Goodbye, Role, Table};

/// What the other side is asked to say when it knows of our goodbye.
pub const GOODBYE: &[u8; 8] = b"evenkeel";

/// What the other side is asked, to know whether it is there.
const PRESENCE: &[u8; 8] = b"presence";

impl Endpoint {
    /// Opens a stream with the message whose fields `write` adds, and says its number.
    pub fn open(
        &mut self,
        is_over: bool,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<u32> {
        if !self.may_open() {
            return None;
        }
        let stream = if self.streams.last() == 0 { 1 } else { self.streams.last() + 2 };
        self.streams.open(stream, self.theirs.window, self.limits.stream_window);
        self.fields(stream, is_over, out, write);
        Some(stream)
    }

    /// Says the fields that `write` adds: a message, or what follows its body.
    pub fn fields(
        &mut self,
        stream: u32,
        is_over: bool,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.streams.get(stream).is_none_or(|it| it.is_said) {
            return;
        }
        let start = out.len();
        out.extend_from_slice(&[0; HEAD_BYTES]);
        if self.table == Table::ToBeTold {
            hpack::no_table(out);
            self.table = Table::Told;
        }
        write(out);
        let end = if is_over { END_STREAM } else { 0 };
        let length = out.len() - start - HEAD_BYTES;
        if length <= FRAME_MAX {
            let head = frame::head(Kind::Headers, end | END_HEADERS, stream, length);
            out[start..start + HEAD_BYTES].copy_from_slice(&head);
        } else {
            let block = out.split_off(start + HEAD_BYTES);
            out.truncate(start);
            write_in_pieces(stream, end, &block, out);
        }
        if is_over {
            self.end(stream);
        }
    }

    /// How many bytes of a body the other side has room for.
    pub fn room(&self, stream: u32) -> usize {
        let room = |it: &Stream| it.outflow.room().min(self.outflow.room());
        self.streams.get(stream).filter(|it| !it.is_said).map_or(0, room)
    }

    /// Whether the room of all streams together is used up.
    pub fn is_full(&self) -> bool {
        self.outflow.room() == 0
    }

    /// Says a piece of a body, for which there has to be room.
    pub fn data(&mut self, stream: u32, bytes: &[u8], is_over: bool, out: &mut Vec<u8>) {
        let Some(it) = self.streams.get_mut(stream).filter(|it| !it.is_said) else { return };
        it.outflow.sent(bytes.len());
        self.outflow.sent(bytes.len());
        let mut rest = bytes;
        loop {
            let (piece, behind) = rest.split_at(rest.len().min(FRAME_MAX));
            let flags = if is_over && behind.is_empty() { END_STREAM } else { 0 };
            frame::write(Kind::Data, flags, stream, piece, out);
            self.credit().into_iter().for_each(Credit::on_body_sent);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        if is_over {
            self.end(stream);
        }
    }

    fn end(&mut self, stream: u32) {
        self.streams.said(stream);
        self.credit().into_iter().for_each(Credit::on_end_sent);
    }

    /// So many bytes of a body that came were taken: there is room for others.
    pub fn release(&mut self, stream: u32, bytes: u32, out: &mut Vec<u8>) {
        let told =
            self.streams.get_mut(stream).filter(|it| !it.is_heard).and_then(|it| it.inflow.taken(bytes));
        if let Some(told) = told {
            self.tell_room(stream, told, out);
        }
        if let Some(told) = self.inflow.taken(bytes) {
            self.tell_room(0, told, out);
        }
    }

    pub(super) fn tell_room(&mut self, stream: u32, bytes: u32, out: &mut Vec<u8>) {
        if bytes > 0 {
            frame::write(Kind::WindowUpdate, 0, stream, &bytes.to_be_bytes(), out);
        }
    }

    /// Says the fields of an answer that is all to what is no request.
    pub fn refuse(&mut self, stream: u32, out: &mut Vec<u8>, fields: impl FnOnce(&mut Vec<u8>)) {
        self.fields(stream, true, out, fields);
        self.reset(stream, Reason::NO_ERROR, out);
        self.credit().into_iter().for_each(Credit::on_refused);
    }

    /// Nothing more of this stream is said or wanted.
    pub fn reset(&mut self, stream: u32, why: Reason, out: &mut Vec<u8>) {
        if !self.knows(stream) {
            return;
        }
        self.gather.forget_body(stream);
        self.streams.forgive(stream);
        self.tell_reset(stream, why, out);
    }

    pub(super) fn tell_reset(&mut self, stream: u32, why: Reason, out: &mut Vec<u8>) {
        frame::write(Kind::Reset, 0, stream, &why.0.to_be_bytes(), out);
        if why.is_their_fault() {
            self.refused += 1;
            self.credit().into_iter().for_each(Credit::on_broken);
        }
    }

    /// Asks the other side to say anything.
    pub fn ping(&mut self, out: &mut Vec<u8>) {
        frame::write(Kind::Ping, 0, 0, PRESENCE, out);
    }

    /// Asks the other side to open no more streams. Those that it opens before it knows are served.
    pub fn leave(&mut self, out: &mut Vec<u8>) {
        if self.goodbye == Goodbye::Not {
            self.goodbye = Goodbye::Said;
            tell_goodbye((1 << 31) - 1, Reason::NO_ERROR, out);
            frame::write(Kind::Ping, 0, 0, GOODBYE, out);
        }
    }

    pub(super) fn on_goodbye_known(&mut self, out: &mut Vec<u8>) {
        if self.goodbye == Goodbye::Said {
            self.goodbye = Goodbye::Known;
            tell_goodbye(self.streams.last(), Reason::NO_ERROR, out);
        }
    }

    /// It is over at once, and why.
    pub fn go_away(&mut self, why: Reason, out: &mut Vec<u8>) {
        self.goodbye = Goodbye::Known;
        let last = if matches!(self.role, Role::Server(_)) { self.streams.last() } else { 0 };
        tell_goodbye(last, why, out);
        // Nothing follows.
        self.streams = Streams::default();
    }
}

fn tell_goodbye(last: u32, why: Reason, out: &mut Vec<u8>) {
    let [a, b, c, d] = last.to_be_bytes();
    let [w, x, y, z] = why.0.to_be_bytes();
    frame::write(Kind::GoAway, 0, 0, &[a, b, c, d, w, x, y, z], out);
}

/// A message that is too long for one frame.
fn write_in_pieces(stream: u32, end: u8, block: &[u8], out: &mut Vec<u8>) {
    let last = block.len().div_ceil(FRAME_MAX) - 1;
    for (number, piece) in block.chunks(FRAME_MAX).enumerate() {
        let kind = if number == 0 { Kind::Headers } else { Kind::Continuation };
        let flags = if number == 0 { end } else { 0 } | if number == last { END_HEADERS } else { 0 };
        frame::write(kind, flags, stream, piece, out);
    }
}
