//! TLS that begins in the middle, as PostgreSQL has it: the client asks for it, and says what it wants only when the answer
//! is yes. Where a route depends on that, we answer; and ask the backend the same, once there is one.

use crate::early::{Early, NoMore};
use crate::session::{Interrupted, Session};
use crate::worker::Worker;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::wire::Parse;
use evenkeel_core::wire::postgres::{self, NO, Question, TLS_REQUEST, YES};
use evenkeel_sys::socket;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Answers a client that asks for TLS; whether it did. What is no such question is left as it is.
pub async fn answer(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    early: &mut Early,
    deadline: Instant,
) -> Result<bool, NoMore> {
    loop {
        match postgres::parse(early.bytes()) {
            None => return Ok(false),
            Some(Parse::Partial) => {
                early.more(worker, session, client, TLS_REQUEST.len(), deadline).await?;
            }
            // Nothing may follow before the answer: it would count as said under TLS (CVE-2021-23214).
            Some(Parse::Complete { length, .. }) if early.bytes().len() > length => return Ok(false),
            Some(Parse::Complete { value, length }) => {
                early.consume(length);
                let answer = if value == Question::Tls { YES } else { NO };
                reply(client, answer).map_err(|_| NoMore::ClientLeft)?;
                if value == Question::Tls {
                    return Ok(true);
                }
                early.more(worker, session, client, TLS_REQUEST.len(), deadline).await?;
            }
        }
    }
}

fn reply(client: &OwnedFd, answer: u8) -> io::Result<()> {
    match socket::send(client, &[answer])? {
        1 => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Asks a backend for TLS.
pub async fn ask(
    worker: &Worker,
    session: &Session,
    backend: &OwnedFd,
    deadline: Instant,
) -> Result<Result<(), ConnectFailure>, Interrupted> {
    if let Err(error) = socket::send(backend, &TLS_REQUEST) {
        return Ok(Err(ConnectFailure::from(&error)));
    }
    let mut answer = [0];
    let answered = || match socket::recv(backend, &mut answer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
        Ok(1) if answer == [YES] => Some(Ok(())),
        Ok(_) => Some(Err(ConnectFailure::NoTls)),
        Err(error) => Some(Err(ConnectFailure::from(&error))),
    };
    match session.until(worker, deadline, answered).await {
        Ok(answer) => Ok(answer),
        Err(Interrupted::TooLate) => Ok(Err(ConnectFailure::TimedOut)),
        Err(left) => Err(left),
    }
}
