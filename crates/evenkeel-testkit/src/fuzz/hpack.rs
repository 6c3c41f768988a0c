//! Compressed fields of HTTP/2.

use evenkeel_core::http2::hpack::{self, Broken, Decoder};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Any block, twice on one connection: a byte tells a field at most, and what is told is told again where we write it, without a
/// table.
pub fn blocks(bytes: &[u8]) {
    let mut decoder = Decoder::new();
    for _ in 0..2 {
        match read(&mut decoder, bytes) {
            Ok(fields) => {
                assert!(fields.len() <= bytes.len());
                assert_eq!(read(&mut Decoder::new(), &written(&fields)), Ok(in_small_letters(fields)));
            }
            Err(broken) => assert!(!broken.to_string().is_empty()),
        }
    }
}

fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, Broken> {
    let mut fields = Vec::new();
    decoder.read(block, &mut Vec::new(), |name, value| fields.push((name.to_vec(), value.to_vec())))?;
    Ok(fields)
}

fn written(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    hpack::no_table(&mut out);
    fields.iter().for_each(|(name, value)| hpack::field(name, value, &mut out));
    out
}

fn in_small_letters(mut fields: Fields) -> Fields {
    fields.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
    fields
}
