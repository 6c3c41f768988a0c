//! Flows: what a client sends over UDP belongs to the backend that its first datagram was sent to, until it has been quiet
//! for long enough, or somebody else needs the room.
//!
//! A [`FlowTable`] knows which flows there are and when each is over. It is told of datagrams and of the time; it does no
//! I/O, and what a flow consists of besides is its caller's.

mod key;
mod lost;
mod order;
mod table;
mod trail;

pub use lost::Lost;
pub use table::{FlowId, FlowTable, Kept};
pub use trail::{Mark, Trail};

use std::time::Duration;

/// What the flows of a service are held to; as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowRules {
    /// Without a datagram, while nothing came back yet.
    pub unanswered: Duration,
    /// Without a datagram in either direction, once something came back.
    pub idle: Duration,
    /// Answers that a datagram of the client gets: with the last of them a flow is over. `None`: nobody knows.
    pub answers: Option<u32>,
    /// Whether they are QUIC, whose connections may change their client's address.
    pub quic: bool,
}

impl Default for FlowRules {
    fn default() -> Self {
        Self {
            unanswered: Duration::from_secs(60),
            idle: Duration::from_secs(180),
            answers: None,
            quic: false,
        }
    }
}

/// How far a flow has come. Who has come less far makes room first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing came back yet: anybody can be behind it, under any address.
    Unanswered,
    /// The backend has answered.
    Answered,
    /// The client went on after that, as somebody does who got the answer.
    Settled,
}

impl Standing {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Unanswered, Self::Answered, Self::Settled];
}

impl FlowRules {
    /// How long a flow of this standing may be quiet.
    pub fn patience(&self, standing: Standing) -> Duration {
        match standing {
            Standing::Unanswered => self.unanswered,
            Standing::Answered | Standing::Settled => self.idle,
        }
    }

    /// Whether an answer may come at all.
    pub fn expects_answers(&self) -> bool {
        self.answers != Some(0)
    }
}
