//! Asking the admin API, on a thread of its own: an evenkeel that does not answer must not freeze the screen.

use super::answer::{Event, Sessions, Status};
use super::watch::{BackendId, Seen};
use crate::error::{Exit, RunError};
use crate::remote::read::{list, number};
use crate::remote::{Order, Whom, call_within, query, request};
use serde_json::{Value, json};
use std::time::Duration;

/// How long an answer may take to begin. An order that waits longer would be carried out when nobody expects it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sessions that are asked for at most.
const SESSIONS_MAX: u32 = 500;

/// A question about everything that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// The number of the last event that is known.
    pub after: u64,
    /// The process that gave it this number.
    pub life: (u64, String),
    /// Whose sessions are shown.
    pub sessions: Option<BackendId>,
}

/// Something that was confirmed.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// About a service or a backend.
    Order(Order),
    /// Close this session.
    Close(u64),
}

/// What is sent to the thread.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// How is everything?
    Look(Ask),
    /// Do this.
    Do(Wanted),
}

/// What comes back.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Everything.
    Seen(Box<Seen>),
    /// Nothing, for this reason.
    Failed(String),
    /// What came of an order.
    Done(Result<String, String>),
}

/// Asks, and waits for the answer.
pub fn answer(whom: &Whom, request: Request) -> Answer {
    match request {
        Request::Look(ask) => match look(whom, ask) {
            Ok(seen) => Answer::Seen(Box::new(seen)),
            Err(error) => Answer::Failed(error.what),
        },
        Request::Do(wanted) => Answer::Done(order(whom, wanted).map_err(refused)),
    }
}

/// Who was heard may have obeyed, even if no answer came.
fn refused(error: RunError) -> String {
    match error.exit {
        Exit::Failed => format!("refused: {}", error.what),
        _ => format!("it may have been done or not: {}", error.what),
    }
}

/// Everything that is shown.
pub fn look(whom: &Whom, ask: Ask) -> Result<Seen, RunError> {
    let status = Status::read(&get(whom, "/api/v1/status")?)
        .ok_or_else(|| RunError::new(Exit::Failed, "not an answer of evenkeel"))?;
    let is_same = status.life() == (ask.life.0, &*ask.life.1);
    let after = if is_same { ask.after } else { 0 };
    let events = get(whom, &format!("/api/v1/events?after={after}"))?;
    let event = |it: &Value| (number(&it["id"]), Event::read(it));
    let events = list(&events["events"]).iter().map(event).collect();
    let sessions = ask.sessions.map(|id| sessions(whom, &id).map(|sessions| (id, sessions))).transpose()?;
    Ok(Seen { status, events, sessions })
}

fn sessions(whom: &Whom, (pool, backend): &BackendId) -> Result<Sessions, RunError> {
    let filter = [("pool", pool.clone()), ("backend", backend.clone()), ("limit", SESSIONS_MAX.to_string())];
    let answer = call_within(PATIENCE, whom, "GET", &format!("/api/v1/sessions{}", query(&filter)), None)?;
    match answer.status {
        // It was removed, and the last of its sessions has ended.
        404 => Ok(Sessions::default()),
        _ => Ok(Sessions::read(&answer.json()?)),
    }
}

fn get(whom: &Whom, path: &str) -> Result<Value, RunError> {
    call_within(PATIENCE, whom, "GET", path, None)?.json()
}

fn order(whom: &Whom, wanted: Wanted) -> Result<String, RunError> {
    let (method, path, body) = match wanted {
        Wanted::Order(order) => request(order),
        Wanted::Close(id) => ("POST", "/api/v1/sessions/close".to_owned(), Some(json!({"id": id}))),
    };
    let answer = call_within(PATIENCE, whom, method, &path, body.as_ref())?.json()?;
    Ok(match (answer["message"].as_str(), answer["closed"].as_u64()) {
        (Some(message), _) => format!("done: {message}"),
        (None, Some(0)) => "it had ended already".to_owned(),
        (None, _) => "done".to_owned(),
    })
}
