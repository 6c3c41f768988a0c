//! One end of a connection: takes in the bytes that come ([`take`]), says what happened, and writes what is to go out ([`say`]).
//!
//! It holds nothing of bodies, and of messages only those whose end has not come yet: who has nothing to say costs a row of
//! numbers here, and what the other side has had put into the table of its compressed fields.

mod gather;
mod say;
mod stream;
mod take;

use super::PREFACE;
use super::credit::Credit;
use super::hpack::Decoder;
use super::reason::Reason;
use super::settings::{self, Settings};
use super::window::{FIRST_WINDOW, Inflow, Outflow};
use gather::Gather;
use std::time::Instant;
use stream::Streams;

/// What the other side may have here at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Streams that it may have open.
    pub streams: u32,
    /// Bytes of one body that may come before some of them were taken.
    pub stream_window: u32,
    /// Bytes of all bodies, at least the 65,535 that every connection begins with.
    pub connection_window: u32,
    /// What the fields of a message may count, each 32 beside its bytes.
    pub fields: u32,
    /// Bytes of a message as they come in several frames, packed: one that has more ends the connection.
    pub block: u32,
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Fields have come, which lie unpacked: a message, or what follows its body.
    Fields {
        /// Whose.
        stream: u32,
        /// Whether the stream begins with them.
        is_new: bool,
        /// Whether nothing of the stream follows.
        is_over: bool,
    },
    /// A piece of a body has come.
    Data {
        /// Whose.
        stream: u32,
        /// The piece.
        bytes: &'a [u8],
        /// Whether nothing of the stream follows.
        is_over: bool,
    },
    /// A stream is over before its time, and unknown from now on.
    Reset {
        /// Which.
        stream: u32,
        /// Whether the other side has certainly not looked at it.
        is_unseen: bool,
    },
    /// There may be room for bodies where there was none.
    Room,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Endpoint {
    role: Role,
    limits: Limits,
    gather: Gather,
    /// What the other side packs fields with.
    decoder: Decoder,
    theirs: Settings,
    table: Table,
    outflow: Outflow,
    inflow: Inflow,
    streams: Streams,
    goodbye: Goodbye,
    /// The last of our streams that the other side looks at, if it has said so.
    last_seen: Option<u32>,
    /// Streams that were reset for the other side's fault, and were not asked about.
    refused: u32,
}

#[derive(Debug)]
enum Role {
    /// We are asked, by somebody who has this credit.
    Server(Credit),
    /// We ask.
    Client,
}

/// Whether the other side was told that we remember no fields that we send. It need only be if its table is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    AsItWas,
    ToBeTold,
    Told,
}

/// How far we are with our goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goodbye {
    Not,
    /// The other side was told, and asked to say when it knows.
    Said,
    /// It knows, or need not: what it opens from now on is not looked at.
    Known,
}

impl Endpoint {
    /// The end that is asked; `out` gets what it says first.
    pub fn server(limits: Limits, now: Instant, out: &mut Vec<u8>) -> Self {
        let said = [
            (settings::MAX_CONCURRENT_STREAMS, limits.streams),
            (settings::INITIAL_WINDOW_SIZE, limits.stream_window),
            (settings::MAX_HEADER_LIST_SIZE, limits.fields),
            (settings::ENABLE_CONNECT_PROTOCOL, 1),
        ];
        Self::new(Role::Server(Credit::new(now)), limits, Gather::behind_preface(now), &said, out)
    }

    /// The end that asks; `out` gets what it says first.
    pub fn client(limits: Limits, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(PREFACE);
        let said = [
            (settings::ENABLE_PUSH, 0),
            (settings::INITIAL_WINDOW_SIZE, limits.stream_window),
            (settings::MAX_HEADER_LIST_SIZE, limits.fields),
        ];
        Self::new(Role::Client, limits, Gather::default(), &said, out)
    }

    fn new(role: Role, limits: Limits, gather: Gather, said: &[(u16, u32)], out: &mut Vec<u8>) -> Self {
        settings::write(said, out);
        let mut endpoint = Self {
            role,
            limits,
            gather,
            decoder: Decoder::new(),
            theirs: Settings::default(),
            table: Table::AsItWas,
            outflow: Outflow::new(FIRST_WINDOW),
            inflow: Inflow::new(limits.connection_window),
            streams: Streams::default(),
            goodbye: Goodbye::Not,
            last_seen: None,
            refused: 0,
        };
        endpoint.tell_room(0, limits.connection_window.saturating_sub(FIRST_WINDOW), out);
        endpoint
    }

    /// Whether the other side has said anything that makes sense.
    pub fn has_begun(&self) -> bool {
        self.gather.has_begun()
    }

    /// Since when the other side is in the middle of a message, or of a frame but what carries a body, which may take its time.
    pub fn inside_since(&self) -> Option<Instant> {
        self.gather.inside_since()
    }

    /// How many streams were reset for the other side's fault since this was asked last.
    pub fn take_refused(&mut self) -> u32 {
        std::mem::take(&mut self.refused)
    }

    /// Whether the other side knows that it is to open no more streams, and has none.
    pub fn is_left(&self) -> bool {
        self.goodbye == Goodbye::Known && self.streams.is_empty()
    }

    /// Whether a stream is open.
    pub fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    /// How many streams may be open there at once: one before the other side has said how many, none after its goodbye.
    pub fn streams_max(&self) -> usize {
        let has_numbers = self.streams.last() < (1 << 31) - 2;
        match self.last_seen {
            None if has_numbers && self.has_begun() => self.theirs.streams as usize,
            None if has_numbers => 1,
            _ => 0,
        }
    }

    /// Whether another stream may be opened there.
    pub fn may_open(&self) -> bool {
        self.streams.len() < self.streams_max()
    }

    /// Whether a stream is neither over nor reset.
    pub fn knows(&self, stream: u32) -> bool {
        self.streams.get(stream).is_some()
    }

    /// That of who asks us.
    fn credit(&mut self) -> Option<&mut Credit> {
        match &mut self.role {
            Role::Server(credit) => Some(credit),
            Role::Client => None,
        }
    }

    /// The stream is reset for this reason.
    fn break_off(&mut self, stream: u32, why: Reason, out: &mut Vec<u8>) -> Event<'static> {
        self.reset(stream, why, out);
        Event::Reset { stream, is_unseen: false }
    }
}
