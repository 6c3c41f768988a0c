//! What comes in.

use super::super::frame::{self, ACK, END_HEADERS, Head, Kind, PADDED, PRIORITY};
use super::super::reason::Reason;
use super::super::unpacked::Unpacked;
use super::gather::{Block, Body};
use super::say::GOODBYE;
use super::stream::Known;
use super::{Endpoint, Event, Goodbye, Role, Table};
use std::time::Instant;

/// What has happened by a frame, if anything.
type Taken = Result<Option<Event<'static>>, Reason>;

/// Bytes that say how urgent a stream is.
const PRIORITY_BYTES: usize = 5;

impl Endpoint {
    /// Takes in what `came`, up to the next thing that happens; all of it if nothing does. The fields of messages lie in
    /// `unpacked` then, and what is to be answered is added to `out`.
    ///
    /// # Errors
    /// Why the connection is over: a rule was broken on which all depends, or the other side has used up its credit.
    pub fn next<'a>(
        &mut self,
        came: &mut &'a [u8],
        unpacked: &mut Unpacked,
        out: &mut Vec<u8>,
        now: Instant,
    ) -> Result<Option<Event<'a>>, Reason> {
        loop {
            if let Some(event) = self.unseen() {
                return Ok(Some(event));
            }
            if let Some((body, bytes)) = self.gather.body(came) {
                match self.on_piece(body, bytes) {
                    Some(event) => return Ok(Some(event)),
                    None => continue,
                }
            }
            let frame = if self.gather.is_in_body() { None } else { self.gather.frame(came)? };
            let Some((head, payload)) = frame else {
                self.gather.note_inside(now);
                return Ok(None);
            };
            self.charge(head, &payload, now)?;
            if let Some(event) = self.on_frame(head, &payload, unpacked, out)? {
                return Ok(Some(event));
            }
        }
    }

    /// One of our streams that the other side does not look at, as it has said with its goodbye.
    fn unseen(&mut self) -> Option<Event<'static>> {
        let stream = self.streams.above(self.last_seen?)?;
        self.streams.close(stream);
        Some(Event::Reset { stream, is_unseen: true })
    }

    fn charge(&mut self, head: Head, payload: &[u8], now: Instant) -> Result<(), Reason> {
        let Some(credit) = self.credit() else { return Ok(()) };
        let carries = if head.kind == Kind::Data { carries(head, payload) } else { 0 };
        credit.on_came(head, carries as u32, now).map_err(|_| Reason::ENHANCE_YOUR_CALM)
    }

    fn on_frame(&mut self, head: Head, payload: &[u8], unpacked: &mut Unpacked, out: &mut Vec<u8>) -> Taken {
        match head.kind {
            Kind::Data => self.on_data(head, payload, out),
            Kind::Headers => self.on_headers(head, payload, unpacked, out),
            Kind::Continuation => {
                match self.gather.go_on(payload, self.limits.block as usize, head.has(END_HEADERS))? {
                    Some(block) => self.on_block(block.stream, &block.bytes, block.is_over, unpacked, out),
                    None => Ok(None),
                }
            }
            Kind::Priority => self.on_priority(head, payload, out),
            Kind::Reset => self.on_reset(head, payload),
            Kind::Settings => self.on_settings(head, payload, out),
            Kind::Ping => self.on_ping(head, payload, out),
            Kind::GoAway => self.on_goodbye(head, payload),
            Kind::WindowUpdate => self.on_room(head, payload, out),
            Kind::Push => Err(Reason::PROTOCOL_ERROR),
            Kind::Other => Ok(None),
        }
    }

    /// A frame that carries a piece of a body begins.
    fn on_data(&mut self, head: Head, begin: &[u8], out: &mut Vec<u8>) -> Taken {
        let padding = begin.first().map_or(0, |it| usize::from(*it));
        let left = (head.length - begin.len()).checked_sub(padding).ok_or(Reason::PROTOCOL_ERROR)?;
        let length = head.length as u32;
        self.inflow.came(length).map_err(|_| Reason::FLOW_CONTROL_ERROR)?;
        let mut body = Body { stream: head.stream, left, padding, is_over: head.ends_stream() };
        let problem = match self.streams.known(head.stream) {
            Known::Open => self.streams.get_mut(head.stream).and_then(|stream| match stream.is_heard {
                true => Some(Reason::STREAM_CLOSED),
                false => stream.inflow.came(length).err().map(|_| Reason::FLOW_CONTROL_ERROR),
            }),
            Known::Forgiven => {
                if body.is_over {
                    self.streams.close(head.stream);
                }
                (body.stream, body.is_over) = (0, false);
                None
            }
            Known::Over => return Err(Reason::STREAM_CLOSED),
            Known::Idle => return Err(Reason::PROTOCOL_ERROR),
        };
        if problem.is_some() {
            (body.stream, body.is_over) = (0, false);
        }
        self.gather.begin_body(body);
        // What nobody takes has room again at once.
        let is_skipped = body.stream == 0;
        self.release(body.stream, (head.length - if is_skipped { 0 } else { left }) as u32, out);
        Ok(problem.map(|why| self.break_off(head.stream, why, out)))
    }

    fn on_piece<'a>(&mut self, body: Body, bytes: &'a [u8]) -> Option<Event<'a>> {
        if body.stream == 0 {
            return None;
        }
        if body.is_over {
            self.streams.heard(body.stream);
        }
        let is_something = body.is_over || !bytes.is_empty();
        is_something.then_some(Event::Data { stream: body.stream, bytes, is_over: body.is_over })
    }

    fn on_headers(
        &mut self,
        head: Head,
        payload: &[u8],
        unpacked: &mut Unpacked,
        out: &mut Vec<u8>,
    ) -> Taken {
        let mut block = frame::unpad(head, payload)?;
        let mut is_circle = false;
        if head.has(PRIORITY) {
            let (priority, rest) = block.split_at_checked(PRIORITY_BYTES).ok_or(Reason::FRAME_SIZE_ERROR)?;
            is_circle = depends_on(priority) == Some(head.stream);
            block = rest;
        }
        if head.stream == 0 || head.stream.is_multiple_of(2) || is_circle {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let is_over = head.ends_stream();
        if !head.has(END_HEADERS) {
            self.gather.begin_block(Block { stream: head.stream, is_over, bytes: block.to_vec() });
            return Ok(None);
        }
        self.on_block(head.stream, block, is_over, unpacked, out)
    }

    /// A message is complete. Whosever it is, it is unpacked: what follows depends on it.
    fn on_block(
        &mut self,
        stream: u32,
        block: &[u8],
        is_over: bool,
        unpacked: &mut Unpacked,
        out: &mut Vec<u8>,
    ) -> Taken {
        let most = self.limits.fields as usize;
        unpacked.read(&mut self.decoder, block, most).map_err(|_| Reason::COMPRESSION_ERROR)?;
        let is_asked = matches!(self.role, Role::Server(_));
        match self.streams.known(stream) {
            Known::Idle if is_asked => return Ok(self.on_opened(stream, is_over, out)),
            Known::Idle => return Err(Reason::PROTOCOL_ERROR),
            Known::Over => return Err(Reason::STREAM_CLOSED),
            Known::Forgiven => {
                if is_over {
                    self.streams.close(stream);
                }
            }
            Known::Open => {
                let is_heard = self.streams.get(stream).is_some_and(|it| it.is_heard);
                let problem = match is_over {
                    _ if is_heard => Some(Reason::STREAM_CLOSED),
                    // What follows a body is the end.
                    false if is_asked => Some(Reason::PROTOCOL_ERROR),
                    _ => None,
                };
                if let Some(why) = problem {
                    return Ok(Some(self.break_off(stream, why, out)));
                }
                if is_over {
                    self.streams.heard(stream);
                }
                return Ok(Some(Event::Fields { stream, is_new: false, is_over }));
            }
        }
        Ok(None)
    }

    /// The other side opens a stream.
    fn on_opened(&mut self, stream: u32, is_over: bool, out: &mut Vec<u8>) -> Option<Event<'static>> {
        let is_known = self.goodbye == Goodbye::Known;
        if is_known || self.streams.len() >= self.limits.streams as usize {
            self.streams.turn_away(stream, is_over);
            if !is_known {
                self.tell_reset(stream, Reason::REFUSED_STREAM, out);
            }
            return None;
        }
        self.streams.open(stream, self.theirs.window, self.limits.stream_window);
        if is_over {
            self.streams.heard(stream);
        }
        Some(Event::Fields { stream, is_new: true, is_over })
    }

    /// Whatever is urgent for others: all are served alike.
    fn on_priority(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Taken {
        if head.stream == 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let why = match depends_on(payload) {
            _ if payload.len() != PRIORITY_BYTES => Reason::FRAME_SIZE_ERROR,
            Some(stream) if stream == head.stream => Reason::PROTOCOL_ERROR,
            _ => return Ok(None),
        };
        match self.streams.known(head.stream) {
            Known::Open => Ok(Some(self.break_off(head.stream, why, out))),
            // There is nothing to break off.
            _ => Err(why),
        }
    }

    fn on_reset(&mut self, head: Head, payload: &[u8]) -> Taken {
        let why = Reason(frame::number(payload)?);
        if self.streams.known(head.stream) == Known::Idle {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let was_open = self.streams.close(head.stream);
        let is_unseen = why == Reason::REFUSED_STREAM;
        Ok(was_open.then_some(Event::Reset { stream: head.stream, is_unseen }))
    }

    fn on_settings(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Taken {
        if head.stream != 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if head.has(ACK) {
            return if payload.is_empty() { Ok(None) } else { Err(Reason::FRAME_SIZE_ERROR) };
        }
        let before = self.theirs.window;
        self.theirs.read(payload)?;
        let by = i64::from(self.theirs.window) - i64::from(before);
        self.streams.change_windows(by).map_err(|_| Reason::FLOW_CONTROL_ERROR)?;
        if self.theirs.has_small_table && self.table == Table::AsItWas {
            self.table = Table::ToBeTold;
        }
        frame::write(Kind::Settings, ACK, 0, &[], out);
        Ok(Some(Event::Room))
    }

    fn on_ping(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Taken {
        match payload.len() {
            _ if head.stream != 0 => return Err(Reason::PROTOCOL_ERROR),
            8 if !head.has(ACK) => frame::write(Kind::Ping, ACK, 0, payload, out),
            8 if payload == GOODBYE => self.on_goodbye_known(out),
            8 => {}
            _ => return Err(Reason::FRAME_SIZE_ERROR),
        }
        Ok(None)
    }

    fn on_goodbye(&mut self, head: Head, payload: &[u8]) -> Taken {
        if head.stream != 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let [a, b, c, d, ..] = *payload.first_chunk::<8>().ok_or(Reason::FRAME_SIZE_ERROR)?;
        // A client's says which of our streams it looks at, of which there are none.
        if matches!(self.role, Role::Client) {
            let last = u32::from_be_bytes([a & 0x7f, b, c, d]);
            self.last_seen = Some(self.last_seen.map_or(last, |it| it.min(last)));
        }
        Ok(None)
    }

    fn on_room(&mut self, head: Head, payload: &[u8], out: &mut Vec<u8>) -> Taken {
        let by = frame::number(payload)? & 0x7fff_ffff;
        if head.stream == 0 {
            let grown = self.outflow.change(i64::from(by)).map_err(|_| Reason::FLOW_CONTROL_ERROR);
            return if by == 0 { Err(Reason::PROTOCOL_ERROR) } else { grown.map(|()| Some(Event::Room)) };
        }
        if self.streams.known(head.stream) == Known::Idle {
            return Err(Reason::PROTOCOL_ERROR);
        }
        let Some(stream) = self.streams.get_mut(head.stream) else { return Ok(None) };
        let grown = stream.outflow.change(i64::from(by));
        let why = match grown {
            Ok(()) if by > 0 => return Ok(Some(Event::Room)),
            Ok(()) => Reason::PROTOCOL_ERROR,
            Err(_) => Reason::FLOW_CONTROL_ERROR,
        };
        Ok(Some(self.break_off(head.stream, why, out)))
    }
}

/// Bytes of a body in a frame of which this much is known.
fn carries(head: Head, begin: &[u8]) -> usize {
    let padding = if head.has(PADDED) { 1 + usize::from(begin.first().copied().unwrap_or(0)) } else { 0 };
    head.length.saturating_sub(padding)
}

/// The stream that another one depends on.
fn depends_on(priority: &[u8]) -> Option<u32> {
    priority.first_chunk().map(|it| u32::from_be_bytes(*it) & 0x7fff_ffff)
}
