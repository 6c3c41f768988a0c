//! Connections that are opened, used for one exchange, and closed.

use super::schedule::Schedule;
use super::talk::{Reply, Talk};
use super::{OVERDUE, Ports, Tally, Traffic};
use crate::net::{self, Poll, Ready};
use anyhow::{Result, bail};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Token of the schedule.
const TIMER: usize = u32::MAX as usize;

/// Connections at once with a schedule, at most: what is due beyond waits, and that counts.
const OPEN: usize = 1000;

/// New connections, so many at a time or at a rate.
pub struct Connect {
    poll: Poll,
    ports: Ports,
    slots: slab::Slab<Slot>,
    /// Connections at once.
    limit: usize,
    schedule: Option<Schedule>,
    talk: Talk,
    buffer: Vec<u8>,
}

/// A connection under way.
struct Slot {
    socket: OwnedFd,
    began: Instant,
    reply: Reply,
    asked: bool,
}

impl Connect {
    /// Always `concurrency` connections under way; or, with a rate, so many begun a second.
    pub fn new(concurrency: usize, rate: Option<u32>, talk: Talk, ports: Ports) -> Result<Self> {
        let poll = Poll::new()?;
        let schedule = rate.map(|rate| Schedule::new(rate, Instant::now())).transpose()?;
        if let Some(schedule) = &schedule {
            poll.add(schedule, TIMER, Ready::IN)?;
        }
        let limit = if schedule.is_some() { OPEN } else { concurrency };
        Ok(Self { poll, ports, slots: slab::Slab::new(), limit, schedule, talk, buffer: vec![0; 64 * 1024] })
    }

    /// When the next connection was to begin, if it may now.
    fn due(&mut self) -> Option<Instant> {
        if self.slots.len() >= self.limit {
            return None;
        }
        let now = Instant::now();
        match &mut self.schedule {
            Some(schedule) => schedule.due(now),
            None => Some(now),
        }
    }

    fn begin(&mut self, began: Instant) -> Result<()> {
        let socket = net::connect(self.ports.next())?;
        let entry = self.slots.vacant_entry();
        self.poll.add(&socket, entry.key(), Ready::OUT)?;
        entry.insert(Slot { socket, began, reply: self.talk.reply(), asked: false });
        Ok(())
    }
}

impl Traffic for Connect {
    fn turn(&mut self, timeout: Duration, tally: &mut Tally) -> Result<()> {
        while let Some(began) = self.due() {
            self.begin(began)?;
        }
        for (token, _) in self.poll.wait(timeout)? {
            let token = token as usize;
            if let Some(schedule) = self.schedule.as_ref().filter(|_| token == TIMER) {
                schedule.on_ready()?;
            }
            let Some(slot) = self.slots.get_mut(token) else { continue };
            match slot.on_ready(&self.poll, token, &self.talk.request, &mut self.buffer) {
                Ok(false) => continue,
                Ok(true) => tally.record(slot.began.elapsed()),
                Err(_) => tally.errors += 1,
            }
            self.slots.remove(token);
        }
        Ok(())
    }

    fn overdue(&self, now: Instant) -> u64 {
        let is_late = |slot: &Slot| now.saturating_duration_since(slot.began) > OVERDUE;
        self.slots.iter().filter(|(_, slot)| is_late(slot)).count() as u64
    }
}

impl Slot {
    /// Whether the reply is complete.
    fn on_ready(&mut self, poll: &Poll, token: usize, request: &[u8], buffer: &mut [u8]) -> Result<bool> {
        if !self.asked {
            if net::send(&self.socket, request)? < request.len() {
                bail!("a new connection does not take a request");
            }
            self.asked = true;
            poll.change(&self.socket, token, Ready::IN)?;
            return Ok(false);
        }
        match net::receive(&self.socket, buffer)? {
            None => Ok(false),
            Some(0) => bail!("closed before the reply"),
            Some(received) => self.reply.on_received(&buffer[..received]),
        }
    }
}
