//! One direction of a relay: its half, where its held bytes are, and which engine carries it.

use super::Tools;
use super::carry::{Fault, Pace, Way, carry};
use super::copy::{Copy, Hand, Rest};
use super::crypt::{Crypt, Tunnels};
use super::splice::{Lease, Splice};
use super::suspended::{Held, SuspendedDirection};
use crate::tls::RECORD_BYTES;
use evenkeel_core::doubt::Doubt;
use evenkeel_core::half::Half;
use evenkeel_core::side::Side;
use evenkeel_sys::pipe::Pipe;
use std::os::fd::{BorrowedFd, OwnedFd};

/// Bytes a direction may read in one turn before others get theirs.
const TURN_BYTES: usize = 512 * 1024;

/// Bytes that a steady source gathers before it tells of them.
const BATCH_BYTES: u32 = 512 * 1024;

/// One direction: its machine, and where its held bytes are.
#[derive(Debug, Default)]
pub struct Direction {
    /// What is to be done next.
    pub half: Half,
    /// Boxed, so that the many rows that wait for their peers with nothing in hand are small.
    hold: Option<Box<Hold>>,
    /// Whether its source is not watched for bytes.
    deaf: bool,
    /// Whether its source tells of batches only.
    gathers: bool,
    /// What it had carried when that was looked at last, counted round.
    reviewed: u32,
    /// Whether its source's connection is broken, which is still to be looked into.
    pub suspect: bool,
    /// What is presumed of its source.
    doubt: Doubt,
}

/// Where the bytes are that were read and not yet written.
#[derive(Debug)]
enum Hold {
    Memory(Rest),
    Pipe(Lease),
}

/// What a source has sent, as far as it is known: so many bytes, and its end or not.
pub type Sent = (usize, bool);

impl Direction {
    /// A direction that begins with bytes that were read before.
    pub fn holding(bytes: Vec<u8>) -> Self {
        let half = Half::holding(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        let hold = (!bytes.is_empty()).then(|| Box::new(Hold::Memory(Rest::new(bytes))));
        Self { half, hold, ..Self::default() }
    }

    /// Bytes that were read.
    pub fn read(&self) -> usize {
        self.half.moved() as usize + self.half.held()
    }

    /// What its source has sent.
    pub fn sent(&self) -> Sent {
        (self.read(), self.half.is_finished())
    }

    /// Carries with the engine that suits, changing it when nothing is held; reads no more than `quota`. A direction with a
    /// quota always copies: what a pipe takes at once is too much for it.
    pub fn carry(&mut self, way: &Way<'_>, quota: Option<usize>, tools: &mut Tools) -> Result<Pace, Fault> {
        let mut budget = turn_bytes(quota);
        loop {
            let pace = match self.hold.take().map(|hold| *hold) {
                Some(Hold::Pipe(lease)) => self.splice(way, lease, tools, &mut budget),
                Some(Hold::Memory(rest)) => self.copy(way, Some(rest), quota, tools, &mut budget),
                None => match tools.pipes.take_if(self.half.is_bulk() && quota.is_none()) {
                    Some(lease) => self.splice(way, lease, tools, &mut budget),
                    None => self.copy(way, None, quota, tools, &mut budget),
                },
            };
            match pace {
                Ok(Pace::Change) => {}
                pace => return pace,
            }
        }
    }

    /// Carries what comes from `source`, which is under TLS on one side or both; reads until `quota` is reached.
    pub fn crypt(
        &mut self,
        way: &Way<'_>,
        source: Side,
        tunnels: &mut Tunnels,
        quota: Option<usize>,
        tools: &mut Tools,
    ) -> Result<Pace, Fault> {
        let rest = match self.hold.take().map(|hold| *hold) {
            Some(Hold::Memory(rest)) => Some(rest),
            // No pipe ever holds anything of theirs.
            Some(Hold::Pipe(_)) | None => None,
        };
        let (from, to) = tunnels.from(source);
        let (scratch, cipher) = tools.buffers();
        // What comes under TLS is opened by records.
        let least = if from.is_some() { RECORD_BYTES } else { 1 };
        let room = quota.map_or(scratch.len(), |quota| quota.clamp(least, scratch.len()));
        let mut carrier = Crypt { way, from, to, hand: Hand::new(&mut scratch[..room], rest), cipher };
        let mut budget = turn_bytes(quota);
        let pace = carry(&mut self.half, &mut carrier, &mut budget);
        self.hold = carrier.into_rest().map(|rest| Box::new(Hold::Memory(rest)));
        pace
    }

    /// Its sink is gone, and with it what is held: a pipe that is not empty must never see another session.
    pub fn abandon(&mut self) {
        self.half.on_over();
        self.hold = None;
    }

    /// The source has something to read, or its end; `closing` as in [`Half::on_source_ready`].
    pub fn on_source_ready(&mut self, closing: bool) {
        self.half.on_source_ready(closing);
    }

    /// Whether its source is to be asked for an error that no read will tell: it has finished, or is not read any more.
    pub fn is_suspect(&self) -> bool {
        self.suspect && (self.half.is_finished() || self.half.is_over())
    }

    /// The sink takes bytes again.
    pub fn on_sink_ready(&mut self) {
        self.half.on_sink_ready();
        if self.deaf {
            // Whatever came meanwhile was not told.
            self.half.on_source_ready(false);
        }
    }

    /// Whether the source is to be watched for bytes from now on, if that changes. While a bulk transfer is clogged,
    /// each segment that comes would wake the worker for nothing.
    pub fn watch(&mut self) -> Option<bool> {
        let clogged = self.half.is_clogged();
        let changes = std::mem::replace(&mut self.deaf, clogged) != clogged;
        changes.then_some(!clogged)
    }

    /// How many bytes the source is to gather before it tells of them, if that changes. A steady one wakes the worker
    /// less often then; what is too little for a batch is found by [`review`](Self::review).
    pub fn gather(&mut self) -> Option<u32> {
        match self.gathers {
            true if self.half.is_steady() => None,
            true => {
                self.gathers = false;
                Some(1)
            }
            false if self.half.is_steady() && self.half.is_waiting() => {
                self.gathers = true;
                self.reviewed = self.carried();
                Some(BATCH_BYTES)
            }
            false => None,
        }
    }

    /// Whether its source tells of batches only.
    pub fn gathers(&self) -> bool {
        self.gathers
    }

    /// Has bytes looked for that were too few to be told of, if none were carried since the last review.
    pub fn review(&mut self) {
        let carried = self.carried();
        if self.gathers && std::mem::replace(&mut self.reviewed, carried) == carried {
            self.half.on_source_paused();
            self.half.on_source_ready(false);
        }
    }

    /// Whether it is only presumed that its source has nothing left.
    pub fn is_in_doubt(&self) -> bool {
        self.doubt == Doubt::Presumed && self.half.is_waiting()
    }

    /// Has bytes looked for where it is only presumed that there are none.
    pub fn look(&mut self) {
        if self.half.is_waiting() && self.doubt.look() {
            self.half.on_source_ready(false);
        }
    }

    fn carried(&self) -> u32 {
        self.half.moved() as u32
    }

    /// The direction as plain data.
    pub fn suspend(&self) -> SuspendedDirection<BorrowedFd<'_>> {
        let held = match self.hold.as_deref() {
            None => Held::Nothing,
            Some(Hold::Memory(rest)) => Held::Memory(rest.unwritten().to_vec()),
            Some(Hold::Pipe(lease)) => {
                let (read_end, write_end) = lease.ends();
                Held::Pipe { read_end, write_end }
            }
        };
        SuspendedDirection { half: self.half.pack(), held, gathers: self.gathers }
    }

