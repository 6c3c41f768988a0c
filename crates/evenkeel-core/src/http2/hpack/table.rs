//! The table that a peer fills: the newest entries that fit, in one allocation that is hardly larger than they are.
//!
//! Records grow from its front, and what they are of from its back, both the oldest first. Where they would meet, the table is
//! made anew as large as what is left in it wants and an eighth more, so that an entry costs the same however many come.

use super::{Field, TABLE};

/// Bytes that count for an entry beside its own: RFC 7541, section 4.1. Its record takes fewer.
const OVERHEAD: usize = 32;

/// Bytes of a record: how far the entries up to its own reach from the back, and how long the name is.
const RECORD: usize = 4;

/// What the size of the allocation is a multiple of.
const STEP: usize = 64;

/// Entries of a size that is limited.
#[derive(Clone, Debug)]
pub struct Table {
    room: Box<[u8]>,
    records: u16,
    /// Of the records those whose entries are gone.
    gone: u16,
    limit: u16,
}

impl Table {
    /// An empty one, which allocates nothing.
    pub fn new() -> Self {
        Self { room: Box::default(), records: 0, gone: 0, limit: TABLE as u16 }
    }

    /// The entry behind which so many came.
    pub fn get(&self, behind: usize) -> Option<Field<'_>> {
        let number = self.records().checked_sub(behind)?.checked_sub(1)?;
        (number >= self.gone()).then(|| self.entry(number).split_at(self.name(number)))
    }

    /// Adds a name of so many bytes and the value behind it; the oldest make place for it. What is larger than the table
    /// leaves it empty: section 4.4.
    pub fn add(&mut self, name: usize, entry: &[u8]) {
        let Some(left) = usize::from(self.limit).checked_sub(entry.len() + OVERHEAD) else {
            return self.renew(self.records(), 0);
        };
        self.evict(left);
        let more = RECORD + entry.len();
        if RECORD * self.records() + self.reach(self.records()) + more > self.room.len() {
            self.renew(self.gone(), more);
        }
        self.put(name, entry);
    }

    /// Changes the size that is not exceeded, up to [`TABLE`].
    pub fn limit(&mut self, limit: usize) {
        self.limit = limit.min(TABLE) as u16;
        self.evict(limit);
        self.renew(self.gone(), 0);
    }

    fn evict(&mut self, left: usize) {
        while self.size() > left {
            self.gone += 1;
        }
    }

    /// As section 4.1 counts it.
    fn size(&self) -> usize {
        self.reach(self.records()) - self.reach(self.gone()) + OVERHEAD * (self.records() - self.gone())
    }

    /// Takes along the entries from `first` on, into an allocation with room for so many bytes more.
    fn renew(&mut self, first: usize, more: usize) {
        let (gone, left) = (self.reach(first), first..self.records());
        let bytes = self.reach(left.end) - gone;
        let wanted = bytes + RECORD * left.len() + more;
        let size = (wanted + wanted / 8).next_multiple_of(STEP);
        let mut renewed = Self { room: vec![0; size].into(), limit: self.limit, ..Self::new() };
        let end = self.room.len() - gone;
        renewed.room[size - bytes..].copy_from_slice(&self.room[end - bytes..end]);
        for number in left {
            renewed.record(self.reach(number + 1) - gone, self.name(number));
        }
        *self = renewed;
    }

    /// Adds an entry for which there is room.
    fn put(&mut self, name: usize, entry: &[u8]) {
        let reach = self.reach(self.records()) + entry.len();
        let place = self.room.len() - reach;
        self.room[place..][..entry.len()].copy_from_slice(entry);
        self.record(reach, name);
    }

    /// No number here is above the size of the allocation, which is below 5 KiB.
    fn record(&mut self, reach: usize, name: usize) {
        let [a, b] = (reach as u16).to_le_bytes();
        let [c, d] = (name as u16).to_le_bytes();
        let place = RECORD * self.records();
        self.room[place..][..RECORD].copy_from_slice(&[a, b, c, d]);
        self.records += 1;
    }

    fn entry(&self, number: usize) -> &[u8] {
        let back = self.room.len();
        &self.room[back - self.reach(number + 1)..back - self.reach(number)]
    }

    fn name(&self, number: usize) -> usize {
        self.at(RECORD * number + 2)
    }

    /// How far so many entries reach from the back.
    fn reach(&self, entries: usize) -> usize {
        entries.checked_sub(1).map_or(0, |last| self.at(RECORD * last))
    }

    fn at(&self, place: usize) -> usize {
        u16::from_le_bytes([self.room[place], self.room[place + 1]]).into()
    }

    fn records(&self) -> usize {
        self.records.into()
    }

    fn gone(&self) -> usize {
        self.gone.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(entries: &[(&str, &str)]) -> Table {
        let mut table = Table::new();
        for (name, value) in entries {
            table.add(name.len(), [*name, *value].concat().as_bytes());
        }
        table
    }

    #[test]
    fn an_idle_connection_holds_little_more_than_its_entries() {
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let entries = [
            (":authority", "www.example.com"),
            ("user-agent", agent),
            ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("accept-language", "en-US,en;q=0.5"),
            ("accept-encoding", "gzip, deflate, br, zstd"),
        ];
        let bytes: usize = entries.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert_eq!((bytes, with(&entries).room.len()), (241, 320));
        assert_eq!(with(&entries[..1]).room.len(), 64);
        assert_eq!(with(&[]).room.len(), 0);
    }

    #[test]
    fn however_much_comes_little_more_is_held_than_the_limit() {
        for length in [0, 1, 10, 100, 1000, 2000, 4000, TABLE - OVERHEAD] {
            let (mut table, entry) = (Table::new(), vec![b'x'; length]);
            for _ in 0..5000 {
                table.add(length / 2, &entry);
                assert!(table.size() <= TABLE && table.room.len() <= TABLE * 9 / 8);
            }
            assert_eq!(table.records() - table.gone(), TABLE / (length + OVERHEAD));
        }
    }

    #[test]
    fn what_is_emptied_holds_nothing() {
        let mut table = with(&[("a", "b"), ("c", "d")]);
        table.add(1, &[b'x'; TABLE - OVERHEAD + 1]);
        assert_eq!((table.get(0), table.room.len()), (None, 0));
        table.add(1, b"ef");
        assert_eq!(table.get(0), Some((&b"e"[..], &b"f"[..])));
        table.limit(0);
        assert_eq!((table.get(0), table.room.len()), (None, 0));
        table.add(0, b"");
        assert_eq!(table.get(0), None);
    }

    #[test]
    fn the_oldest_go_first_when_the_limit_falls() {
        let mut table = with(&[("a", "1"), ("b", "2"), ("c", "3")]);
        table.limit(2 * (2 + OVERHEAD) + 1);
        assert_eq!(table.get(1), Some((&b"b"[..], &b"2"[..])));
        assert_eq!(table.get(2), None);
        table.add(1, b"d4");
        assert_eq!(
            (table.get(0), table.get(1)),
            (Some((&b"d"[..], &b"4"[..])), Some((&b"c"[..], &b"3"[..])))
        );
        assert_eq!((table.get(2), table.get(usize::MAX)), (None, None));
    }
}
