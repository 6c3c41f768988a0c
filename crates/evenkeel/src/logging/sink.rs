//! Where finished lines are written to. What cannot be written is given up: the balancer goes on without a log.

use super::datagrams::Datagrams;
use super::entry::Entry;
use rustix::pipe::PIPE_BUF;
use std::fs::{File, FileType};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileTypeExt;
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
    /// Bytes that are written at once, at most, unless one line has more.
    at_once: usize,
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
        Self { out: Box::new(out), is_torn: false, at_once: usize::MAX }
    }

    /// To a file of whatever kind. Of a pipe that others write to as well, as the process before this one does during an upgrade,
    /// the kernel keeps together what is written at once, up to a limit. A file of which the last line is half, as a full disk or
    /// a crash leaves it, begins torn.
    pub fn to(file: File) -> Self {
        let is = |test: fn(&FileType) -> bool| file.metadata().is_ok_and(|it| test(&it.file_type()));
        let at_once = if is(FileType::is_fifo) { PIPE_BUF } else { usize::MAX };
        let is_torn = is(FileType::is_file) && last_byte(&file).is_ok_and(|last| last != b'\n');
        Self { is_torn, at_once, ..Self::new(file) }
    }

    fn write(&mut self, lines: &[u8]) -> u64 {
        let mut written = Ok(());
        if self.is_torn {
            // What comes next is not to be the other half of it.
            written = write_all(&mut self.out, &mut b"\n".as_slice());
            self.is_torn = written.is_err();
        }
        let mut left = lines;
        while written.is_ok() && !left.is_empty() {
            let (mut piece, rest) = left.split_at(whole_lines(left, self.at_once));
            written = write_all(&mut self.out, &mut piece);
            left = &left[left.len() - rest.len() - piece.len()..];
        }
        if written.is_ok() {
            return 0;
        }
        self.is_torn |= lines[..lines.len() - left.len()].last().is_some_and(|last| *last != b'\n');
        left.iter().filter(|byte| **byte == b'\n').count() as u64
    }
}

/// The length of as many whole lines as have at most so many bytes together, or of one that has more.
fn whole_lines(lines: &[u8], most: usize) -> usize {
    if lines.len() <= most {
        return lines.len();
    }
    let last = lines[..most].iter().rposition(|byte| *byte == b'\n');
    let end = last.or_else(|| lines.iter().position(|byte| *byte == b'\n'));
    end.map_or(lines.len(), |end| end + 1)
}

/// The last byte of a file that is open for writing, perhaps for nothing else. Fails where there is none.
fn last_byte(file: &File) -> io::Result<u8> {
    let mut readable = File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let mut last = [0];
    readable.seek(SeekFrom::End(-1))?;
    readable.read_exact(&mut last)?;
    Ok(last[0])
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
    fn a_file_that_ends_with_half_a_line_has_it_ended() {
        for (before, after) in [("", ""), ("one\n", "one\n"), ("one\nha", "one\nha\n")] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log");
            std::fs::write(&path, before).unwrap();
            let mut stream = Stream::to(File::options().append(true).open(&path).unwrap());
            assert_eq!(stream.write(b"two\n"), 0);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{after}two\n"));
        }
    }

    #[test]
    fn a_pipe_is_given_whole_lines_at_once() {
        // In this mode, what was written at once is read at once.
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::DIRECT).unwrap();
        let (mut reader, mut stream) = (File::from(reader), Stream::to(File::from(writer)));
        let line = format!("{}\n", "x".repeat(1500));
        let long = format!("{}\n", "y".repeat(PIPE_BUF));
        assert_eq!(stream.write(format!("{line}{line}{line}{long}{line}").as_bytes()), 0);
        drop(stream);
        let mut read = Vec::new();
        let mut buffer = [0; 2 * PIPE_BUF];
        while let count @ 1.. = reader.read(&mut buffer).unwrap() {
            read.push(count);
        }
        let (one, two) = (line.len(), 2 * line.len());
        assert_eq!(read, [two, one, PIPE_BUF, 1, one], "one that is too long goes alone");
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
