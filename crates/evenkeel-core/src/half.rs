//! One direction of a relay: what it needs next. Knows neither sockets nor where held bytes are kept.
//!
//! A FIN travels down a half like bytes do: it is passed on after everything that came before it. When the source is
//! lost, what came before still goes out; then the half is over, and it is up to the relay to reset the other side.

/// What a half needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Read from the source.
    Read,
    /// Write what is held to the sink.
    Write,
    /// Pass the FIN on.
    Shutdown,
    /// Nothing, until a socket is ready.
    Nothing,
    /// Nothing, ever: the half is over.
    Over,
}

/// How a source came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SourceEnd {
    Fin,
    Lost,
}

/// One direction of a relay.
///
/// Ask [`want`](Self::want), do it, tell what came of it with one of the `on_*`, and ask again.
#[derive(Clone, Debug)]
pub struct Half {
    held: u32,
    moved: u64,
    streak: u32,
    source_ready: bool,
    source_closing: bool,
    source_cut: bool,
    source_urgent: bool,
    sink_ready: bool,
    source_end: Option<SourceEnd>,
    over: bool,
}

/// A half as plain numbers, for another process. What the flags mean is part of the format of a hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedHalf {
    /// Bytes read but not yet written.
    pub held: u32,
    /// Bytes written.
    pub moved: u64,
    /// Bytes in bulk reads in a row.
    pub streak: u32,
    /// Everything that is either so or not.
    pub flags: u16,
}

const SOURCE_READY: u16 = 1;
const SOURCE_CLOSING: u16 = 1 << 1;
const SOURCE_CUT: u16 = 1 << 2;
const SOURCE_URGENT: u16 = 1 << 3;
const SINK_READY: u16 = 1 << 4;
const FINISHED: u16 = 1 << 5;
const LOST: u16 = 1 << 6;
const OVER: u16 = 1 << 7;

/// Reads smaller than this are not bulk.
const BULK_READ: usize = 8 * 1024;

/// After this many bytes in bulk reads alone a half is in bulk.
const BULK_STREAK: u32 = 64 * 1024;

/// After this many bytes in bulk reads alone, it is steady.
const STEADY_STREAK: u32 = 4 * 1024 * 1024;

impl Default for Half {
    fn default() -> Self {
        Self {
            held: 0,
            moved: 0,
            streak: 0,
            source_ready: false,
            source_closing: false,
            source_cut: false,
            source_urgent: false,
            sink_ready: true,
            source_end: None,
            over: false,
        }
    }
}

impl Half {
    /// A half that begins with so many bytes that were read already.
    pub fn holding(bytes: u32) -> Self {
        Self { held: bytes, ..Self::default() }
    }

    /// What to do next.
    pub fn want(&self) -> Want {
        match self.source_end {
            _ if self.is_over() => Want::Over,
            _ if self.held > 0 && self.sink_ready => Want::Write,
            _ if self.held > 0 => Want::Nothing,
            Some(SourceEnd::Fin) => Want::Shutdown,
            None if self.source_ready => Want::Read,
            None | Some(SourceEnd::Lost) => Want::Nothing,
        }
    }

    /// Bytes read but not yet written.
    pub fn held(&self) -> usize {
        self.held as usize
    }

    /// Bytes written.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether so much came lately, and in such large pieces, that an engine for bulk pays.
    pub fn is_bulk(&self) -> bool {
        self.streak >= BULK_STREAK && !self.source_urgent
    }

    /// Whether it has been in bulk for so long that it is likely to go on, so that small batches do not pay.
    pub fn is_steady(&self) -> bool {
        self.streak >= STEADY_STREAK && self.is_bulk() && !self.source_closing
    }

    /// Whether it waits for its source to bring something.
    pub fn is_waiting(&self) -> bool {
        self.held == 0 && !self.source_ready && self.source_end.is_none() && !self.over
    }

    /// Whether it is in bulk and its sink takes nothing: until that changes, news of the source are of no use.
    pub fn is_clogged(&self) -> bool {
        self.held > 0 && !self.sink_ready && self.is_bulk()
    }

