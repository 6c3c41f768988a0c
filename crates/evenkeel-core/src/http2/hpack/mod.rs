//! Fields as HTTP/2 compresses them: HPACK, RFC 7541.
//!
//! What a peer wrote is read with a table that the peer fills ([`Decoder`]), which is all that a connection holds of it. What
//! is written here refers to no table of ours, so that it holds nothing.

mod decoder;
mod fixed;
mod huffman;
mod integer;
mod table;
mod write;

pub use decoder::Decoder;
pub use write::{authority, field, method, no_table, path, scheme, status};

use std::fmt;

/// The size of a table unless somebody says otherwise, in the bytes of RFC 7541, section 4.1. We never say otherwise.
pub const TABLE: usize = 4096;

/// A name and a value.
type Field<'a> = (&'a [u8], &'a [u8]);

/// Why a block cannot be read. As its table is lost with it, so is the whole connection: COMPRESSION_ERROR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It ends in the middle of a field.
    Truncated,
    /// A number is larger than any that makes sense, or takes more bytes than it may.
    Number,
    /// Nothing stands there in the tables.
    Index,
    /// A string is no Huffman code: it holds its end, or its padding is too long or of other bits.
    Huffman,
    /// The size of the table is above [`TABLE`], or changes behind a field or for the third time.
    Size,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the block ends in the middle of a field",
            Self::Number => "a number is too large or too long",
            Self::Index => "an index leads nowhere",
            Self::Huffman => "a string is no Huffman code",
            Self::Size => "a size of the table is not allowed here",
        })
    }
}

impl std::error::Error for Broken {}
