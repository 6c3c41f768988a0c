//! The end of a connection whose client may not have taken all that it was told, and goes on saying what nobody wants to hear.

use super::Client;
use super::port::Came;
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::http::linger::Linger;
use evenkeel_sys::socket;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

/// Bytes that are heard in one turn before others get theirs.
const TURN_BYTES: usize = 256 * 1024;

/// Ends our side, and waits for the client to end its, as long as it takes what it was told: at most so long from some bytes of
/// that to the next.
pub async fn leave(worker: &Worker, session: &Session, client: &mut Client, pause: Duration) {
    if client.is_stream() {
        return;
    }
    client.close(session, worker.tools.borrow_mut().cipher());
    let mut linger = Linger::new(worker.reactor.now(), pause);
    poll_fn(|_| {
        if session.client_ready.get().broken() {
            return Poll::Ready(());
        }
        let Heard::Bytes(bytes) = hear(worker, session, client) else { return Poll::Ready(()) };
        let queued = socket::unacknowledged(client.socket()).unwrap_or(0);
        let Some(look_at) = linger.handle_turn(worker.reactor.now(), queued, bytes) else {
            return Poll::Ready(());
        };
        if bytes >= TURN_BYTES {
            worker.queue_row(session.row);
        }
        let by = worker.drains_by().map_or(look_at, |by| by.min(look_at));
        worker.reactor.arm(session.row.index, by);
        Poll::Pending
    })
    .await;
}

/// What the client still had to say.
enum Heard {
    /// So many bytes, for now.
    Bytes(usize),
    /// Its end.
    End,
}

fn hear(worker: &Worker, session: &Session, client: &mut Client) -> Heard {
    let mut tools = worker.tools.borrow_mut();
    let (scratch, cipher) = tools.buffers();
    let mut heard = 0;
    while heard < TURN_BYTES {
        match client.port(&session.client_ready).recv(scratch, cipher) {
            Came::Bytes(bytes) => heard += bytes,
            Came::Nothing => break,
            Came::End | Came::Lost => return Heard::End,
        }
    }
    Heard::Bytes(heard)
}
