//! The beginning of a stream: it becomes a session of its own.

use super::pipe::Left;
use super::stream::Stream;
use crate::http::{Client, serve_stream};
use crate::reactor::Row;
use crate::session::{Course, Opening, Session};
use crate::worker::{Stage, Worker};
use evenkeel_sys::poll::Readiness;
use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

/// The session of a new stream of `connection`.
pub fn session(worker: &Worker, connection: &Rc<Session>) -> Rc<Session> {
    let now = worker.reactor.now();
    let serving = connection.serving().map(|serving| serving.of_stream(connection));
    let opening = Opening {
        notes: connection.opening.borrow().notes.clone(),
        course: serving.map_or_else(Course::default, Course::ByRequest),
    };
    Rc::new(Session {
        id: connection.id,
        row: worker.next_row(),
        listener: Arc::clone(&connection.listener),
        pool: connection.pool.get().cloned().map_or_else(OnceCell::new, OnceCell::from),
        peer: connection.peer.clone(),
        origin: connection.origin.clone(),
        accepted: now,
        // Its request is in the pipe.
        client_ready: Cell::new(Readiness::READABLE),
        backend_ready: Cell::new(Readiness::NONE),
        opening: RefCell::new(opening),
        counts: Arc::clone(&connection.counts),
        places: OnceCell::new(),
        gate: None,
        source_place: OnceCell::new(),
    })
}

/// Lets the session of `stream` begin. Whenever it has moved something the connection, at `row`, gets a go.
pub fn begin(worker: &Rc<Worker>, stream: &Stream, row: Row) {
    let (pipe, session) = (Rc::clone(&stream.pipe), Rc::clone(&stream.session));
    let client = Client::at_stream(Rc::clone(&pipe));
    let mut serving = serve_stream(Rc::clone(worker), Rc::clone(&session), client);
    let waker = Rc::clone(worker);
    let future = Box::pin(poll_fn(move |cx| {
        let poll = serving.as_mut().poll(cx);
        if pipe.has_moved.get() || pipe.left.get() != Left::Not {
            waker.queue_row(row);
        }
        poll
    }));
    worker.take_row(Rc::clone(&session), Stage::Opening(future));
    worker.queue_row(session.row);
}
