//! Tunnels through wires that take little at once, and fail.

use super::tunnel::{CIPHER_BYTES, RECORD_BYTES, Tunnel, Wire};
use evenkeel_core::tls::Fault;
use evenkeel_testkit::Authority;
use evenkeel_testkit::tls::client;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;

/// One direction between two ends.
#[derive(Default)]
struct Stream {
    bytes: VecDeque<u8>,
    is_over: bool,
}

/// One end. It moves at most `piece` bytes at once; the operation counted down to zero by `fuse` fails.
struct Scripted {
    from: Rc<RefCell<Stream>>,
    to: Rc<RefCell<Stream>>,
    /// What the other end has not read may be so much.
    room: usize,
    piece: usize,
    fuse: Cell<usize>,
    fault: ErrorKind,
}

impl Scripted {
    fn burn(&self) -> io::Result<()> {
        self.fuse.set(self.fuse.get().wrapping_sub(1));
        if self.fuse.get() == 0 { Err(self.fault.into()) } else { Ok(()) }
    }
}

impl Wire for Scripted {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.burn()?;
        let mut from = self.from.borrow_mut();
        let length = from.bytes.len().min(self.piece).min(buffer.len());
        assert!(!buffer.is_empty(), "no room would look like an end");
        if length == 0 && !from.is_over {
            return Err(ErrorKind::WouldBlock.into());
        }
        from.bytes.drain(..length).zip(buffer).for_each(|(byte, place)| *place = byte);
        Ok(length)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.burn()?;
        let mut to = self.to.borrow_mut();
        let length = (self.room - to.bytes.len()).min(bytes.len()).min(self.piece);
        if length == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        to.bytes.extend(&bytes[..length]);
        Ok(length)
    }
}

/// Two tunnels and what is between them.
struct Pair {
    client: Tunnel,
    server: Tunnel,
    wires: [Scripted; 2],
    cipher: Vec<u8>,
}

fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let authority = Authority::new("tunnels");
    let server = authority.sign(&["x"]).server(None);
    (Arc::new(client(Some(&authority), None)), Arc::new(server))
}

impl Pair {
    /// The server's wire fails at its `nth` operation.
    fn new((client, server): &(Arc<ClientConfig>, Arc<ServerConfig>), nth: usize, fault: ErrorKind) -> Self {
        let (up, down) = (Rc::<RefCell<Stream>>::default(), Rc::default());
        let wire = |from: &Rc<_>, to: &Rc<_>, fuse| Scripted {
            from: Rc::clone(from),
            to: Rc::clone(to),
            room: 700,
            piece: 300,
            fuse: Cell::new(fuse),
            fault,
        };
        Self {
            client: Tunnel::connect(client, ServerName::try_from("x").unwrap()).unwrap(),
            server: Tunnel::accept(server, Vec::new()).unwrap(),
            wires: [wire(&down, &up, usize::MAX), wire(&up, &down, nth)],
            cipher: vec![0; CIPHER_BYTES],
        }
    }

    /// Shakes hands, or says how the server failed.
    fn shake(&mut self) -> Result<(), Fault> {
        for _ in 0..200 {
            let client = self.client.shake(&self.wires[0], &mut self.cipher);
            match (client, self.server.shake(&self.wires[1], &mut self.cipher)) {
                (Some(Ok(())), Some(Ok(()))) => return Ok(()),
                (_, Some(Err(fault))) => return Err(fault),
                _ => {}
            }
        }
        panic!("they do not come to an end");
    }

    /// The server sends all of `bytes` and says that this is all; what the client has read by then.
    fn tell(&mut self, mut bytes: &[u8]) -> io::Result<Vec<u8>> {
        let (mut got, mut plain) = (Vec::new(), vec![0; RECORD_BYTES]);
        for _ in 0..1000 {
            let [to_server, to_client] = &self.wires;
            let sent = match bytes {
                [] => self.server.close(to_client, &mut self.cipher).map(|()| 0),
                bytes => self.server.write(to_client, &bytes[..bytes.len().min(900)], &mut self.cipher),
            };
            match sent {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
                Err(error) => return Err(error),
            }
            match self.client.read(to_server, &mut plain, &mut self.cipher) {
                Ok(read) if read.bytes == 0 => return Ok(got),
                Ok(read) => got.extend_from_slice(&plain[..read.bytes]),
                Err(error) if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
                Err(error) => return Err(error),
            }
        }
        panic!("no end came");
    }
}

