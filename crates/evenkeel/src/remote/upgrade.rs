//! `evenkeel upgrade`: asks the old process, waits for what comes of it, and then until the new one can be asked.

use super::{Whom, get, http, pretty, tell};
use crate::error::{Exit, RunError};
use crate::output;
use serde_json::{Map, Value};
use std::io::IsTerminal;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How much longer than the new process may take to be ready the old one may take to answer. It has limits for each step,
/// and far shorter ones.
const MORE: Duration = Duration::from_secs(60);

/// How long the new process may take to be asked where the old one was. Nothing depends on it.
const APPEARS: Duration = Duration::from_secs(5);

/// How often to look whether it can.
const LOOK: Duration = Duration::from_millis(20);

/// Upgrades; fails with the reason when everything is as it was.
pub fn run(whom: &Whom, binary: Option<&Path>, json: bool, quiet: bool) -> Result<(), RunError> {
    // The place is found once: the answer of the old process and of the new one come from there.
    let whom = http::pinned(whom.clone())?;
    let timeout = get(&whom, "/api/v1/status")?["config"]["upgrade_timeout_s"].as_u64().unwrap_or_default();
    let mut body = Map::new();
    if let Some(binary) = binary {
        body.insert("binary".to_owned(), absolute(binary)?.into());
    }
    let waiting = (!quiet).then(Waiting::start);
    let answer = http::call_within(
        Duration::from_secs(timeout) + MORE,
        &whom,
        "POST",
        "/api/v1/upgrade",
        Some(&Value::Object(body)),
    );
    drop(waiting);
    let upgraded = answer?.json().map_err(|error| RunError {
        what: format!("not upgraded, everything is as it was: {}", error.what),
        ..error
    })?;
    if !appears(&whom, &upgraded["pid"]) {
        output::complain(&format!(
            "note: the new process cannot be asked at {} as yet; its log has a line `can be asked at`\n",
            whom.admin.as_deref().unwrap_or_default()
        ));
    }
    if json { output::print(&pretty(&upgraded)) } else { tell(&upgraded, quiet) }
}

/// The path as the running evenkeel finds it: its folder is another one. A link stays a link, so that it may point
/// elsewhere the next time.
fn absolute(binary: &Path) -> Result<String, RunError> {
    let path = std::path::absolute(binary)
        .map_err(|error| RunError::new(Exit::NoInput, http::cannot_read(binary, &error)))?;
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| RunError::new(Exit::Usage, format!("{} is not UTF-8", path.display())))
}

/// Waits until the process with this id answers; whether it does.
fn appears(whom: &Whom, pid: &Value) -> bool {
    let by = Instant::now() + APPEARS;
    loop {
        if get(whom, "/api/v1/status").is_ok_and(|status| status["pid"] == *pid) {
            return true;
        }
        if Instant::now() >= by {
            return false;
        }
        thread::sleep(LOOK);
    }
}

/// Shows on a terminal that time passes, until it is dropped.
struct Waiting(Option<(Sender<()>, JoinHandle<()>)>);

impl Waiting {
    fn start() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let (sender, ended) = channel();
        let show = move || {
            for seconds in 0.. {
                output::complain(&format!("\rwaits for the new process: {seconds} s"));
                if ended.recv_timeout(Duration::from_secs(1)) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            output::complain("\r\x1b[K");
        };
        Self(thread::Builder::new().spawn(show).ok().map(|thread| (sender, thread)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.0.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}
