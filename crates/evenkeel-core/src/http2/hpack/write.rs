//! Fields as we write them: with the table that everybody has and none of ours.
//!
//! Strings are not packed: an answer of eight fields would take 112 bytes instead of 139, and nearly twice the time. What a client wanted
//! in no table is not remembered on the way, where fields are those of HTTP/1; those whose names say so are in none anyway.

use super::{fixed, integer};

/// A field that is put into no table.
const PLAIN: u8 = 0x00;

/// The same, and into none that others keep behind its reader either.
const NEVER: u8 = 0x10;

/// Adds `:status`, of three digits.
pub fn status(status: u16, out: &mut Vec<u8>) {
    let digit = |of: u16| b'0' + (status / of % 10) as u8;
    field(b":status", &[digit(100), digit(10), digit(1)], out);
}

/// Adds `:method`.
pub fn method(method: &[u8], out: &mut Vec<u8>) {
    field(b":method", method, out);
}

/// Adds `:scheme`.
pub fn scheme(scheme: &[u8], out: &mut Vec<u8>) {
    field(b":scheme", scheme, out);
}

/// Adds `:authority`.
pub fn authority(authority: &[u8], out: &mut Vec<u8>) {
    field(b":authority", authority, out);
}

/// Adds `:path`.
pub fn path(path: &[u8], out: &mut Vec<u8>) {
    field(b":path", path, out);
}

/// Adds a field. The letters of its name become small ones, as HTTP/2 wants them.
pub fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let Some(index) = fixed::named(name) else {
        out.push(PLAIN);
        integer::write(0, 7, name.len(), out);
        out.extend(name.iter().map(u8::to_ascii_lowercase));
        return string(value, out);
    };
    if let Some(index) = fixed::valued(index, value) {
        return integer::write(0x80, 7, index, out);
    }
    integer::write(if is_secret(name) { NEVER } else { PLAIN }, 4, index, out);
    string(value, out);
}

/// Adds, at the beginning of a block, that we keep no table: wanted once, when the reader has lowered
/// SETTINGS_HEADER_TABLE_SIZE.
pub fn no_table(out: &mut Vec<u8>) {
    integer::write(0x20, 5, 0, out);
}

/// Whether one who can have guesses compressed beside it must not learn from their sizes what it is: section 7.1.3.
fn is_secret(name: &[u8]) -> bool {
    let secret: [&[u8]; 4] = [b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"];
    secret.iter().any(|it| it.eq_ignore_ascii_case(name))
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    integer::write(0, 7, bytes.len(), out);
    out.extend_from_slice(bytes);
}