    /// Whether this half will carry nothing any more.
    pub fn is_over(&self) -> bool {
        self.over || (self.source_end == Some(SourceEnd::Lost) && self.held == 0)
    }

    /// Whether the source said that it has sent everything.
    pub fn is_finished(&self) -> bool {
        self.source_end == Some(SourceEnd::Fin)
    }

    /// The source can be read; `closing`: its peer has sent everything or is gone, so that a short read is not the
    /// last thing to see.
    pub fn on_source_ready(&mut self, closing: bool) {
        self.source_ready = true;
        self.source_closing |= closing;
    }

    /// The sink can be written.
    pub fn on_sink_ready(&mut self) {
        self.sink_ready = true;
    }

    /// `bytes` were read; `drained`: the read was shorter than it could have been. 0 is a FIN.
    pub fn on_read(&mut self, bytes: usize, drained: bool) {
        if bytes == 0 {
            self.source_end = Some(if self.source_cut { SourceEnd::Lost } else { SourceEnd::Fin });
            return;
        }
        // A carrier reads a pipe's worth at most.
        let read = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.held = self.held.saturating_add(read);
        self.streak = if bytes < BULK_READ { 0 } else { self.streak.saturating_add(read) };
        if drained && !self.source_closing && !self.source_urgent {
            self.source_ready = false;
        }
    }

    /// Urgent data lies among the bytes of the source. A read stops in front of it, and splice(2) never gets past it: from
    /// now on a short read is not the last, and there is no bulk.
    pub fn on_source_urgent(&mut self) {
        self.source_urgent = true;
    }

    /// The source has brought nothing for a while: it has to show again that it is steady.
    pub fn on_source_paused(&mut self) {
        self.streak = self.streak.min(BULK_STREAK);
    }

    /// There is nothing to read now.
    pub fn on_source_blocked(&mut self) {
        self.source_ready = false;
    }

    /// The source is lost, as a write to it has told, but what it sent before may still be read: the end of that is
    /// no FIN.
    pub fn on_source_cut(&mut self) {
        self.source_ready = true;
        self.source_closing = true;
        self.source_cut = true;
    }

    /// The source is lost: what is held still goes out, then the half is over.
    pub fn on_source_lost(&mut self) {
        self.source_end = Some(SourceEnd::Lost);
    }

    /// `bytes` of what is held were written.
    pub fn on_written(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.held(), "more written than held");
        self.held = self.held.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.moved += bytes as u64;
    }

    /// The sink takes nothing now.
    pub fn on_sink_blocked(&mut self) {
        self.sink_ready = false;
    }

    /// The FIN was passed on, or the sink is lost and with it what is held.
    pub fn on_over(&mut self) {
        self.over = true;
        self.held = 0;
    }

    /// The half as plain numbers.
    pub fn pack(&self) -> PackedHalf {
        let flags = [
            (SOURCE_READY, self.source_ready),
            (SOURCE_CLOSING, self.source_closing),
            (SOURCE_CUT, self.source_cut),
            (SOURCE_URGENT, self.source_urgent),
            (SINK_READY, self.sink_ready),
            (FINISHED, self.source_end == Some(SourceEnd::Fin)),
            (LOST, self.source_end == Some(SourceEnd::Lost)),
            (OVER, self.over),
        ];
        let flags = flags.into_iter().filter(|(_, is_so)| *is_so).fold(0, |sum, (flag, _)| sum | flag);
        PackedHalf { held: self.held, moved: self.moved, streak: self.streak, flags }
    }
}

