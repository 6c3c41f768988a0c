//! Where finished lines are written to. What cannot be written is given up: the balancer goes on without a log.

use super::datagrams::Datagrams;
use super::entry::Entry;
use std::io::{self, Write};
use std::time::Duration;

/// Somewhere that takes lines.
pub enum Sink {
    /// Nothing is written.
    Nowhere,
    /// All lines one after the other.
    Stream(Stream),
    /// Each line in a message of its own.
    Datagrams(Datagrams),
}

/// Standard output, or a file.
pub struct Stream {
    out: Box<dyn Write + Send>,
    /// Whether half a line was written last.
    is_torn: bool,
}

impl Sink {
    /// Whether a line is worth making.
    pub fn is_on(&self) -> bool {
        !matches!(self, Self::Nowhere)
    }

    /// Takes the line of `entry`, which is all there is in `lines`, or leaves it for later; gives how many lines are lost.
    pub fn take(&mut self, lines: &mut String, entry: &Entry<'_>) -> u64 {
        let Self::Datagrams(datagrams) = self else { return 0 };
        let sent = datagrams.send(lines.trim_end_matches('\n'), entry);
        lines.clear();
        u64::from(sent.is_err())
    }

    /// Writes what was left for later; gives how many lines are lost.
    pub fn write(&mut self, lines: &str) -> u64 {
        match self {
            Self::Stream(stream) => stream.write(lines.as_bytes()),
            Self::Nowhere | Self::Datagrams(_) => 0,
        }
    }
}

impl Stream {
    /// To `out`.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self { out: Box::new(out), is_torn: false }
    }

    fn write(&mut self, mut lines: &[u8]) -> u64 {
        let mut written = Ok(());
        if self.is_torn {
            // What comes next is not to be the other half of it.
            written = write_all(&mut self.out, &mut b"\n".as_slice());
            self.is_torn = written.is_err();
        }
        let all = lines;
        if written.and_then(|()| write_all(&mut self.out, &mut lines)).is_ok() {
            return 0;
        }
        self.is_torn |= all[..all.len() - lines.len()].last().is_some_and(|last| *last != b'\n');
        lines.iter().filter(|byte| **byte == b'\n').count() as u64
    }
}

/// As [`Write::write_all`], but leaves in `bytes` what was not written, and waits where the output is non-blocking and
/// full, as one shared with another program may be.
fn write_all(out: &mut impl Write, bytes: &mut &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::tests::paper;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn a_disk_that_is_full_in_the_middle_of_a_line_loses_it_and_spoils_no_other() {
        let (disk, written) = paper(6, 0);
        let mut stream = Stream::new(disk);
        assert_eq!(stream.write(b"one\ntwo\nthree\n"), 2);
        assert_eq!(stream.write(b"four\nfive\n"), 2);
        written.room.store(100, Relaxed);
        assert_eq!(stream.write(b"six\n"), 0);
        assert_eq!(written.text(), "one\ntw\nsix\n");
    }

    #[test]
    fn a_disk_that_is_full_between_two_lines_leaves_no_empty_one() {
        let (disk, written) = paper(4, 0);
        let mut stream = Stream::new(disk);
        assert_eq!(stream.write(b"one\ntwo\n"), 1);
        written.room.store(100, Relaxed);
        assert_eq!(stream.write(b"three\n"), 0);
        assert_eq!(written.text(), "one\nthree\n");
    }
}
