//! The test backends of HTTP: one thread, many ports, answers that are made once.

use super::{head, response};
use crate::http2::{self, Answering};
use crate::net::{self, Ready};
use crate::peers::{self, Peers};
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes of an answer's body, at most.
const LARGEST: u32 = 1 << 20;

/// Serves on `ports`, at every address of this machine, until it is ended.
pub fn serve(ports: Range<u16>) -> Result<()> {
    serve_on(peers::listen(ports)?)
}

/// Serves what comes to `listeners` until it is ended.
pub fn serve_on(listeners: Vec<OwnedFd>) -> Result<()> {
    let (mut peers, mut answers) = (Peers::<Peer>::of(listeners)?, Answers::default());
    loop {
        for (key, ready) in peers.wait()? {
            // One that resets or talks nonsense is gone, which whoever measures sees.
            if !peers.serve(key, |peer| peer.serve(ready, &mut answers))?.unwrap_or(false) {
                peers.close(key);
            }
        }
    }
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
    /// One who speaks HTTP/2: the load, where there is no balancer.
    answering: Option<Box<Answering>>,
}

/// Answers by the length of their bodies.
#[derive(Default)]
struct Answers(BTreeMap<u32, Vec<u8>>);

impl Answers {
    fn of(&mut self, length: u32) -> &[u8] {
        self.0.entry(length).or_insert_with(|| response(length))
    }
}

impl AsFd for Peer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl peers::Peer for Peer {
    fn new(socket: OwnedFd) -> Self {
        Self { socket, part: Vec::new(), answer: None, closes: false, answering: None }
    }

    fn is_blocked(&self) -> bool {
        self.answer.is_some() || self.answering.as_ref().is_some_and(|it| !it.unsent.is_empty())
    }
}

impl Peer {
    /// Reads a request unless an answer is under way, and sends what is due. Whether the connection stays.
    fn serve(&mut self, ready: Ready, answers: &mut Answers) -> Result<bool> {
        if !peers::Peer::is_blocked(self) && ready.intersects(Ready::IN | Ready::HUP | Ready::ERR) {
            let mut buffer = [0; head::LONGEST];
            match net::receive(&self.socket, &mut buffer)? {
                None => return Ok(true),
                Some(0) => return Ok(false),
                Some(received) => self.on_received(&buffer[..received], answers)?,
            }
        }
        if let Some(answering) = &mut self.answering {
            net::send_off(&self.socket, &mut answering.unsent)?;
            return Ok(true);
        }
        let Some((length, unsent)) = self.answer else { return Ok(true) };
        let answer = answers.of(length);
        let unsent = unsent - net::send(&self.socket, &answer[answer.len() - unsent..])?;
        self.answer = (unsent > 0).then_some((length, unsent));
        Ok(unsent > 0 || !self.closes)
    }

    /// Makes the answer due that these bytes complete the request for.
    fn on_received(&mut self, bytes: &[u8], answers: &mut Answers) -> Result<()> {
        // The load says it at once.
        if bytes.starts_with(http2::PREFACE) {
            self.answering = Some(Box::new(Answering::new()));
        }
        if let Some(answering) = &mut self.answering {
            return answering.on_received(bytes);
        }
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
