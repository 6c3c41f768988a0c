//! What a [`Server`](crate::Server) can do with a connection.

use crate::pattern::Pattern;
use crate::peer::{Ending, Peer};
use crate::tls::TlsPeer;
use crate::web;
use rustls::ServerConfig;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

/// Sends back what comes; FIN for FIN.
pub fn echo(peer: &Peer) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(n @ 1..) = peer.read(&mut buffer) {
        if peer.send(&buffer[..n]).is_err() {
            return;
        }
    }
}

/// Agrees on TLS with whoever comes, and does `what` then.
pub fn tls(config: Arc<ServerConfig>, what: impl Fn(&TlsPeer) + Send + Sync) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        let peer = Peer::new(peer.socket().try_clone().unwrap());
        if let Ok(peer) = TlsPeer::accept(peer, &config) {
            what(&peer);
        }
    }
}

/// The same as [`echo`] below TLS.
pub fn tls_echo(peer: &TlsPeer) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(n @ 1..) = peer.read(&mut buffer) {
        if peer.send(&buffer[..n]).is_err() {
            return;
        }
    }
    peer.finish();
}

/// Says `name` at once and closes.
pub fn hello(name: &str) -> impl Fn(&Peer) + Send + Sync + use<> {
    let name = name.to_owned();
    move |peer| {
        let _ = peer.send(name.as_bytes());
        peer.finish();
        let _ = read_away(peer);
    }
}

/// Says `name` at once and stays until the client goes: a session that is there, and whose.
pub fn stay(name: &str) -> impl Fn(&Peer) + Send + Sync + use<> {
    let name = name.to_owned();
    move |peer| {
        let _ = peer.send(name.as_bytes());
        let _ = read_away(peer);
    }
}

/// Closes at once.
pub fn close(_: &Peer) {}

/// Resets after `n` bytes have come.
pub fn reset_after(n: usize) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        let _ = peer.receive(n);
        peer.reset_on_drop();
    }
}

/// Reads `pattern` to its end, then answers how much came and how it ended: `1234 Fin`.
pub fn sink(pattern: Pattern) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        let (total, ending) = peer.check_pattern(&pattern);
        let _ = peer.send(format!("{total} {ending:?}").as_bytes());
    }
}

/// Sends `len` bytes of `pattern` and closes.
pub fn source(pattern: Pattern, len: u64) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        let _ = peer.send_pattern(&pattern, 0, len);
        peer.finish();
        let _ = read_away(peer);
    }
}

/// Answers one HTTP request with the status that `status` holds now, and `body`.
pub fn http(status: Arc<AtomicU16>, body: &str) -> impl Fn(&Peer) + Send + Sync + use<> {
    let body = body.to_owned();
    move |peer| {
        if web::read_head(peer).is_err() {
            return;
        }
        let (status, len) = (status.load(SeqCst), body.len());
        let answer =
            format!("HTTP/1.1 {status} X\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}");
        let _ = peer.send(answer.as_bytes());
        peer.finish();
        let _ = read_away(peer);
    }
}

/// Reads until the other side ends, and says how.
pub fn read_away(peer: &Peer) -> io::Result<Ending> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match peer.read(&mut buffer) {
            Ok(0) => return Ok(Ending::Fin),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(Ending::Reset),
            Err(error) => return Err(error),
        }
    }
}
