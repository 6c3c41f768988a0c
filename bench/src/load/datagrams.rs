//! Datagrams that come back as they were sent, over flows that stay: as soon as others are back, or when a schedule says so.
//! Each has a number, so that those that are lost are known.

use super::flight::Flight;
use super::schedule::Schedule;
use super::{Ports, Tally, Traffic};
use crate::net::{self, Poll, Ready};
use anyhow::{Context, Result, ensure};
use evenkeel_sys::datagram::{BATCH, Inbox};
use std::iter;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// A datagram that is not back after this is lost.
pub const LOST: Duration = Duration::from_millis(250);

/// Bytes of a datagram's number.
const NUMBER: usize = 8;

/// Datagrams over many flows.
pub struct Datagrams {
    /// A socket for each flow.
    flows: Vec<OwnedFd>,
    poll: Poll,
    inbox: Inbox,
    flight: Flight,
    pace: Pace,
    /// Whose turn it is.
    turn: usize,
    size: usize,
}

/// What is open for datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Flows {
    /// So many.
    pub count: usize,
    /// The port of the first of them, which those of the others come after; any where there is none.
    pub from: Option<u16>,
}

/// When datagrams are sent.
pub enum Pace {
    /// So many are on their way.
    InFlight(usize),
    /// When they are due.
    Rate(Schedule),
}

impl Flows {
    /// The port that the datagrams of one of them come from, if there is one for it.
    fn port(self, flow: usize) -> Result<Option<u16>> {
        let Some(first) = self.from else { return Ok(None) };
        let port = first.checked_add(u16::try_from(flow)?);
        Ok(Some(port.context("so many flows have no ports")?))
    }
}

impl Datagrams {
    /// Opens `flows` for datagrams of `size` bytes.
    pub fn open(flows: Flows, size: usize, pace: Pace, ports: &mut Ports) -> Result<Self> {
        ensure!(size >= NUMBER, "a datagram has at least {NUMBER} bytes");
        let poll = Poll::new()?;
        let open = |token| -> Result<OwnedFd> {
            let socket = net::open_flow(flows.port(token)?, ports.next())?;
            poll.add(&socket, token, Ready::IN)?;
            Ok(socket)
        };
        let flows: Vec<OwnedFd> = (0..flows.count).map(open).collect::<Result<_>>()?;
        if let Pace::Rate(schedule) = &pace {
            poll.add(schedule, flows.len(), Ready::IN)?;
        }
        Ok(Self { flows, poll, inbox: Inbox::new(), flight: Flight::default(), pace, turn: 0, size })
    }

    /// Takes what has come back over a flow.
    fn receive(&mut self, flow: usize, tally: &mut Tally) {
        loop {
            match self.inbox.receive_connected(&self.flows[flow]) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                // Nobody is there, as ICMP has it: those that were sent are lost.
                Err(_) => tally.errors += 1,
                Ok(_) => {
                    let now = Instant::now();
                    (0..self.inbox.len()).for_each(|at| self.land(at, now, tally));
                    if !self.inbox.is_full() {
                        return;
                    }
                }
            }
        }
    }

    fn land(&mut self, at: usize, now: Instant, tally: &mut Tally) {
        let datagram = self.inbox.datagram(at);
        let number = datagram.first_chunk::<NUMBER>().map(|bytes| u64::from_le_bytes(*bytes));
        match number {
            Some(number) if datagram.len() == self.size => {
                if let Some(due) = self.flight.land(number) {
                    tally.record(now.saturating_duration_since(due));
                }
            }
            _ => tally.errors += 1,
        }
    }

    /// Sends those that were `due`, over the flows in turn; with a single flow many at once.
    fn send(&mut self, due: &[Instant], tally: &mut Tally) {
        let at_once = if self.flows.len() == 1 { BATCH } else { 1 };
        for due in due.chunks(at_once) {
            let flow = &self.flows[self.turn];
            self.turn = (self.turn + 1) % self.flows.len();
            let mut bytes = vec![b'd'; due.len() * self.size];
            for (datagram, due) in bytes.chunks_mut(self.size).zip(due) {
                datagram[..NUMBER].copy_from_slice(&self.flight.launch(*due).to_le_bytes());
            }
            if net::send_each(flow, &bytes, self.size).is_err() {
                tally.errors += 1;
            }
        }
    }
}

impl Traffic for Datagrams {
    fn turn(&mut self, timeout: Duration, tally: &mut Tally) -> Result<()> {
        for (token, _) in self.poll.wait(timeout)? {
            match (usize::try_from(token)?, &self.pace) {
                (flow, _) if flow < self.flows.len() => self.receive(flow, tally),
                (_, Pace::Rate(schedule)) => schedule.on_ready()?,
                (_, Pace::InFlight(_)) => {}
            }
        }
        let now = Instant::now();
        tally.lost += self.flight.give_up(now - LOST);
        let due: Vec<Instant> = match &mut self.pace {
            Pace::InFlight(count) => vec![now; count.saturating_sub(self.flight.airborne())],
            Pace::Rate(schedule) => iter::from_fn(|| schedule.due(now)).collect(),
        };
        self.send(&due, tally);
        Ok(())
    }
}

/// Waits until a datagram comes back.
pub fn wait_until_echoed(ports: &mut Ports, patience: Duration) -> Result<()> {
    /// Longest wait for one; the balancer may not have been there when it was sent.
    const TRY: Duration = Duration::from_millis(5);
    const PAUSE: Duration = Duration::from_millis(1);
    let begin = Instant::now();
    while begin.elapsed() < patience {
        // There may be no network yet.
        let Ok(mut one) = Datagrams::open(Flows { count: 1, from: None }, 64, Pace::InFlight(1), ports)
        else {
            std::thread::sleep(PAUSE);
            continue;
        };
        let (mut tally, until) = (Tally::default(), Instant::now() + TRY);
        while Instant::now() < until && tally.errors == 0 {
            one.turn(PAUSE, &mut tally)?;
            if tally.done > 0 {
                return Ok(());
            }
        }
    }
    anyhow::bail!("not served within {patience:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_have_the_same_ports_each_time() {
        let port = |from, flow| Flows { count: 2, from }.port(flow).ok();
        assert_eq!([port(Some(9000), 0), port(Some(9000), 1)], [Some(Some(9000)), Some(Some(9001))]);
        assert_eq!(port(None, 1), Some(None));
        assert_eq!(port(Some(u16::MAX), 1), None);
    }
}
