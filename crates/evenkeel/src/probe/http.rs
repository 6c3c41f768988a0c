//! The HTTP check: one HTTP/1.1 request, its status, and if wanted a text in its body.

use super::{ANSWER_MAX, Finder, ProbeFailure, stream::Stream};
use evenkeel_core::addr::Addr;
use evenkeel_core::health::HttpCheck;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, HOST, USER_AGENT};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;

/// Who asks, for the logs of the one who is asked.
const AGENT: &str = concat!("evenkeel/", env!("CARGO_PKG_VERSION"), " (health check)");

/// Sends the request of `check` and judges the answer.
pub async fn ask(stream: Box<dyn Stream>, target: &Addr, check: &HttpCheck) -> Result<(), ProbeFailure> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(ANSWER_MAX)
        .handshake::<_, Empty<Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|error| failure(&error))?;
    // The set ends the connection's task when this function does, also when it is cancelled.
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let answer = sender.send_request(request(target, check)?).await.map_err(|error| failure(&error))?;
    judge(answer, check).await
}

fn request(target: &Addr, check: &HttpCheck) -> Result<Request<Empty<Bytes>>, ProbeFailure> {
    let host = match (&check.host, target) {
        (Some(host), _) => host.to_string(),
        (None, Addr::Ip(addr)) => addr.to_string(),
        (None, Addr::Unix(_)) => "localhost".to_owned(),
    };
    Request::builder()
        .method(&*check.method)
        .uri(&*check.path)
        .header(HOST, host)
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| {
            ProbeFailure::Malformed(format!("the check's own request is not valid: {error}").into())
        })
}

async fn judge(answer: Response<Incoming>, check: &HttpCheck) -> Result<(), ProbeFailure> {
    let status = answer.status().as_u16();
    if !check.status.iter().any(|&(first, last)| (first..=last).contains(&status)) {
        return Err(ProbeFailure::Status(status));
    }
    let Some(text) = &check.body else { return Ok(()) };
    let mut finder = Finder::new(text.as_bytes());
    let mut body = answer.into_body();
    while !finder.is_full()
        && let Some(frame) = body.frame().await
    {
        let frame = frame.map_err(|error| failure(&error))?;
        if frame.data_ref().is_some_and(|data| finder.found_with(data)) {
            return Ok(());
        }
    }
    Err(ProbeFailure::Unexpected)
}

fn failure(error: &hyper::Error) -> ProbeFailure {
    if error.is_parse() { ProbeFailure::Malformed(error.to_string().into()) } else { ProbeFailure::Cut }
}
