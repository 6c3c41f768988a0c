//! A relay as plain data: what another process needs to go on with it. `F` is how a descriptor is held: lent, by the one
//! who has the relay, or owned, by the one who gets it.

use super::Patience;
use evenkeel_core::end::End;
use evenkeel_core::half::PackedHalf;
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::PoolRules;
use std::sync::Arc;
use std::time::Instant;

/// A relay between two operations.
#[derive(Debug)]
pub struct SuspendedRelay<F> {
    /// The client's socket.
    pub client: F,
    /// The backend's socket.
    pub backend: F,
    /// What flows to the backend.
    pub to_backend: SuspendedDirection<F>,
    /// What flows to the client.
    pub to_client: SuspendedDirection<F>,
    /// What the session was born with.
    pub rules: Arc<PoolRules>,
    /// When it was established.
    pub established: Instant,
    /// When bytes last moved.
    pub active: Instant,
    /// Whether one side has sent everything.
    pub is_half_closed: bool,
    /// When it must be over, if it must.
    pub drain: Option<Instant>,
    /// When the first byte for the client came.
    pub first_byte: Option<Instant>,
    /// The side that is gone without having said so, what the session ends as, and since when.
    pub lost: Option<(Side, End, Instant)>,
    /// Who sent everything first.
    pub first_closed: Option<Side>,
    /// With peers that do not answer.
    pub patience: Patience,
}

/// One direction of it.
#[derive(Debug)]
pub struct SuspendedDirection<F> {
    /// What is to be done next.
    pub half: PackedHalf,
    /// Where the bytes are that were read and not yet written.
    pub held: Held<F>,
    /// Whether its source tells of batches only; its socket keeps to that.
    pub gathers: bool,
}

/// Bytes that belong to a session.
#[derive(Debug)]
pub enum Held<F> {
    /// There are none.
    Nothing,
    /// In memory.
    Memory(Vec<u8>),
    /// In a kernel pipe, as many as the half says.
    Pipe {
        /// Where they come out.
        read_end: F,
        /// Where they went in.
        write_end: F,
    },
}

impl<F> SuspendedDirection<F> {
    /// Whether what is held is what the half says is held.
    pub fn is_sound(&self) -> bool {
        match &self.held {
            Held::Nothing => self.half.held == 0,
            Held::Memory(bytes) => bytes.len() == self.half.held as usize && !bytes.is_empty(),
            Held::Pipe { .. } => self.half.held > 0,
        }
    }
}
