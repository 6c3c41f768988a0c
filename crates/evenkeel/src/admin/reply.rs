//! What is sent back: text, JSON, or events as they come.

use super::dashboard::{self, Asset};
use crate::config::{Problem, Problems};
use crate::logging::Told;
use http_body_util::Full;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc::Receiver;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it means to a program.
    pub status: StatusCode,
    /// What it means to a person: lower case, no full stop.
    pub what: String,
}

impl Refused {
    /// The request makes no sense.
    pub fn bad(what: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, what: what.into() }
    }

    /// There is no such thing.
    pub fn missing(what: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, what: what.into() }
    }

    /// It cannot be had at the moment.
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, what: what.into() }
    }
}

/// What comes back when it was done.
pub enum Reply {
    /// Text, and whether it says that all is well.
    Text(bool, String),
    /// What Prometheus reads.
    Metrics(String),
    /// A JSON value.
    Json(Value),
    /// A configuration that was given cannot be used.
    Mistaken(Problems),
    /// A file of the dashboard.
    Asset(&'static Asset),
    /// JSON that was made already.
    Raw(String),
    /// Events: those that there are, then those that come.
    Follow(VecDeque<Told>, Receiver<Told>),
}

impl Reply {
    /// The same, with its JSON made.
    pub fn written(self) -> Self {
        match self {
            Self::Json(value) => Self::Raw(written(&value)),
            other => other,
        }
    }
}

/// The bytes of an answer.
pub enum Bytestream {
    /// All of them at once.
    Full(Full<Bytes>),
    /// Events, for ever.
    Follow(VecDeque<Told>, Receiver<Told>),
}

impl Body for Bytestream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Full(full) => Pin::new(full).poll_frame(context),
            Self::Follow(first, more) => {
                let next = match first.pop_front() {
                    Some(told) => Some(told),
                    None => std::task::ready!(more.poll_recv(context)),
                };
                Poll::Ready(next.map(|told| Ok(Frame::data(event(&told).into()))))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(full) => full.size_hint(),
            Self::Follow(..) => SizeHint::default(),
        }
    }
}

/// As an `EventSource` reads it.
fn event(told: &Told) -> String {
    format!("id: {}\nevent: {}\ndata: {}\n\n", told.id, told.word, told.json)
}

/// The whole answer.
pub fn respond(outcome: Result<Reply, Refused>) -> Response<Bytestream> {
    let (status, kind, body) = match outcome {
        Ok(Reply::Text(true, text)) => (StatusCode::OK, "text/plain; charset=utf-8", full(text)),
        Ok(Reply::Text(false, text)) => {
            (StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", full(text))
        }
        Ok(Reply::Metrics(text)) => (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", full(text)),
        Ok(Reply::Asset(asset)) => {
            (StatusCode::OK, asset.kind, Bytestream::Full(Full::new(asset.text.into())))
        }
        Ok(Reply::Json(value)) => (StatusCode::OK, "application/json", full(written(&value))),
        Ok(Reply::Raw(text)) => (StatusCode::OK, "application/json", full(text)),
        Ok(Reply::Follow(first, more)) => {
            (StatusCode::OK, "text/event-stream", Bytestream::Follow(first, more))
        }
        Ok(Reply::Mistaken(problems)) => {
            let list: Vec<_> = problems.list.iter().map(Problem::to_json).collect();
            let value = json!({"error": problems.summary(), "problems": list});
            (StatusCode::UNPROCESSABLE_ENTITY, "application/json", full(written(&value)))
        }
        Err(Refused { status, what }) => (status, "application/json", full(written(&json!({"error": what})))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (RESOURCE_POLICY, "same-origin"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, dashboard::POLICY),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn written(value: &Value) -> String {
    format!("{value:#}\n")
}

fn full(text: String) -> Bytestream {
    Bytestream::Full(Full::new(text.into()))
}
