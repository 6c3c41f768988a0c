//! Trains: datagrams of one size, but for the last, which may be shorter. The kernel takes them from one socket, or gives them
//! to one, as one piece (`UDP_SEGMENT`, `UDP_GRO`; udp(7)), and so does its work for them once.

use crate::option;
use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::OnceLock;

/// Datagrams in a train, at most: as many as every kernel takes.
const DATAGRAMS_MAX: usize = 64;

/// Bytes of a train, at most: as many as go into one datagram over IPv4.
const BYTES_MAX: usize = 65_507;

/// Lets a socket give trains; each comes with the length of its datagrams.
pub fn gather(socket: impl AsFd) -> io::Result<()> {
    option::set(socket, libc::SOL_UDP, libc::UDP_GRO, 1)
}

/// What trains a path takes: all, until it has refused one.
#[derive(Debug)]
pub struct Trains {
    /// Bytes of its datagrams, at most.
    longest: Cell<usize>,
}

impl Default for Trains {
    fn default() -> Self {
        Self { longest: Cell::new(BYTES_MAX) }
    }
}

impl Trains {
    /// How many of the next datagrams, of these lengths, go by `socket` as one; at least 1.
    pub(super) fn next(&self, socket: impl AsFd, lengths: impl Iterator<Item = usize>) -> usize {
        if self.longest.get() > 0 && is_known(socket) { couple(lengths, self.longest.get()) } else { 1 }
    }

    /// A train of datagrams of `size` bytes has met `error`: whether other trains, or none, may go.
    pub(super) fn refuse(&self, size: usize, error: &io::Error) -> bool {
        let longest = match error.raw_os_error() {
            // They do not fit into the packets of this path.
            Some(libc::EINVAL | libc::EMSGSIZE) => size.saturating_sub(1),
            // Whatever carries them cannot divide them.
            Some(libc::EIO) => 0,
            _ => return false,
        };
        self.longest.set(longest);
        true
    }
}

/// Whether the kernel knows trains. One that does not would send all of it as one datagram.
fn is_known(socket: impl AsFd) -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    *KNOWN.get_or_init(|| option::get(socket, libc::SOL_UDP, libc::UDP_SEGMENT).is_ok())
}

/// How many datagrams of these lengths make a train, none of them longer than `longest`; at least 1.
fn couple(mut lengths: impl Iterator<Item = usize>, longest: usize) -> usize {
    let size = lengths.next().unwrap_or(0);
    // An empty one has nothing by which the kernel could tell that it is there.
    if size == 0 || size > longest {
        return 1;
    }
    let mut count = 1;
    for length in lengths.take((BYTES_MAX / size).min(DATAGRAMS_MAX).saturating_sub(1)) {
        if length == 0 || length > size {
            break;
        }
        count += 1;
        if length < size {
            break;
        }
    }
    count
}

/// Where the datagrams are in a piece of `length` bytes: each has as many as `segment` says, but for the last. If the piece was
/// cut, that one is not whole, and left out.
pub(super) fn split(
    length: usize,
    segment: Option<usize>,
    is_cut: bool,
) -> impl Iterator<Item = Range<usize>> {
    let size = segment.filter(|size| *size > 0).unwrap_or(length).max(1);
    let count = length.div_ceil(size).max(1) - usize::from(is_cut);
    (0..count).map(move |index| index * size..length.min((index + 1) * size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_train_ends_with_a_shorter_datagram_and_has_no_longer_or_empty_one() {
        let couple = |lengths: &[usize]| couple(lengths.iter().copied(), 1472);
        assert_eq!(couple(&[1200]), 1);
        assert_eq!(couple(&[1200, 1200, 1200]), 3);
        assert_eq!(couple(&[1200, 1200, 7, 7]), 3);
        assert_eq!(couple(&[1200, 1200, 1201]), 2);
        assert_eq!(couple(&[1200, 0, 1200]), 1);
        assert_eq!(couple(&[0, 0]), 1);
        assert_eq!(couple(&[1473, 1473]), 1, "longer than what was refused");
    }

    #[test]
    fn a_train_has_so_many_datagrams_and_so_many_bytes_at_most() {
        assert_eq!(couple([1; 100].into_iter(), BYTES_MAX), DATAGRAMS_MAX);
        assert_eq!(couple([1200; 100].into_iter(), BYTES_MAX), 54);
        assert_eq!(couple([32_753; 3].into_iter(), BYTES_MAX), 2);
        assert_eq!(couple([32_754; 3].into_iter(), BYTES_MAX), 1);
        assert_eq!(couple([65_535; 3].into_iter(), usize::MAX), 1);
    }

    #[test]
    fn a_piece_is_split_as_the_kernel_says() {
        let split = |length, segment, is_cut| {
            let pieces = split(length, segment, is_cut);
            pieces.map(|piece| (piece.start, piece.end)).collect::<Vec<_>>()
        };
        assert_eq!(split(10, None, false), [(0, 10)]);
        assert_eq!(split(10, Some(4), false), [(0, 4), (4, 8), (8, 10)]);
        assert_eq!(split(8, Some(4), false), [(0, 4), (4, 8)]);
        assert_eq!(split(10, Some(20), false), [(0, 10)]);
        assert_eq!(split(10, Some(0), false), [(0, 10)]);
        assert_eq!((split(0, None, false), split(0, Some(4), false)), (vec![(0, 0)], vec![(0, 0)]));
        assert_eq!((split(10, Some(4), true), split(10, None, true)), (vec![(0, 4), (4, 8)], vec![]));
    }

    #[test]
    fn a_path_that_refuses_a_train_gets_none_of_datagrams_as_long() {
        let trains = Trains::default();
        let longest = |errno| {
            let is_refused = trains.refuse(1400, &io::Error::from_raw_os_error(errno));
            (is_refused, trains.longest.get())
        };
        assert_eq!(longest(libc::EAGAIN), (false, BYTES_MAX));
        assert_eq!(longest(libc::ECONNREFUSED), (false, BYTES_MAX));
        assert_eq!(longest(libc::EMSGSIZE), (true, 1399));
        assert_eq!(longest(libc::EINVAL), (true, 1399));
        assert_eq!(longest(libc::EIO), (true, 0));
    }
}
