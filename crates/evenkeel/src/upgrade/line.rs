//! What two processes tell each other during an upgrade. Each message is a word, and what belongs to it.
//!
//! Old: `Hello`, a `Listener` each, `Listeners`. New: `Ready` or `Failed`. Old: `Past`; from here on the new one accepts.
//! Old: `Sessions`, as often as needed, `Counted`, `All`. New: `Have`. Old: `Go`, and all of it is the new one's. New:
//! `Moving` again. Instead of any of these the old one may say `Abort`. Up to `Ready`, and `Go`, nothing of this may change:
//! what has an unknown format still gets the listeners.

use evenkeel_sys::handoff::{Channel, PACKET_MAX};
use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

/// Bytes of a message that fit into one packet, besides its word and whether there is more.
pub const PIECE_MAX: usize = PACKET_MAX - 2;

/// Bytes in a message, at most.
const MESSAGE_MAX: usize = 1 << 30;

/// Which message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Word {
    /// The format that the old process speaks, how many sessions it has, about, and what operators want in that format.
    Hello = 1,
    /// A listener, with its sockets.
    Listener = 2,
    /// That was the last of them.
    Listeners = 3,
    /// The format that the new process speaks, and the numbers of the listeners it takes.
    Ready = 4,
    /// The new process will not come up, and why.
    Failed = 5,
    /// What the new process must know before it accepts.
    Past = 6,
    /// Some sessions, with their descriptors.
    Sessions = 7,
    /// What was counted.
    Counted = 8,
    /// How many sessions there are in all.
    All = 9,
    /// So many sessions have arrived.
    Have = 10,
    /// From now on all of it is the new process's.
    Go = 11,
    /// The sessions move again.
    Moving = 12,
    /// The old process goes on, and why.
    Abort = 13,
}

impl Word {
    fn of(byte: u8) -> Option<Self> {
        use Word::{
            Abort, All, Counted, Failed, Go, Have, Hello, Listener, Listeners, Moving, Past, Ready, Sessions,
        };
        [Hello, Listener, Listeners, Ready, Failed, Past, Sessions, Counted, All, Have, Go, Moving, Abort]
            .into_iter()
            .find(|word| *word as u8 == byte)
    }
}

/// A message.
#[derive(Debug)]
pub struct Message {
    /// Which.
    pub word: Word,
    /// What belongs to it.
    pub bytes: Vec<u8>,
    /// Its descriptors.
    pub descriptors: Vec<OwnedFd>,
}

/// Why nothing more can be told or heard.
#[derive(Debug)]
pub enum Broken {
    /// The other process has closed its end: it has ended.
    Closed,
    /// It said nothing, or took nothing, for too long.
    Silent,
    /// It said what makes no sense here.
    Nonsense,
    /// It gave up, for this reason.
    Refused(String),
    /// The kernel refused.
    Failed(io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the other process has ended"),
            Self::Silent => f.write_str("the other process does not answer in time"),
            Self::Nonsense => f.write_str("the other process said what makes no sense"),
            Self::Refused(why) => f.write_str(why),
            Self::Failed(error) => write!(f, "{error}"),
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Silent,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Closed,
            _ => Self::Failed(error),
        }
    }
}

/// One end of the conversation.
#[derive(Clone, Debug)]
pub struct Line(pub Arc<Channel>);

impl Line {
    /// Says `word`. Descriptors go with the first packet. Of two threads that speak at once each message has to fit into
    /// one packet.
    pub fn say(
        &self,
        word: Word,
        bytes: &[u8],
        descriptors: &[BorrowedFd<'_>],
        by: Instant,
    ) -> Result<(), Broken> {
        let mut descriptors = descriptors;
        let mut pieces = bytes.chunks(PIECE_MAX).peekable();
        loop {
            let piece = pieces.next().unwrap_or_default();
            let mut packet = Vec::with_capacity(piece.len() + 2);
            packet.extend([word as u8, u8::from(pieces.peek().is_some())]);
            packet.extend_from_slice(piece);
            self.0.send(&packet, std::mem::take(&mut descriptors), by)?;
            if pieces.peek().is_none() {
                return Ok(());
            }
        }
    }

    /// The next message.
    pub fn hear(&self, by: Instant) -> Result<Message, Broken> {
        let mut heard: Option<Message> = None;
        loop {
            let packet = self.0.receive(by)?.ok_or(Broken::Closed)?;
            let [byte, more, piece @ ..] = &packet.bytes[..] else { return Err(Broken::Nonsense) };
            let word = Word::of(*byte).ok_or(Broken::Nonsense)?;
            let message = heard.get_or_insert(Message { word, bytes: Vec::new(), descriptors: Vec::new() });
            if message.word != word || message.bytes.len() + piece.len() > MESSAGE_MAX {
                return Err(Broken::Nonsense);
            }
            message.bytes.extend_from_slice(piece);
            message.descriptors.extend(packet.descriptors);
            if *more == 0 {
                return heard.ok_or(Broken::Nonsense);
            }
        }
    }
}
