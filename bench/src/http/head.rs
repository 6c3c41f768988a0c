//! The head of a message: its first line, and the headers that say where it ends.

use anyhow::{Context, Result, bail, ensure};

/// Bytes of a head, at most: nothing here is longer, whatever a balancer adds.
pub const LONGEST: usize = 4096;

/// A head that is complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// Its first line.
    pub first: &'a str,
    /// Bytes of it, the empty line included.
    pub bytes: usize,
    /// Bytes of the body, if it says so.
    pub length: Option<usize>,
    /// Whether it is the last message of its connection.
    pub closes: bool,
    /// Whether there is exactly one `Host`.
    pub has_host: bool,
}

/// The head that `bytes` begin with; `None` as long as its end has not come.
pub fn parse(bytes: &[u8]) -> Result<Option<Head<'_>>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        ensure!(bytes.len() < LONGEST, "a head without an end");
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("a head that is not text")?;
    let mut lines = text.split("\r\n");
    let mut head = Head { first: lines.next().unwrap_or_default(), bytes: end + 4, ..Head::default() };
    lines.try_for_each(|line| head.take(line))?;
    Ok(Some(head))
}

impl Head<'_> {
    fn take(&mut self, line: &str) -> Result<()> {
        let (name, value) = line.split_once(':').with_context(|| format!("not a header: {line:?}"))?;
        let value = value.trim();
        match name {
            _ if name.eq_ignore_ascii_case("content-length") => {
                ensure!(self.length.is_none(), "two lengths");
                self.length = Some(value.parse().with_context(|| format!("a length of {value:?}"))?);
            }
            _ if name.eq_ignore_ascii_case("transfer-encoding") => bail!("a body that came as {value:?}"),
            _ if name.eq_ignore_ascii_case("connection") => {
                self.closes |= value.split(',').any(|word| word.trim().eq_ignore_ascii_case("close"));
            }
            _ if name.eq_ignore_ascii_case("host") => {
                ensure!(!self.has_host, "two hosts");
                self.has_host = true;
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_known_when_it_is_complete() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nConnection: x, close\r\n\r\nabc";
        let head = parse(text).unwrap().unwrap();
        assert_eq!((head.first, head.length, head.closes), ("HTTP/1.1 200 OK", Some(3), true));
        assert_eq!(&text[head.bytes..], b"abc");
        assert_eq!(parse(&text[..head.bytes - 1]).unwrap(), None);
    }

    #[test]
    fn what_frames_a_body_twice_or_otherwise_is_refused() {
        for headers in [
            "Content-Length: 3\r\nContent-Length: 3",
            "Transfer-Encoding: chunked",
            "Host: a\r\nHost: a",
            "no",
        ] {
            assert!(parse(format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()).is_err(), "{headers}");
        }
        assert!(parse(&[b'a'; LONGEST]).is_err());
    }
}
