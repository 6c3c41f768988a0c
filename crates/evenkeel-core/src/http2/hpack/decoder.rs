//! Blocks of fields, read with the table that those before them filled.

use super::table::Table;
use super::{Broken, Field, TABLE, fixed, huffman, integer};

/// How often a block may change the size of the table: section 4.2.
const SIZES_MAX: usize = 2;

/// What the fields of a peer are read with.
#[derive(Clone, Debug)]
pub struct Decoder {
    table: Table,
}

impl Decoder {
    /// For a peer that has said nothing. It allocates only for entries, and hardly more than they take.
    pub fn new() -> Self {
        Self { table: Table::new() }
    }

    /// Reads a whole block, in the order in which they came, and tells `on` of each name and value in it. `scratch` is where
    /// fields are put together; nothing in it is kept.
    ///
    /// Reading takes as long as what is told. One byte may tell an entry of 4 kB: who counts stops listening, but not reading,
    /// as what comes later depends on it.
    pub fn read(
        &mut self,
        block: &[u8],
        scratch: &mut Vec<u8>,
        mut on: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Broken> {
        let mut rest = block;
        self.sizes(&mut rest)?;
        while let Some(first) = rest.first() {
            match first {
                0x80.. => {
                    let (name, value) = self.entry(integer::read(7, &mut rest)?)?;
                    on(name, value);
                }
                0x40.. => {
                    let name = self.literal(6, &mut rest, scratch)?;
                    on(&scratch[..name], &scratch[name..]);
                    self.table.add(name, scratch);
                }
                0x20.. => return Err(Broken::Size),
                _ => {
                    let name = self.literal(4, &mut rest, scratch)?;
                    on(&scratch[..name], &scratch[name..]);
                }
            }
        }
        Ok(())
    }

    /// Takes sizes of the table off the beginning of a block.
    fn sizes(&mut self, rest: &mut &[u8]) -> Result<(), Broken> {
        for _ in 0..SIZES_MAX {
            if let Some(0x20..0x40) = rest.first() {
                let size = integer::read(5, rest)?;
                if size > TABLE {
                    return Err(Broken::Size);
                }
                self.table.limit(size);
            }
        }
        Ok(())
    }

    fn entry(&self, index: usize) -> Result<Field<'_>, Broken> {
        let entry = match index.checked_sub(fixed::LAST + 1) {
            None => fixed::get(index),
            Some(behind) => self.table.get(behind),
        };
        entry.ok_or(Broken::Index)
    }

    /// Takes a field off `rest` that says its value itself, and puts it into `scratch`: the value behind the name, whose length
    /// is told. The name is not borrowed, as its entry may have to make place for the field.
    fn literal(&self, bits: u32, rest: &mut &[u8], scratch: &mut Vec<u8>) -> Result<usize, Broken> {
        scratch.clear();
        match integer::read(bits, rest)? {
            0 => string(rest, scratch)?,
            index => scratch.extend_from_slice(self.entry(index)?.0),
        }
        let name = scratch.len();
        string(rest, scratch)?;
        Ok(name)
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

fn string(rest: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
    let is_packed = rest.first().is_some_and(|first| first & 0x80 != 0);
    let length = integer::read(7, rest)?;
    let (bytes, behind) = rest.split_at_checked(length).ok_or(Broken::Truncated)?;
    *rest = behind;
    if is_packed {
        return huffman::unpack(bytes, out);
    }
    out.extend_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_has_said_nothing_costs_next_to_nothing() {
        assert!(size_of::<Decoder>() <= 24);
    }
}
