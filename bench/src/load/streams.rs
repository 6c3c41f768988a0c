//! Requests of HTTP/2 over connections that stay open, so many at once on each: for every answer the next one is asked.

use super::{OVERDUE, Ports, Tally, Traffic};
use crate::http2::Asking;
use crate::net::{self, Poll, Ready};
use anyhow::{Result, bail};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// Requests over many connections.
pub struct Streams {
    poll: Poll,
    clients: Vec<Client>,
    buffer: Vec<u8>,
}

/// A connection.
struct Client {
    socket: OwnedFd,
    token: usize,
    asking: Asking,
    /// Whether something is to be sent that the socket did not take.
    is_blocked: bool,
}

impl Streams {
    /// Opens `connections`, and asks on so many `streams` of each as `asking` does.
    pub fn open(connections: usize, streams: usize, asking: &Asking, ports: &mut Ports) -> Result<Self> {
        let poll = Poll::new()?;
        let open = |token| -> Result<Client> {
            let stream = ports.open()?;
            stream.set_nonblocking(true)?;
            poll.add(&stream, token, Ready::IN)?;
            let (socket, asking) = (stream.into(), asking.clone());
            let mut client = Client { socket, token, asking, is_blocked: false };
            (0..streams).for_each(|_| client.asking.ask(Instant::now()));
            client.send(&poll)?;
            Ok(client)
        };
        let clients = (0..connections).map(open).collect::<Result<_>>()?;
        Ok(Self { poll, clients, buffer: vec![0; 256 * 1024] })
    }
}

impl Traffic for Streams {
    fn turn(&mut self, timeout: Duration, tally: &mut Tally) -> Result<()> {
        for (token, _) in self.poll.wait(timeout)? {
            self.clients[token as usize].on_ready(&self.poll, &mut self.buffer, tally)?;
        }
        Ok(())
    }

    fn overdue(&self, now: Instant) -> u64 {
        let asked = self.clients.iter().flat_map(|client| client.asking.asked());
        asked.filter(|asked| now.saturating_duration_since(*asked) > OVERDUE).count() as u64
    }
}

impl Client {
    fn on_ready(&mut self, poll: &Poll, buffer: &mut [u8], tally: &mut Tally) -> Result<()> {
        match net::receive(&self.socket, buffer)? {
            None => {}
            Some(0) => bail!("the connection was closed before the answers"),
            Some(received) => {
                let (now, mut answered) = (Instant::now(), 0);
                self.asking.on_received(&buffer[..received], |asked| {
                    tally.record(now - asked);
                    answered += 1;
                })?;
                (0..answered).for_each(|_| self.asking.ask(now));
            }
        }
        self.send(poll)
    }

    fn send(&mut self, poll: &Poll) -> Result<()> {
        let unsent = &mut self.asking.unsent;
        if !unsent.is_empty() {
            net::send_off(&self.socket, unsent)?;
        }
        if self.is_blocked == unsent.is_empty() {
            self.is_blocked = !self.is_blocked;
            let ready = if self.is_blocked { Ready::IN | Ready::OUT } else { Ready::IN };
            poll.change(&self.socket, self.token, ready)?;
        }
        Ok(())
    }
}
