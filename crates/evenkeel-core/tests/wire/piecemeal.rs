//! What holds for every parser: a beginning of something good is partial, what follows it does not matter, and a refusal
//! stays one.

use evenkeel_core::wire::Parse;
use std::fmt::Debug;

/// What `parse` says of `whole`, which is one complete thing, after it was shown every beginning of it.
pub fn complete<'a, T, E>(whole: &'a [u8], parse: impl Fn(&'a [u8]) -> Result<Parse<T>, E>) -> T
where
    T: PartialEq + Debug,
    E: PartialEq + Debug,
{
    for length in 0..whole.len() {
        assert_eq!(parse(&whole[..length]), Ok(Parse::Partial), "the first {length} bytes");
    }
    match parse(whole) {
        Ok(Parse::Complete { value, length }) if length == whole.len() => value,
        other => panic!("not complete: {other:?}"),
    }
}

/// That `parse` says the same of `bytes` with each of its beginnings, once it says more than that it is one.
pub fn is_steady<'a, T, E>(bytes: &'a [u8], parse: impl Fn(&'a [u8]) -> Result<Parse<T>, E>)
where
    T: PartialEq + Debug,
    E: PartialEq + Debug,
{
    let said: Vec<_> = (0..=bytes.len()).map(|length| parse(&bytes[..length])).collect();
    let decided = said.iter().position(|said| *said != Ok(Parse::Partial)).unwrap_or(bytes.len());
    for later in &said[decided..] {
        assert_eq!(*later, said[decided], "decided at byte {decided}");
    }
}
