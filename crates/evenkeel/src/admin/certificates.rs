//! Certificates as they are shown: where each comes from, until when it is valid, when the next one comes; and those that are
//! still to come.

use crate::acme::Held;
use crate::control::Picture;
use crate::logging::Rfc3339;
use crate::tls::Shown;
use evenkeel_core::snapshot::Listener;
use serde_json::{Value, json};
use std::time::SystemTime;

/// All of them, as JSON.
pub fn view(picture: &Picture) -> Vec<Value> {
    let shown = picture.certificates.iter().map(|it| certificate(Some(it), held(picture, it)));
    shown.chain(missing(picture).map(|it| certificate(None, Some(it)))).collect()
}

/// Those that are to be obtained and are not there yet.
pub fn missing(picture: &Picture) -> impl Iterator<Item = &Held> {
    let is_shown =
        |held: &&Held| picture.certificates.iter().any(|it| it.obtained_for.as_ref() == Some(&held.name));
    picture.obtained.held.iter().filter(move |it| !is_shown(it))
}

/// Whether a listener that speaks TLS has a certificate to show; one that speaks none needs none.
pub fn is_there(picture: &Picture, listener: &Listener) -> bool {
    let Some(tls) = &listener.reception.tls else { return true };
    tls.certificates.iter().any(|certificate| match &certificate.obtained_for {
        None => true,
        name => picture.certificates.iter().any(|it| it.obtained_for == *name),
    })
}

fn held<'a>(picture: &'a Picture, shown: &Shown) -> Option<&'a Held> {
    let name = shown.obtained_for.as_ref()?;
    picture.obtained.held.iter().find(|it| it.name == *name)
}

fn certificate(shown: Option<&Shown>, held: Option<&Held>) -> Value {
    let names = shown.map(|it| it.names.clone()).or(held.map(|it| vec![it.name.to_string()]));
    let is_obtained = shown.is_none_or(|it| it.obtained_for.is_some());
    json!({
        "names": names,
        "from": if is_obtained { "acme" } else { "file" },
        "file": shown.map(|it| &it.file),
        "expires": shown.map(|it| Rfc3339(it.expires).to_string()),
        "left_s": shown.map(|it| seconds_to(it.expires)),
        "rsa": shown.map(|it| it.is_rsa),
        "acme": held.map(acme),
    })
}

fn acme(held: &Held) -> Value {
    json!({
        "name": *held.name,
        "due": Rfc3339(held.due).to_string(),
        "due_s": seconds_to(held.due),
        "failures": held.failures,
        "problem": held.problem.as_deref(),
    })
}

/// From now on; 0 if it has been.
fn seconds_to(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::now()).map_or(0, |it| it.as_secs())
}
