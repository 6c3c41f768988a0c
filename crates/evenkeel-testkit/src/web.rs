//! HTTP/1 in its plainest form, as clients and servers of tests speak it: strict, slow, and short.

use crate::peer::Peer;
use std::io::{self, ErrorKind};

/// A message as it came: a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// First line and fields, with an empty line at the end.
    pub head: String,
    /// What follows; without framing if it came in chunks.
    pub body: Vec<u8>,
}

impl Message {
    /// The value of the field of this name, in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The first line.
    pub fn first_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// The status of an answer.
    pub fn status(&self) -> u16 {
        self.first_line().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads a head, with its empty line.
pub fn read_head(peer: &Peer) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(peer.receive(1)?);
    }
    String::from_utf8(head).map_err(|_| ErrorKind::InvalidData.into())
}

/// Reads a request.
pub fn read_request(peer: &Peer) -> io::Result<Message> {
    let mut message = Message { head: read_head(peer)?, body: Vec::new() };
    message.body = read_body(peer, &message, false)?;
    Ok(message)
}

/// Reads the answer to a request.
pub fn read_answer(peer: &Peer) -> io::Result<Message> {
    let mut message = Message { head: read_head(peer)?, body: Vec::new() };
    let is_bare = matches!(message.status(), 100..200 | 204 | 304);
    message.body = if is_bare { Vec::new() } else { read_body(peer, &message, true)? };
    Ok(message)
}

fn read_body(peer: &Peer, message: &Message, may_last: bool) -> io::Result<Vec<u8>> {
    match (message.field("content-length"), message.field("transfer-encoding")) {
        (Some(length), None) => peer.receive(length.parse().map_err(|_| ErrorKind::InvalidData)?),
        (None, Some("chunked")) => read_chunks(peer),
        (None, None) if may_last => Ok(peer.read_to_end().0),
        (None, None) => Ok(Vec::new()),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn read_chunks(peer: &Peer) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(peer)?;
        let length = usize::from_str_radix(&line, 16).map_err(|_| ErrorKind::InvalidData)?;
        if length == 0 {
            while !read_line(peer)?.is_empty() {}
            return Ok(body);
        }
        body.extend(peer.receive(length)?);
        if !read_line(peer)?.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}

fn read_line(peer: &Peer) -> io::Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.extend(peer.receive(1)?);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).map_err(|_| ErrorKind::InvalidData.into())
}

/// A request of these lines, with `body` behind it.
pub fn request(lines: &str, body: &str) -> Vec<u8> {
    format!("{}\r\n\r\n{body}", lines.replace('\n', "\r\n")).into_bytes()
}

/// Asks for `path`, and reads the answer.
pub fn get(peer: &Peer, path: &str) -> io::Result<Message> {
    peer.send(&request(&format!("GET {path} HTTP/1.1\nHost: web.test"), ""))?;
    read_answer(peer)
}

/// An answer with this body.
pub fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Answers each request of a connection as `answer` says, until it says nothing: then it closes.
pub fn serve(answer: impl Fn(&Message) -> Vec<u8> + Send + Sync) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        while let Ok(asked) = read_request(peer) {
            let said = answer(&asked);
            if said.is_empty() || peer.send(&said).is_err() {
                return;
            }
        }
    }
}