/// The half that was packed.
impl From<PackedHalf> for Half {
    fn from(packed: PackedHalf) -> Self {
        let has = |flag| packed.flags & flag != 0;
        Self {
            held: packed.held,
            moved: packed.moved,
            streak: packed.streak,
            source_ready: has(SOURCE_READY),
            source_closing: has(SOURCE_CLOSING),
            source_cut: has(SOURCE_CUT),
            source_urgent: has(SOURCE_URGENT),
            sink_ready: has(SINK_READY),
            source_end: match (has(FINISHED), has(LOST)) {
                (_, true) => Some(SourceEnd::Lost),
                (true, false) => Some(SourceEnd::Fin),
                (false, false) => None,
            },
            over: has(OVER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fin_waits_for_what_came_before_it() {
        let mut half = Half::default();
        assert_eq!(half.want(), Want::Nothing);
        half.on_source_ready(false);
        half.on_read(10, false);
        assert_eq!(half.want(), Want::Write);
        half.on_sink_blocked();
        half.on_read(0, true);
        assert_eq!(half.want(), Want::Nothing, "10 bytes are still held");
        half.on_sink_ready();
        half.on_written(10);
        assert_eq!(half.want(), Want::Shutdown);
        half.on_over();
        assert_eq!((half.want(), half.moved()), (Want::Over, 10));
    }

    #[test]
    fn a_lost_source_waits_too() {
        let mut half = Half::default();
        half.on_source_ready(true);
        half.on_read(3, true);
        half.on_source_lost();
        assert_eq!(half.want(), Want::Write);
        half.on_written(3);
        assert_eq!(half.want(), Want::Over);
    }

    #[test]
    fn the_end_of_a_cut_source_is_not_passed_on_as_a_fin() {
        let mut half = Half::default();
        half.on_source_cut();
        assert_eq!(half.want(), Want::Read, "what came before the cut");
        half.on_read(3, true);
        half.on_written(3);
        half.on_read(0, true);
        assert_eq!(half.want(), Want::Over);
        assert!(!half.is_finished());
    }

    #[test]
    fn a_short_read_is_the_last_unless_the_source_is_closing() {
        for (closing, next) in [(false, Want::Nothing), (true, Want::Read)] {
            let mut half = Half::default();
            half.on_source_ready(closing);
            half.on_read(1, true);
            half.on_written(1);
            assert_eq!(half.want(), next);
        }
    }

    #[test]
    fn bytes_behind_urgent_data_are_read_and_not_as_bulk() {
        let mut half = Half::default();
        half.on_source_ready(false);
        (0..8).for_each(|_| half.on_read(BULK_READ, false));
        half.on_source_urgent();
        assert!(!half.is_bulk());
        half.on_read(1, true);
        half.on_written(8 * BULK_READ + 1);
        assert_eq!(half.want(), Want::Read);
    }

    #[test]
    fn it_is_steady_after_a_long_time_in_bulk_until_a_pause_a_small_read_or_the_end() {
        let steady = || {
            let mut half = Half::default();
            half.on_source_ready(false);
            (0..STEADY_STREAK / 65_536).for_each(|_| half.on_read(65_536, false));
            half.on_written(half.held());
            assert!(half.is_steady() && !half.is_waiting());
            half.on_source_blocked();
            assert!(half.is_steady() && half.is_waiting());
            half
        };
        let mut paused = steady();
        paused.on_source_paused();
        assert!(!paused.is_steady() && paused.is_bulk());
        let mut small = steady();
        small.on_read(1, true);
        assert!(!small.is_steady());
        let mut ending = steady();
        ending.on_source_ready(true);
        assert!(!ending.is_steady() && !ending.is_waiting());
    }

    #[test]
    fn a_half_comes_out_as_it_was_packed_in_every_state() {
        let mut states = vec![Half::default()];
        let steps: [fn(&mut Half); 9] = [
            |half| half.on_source_ready(true),
            |half| half.on_read(70_000, true),
            |half| half.on_source_blocked(),
            |half| half.on_sink_blocked(),
            |half| half.on_source_urgent(),
            |half| half.on_source_cut(),
            |half| half.on_read(0, true),
            |half| half.on_source_lost(),
            Half::on_over,
        ];
        for step in steps {
            for mut half in states.clone() {
                step(&mut half);
                states.push(half);
            }
        }
        for half in states {
            assert_eq!(format!("{:?}", Half::from(half.pack())), format!("{half:?}"));
        }
    }

    #[test]
    fn bulk_is_large_reads_in_a_row() {
        let mut half = Half::default();
        for _ in 0..8 {
            half.on_read(BULK_READ, false);
        }
        assert!(half.is_bulk());
        half.on_read(64, true);
        assert!(!half.is_bulk(), "a small read ends it");
    }
}
