//! Who waits for a seat in one worker, in the order in which they came, and how many of them are on their way to look for one.
//!
//! Some can only take a seat at those backends that they have not tried yet: they are picky, and nobody waits behind them for a seat
//! that they cannot take.

use crate::reactor::Row;
use evenkeel_core::line::Ticket;
use std::collections::VecDeque;

/// The line of one worker.
#[derive(Debug, Default)]
pub struct Line {
    places: VecDeque<Place>,
    /// How many of them are picky.
    picky: usize,
}

#[derive(Debug)]
struct Place {
    row: Row,
    ticket: Ticket,
    is_picky: bool,
    /// It was beckoned and had no go since.
    is_beckoned: bool,
}

impl Line {
    /// `row` is the last one from now on.
    pub fn join(&mut self, row: Row, ticket: Ticket, is_picky: bool) {
        self.picky += usize::from(is_picky);
        self.places.push_back(Place { row, ticket, is_picky, is_beckoned: false });
    }

    /// The ticket of the first who would take any seat: whoever comes later has to wait.
    pub fn front(&self) -> Option<Ticket> {
        self.places.iter().find(|place| !place.is_picky).map(|place| place.ticket)
    }

    /// Whether some would not take any seat.
    pub fn has_picky(&self) -> bool {
        self.picky > 0
    }

    /// Who is to have a go since one more seat may be free: whoever comes behind those that were beckoned already, so that
    /// many seats do not wait for one session after the other. Of the picky each has one every time.
    pub fn next(&self) -> Option<(Row, Ticket)> {
        self.next_from(0)
    }

    /// Who is to have a go after `row`, who is picky, found no seat.
    pub fn next_after(&self, row: Row) -> Option<(Row, Ticket)> {
        self.next_from(self.position(row)? + 1)
    }

    fn next_from(&self, start: usize) -> Option<(Row, Ticket)> {
        let next = self.places.iter().skip(start).find(|place| place.is_picky || !place.is_beckoned);
        next.map(|place| (place.row, place.ticket))
    }

    /// `row` is on its way.
    pub fn beckon(&mut self, row: Row) {
        if let Some(at) = self.position(row) {
            self.places[at].is_beckoned = true;
        }
    }

    /// `row` has a go; its ticket if all before it are picky.
    pub fn go(&mut self, row: Row) -> Option<Ticket> {
        let at = self.position(row)?;
        self.places[at].is_beckoned = false;
        self.places.iter().take(at).all(|place| place.is_picky).then_some(self.places[at].ticket)
    }

    /// `row` is in it no more.
    pub fn leave(&mut self, row: Row) {
        if let Some(place) = self.position(row).and_then(|at| self.places.remove(at)) {
            self.picky -= usize::from(place.is_picky);
        }
    }

    /// Nearly always it is the first.
    fn position(&self, row: Row) -> Option<usize> {
        self.places.iter().position(|place| place.row == row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn row(index: u32) -> Row {
        Row { index, tenant: 0 }
    }

    /// A line of so many, of whom these are picky.
    fn line(length: u32, picky: &[u32]) -> Line {
        let (mut line, shared) = (Line::default(), evenkeel_core::line::Line::default());
        for index in 0..length {
            line.join(row(index), shared.join(length, Instant::now()).unwrap(), picky.contains(&index));
        }
        line
    }

    /// Who is beckoned by so many seats.
    fn beckoned(line: &mut Line, seats: usize) -> Vec<u32> {
        let beckon = |_| {
            let (row, _) = line.next()?;
            line.beckon(row);
            Some(row.index)
        };
        (0..seats).filter_map(beckon).collect()
    }

    #[test]
    fn each_seat_beckons_another_one_in_order() {
        let mut line = line(4, &[]);
        assert_eq!(beckoned(&mut line, 3), [0, 1, 2]);
        line.leave(row(0));
        assert_eq!(beckoned(&mut line, 1), [3], "those before are on their way");
        assert!(beckoned(&mut line, 1).is_empty());
    }

    #[test]
    fn who_finds_no_seat_is_the_next_to_be_beckoned() {
        let mut line = line(4, &[]);
        assert_eq!(beckoned(&mut line, 2), [0, 1]);
        assert!(line.go(row(0)).is_some() && line.go(row(1)).is_none());
        assert_eq!(beckoned(&mut line, 2), [0, 1]);
    }

    #[test]
    fn who_leaves_from_the_middle_takes_nobodys_go() {
        let mut line = line(4, &[]);
        assert_eq!(beckoned(&mut line, 2), [0, 1]);
        line.leave(row(3));
        line.leave(row(1));
        line.leave(row(1));
        assert_eq!(beckoned(&mut line, 2), [2]);
    }

    #[test]
    fn nobody_waits_for_a_seat_that_the_picky_cannot_take() {
        let mut line = line(4, &[0, 2]);
        assert_eq!(line.front(), line.go(row(1)), "the first who would take any seat");
        assert_eq!(line.next_after(row(0)).map(|(row, _)| row.index), Some(1));
        assert!(line.go(row(2)).is_none(), "though it is picky, others came before");
        assert_eq!(beckoned(&mut line, 2), [0, 0], "it is asked first, for each seat");
        line.leave(row(1));
        line.leave(row(3));
        assert_eq!(line.front(), None);
        assert!(line.go(row(2)).is_some());
    }
}
