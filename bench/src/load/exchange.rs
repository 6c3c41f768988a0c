//! Requests and replies over connections that stay open: each connection asks again as soon as it has its reply, or
//! when a schedule says so.

use super::schedule::Schedule;
use super::talk::{Reply, Talk};
use super::{OVERDUE, Ports, Tally, Traffic};
use crate::net::{self, Poll, Ready};
use anyhow::{Result, bail};
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Requests over many connections.
pub struct Exchange {
    clients: Vec<Client>,
    wires: Wires,
    schedule: Option<Schedule>,
    /// Whose turn it is in the schedule.
    turn: usize,
}

/// What all connections share.
struct Wires {
    poll: Poll,
    talk: Talk,
    buffer: Vec<u8>,
}

/// A connection.
struct Client {
    socket: OwnedFd,
    token: usize,
    /// When the request under way was to be sent; `None` between two.
    asked: Option<Instant>,
    /// Bytes of the request that the socket did not take yet.
    unsent: usize,
    /// The reply to it.
    reply: Reply,
    /// When further requests were to be sent.
    waiting: VecDeque<Instant>,
}

impl Exchange {
    /// Opens `connections`. With a `rate`, so many requests a second are sent over all of them, in turn; one whose
    /// connection is busy waits, and that counts.
    pub fn open(connections: usize, talk: Talk, rate: Option<u32>, ports: &mut Ports) -> Result<Self> {
        let wires = Wires { poll: Poll::new()?, talk, buffer: vec![0; 256 * 1024] };
        let open = |token| -> Result<Client> {
            let stream = ports.open()?;
            stream.set_nonblocking(true)?;
            wires.poll.add(&stream, token, Ready::IN)?;
            Ok(Client::new(stream.into(), token, wires.talk.reply()))
        };
        let mut clients: Vec<Client> = (0..connections).map(open).collect::<Result<_>>()?;
        let schedule = rate.map(|rate| Schedule::new(rate, Instant::now())).transpose()?;
        match &schedule {
            Some(schedule) => wires.poll.add(schedule, connections, Ready::IN)?,
            None => clients.iter_mut().try_for_each(|client| client.ask(&wires, Instant::now()))?,
        }
        Ok(Self { clients, wires, schedule, turn: 0 })
    }
}

impl Traffic for Exchange {
    fn turn(&mut self, timeout: Duration, tally: &mut Tally) -> Result<()> {
        for (token, ready) in self.wires.poll.wait(timeout)? {
            let Some(client) = self.clients.get_mut(token as usize) else {
                // The schedule's token comes after theirs.
                self.schedule.iter().try_for_each(Schedule::on_ready)?;
                continue;
            };
            let Some(asked) = client.on_ready(&mut self.wires, ready)? else { continue };
            let now = Instant::now();
            tally.record(now - asked);
            let next = if self.schedule.is_some() { client.waiting.pop_front() } else { Some(now) };
            if let Some(next) = next {
                client.ask(&self.wires, next)?;
            }
        }
        let Some(schedule) = &mut self.schedule else { return Ok(()) };
        while let Some(due) = schedule.due(Instant::now()) {
            let turn = self.turn;
            self.turn = (turn + 1) % self.clients.len();
            let client = &mut self.clients[turn];
            match client.asked {
                Some(_) => client.waiting.push_back(due),
                None => client.ask(&self.wires, due)?,
            }
        }
        Ok(())
    }

    fn overdue(&self, now: Instant) -> u64 {
        let is_late = |asked: Instant| now.saturating_duration_since(asked) > OVERDUE;
        self.clients.iter().filter(|client| client.asked.is_some_and(is_late)).count() as u64
    }
}

impl Client {
    fn new(socket: OwnedFd, token: usize, reply: Reply) -> Self {
        Self { socket, token, asked: None, unsent: 0, reply, waiting: VecDeque::new() }
    }

    /// Sends a request that was to be sent at `due`.
    fn ask(&mut self, wires: &Wires, due: Instant) -> Result<()> {
        self.asked = Some(due);
        self.unsent = wires.talk.request.len();
        self.reply = wires.talk.reply();
        self.send(wires)?;
        if self.unsent > 0 {
            wires.poll.change(&self.socket, self.token, Ready::IN | Ready::OUT)?;
        }
        Ok(())
    }

    fn send(&mut self, wires: &Wires) -> Result<()> {
        let rest = &wires.talk.request[wires.talk.request.len() - self.unsent..];
        self.unsent -= net::send(&self.socket, rest)?;
        Ok(())
    }

    /// When the request was to be sent whose reply is now complete.
    fn on_ready(&mut self, wires: &mut Wires, ready: Ready) -> Result<Option<Instant>> {
        if self.unsent > 0 && ready.contains(Ready::OUT) {
            self.send(wires)?;
            if self.unsent == 0 {
                wires.poll.change(&self.socket, self.token, Ready::IN)?;
            }
        }
        match net::receive(&self.socket, &mut wires.buffer)? {
            None => Ok(None),
            Some(0) => bail!("the connection was closed before the reply"),
            Some(_) if self.asked.is_none() => bail!("bytes that nobody asked for"),
            Some(received) => {
                Ok(if self.reply.on_received(&wires.buffer[..received])? { self.asked.take() } else { None })
            }
        }
    }
}
