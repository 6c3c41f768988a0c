//! Blocks of all that may be said in any order, compared with a table that is a plain list; and the same with a wrong byte.

use super::{Pair, hex, number, pairs, table};
use evenkeel_core::http2::hpack::{Decoder, TABLE};
use proptest::prelude::*;
use std::collections::VecDeque;

/// Strings and what they are packed, as Python's `hpack` has them.
const PACKED: [(&str, &str); 5] = [
    ("", ""),
    ("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
    ("no-cache", "a8eb10649cbf"),
    ("custom-key", "25a849e95ba97d7f"),
    ("Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
];

#[derive(Clone, Debug)]
struct Block {
    sizes: Vec<usize>,
    fields: Vec<Said>,
}

#[derive(Clone, Debug)]
enum Said {
    /// One of the entries in the tables.
    Indexed(usize),
    /// A kind of literal: the first byte, and bits of the number in it.
    Literal((u8, u32), Name, Text),
}

#[derive(Clone, Debug)]
enum Name {
    Indexed(usize),
    New(Text),
}

#[derive(Clone, Debug)]
enum Text {
    Plain(Vec<u8>),
    Packed(usize),
}

impl Text {
    fn text(&self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) => bytes.clone(),
            Self::Packed(nth) => PACKED[*nth].0.into(),
        }
    }

    fn written(&self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) => [number(0, 7, bytes.len()), bytes.clone()].concat(),
            Self::Packed(nth) => {
                let packed = hex(PACKED[*nth].1);
                [number(0x80, 7, packed.len()), packed].concat()
            }
        }
    }
}

/// The table as it should be, the newest first.
struct Model {
    entries: VecDeque<Pair>,
    limit: usize,
}

impl Model {
    fn size(&self) -> usize {
        self.entries.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
    }

    fn shrink(&mut self) {
        while self.size() > self.limit {
            self.entries.pop_back();
        }
    }

    /// The index of an entry, and the entry: one that everybody knows if there is no other.
    fn pick(&self, nth: usize) -> (usize, Pair) {
        match self.entries.get(nth % (self.entries.len() + 1)) {
            Some(entry) => (62 + nth % (self.entries.len() + 1), entry.clone()),
            None => (16, (b"accept-encoding".to_vec(), b"gzip, deflate".to_vec())),
        }
    }

    /// Writes a block, and says what it means.
    fn write(&mut self, block: &Block) -> (Vec<u8>, Vec<Pair>) {
        let (mut out, mut meant) = (Vec::new(), Vec::new());
        for size in &block.sizes {
            out.extend(number(0x20, 5, *size));
            self.limit = *size;
            self.shrink();
        }
        for said in &block.fields {
            let (bytes, field) = self.say(said);
            out.extend(bytes);
            meant.push(field);
        }
        (out, meant)
    }

    fn say(&mut self, said: &Said) -> (Vec<u8>, Pair) {
        let ((first, bits), name, value) = match said {
            Said::Indexed(nth) => {
                let (index, field) = self.pick(*nth);
                return (number(0x80, 7, index), field);
            }
            Said::Literal(kind, name, value) => (*kind, name, value),
        };
        let (begin, name) = match name {
            Name::Indexed(nth) => {
                let (index, (name, _)) = self.pick(*nth);
                (number(first, bits, index), name)
            }
            Name::New(name) => ([vec![first], name.written()].concat(), name.text()),
        };
        let field = (name, value.text());
        if first == 0x40 {
            self.entries.push_front(field.clone());
            self.shrink();
        }
        ([begin, value.written()].concat(), field)
    }
}

fn block() -> impl Strategy<Value = Block> {
    let size = prop_oneof![0..200_usize, 0..=TABLE];
    let sizes = prop_oneof![4 => Just(Vec::new()), 1 => prop::collection::vec(size, 1..=2)];
    (sizes, prop::collection::vec(said(), 0..40)).prop_map(|(sizes, fields)| Block { sizes, fields })
}

fn said() -> impl Strategy<Value = Said> {
    let kind = prop_oneof![3 => Just((0x40, 6)), 1 => Just((0x00, 4)), 1 => Just((0x10, 4))];
    let name = prop_oneof![(0..200_usize).prop_map(Name::Indexed), text().prop_map(Name::New)];
    prop_oneof![
        (0..200_usize).prop_map(Said::Indexed),
        (kind, name, text()).prop_map(|(kind, name, value)| Said::Literal(kind, name, value)),
    ]
}

fn text() -> impl Strategy<Value = Text> {
    let plain = |length| prop::collection::vec(any::<u8>(), length).prop_map(Text::Plain);
    prop_oneof![8 => plain(0..12), 4 => plain(0..300), 1 => plain(0..5000), 4 => (0..PACKED.len()).prop_map(Text::Packed)]
}

proptest! {
    #[test]
    fn blocks_mean_what_they_mean_to_a_plain_list(blocks in prop::collection::vec(block(), 1..8)) {
        let mut model = Model { entries: VecDeque::new(), limit: TABLE };
        let mut decoder = Decoder::new();
        for block in &blocks {
            let (bytes, meant) = model.write(block);
            prop_assert_eq!(pairs(&mut decoder, &bytes), Ok(meant));
            prop_assert_eq!(table(&decoder), Vec::from(model.entries.clone()));
        }
    }

    #[test]
    fn wrong_bytes_do_no_harm(
        blocks in prop::collection::vec(block(), 1..4),
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut model = Model { entries: VecDeque::new(), limit: TABLE };
        let mut decoder = Decoder::new();
        for block in &blocks {
            let (mut bytes, _) = model.write(block);
            // So that there is a place.
            bytes.push(0x82);
            for (place, byte) in &wrong {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            // Who goes on behind a broken block finds a table that is sound.
            let fields = pairs(&mut decoder, &bytes).map_or(0, |fields| fields.len());
            prop_assert!(fields <= bytes.len());
            prop_assert!(table(&decoder).iter().map(|(name, value)| name.len() + value.len() + 32).sum::<usize>() <= TABLE);
        }
    }

    #[test]
    fn any_bytes_do_no_harm(blocks: [Vec<u8>; 4]) {
        let mut decoder = Decoder::new();
        for block in blocks {
            let _ = pairs(&mut decoder, &block);
        }
    }
}
