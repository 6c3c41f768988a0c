//! The test backends of HTTP: one thread, many ports, answers that are made once.

use super::{head, response};
use crate::net::{self, Poll, Ready};
use anyhow::{Context, Result, ensure};
use slab::Slab;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Longest wait for something to do.
const PATIENCE: Duration = Duration::from_secs(1);

/// Connections taken from one listener before it is somebody else's turn.
const ACCEPTS: usize = 32;

/// Bytes of an answer's body, at most.
const LARGEST: u32 = 1 << 20;

/// Serves on `ports`, at every address of this machine, until it is ended.
pub fn serve(ports: Range<u16>) -> Result<()> {
    serve_on(ports.map(|port| net::listen(Ipv4Addr::UNSPECIFIED, port)).collect::<Result<_>>()?)
}

/// Serves what comes to `listeners` until it is ended.
pub fn serve_on(listeners: Vec<OwnedFd>) -> Result<()> {
    let mut server =
        Server { poll: Poll::new()?, listeners, peers: Slab::new(), answers: Answers::default() };
    for (token, listener) in server.listeners.iter().enumerate() {
        server.poll.add(listener, token, Ready::IN)?;
    }
    loop {
        server.turn()?;
    }
}

/// Tokens are those of the listeners, then those of the peers.
struct Server {
    poll: Poll,
    listeners: Vec<OwnedFd>,
    peers: Slab<Peer>,
    answers: Answers,
}

/// Who asks: a balancer, mostly.
struct Peer {
    socket: OwnedFd,
    /// What has come of a request that is not complete.
    part: Vec<u8>,
    /// The answer under way: which, and bytes of it that the socket did not take yet.
    answer: Option<(u32, usize)>,
    /// Whether the connection ends behind that answer.
    closes: bool,
}

/// Answers by the length of their bodies.
#[derive(Default)]
struct Answers(BTreeMap<u32, Vec<u8>>);

impl Answers {
    fn of(&mut self, length: u32) -> &[u8] {
        self.0.entry(length).or_insert_with(|| response(length))
    }
}

impl Server {
    fn turn(&mut self) -> Result<()> {
        for (token, ready) in self.poll.wait(PATIENCE)? {
            let token = token as usize;
            match token.checked_sub(self.listeners.len()) {
                None => self.accept(token)?,
                Some(key) => self.on_ready(key, ready)?,
            }
        }
        Ok(())
    }

    fn accept(&mut self, listener: usize) -> Result<()> {
        for _ in 0..ACCEPTS {
            let Some(socket) = net::accept(&self.listeners[listener]).context("accept")? else { break };
            let entry = self.peers.vacant_entry();
            self.poll.add(&socket, self.listeners.len() + entry.key(), Ready::IN)?;
            entry.insert(Peer { socket, part: Vec::new(), answer: None, closes: false });
        }
        Ok(())
    }

    fn on_ready(&mut self, key: usize, ready: Ready) -> Result<()> {
        let Some(peer) = self.peers.get_mut(key) else { return Ok(()) };
        let was_blocked = peer.answer.is_some();
        // One that resets or talks nonsense is gone, which whoever measures sees.
        let stays = peer.serve(ready, &mut self.answers).unwrap_or(false);
        let is_blocked = peer.answer.is_some();
        if !stays {
            self.peers.remove(key);
        } else if was_blocked != is_blocked {
            let ready = if is_blocked { Ready::OUT } else { Ready::IN };
            self.poll.change(&peer.socket, self.listeners.len() + key, ready)?;
        }
        Ok(())
    }
}

impl Peer {
    /// Reads a request unless an answer is under way, and sends what is due. Whether the connection stays.
    fn serve(&mut self, ready: Ready, answers: &mut Answers) -> Result<bool> {
        if self.answer.is_none() && ready.intersects(Ready::IN | Ready::HUP | Ready::ERR) {
            let mut buffer = [0; head::LONGEST];
            match net::receive(&self.socket, &mut buffer)? {
                None => return Ok(true),
                Some(0) => return Ok(false),
                Some(received) => self.on_received(&buffer[..received], answers)?,
            }
        }
        let Some((length, unsent)) = self.answer else { return Ok(true) };
        let answer = answers.of(length);
        let unsent = unsent - net::send(&self.socket, &answer[answer.len() - unsent..])?;
        self.answer = (unsent > 0).then_some((length, unsent));
        Ok(unsent > 0 || !self.closes)
    }

    /// Makes the answer due that these bytes complete the request for.
    fn on_received(&mut self, bytes: &[u8], answers: &mut Answers) -> Result<()> {
        let held = std::mem::take(&mut self.part);
        let joined = if held.is_empty() { bytes } else { &[&held, bytes].concat() };
        let Some(head) = head::parse(joined)? else {
            self.part = joined.to_vec();
            return Ok(());
        };
        let length = length_asked(&head)?;
        ensure!(head.bytes == joined.len(), "a request before the last was answered");
        self.answer = Some((length, answers.of(length).len()));
        self.closes = head.closes;
        Ok(())
    }
}

/// How long a body this is the request for.
fn length_asked(head: &head::Head<'_>) -> Result<u32> {
    let path = head.first.strip_prefix("GET /").and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    let length = path.with_context(|| format!("asked {:?}", head.first))?.parse()?;
    ensure!(length <= LARGEST, "asked for too much");
    ensure!(head.has_host && head.length.unwrap_or(0) == 0, "not a request as the load makes them");
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::super::request;
    use super::*;

    #[test]
    fn what_the_load_asks_for_is_understood() {
        for stays in [true, false] {
            let text = request(16_384, stays);
            let head = head::parse(&text).unwrap().unwrap();
            assert_eq!(length_asked(&head).unwrap(), 16_384);
            assert_eq!(head.closes, !stays);
        }
    }

    #[test]
    fn other_requests_are_refused() {
        for text in [
            "GET /64 HTTP/1.0\r\nHost: a\r\n\r\n",
            "GET /64 HTTP/1.1\r\n\r\n",
            "GET /64 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
            "GET /9999999999 HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert!(length_asked(&head::parse(text.as_bytes()).unwrap().unwrap()).is_err(), "{text}");
        }
    }
}