    /// The direction that was suspended. Whether its source is watched is found out anew: it is watched for everything.
    pub fn resume(suspended: SuspendedDirection<OwnedFd>, tools: &Tools) -> Self {
        let half = Half::from(suspended.half);
        let hold = match suspended.held {
            Held::Nothing => None,
            Held::Memory(bytes) => Some(Box::new(Hold::Memory(Rest::new(bytes)))),
            Held::Pipe { read_end, write_end } => {
                let pipe = Pipe::from_ends(read_end, write_end);
                Some(Box::new(Hold::Pipe(tools.pipes.adopt(pipe, half.held()))))
            }
        };
        Self {
            half,
            hold,
            gathers: suspended.gathers,
            reviewed: suspended.half.moved as u32,
            deaf: false,
            suspect: false,
            // Whatever there is to read is told anew.
            doubt: Doubt::default(),
        }
    }

    fn copy(
        &mut self,
        way: &Way<'_>,
        rest: Option<Rest>,
        quota: Option<usize>,
        tools: &mut Tools,
        budget: &mut usize,
    ) -> Result<Pace, Fault> {
        let may_change = quota.is_none() && tools.pipes.has_one();
        let room = quota.map_or(tools.scratch.len(), |quota| quota.clamp(1, tools.scratch.len()));
        let mut carrier = Copy::new(way, &mut tools.scratch[..room], rest, may_change);
        let pace = carry(&mut self.half, &mut carrier, budget);
        self.hold = carrier.into_rest().map(|rest| Box::new(Hold::Memory(rest)));
        self.doubt.on_told();
        pace
    }

    fn splice(
        &mut self,
        way: &Way<'_>,
        lease: Lease,
        tools: &mut Tools,
        budget: &mut usize,
    ) -> Result<Pace, Fault> {
        let mut carrier = Splice { way, lease: &lease, stuck: false, doubt: self.doubt };
        let pace = carry(&mut self.half, &mut carrier, budget);
        self.doubt = carrier.doubt;
        if carrier.stuck {
            self.half.on_source_urgent();
        }
        if self.half.held() > 0 {
            self.hold = Some(Box::new(Hold::Pipe(lease)));
        } else {
            tools.pipes.give_back(lease);
        }
        pace
    }
}

/// What may be read in one turn.
fn turn_bytes(quota: Option<usize>) -> usize {
    quota.map_or(TURN_BYTES, |quota| quota.min(TURN_BYTES))
}
