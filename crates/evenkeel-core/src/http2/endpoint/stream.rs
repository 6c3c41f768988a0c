//! The streams of a connection.

use super::super::window::{Inflow, Outflow, TooLarge};

/// Streams that we have reset of which something may still be under way, at most: what comes of one that is forgotten breaks
/// the connection, and a client may be in the middle of all that it has.
const FORGIVEN_MAX: usize = 200;

/// One stream.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    id: u32,
    /// What the other side has room for.
    pub outflow: Outflow,
    /// What we have room for.
    pub inflow: Inflow,
    /// Whether the other side has said all.
    pub is_heard: bool,
    /// Whether we have.
    pub is_said: bool,
}

/// The streams of a connection that are not over.
#[derive(Debug, Default)]
pub struct Streams {
    /// By their numbers, which only grow.
    open: Vec<Stream>,
    last: u32,
    forgiven: Vec<u32>,
}

/// What is known of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It is open.
    Open,
    /// It was reset by us: what still comes is nobody's fault.
    Forgiven,
    /// It is over.
    Over,
    /// It has not begun.
    Idle,
}

impl Streams {
    /// How many are open.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The number of the one that was opened last; 0: none was.
    pub fn last(&self) -> u32 {
        self.last
    }

    /// Opens one with these windows. Its number is above all before.
    pub fn open(&mut self, id: u32, window: u32, room: u32) {
        self.last = id;
        self.open.push(Stream {
            id,
            outflow: Outflow::new(window),
            inflow: Inflow::new(room),
            is_heard: false,
            is_said: false,
        });
    }

    /// One that is turned away is over, and forgiven if more of it follows.
    pub fn turn_away(&mut self, id: u32, is_over: bool) {
        self.last = id;
        if !is_over {
            self.forgive(id);
        }
    }

    /// What is known of `id`. All are opened by the client, which has the odd numbers.
    pub fn known(&self, id: u32) -> Known {
        match id {
            _ if id > self.last || id.is_multiple_of(2) => Known::Idle,
            _ if self.place(id).is_ok() => Known::Open,
            _ if self.forgiven.contains(&id) => Known::Forgiven,
            _ => Known::Over,
        }
    }

    fn place(&self, id: u32) -> Result<usize, usize> {
        self.open.binary_search_by_key(&id, |stream| stream.id)
    }

    /// An open one.
    pub fn get(&self, id: u32) -> Option<&Stream> {
        self.place(id).ok().map(|at| &self.open[at])
    }

    /// An open one.
    pub fn get_mut(&mut self, id: u32) -> Option<&mut Stream> {
        self.place(id).ok().map(|at| &mut self.open[at])
    }

    /// The first one above `id`.
    pub fn above(&self, id: u32) -> Option<u32> {
        self.open.iter().map(|stream| stream.id).find(|it| *it > id)
    }

    /// The other side has said all of it.
    pub fn heard(&mut self, id: u32) {
        self.note(id, |stream| stream.is_heard = true);
    }

    /// We have said all of it.
    pub fn said(&mut self, id: u32) {
        self.note(id, |stream| stream.is_said = true);
    }

    fn note(&mut self, id: u32, note: impl FnOnce(&mut Stream)) {
        let Some(stream) = self.get_mut(id) else { return };
        note(stream);
        if stream.is_heard && stream.is_said {
            self.close(id);
        }
    }

    /// It is over; whether it was open.
    pub fn close(&mut self, id: u32) -> bool {
        self.forgiven.retain(|it| *it != id);
        let Ok(place) = self.place(id) else { return false };
        self.open.remove(place);
        if self.open.is_empty() {
            // An idle connection is to hold as little as it can.
            self.open = Vec::new();
            self.forgiven.shrink_to_fit();
        }
        true
    }

    /// We have reset it: what is still under way to us is forgiven.
    pub fn forgive(&mut self, id: u32) {
        let is_heard = self.get(id).is_some_and(|stream| stream.is_heard);
        self.close(id);
        if !is_heard {
            if self.forgiven.len() >= FORGIVEN_MAX {
                self.forgiven.remove(0);
            }
            self.forgiven.push(id);
        }
    }

    /// All windows of the other side change by so many bytes.
    pub fn change_windows(&mut self, by: i64) -> Result<(), TooLarge> {
        self.open.iter_mut().try_for_each(|stream| stream.outflow.change(by))
    }
}
