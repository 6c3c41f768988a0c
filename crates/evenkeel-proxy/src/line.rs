//! Who waits for a seat, in the order in which they came, and how many of them are on their way to look for one.

use crate::reactor::Row;
use std::collections::VecDeque;

/// A line.
#[derive(Debug, Default)]
pub struct Line {
    rows: VecDeque<Row>,
    /// So many of the first were beckoned and had no go since.
    beckoned: usize,
}

impl Line {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// `row` is the last one from now on.
    pub fn join(&mut self, row: Row) {
        self.rows.push_back(row);
    }

    /// Who is to have a go since one more seat may be free: whoever comes behind those that were beckoned already, so that
    /// many seats do not wait for one session after the other.
    pub fn beckon(&mut self) -> Option<Row> {
        let row = self.rows.get(self.beckoned).copied()?;
        self.beckoned += 1;
        Some(row)
    }

    /// Whether all others came later than `row`.
    pub fn is_first(&self, row: Row) -> bool {
        self.rows.front() == Some(&row)
    }

    /// The first one has found no seat: nor will those behind it.
    pub fn rest(&mut self) {
        self.beckoned = 0;
    }

    /// `row` is in it no more.
    pub fn leave(&mut self, row: Row) {
        // Nearly always it is the first.
        if let Some(at) = self.rows.iter().position(|it| *it == row) {
            self.rows.remove(at);
            self.beckoned -= usize::from(at < self.beckoned);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(index: u32) -> Row {
        Row { index, tenant: 0 }
    }

    fn line() -> Line {
        let mut line = Line::default();
        (0..4).for_each(|index| line.join(row(index)));
        line
    }

    /// Who is beckoned by so many seats.
    fn beckoned(line: &mut Line, seats: usize) -> Vec<u32> {
        (0..seats).filter_map(|_| line.beckon()).map(|row| row.index).collect()
    }

    #[test]
    fn each_seat_beckons_another_one_in_order() {
        let mut line = line();
        assert_eq!(beckoned(&mut line, 3), [0, 1, 2]);
        line.leave(row(0));
        assert_eq!(beckoned(&mut line, 1), [3], "those before are on their way");
        assert!(beckoned(&mut line, 1).is_empty());
    }

    #[test]
    fn who_finds_no_seat_is_the_next_to_be_beckoned() {
        let mut line = line();
        assert_eq!(beckoned(&mut line, 2), [0, 1]);
        line.rest();
        assert!(line.is_first(row(0)) && !line.is_first(row(1)));
        assert_eq!(beckoned(&mut line, 2), [0, 1]);
    }

    #[test]
    fn who_leaves_from_the_middle_takes_nobodys_go() {
        let mut line = line();
        assert_eq!(beckoned(&mut line, 2), [0, 1]);
        line.leave(row(3));
        line.leave(row(1));
        line.leave(row(1));
        assert_eq!(line.len(), 2);
        assert_eq!(beckoned(&mut line, 2), [2]);
    }
}