fn text() -> Vec<u8> {
    (0..5000_u32).map(|n| (n * 7 % 251) as u8).collect()
}

#[test]
fn a_soft_fault_at_any_operation_loses_nothing() {
    let configs = configs();
    for fault in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
        for nth in 1.. {
            let mut pair = Pair::new(&configs, nth, fault);
            assert_eq!(pair.shake(), Ok(()), "operation {nth}, {fault}");
            assert!(pair.tell(&text()).unwrap() == text(), "operation {nth}, {fault}");
            assert!(!pair.client.is_cut() && pair.server.is_flushed());
            if (1..=usize::MAX / 2).contains(&pair.wires[1].fuse.get()) {
                assert!(nth > 40, "only {nth} operations");
                break;
            }
        }
    }
}

#[test]
fn a_hard_fault_at_any_operation_is_told_and_no_end_is_made_of_it() {
    let configs = configs();
    for nth in 1.. {
        let mut pair = Pair::new(&configs, nth, ErrorKind::ConnectionReset);
        let outcome = match pair.shake() {
            Err(fault) => Err(fault.to_string()),
            Ok(()) => pair.tell(&text()).map_err(|error| error.to_string()),
        };
        if (1..=usize::MAX / 2).contains(&pair.wires[1].fuse.get()) {
            assert!(outcome.unwrap() == text() && nth > 40);
            break;
        }
        assert!(outcome.is_err(), "operation {nth}");
        assert!(!pair.client.is_cut(), "nobody has said an end");
    }
}

#[test]
fn an_end_in_the_middle_of_a_record_is_a_cut() {
    let mut pair = Pair::new(&configs(), usize::MAX, ErrorKind::Other);
    pair.shake().unwrap();
    let (mut plain, mut cipher) = (vec![0; RECORD_BYTES], vec![0; CIPHER_BYTES]);
    while pair.client.read(&pair.wires[0], &mut plain, &mut cipher).is_ok_and(|it| it.bytes > 0) {}
    let _ = pair.server.write(&pair.wires[1], &text()[..400], &mut cipher);
    let mut stream = pair.wires[0].from.borrow_mut();
    let half = stream.bytes.len() - 10;
    stream.bytes.truncate(half);
    stream.is_over = true;
    drop(stream);
    let end = loop {
        match pair.client.read(&pair.wires[0], &mut plain, &mut cipher) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    assert_eq!((end.unwrap().bytes, pair.client.is_cut()), (0, true));
}

#[test]
fn what_a_slow_reader_leaves_is_no_more_than_one_write() {
    let mut pair = Pair::new(&configs(), usize::MAX, ErrorKind::Other);
    pair.shake().unwrap();
    let bytes = vec![7; 200_000];
    let mut cipher = vec![0; CIPHER_BYTES];
    let taken = pair.server.write(&pair.wires[1], &bytes, &mut cipher).unwrap();
    assert!(taken <= 64 * 1024);
    let again = pair.server.write(&pair.wires[1], &bytes, &mut cipher);
    assert_eq!(again.unwrap_err().kind(), ErrorKind::WouldBlock, "until that has gone");
}

#[test]
fn a_message_that_comes_in_many_records_does_not_disturb_what_is_written_meanwhile() {
    let authority = Authority::new("tunnels");
    let mut server = authority.sign(&["x"]).server(None);
    // Tickets, which come after the handshake, take several records each.
    server.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    server.max_fragment_size = Some(64);
    let configs = (Arc::new(client(Some(&authority), None)), Arc::new(server));
    for piece in [1, 7, 60, 300] {
        let mut pair = Pair::new(&configs, usize::MAX, ErrorKind::Other);
        pair.shake().unwrap();
        pair.wires[0].piece = piece;
        let (mut plain, mut got) = (vec![0; RECORD_BYTES], Vec::new());
        let mut sent = 0;
        while got.len() < 1000 {
            if sent < 1000 {
                let written = pair.client.write(&pair.wires[0], &text()[sent..sent + 10], &mut pair.cipher);
                sent += written.unwrap_or(0);
            }
            let _ = pair.client.read(&pair.wires[0], &mut plain, &mut pair.cipher);
            let _ = pair.client.flush(&pair.wires[0]);
            if let Ok(read) = pair.server.read(&pair.wires[1], &mut plain, &mut pair.cipher) {
                got.extend_from_slice(&plain[..read.bytes]);
            }
        }
        assert!(got == text()[..1000], "pieces of {piece}");
    }
}
