//! A whole configuration that is not in the file: what it would change, and making it hold.

use super::Desk;
use super::args::Args;
use super::guard::Peer;
use super::reply::{Refused, Reply};
use super::view;
use crate::config::{self, Given, Problems, Source};
use crate::control::{Applied, Question, Wanted, trial_time};
use crate::logging::Took;
use hyper::StatusCode;
use serde_json::json;
use std::path::PathBuf;
use std::thread;
use tokio::sync::oneshot;

/// What the configuration in the body would change.
pub async fn plan(desk: &Desk, args: &Args) -> Result<Reply, Refused> {
    let Applied { loaded, .. } = match load(desk, args).await? {
        Ok(applied) => applied,
        Err(problems) => return Ok(Reply::Mistaken(problems)),
    };
    let planned = desk.ask(|answer| Question::Plan(Box::new(loaded), answer)).await?;
    Ok(Reply::Json(view::plan(&planned)))
}

/// Makes the configuration in the body hold.
pub async fn apply(desk: &Desk, peer: Peer, args: &Args) -> Result<Reply, Refused> {
    let confirm = args.text("confirm").map(trial_time).transpose();
    let confirm = confirm.map_err(|what| Refused::bad(format!("`confirm` cannot be that: {what}")))?;
    let applied = match load(desk, args).await? {
        Ok(applied) => applied,
        Err(problems) => return Ok(Reply::Mistaken(problems)),
    };
    let what = format!("apply {}", args.text("path").unwrap_or_default());
    let wanted = Wanted { by: peer.to_string(), what };
    let applied = desk.ask(|answer| Question::Apply(Box::new(applied), confirm, wanted, answer)).await?;
    let taken = applied.map_err(|what| Refused { status: StatusCode::CONFLICT, what })?;
    let until = confirm
        .map(|time| format!("; goes back in {} unless `evenkeel confirm`", Took(time)))
        .unwrap_or_default();
    Ok(Reply::Json(view::taken("applied", &taken, &until)))
}

/// What is on trial holds for good.
pub async fn confirm(desk: &Desk, peer: Peer) -> Result<Reply, Refused> {
    let wanted = Wanted { by: peer.to_string(), what: "confirm".into() };
    let confirmed = desk.ask(|answer| Question::Confirm(wanted, answer)).await?;
    confirmed.map_err(|what| Refused { status: StatusCode::CONFLICT, what: what.to_owned() })?;
    Ok(Reply::Json(json!({"message": "confirmed"})))
}

/// The log is opened again where it is.
pub async fn reopen(desk: &Desk, peer: Peer) -> Result<Reply, Refused> {
    let wanted = Wanted { by: peer.to_string(), what: "reopen".into() };
    let reopened = desk.ask(|answer| Question::Reopen(wanted, answer)).await?;
    let to = reopened.map_err(|what| Refused { status: StatusCode::CONFLICT, what })?;
    Ok(Reply::Json(json!({"to": to, "message": format!("the log goes on in {to}, opened again")})))
}

/// Reads it, on a thread of its own: names to listen on may take their time to be looked up.
async fn load(desk: &Desk, args: &Args) -> Result<Result<Applied, Problems>, Refused> {
    let path = PathBuf::from(args.text("path").unwrap_or("the request"));
    let given = Given { path, text: args.text("text").unwrap_or_default().to_owned() };
    let source = Source::Given(given.clone(), desk.flags.clone());
    let (sender, loaded) = oneshot::channel();
    let work = move || {
        // Whoever asked may be gone.
        let _ = sender.send(config::load(&source));
    };
    let begun = thread::Builder::new().name("plan".to_owned()).spawn(work);
    begun.map_err(|error| Refused::unavailable(error.to_string()))?;
    let loaded = loaded.await.map_err(|_| Refused::unavailable("it could not be read"))?;
    Ok(loaded.map(|loaded| Applied { given, loaded }))
}
