//! The secret of `admin.token-file`, and the file that it is in.

use crate::reach;
use std::io::{self, Read};
use std::path::Path;

/// Characters of a token at least: fewer could be guessed.
const TOKEN_MIN: usize = 16;

/// Bytes of its file at most.
const TOKEN_MAX: usize = 4096;

/// The secret that has to be sent over TCP.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// What `text` holds, if that is a secret.
    pub fn new(text: &str) -> Option<Self> {
        let token = text.trim();
        let is_plain = token.bytes().all(|it| it.is_ascii_graphic());
        let fits = token.len() >= TOKEN_MIN && text.len() <= TOKEN_MAX;
        (fits && is_plain).then(|| Self(token.to_owned()))
    }

    /// Reads it from its file.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut text = String::new();
        reach::open(path)?.take(TOKEN_MAX as u64 + 1).read_to_string(&mut text)?;
        Self::new(&text).ok_or_else(|| {
            let what = format!("not a secret of at least {TOKEN_MIN} letters, digits and signs");
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }

    /// Looks at every byte, however early two differ: how long that takes tells nothing.
    pub fn is(&self, given: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differences = own.iter().zip(given).fold(0, |sum, (one, other)| sum | (one ^ other));
        differences == 0 && own.len() == given.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_could_be_guessed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Token::read(&path).is_ok()
        };
        assert!(read("0123456789abcdef\n"));
        assert!(!read("short") && !read("") && !read("0123456789 abcdef") && !read(&"0".repeat(5000)));
        assert!(Token::read(&folder.path().join("none")).is_err());
    }
}
