//! The answer to one request, as the load wants it.

use super::{BODY, head};
use anyhow::{Result, ensure};

/// An answer under way.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Bytes of body that were asked for.
    length: usize,
    /// Whether the connection has to stay open behind it.
    stays: bool,
    /// As much of the head as has come, until all of it has.
    head: Vec<u8>,
    /// Bytes of the body that have not come yet, once the head has.
    unread: Option<usize>,
}

impl Answer {
    /// One of which nothing has come.
    pub fn new(length: u32, stays: bool) -> Self {
        Self { length: length as usize, stays, head: Vec::new(), unread: None }
    }

    /// Whether it is complete with these bytes. What is not the answer that was asked for is an error.
    pub fn on_received(&mut self, bytes: &[u8]) -> Result<bool> {
        let Some(unread) = self.unread else { return self.on_head(bytes) };
        ensure!(bytes.len() <= unread, "more bytes than the answer has");
        ensure!(bytes.iter().all(|byte| *byte == BODY), "a body that is not the backend's");
        self.unread = Some(unread - bytes.len());
        Ok(unread == bytes.len())
    }

    fn on_head(&mut self, bytes: &[u8]) -> Result<bool> {
        // Nearly always it comes at once.
        let held = std::mem::take(&mut self.head);
        let joined = if held.is_empty() { bytes } else { &[&held, bytes].concat() };
        let Some(head) = head::parse(joined)? else {
            self.head = joined.to_vec();
            return Ok(false);
        };
        ensure!(head.first == "HTTP/1.1 200 OK", "answered {:?}", head.first);
        ensure!(head.length == Some(self.length), "a length of {:?}, not {}", head.length, self.length);
        ensure!(!(self.stays && head.closes), "the answer ends its connection");
        self.unread = Some(self.length);
        self.on_received(&joined[head.bytes..])
    }
}

#[cfg(test)]
mod tests {
    use super::super::response;
    use super::*;

    fn outcome(pieces: &[&[u8]]) -> Result<bool> {
        let mut answer = Answer::new(64, true);
        let mut is_complete = false;
        for piece in pieces {
            assert!(!is_complete, "complete before its end");
            is_complete = answer.on_received(piece)?;
        }
        Ok(is_complete)
    }

    #[test]
    fn an_answer_is_complete_at_its_last_byte_however_it_is_cut() {
        let whole = response(64);
        for at in 1..whole.len() {
            let (one, two) = whole.split_at(at);
            assert!(!outcome(&[one]).unwrap());
            assert!(outcome(&[one, two]).unwrap(), "cut at {at}");
        }
    }

    #[test]
    fn another_answer_than_the_backends_is_an_error() {
        let beyond = [&response(64)[..], b"h"].concat();
        let text = |head: &str| [head.as_bytes(), &[BODY; 64]].concat();
        for wrong in [
            response(63),
            beyond,
            text("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 64\r\n\r\n"),
            text("HTTP/1.1 200 OK\r\n\r\n"),
            text("HTTP/1.1 200 OK\r\nContent-Length: 64\r\nConnection: close\r\n\r\n"),
            [&response(64)[..response(64).len() - 64], &[b'x'; 64]].concat(),
        ] {
            assert!(outcome(&[&wrong]).is_err(), "{}", String::from_utf8_lossy(&wrong));
        }
    }
}
