//! Replaces the running binary: the next process gets the listening sockets and every established session, and only then
//! does this one leave. Until the word `Go` nothing is lost if it fails: this process goes on.
//!
//! Read [`hand`] for what the old process does and [`arrive`] for the new one; [`mod@line`] says what they tell each other.

pub mod arrive;
pub mod binary;
mod child;
pub mod counted;
mod flow;
pub mod hand;
pub mod intent;
pub mod launcher;
mod line;
mod member;
pub mod past;
mod session;
pub mod supervise;
#[cfg(test)]
mod tests;
mod wire;

use launcher::Launcher;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// The variable that tells a process which descriptor leads to the one before it.
const VARIABLE: &str = "EVENKEEL_UPGRADE_FD";

/// The variable that tells a process that whoever wants something of it may ask the process before it.
const SUPERVISED: &str = "EVENKEEL_SUPERVISED";

/// What both sides mean by the bytes of sessions, and of what was seen, ordered and counted. Changes with every change of
/// those.
const FORMAT: u32 = 10;

/// How long sessions may stand still while they move; it takes milliseconds, unless the machine is in distress.
const MOVING_MAX: Duration = Duration::from_secs(10);

/// What the control loop hears of an upgrade.
#[derive(Debug)]
pub enum Step {
    /// The old process: accepting has stopped; wants what the new one has to know before it accepts.
    Past(Sender<Vec<u8>>),
    /// The old process: sessions stand still; wants what was counted.
    Counted(Sender<Vec<u8>>),
    /// The old process: the new one has it all.
    Gone(Gone),
    /// The old process: nothing has happened, for this reason.
    Failed(String),
    /// The new process: it has it all.
    Arrived(arrive::Arrived),
    /// The new process: the old one has left the addresses of its admin API.
    Alone,
    /// The new process: the old one goes on, for this reason.
    Forsaken(String),
}

/// What has gone to the new process.
#[derive(Debug)]
pub struct Gone {
    /// Its process id.
    pub pid: u32,
    /// The listeners it accepts on.
    pub listeners: std::collections::BTreeSet<evenkeel_core::name::ListenerName>,
    /// Sessions.
    pub sessions: u64,
    /// How long they stood still.
    pub pause: Duration,
    /// Why there are none, if that is not by chance.
    pub kept: Option<&'static str>,
}

/// How this process can be started anew.
#[derive(Clone, Debug)]
pub struct Again {
    /// The program.
    pub binary: PathBuf,
    /// Who starts it, with the arguments that this process was started with.
    pub launcher: Arc<Launcher>,
}
