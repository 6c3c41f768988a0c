//! A connection that blocks, for one exchange at a time.

use super::Ports;
use super::talk::Talk;
use crate::http2::Asking;
use crate::net;
use anyhow::{Result, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How exchanges are made on a connection.
#[derive(Clone, Debug)]
pub enum Speech {
    /// Each like the last.
    Talk(Talk),
    /// Each on a stream of its own.
    Http2(Asking),
}

/// A connection.
pub struct Line {
    stream: TcpStream,
    speech: Speech,
}

impl Line {
    /// Opens it, and makes the first exchange.
    pub fn open(ports: &mut Ports, speech: &Speech) -> Result<Self> {
        let mut line = Self { stream: ports.open()?, speech: speech.clone() };
        line.exchange()?;
        Ok(line)
    }

    /// Makes one exchange.
    pub fn exchange(&mut self) -> Result<()> {
        match &mut self.speech {
            Speech::Talk(talk) => repeat(&mut self.stream, talk),
            Speech::Http2(asking) => ask(&mut self.stream, asking),
        }
    }

    /// Takes, and answers, what the other side has said beside its reply.
    pub fn listen(&mut self) -> Result<()> {
        let Speech::Http2(asking) = &mut self.speech else { return Ok(()) };
        let mut buffer = [0; 4096];
        while let Some(received) = net::receive(&self.stream, &mut buffer)? {
            ensure!(received > 0, "closed while nothing was said");
            asking.on_received(&buffer[..received], |_| {})?;
        }
        Ok(self.stream.write_all(&std::mem::take(&mut asking.unsent))?)
    }
}

/// Waits until an exchange works.
pub fn wait_until_served(speech: &Speech, ports: &mut Ports, patience: Duration) -> Result<()> {
    let begin = Instant::now();
    while Line::open(ports, speech).is_err() {
        ensure!(begin.elapsed() < patience, "not served within {patience:?}");
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(())
}

fn repeat(stream: &mut TcpStream, talk: &Talk) -> Result<()> {
    stream.write_all(&talk.request)?;
    let (mut reply, mut buffer) = (talk.reply(), [0; 4096]);
    while !reply.on_received(receive(stream, &mut buffer)?)? {}
    Ok(())
}

fn ask(stream: &mut TcpStream, asking: &mut Asking) -> Result<()> {
    let (mut is_answered, mut buffer) = (false, [0; 4096]);
    asking.ask(Instant::now());
    while !is_answered {
        stream.write_all(&std::mem::take(&mut asking.unsent))?;
        asking.on_received(receive(stream, &mut buffer)?, |_| is_answered = true)?;
    }
    // What came beside the answer may want one, too.
    Ok(stream.write_all(&std::mem::take(&mut asking.unsent))?)
}

fn receive<'a>(stream: &mut TcpStream, buffer: &'a mut [u8]) -> Result<&'a [u8]> {
    let received = stream.read(buffer)?;
    ensure!(received > 0, "closed before the reply");
    Ok(&buffer[..received])
}
