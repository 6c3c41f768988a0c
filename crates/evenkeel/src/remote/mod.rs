//! Commands for an evenkeel that runs: each is a request or two to its admin API, shown to a person or to a program.

mod events;
mod http;
mod orders;
mod plan;
pub mod read;
mod replace;
mod save;
mod sessions;
mod status;
mod table;
mod tls;
mod upgrade;
mod why;

use crate::admin::encode;
use crate::error::{Exit, RunError};
use crate::output;
use http::call;
pub use http::{call_within, pinned};
pub use orders::{Order, request};
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;
pub use tls::Tls;
pub use why::Subject;

/// `plan --detailed-exitcode` found something to change, as `terraform plan` has it.
const CHANGES: u8 = 2;

/// Which evenkeel is meant.
#[derive(Clone, Debug, Default)]
pub struct Whom {
    /// Its address; the only one that runs unless told.
    pub admin: Option<String>,
    /// What it wants to be told over TCP.
    pub token_file: Option<PathBuf>,
    /// How TLS is spoken with it.
    pub tls: Tls,
}

/// What it is asked.
#[derive(Debug)]
pub enum Command {
    /// How does it do?
    Status {
        /// Print JSON.
        json: bool,
    },
    /// Does it take traffic?
    Ready {
        /// The status says it all.
        quiet: bool,
    },
    /// Load the file again.
    Reload {
        /// Say nothing when it worked.
        quiet: bool,
    },
    /// Hand everything over to a new process.
    Upgrade {
        /// Of this program.
        binary: Option<PathBuf>,
        /// Print JSON.
        json: bool,
        /// Say nothing when it worked.
        quiet: bool,
    },
    /// Do something to a service or a backend.
    Order {
        /// What.
        order: Order,
        /// Say nothing when it worked.
        quiet: bool,
    },
    /// What would this file change?
    Plan {
        /// Which.
        path: PathBuf,
        /// Print JSON.
        json: bool,
        /// End with 2 when it would change something.
        detailed: bool,
    },
    /// Make this file hold.
    Apply {
        /// Which.
        path: PathBuf,
        /// For so long, unless it is confirmed.
        confirm: Option<String>,
        /// Say nothing when it worked.
        quiet: bool,
    },
    /// What was applied holds for good.
    Confirm {
        /// Say nothing when it worked.
        quiet: bool,
    },
    /// Open the log again.
    Reopen {
        /// Say nothing when it worked.
        quiet: bool,
    },
    /// Write to a file what was ordered.
    Save {
        /// Which; that which it reads unless told.
        path: Option<PathBuf>,
        /// Say nothing when it worked.
        quiet: bool,
    },
    /// What have orders made of the configuration?
    Diff {
        /// Print JSON.
        json: bool,
    },
    /// Which sessions are there?
    Sessions {
        /// Which are meant: names and values of the API.
        filter: Vec<(&'static str, String)>,
        /// Close them.
        close: bool,
        /// Print JSON.
        json: bool,
    },
    /// Why is something as it is?
    Why {
        /// What.
        subject: Subject,
        /// Print JSON.
        json: bool,
    },
    /// What was told lately?
    Events {
        /// And what will be?
        follow: bool,
        /// Print JSON.
        json: bool,
    },
}

/// Asks, and shows the answer; the status to end with.
pub fn run(whom: &Whom, command: Command) -> Result<ExitCode, RunError> {
    let done = match command {
        Command::Plan { path, json, detailed } => {
            let changes = plan::plan(whom, &path, json)?;
            return Ok(if changes && detailed { CHANGES.into() } else { ExitCode::SUCCESS });
        }
        Command::Apply { path, confirm, quiet } => plan::apply(whom, &path, confirm.as_deref(), quiet),
        Command::Confirm { quiet } => tell(&call(whom, "POST", "/api/v1/confirm", None)?.json()?, quiet),
        Command::Reopen { quiet } => tell(&call(whom, "POST", "/api/v1/reopen", None)?.json()?, quiet),
        Command::Status { json } => {
            let status = get(whom, "/api/v1/status")?;
            output::print(&if json { pretty(&status) } else { status::show(&status) })
        }
        Command::Ready { quiet } => ready(whom, quiet),
        Command::Reload { quiet } => {
            let done = call(whom, "POST", "/api/v1/reload", None)?.json();
            tell(
                &done
                    .map_err(|error| RunError { what: format!("reload refused: {}", error.what), ..error })?,
                quiet,
            )
        }
        Command::Upgrade { binary, json, quiet } => upgrade::run(whom, binary.as_deref(), json, quiet),
        Command::Order { order, quiet } => orders::give(whom, order, quiet),
        Command::Save { path, quiet } => save::save(whom, path.as_deref(), quiet),
        Command::Diff { json } => orders::diff(whom, json),
        Command::Sessions { filter, close: true, json } => sessions::close(whom, &filter, json),
        Command::Sessions { filter, close: false, json } => sessions::list(whom, &filter, json),
        Command::Why { subject, json } => why::why(whom, &subject, json),
        Command::Events { follow, json } => events::run(whom, follow, json),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn get(whom: &Whom, path: &str) -> Result<Value, RunError> {
    call(whom, "GET", path, None)?.json()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Prints the message of an answer.
fn tell(answer: &Value, quiet: bool) -> Result<(), RunError> {
    match answer["message"].as_str() {
        Some(message) if !quiet => output::print(&format!("{message}\n")),
        _ => Ok(()),
    }
}

fn ready(whom: &Whom, quiet: bool) -> Result<(), RunError> {
    let answer = call(whom, "GET", "/readyz?verbose", None)?;
    let is_ready = answer.status == 200;
    let text = answer.text()?;
    if !quiet {
        output::print(&text)?;
    }
    if is_ready { Ok(()) } else { Err(RunError::new(Exit::Failed, "it is not ready")) }
}

/// As it stands behind the question mark of a URL.
pub fn query(pairs: &[(&str, String)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}
