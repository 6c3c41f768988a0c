//! Does what a half wants, until it wants nothing or its budget for this turn is spent.

use evenkeel_core::half::{Half, Want};
use evenkeel_sys::socket;
use std::io;
use std::os::fd::BorrowedFd;

/// What a read costs of the budget that brings nothing to carry: of TLS there are things that come, cost time, and say
/// nothing.
const FRUITLESS_READ: usize = 16 * 1024;

/// One way to carry bytes from a source to a sink: through memory or through a pipe. Whatever it has read and not yet
/// written it keeps; how much that is, the half knows.
pub trait Carrier {
    /// Reads once. Asked for only while nothing is held.
    fn read(&mut self) -> io::Result<Got>;
    /// Writes once, at most the `held` bytes that are there.
    fn write(&mut self, held: usize) -> io::Result<usize>;
    /// Tells the sink that no byte will follow.
    fn shutdown(&mut self) -> io::Result<()>;
    /// Whether this is the right carrier for the half's next read.
    fn suits(&self, half: &Half) -> bool;
}

/// From where to where bytes go in one turn.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// Socket to read.
    pub source: BorrowedFd<'a>,
    /// Socket to write.
    pub sink: BorrowedFd<'a>,
    /// Whether the other direction is over, so that both sockets are closed when this one is.
    pub last: bool,
}

impl Way<'_> {
    /// Tells the sink that no byte will follow; closing it tells that as well.
    pub fn shutdown(&self) -> io::Result<()> {
        if self.last { Ok(()) } else { socket::shutdown_write(self.sink) }
    }
}

/// What one read brought.
#[derive(Clone, Copy, Debug)]
pub struct Got {
    /// So many bytes; 0 is the end of the stream.
    pub bytes: usize,
    /// There was room for more: nothing is left to read now.
    pub drained: bool,
}

/// Why carrying paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Nothing to do until a socket is ready; or the half is over.
    Waiting,
    /// The budget is spent; there may be more to do at once.
    Spent,
    /// Nothing is held, and the next read is better done by another carrier.
    Change,
}

/// Which socket failed.
#[derive(Debug)]
pub enum Fault {
    /// Reading did.
    Source(io::Error),
    /// Writing did.
    Sink(io::Error),
}

/// Carries until there is nothing to do or `budget` bytes are read.
pub fn carry(half: &mut Half, carrier: &mut impl Carrier, budget: &mut usize) -> Result<Pace, Fault> {
    loop {
        match half.want() {
            Want::Nothing | Want::Over => return Ok(Pace::Waiting),
            Want::Read if *budget == 0 => return Ok(Pace::Spent),
            Want::Read if !carrier.suits(half) => return Ok(Pace::Change),
            Want::Read => match carrier.read() {
                Ok(got) => {
                    half.on_read(got.bytes, got.drained);
                    *budget = budget.saturating_sub(got.bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => half.on_source_blocked(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    *budget = budget.saturating_sub(FRUITLESS_READ);
                }
                Err(error) => return Err(Fault::Source(error)),
            },
            Want::Write => match carrier.write(half.held()) {
                Ok(bytes) => half.on_written(bytes),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => half.on_sink_blocked(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Sink(error)),
            },
            Want::Shutdown => match carrier.shutdown() {
                Ok(()) => half.on_over(),
                // What has to go before it is not through yet.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Pace::Waiting),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Sink(error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::io::ErrorKind;

    /// Carries a script from a source to a sink that takes three bytes at a time; the operation counted down to zero
    /// by `fuse` fails.
    struct Scripted {
        source: VecDeque<&'static [u8]>,
        keeps: Vec<u8>,
        sink: Vec<u8>,
        finished: bool,
        fuse: usize,
        fault: ErrorKind,
        bulk: bool,
    }

    impl Scripted {
        fn new(fuse: usize, fault: ErrorKind) -> Self {
            let source = [&b"the quick"[..], b" brown ", b"fox jumps"].into();
            Self { source, keeps: vec![], sink: vec![], finished: false, fuse, fault, bulk: false }
        }

        fn burn(&mut self) -> io::Result<()> {
            self.fuse = self.fuse.wrapping_sub(1);
            if self.fuse == 0 { Err(self.fault.into()) } else { Ok(()) }
        }
    }

    impl Carrier for Scripted {
        fn read(&mut self) -> io::Result<Got> {
            self.burn()?;
            assert!(self.keeps.is_empty(), "read while something is held");
            let piece = self.source.pop_front().unwrap_or_default();
            self.keeps.extend(piece);
            Ok(Got { bytes: piece.len(), drained: false })
        }

        fn write(&mut self, held: usize) -> io::Result<usize> {
            self.burn()?;
            assert_eq!(held, self.keeps.len());
            let taken = held.min(3);
            self.sink.extend(self.keeps.drain(..taken));
            Ok(taken)
        }

        fn shutdown(&mut self) -> io::Result<()> {
            self.burn()?;
            self.finished = true;
            Ok(())
        }

        fn suits(&self, half: &Half) -> bool {
            half.is_bulk() == self.bulk
        }
    }

    /// Runs the script with the `nth` operation failing; `None` when it has fewer operations.
    fn run(nth: usize, fault: ErrorKind) -> (Half, Scripted, Result<(), Fault>) {
        let mut half = Half::default();
        let mut carrier = Scripted::new(nth, fault);
        for _ in 0..100 {
            half.on_source_ready(false);
            half.on_sink_ready();
            let mut budget = 8;
            match carry(&mut half, &mut carrier, &mut budget) {
                Ok(_) if half.is_over() => break,
                Ok(_) => {}
                Err(fault) => return (half, carrier, Err(fault)),
            }
        }
        (half, carrier, Ok(()))
    }

    #[test]
    fn a_soft_fault_at_any_operation_loses_nothing() {
        for fault in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
            for nth in 1..=14 {
                let (half, carrier, result) = run(nth, fault);
                assert!(result.is_ok() && carrier.finished, "operation {nth}, {fault}");
                assert_eq!(carrier.sink, b"the quick brown fox jumps", "operation {nth}, {fault}");
                assert_eq!(half.moved(), 25);
            }
        }
    }

    #[test]
    fn a_hard_fault_at_any_operation_is_told_and_at_the_right_socket() {
        let mut operations = 0;
        for nth in 1.. {
            let (half, carrier, result) = run(nth, ErrorKind::ConnectionReset);
            let Err(fault) = result else { break };
            operations = nth;
            assert!(!carrier.finished, "no FIN after a fault");
            match fault {
                Fault::Source(_) => {
                    assert_eq!(half.held(), 0, "operation {nth}: it reads only while nothing is held")
                }
                Fault::Sink(_) => assert!(half.held() > 0 || half.is_finished(), "operation {nth}"),
            }
        }
        assert_eq!(operations, 14, "four reads, nine writes, one shutdown, each failed once");
    }

    #[test]
    fn a_spent_budget_pauses_and_another_carrier_is_asked_for() {
        let mut half = Half::default();
        let mut carrier = Scripted::new(usize::MAX, ErrorKind::Other);
        half.on_source_ready(false);
        assert_eq!(carry(&mut half, &mut carrier, &mut 5).unwrap(), Pace::Spent);
        assert_eq!(half.moved(), 9, "what was read is written before the pause");
        carrier.bulk = true;
        assert_eq!(carry(&mut half, &mut carrier, &mut 5).unwrap(), Pace::Change);
    }
}
