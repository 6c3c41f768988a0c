//! What others ask of the control loop, and what it shows them. An answer that nobody waits for any more is dropped.

use super::{Candidate, CheckTimes, Explained, Kept, Obtained, Sought};
use crate::config::{Altered, Given, Loaded};
use crate::logging::Told;
use crate::sandbox::Sandbox;
use crate::tls::Shown;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::{Agreement, BackendView, Config, Difference, Duty, Order, OrderError, Plan};
use evenkeel_core::name::{BackendKey, ListenerName, PoolName, ServiceName};
use evenkeel_core::snapshot::Snapshot;
use evenkeel_proxy::{BackendSums, RouteSums, ServiceSums, Totals, Visit};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{broadcast, oneshot};

/// One question.
pub enum Question {
    /// How does everything look?
    Look(oneshot::Sender<Box<Picture>>),
    /// Why is this backend as it is? The pool may be named by a service.
    Backend(BackendKey, oneshot::Sender<Option<Box<Explained>>>),
    /// How do the backends of this pool stand, and how did they at that time?
    Candidates(PoolName, Instant, oneshot::Sender<Vec<Candidate>>),
    /// Which sessions that have ended are still known?
    Ended(Sought, oneshot::Sender<Kept>),
    /// Which sessions are there? The workers answer; and if any are to be closed, this one says who wants it and what.
    Visit(Visit, Option<Wanted>),
    /// What was told lately, and what will be?
    Events(oneshot::Sender<(Vec<Told>, broadcast::Receiver<Told>)>),
    /// What does the configuration in force say?
    Config(oneshot::Sender<Config>),
    /// Load the file again.
    Reload(Wanted, oneshot::Sender<Reload>),
    /// Hand everything over to a new process, of this program if one is given.
    Upgrade(Option<PathBuf>, Wanted, oneshot::Sender<Upgrade>),
    /// Carry out an order, of whom the log is told.
    Order(Order, String, oneshot::Sender<Result<(), NotOrdered>>),
    /// What would this configuration change, and what of it cannot be bound?
    Plan(Box<Loaded>, oneshot::Sender<Planned>),
    /// Make it hold; if a time is given, only when it is confirmed within that.
    Apply(Box<Applied>, Option<Duration>, Wanted, oneshot::Sender<Reload>),
    /// What is on trial holds for good.
    Confirm(Wanted, oneshot::Sender<Result<(), &'static str>>),
    /// Open the log again; told is where it goes on, or why it does not.
    Reopen(Wanted, oneshot::Sender<Result<String, String>>),
    /// Where do orders and the configuration in force differ, and where do they not any more?
    Differences(oneshot::Sender<(Vec<Difference>, Vec<Agreement>)>),
}

/// Why an order was not carried out.
#[derive(Clone, Debug)]
pub enum NotOrdered {
    /// It is about something that is not there.
    Unknown(OrderError),
    /// An address cannot be bound; or it is too late.
    Impossible(String),
}

/// A configuration that is not in the file.
#[derive(Debug)]
pub struct Applied {
    /// Its text.
    pub given: Given,
    /// What that means.
    pub loaded: Loaded,
}

/// Who wants something, and what: for the log.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// As the log shows them.
    pub by: String,
    /// In words.
    pub what: String,
}

/// What a configuration would change.
#[derive(Debug)]
pub struct Planned {
    /// Listeners, pools and backends.
    pub plan: Plan,
    /// What holds for the whole process.
    pub settings: Vec<Altered>,
    /// Why it would be refused, if it would.
    pub refused: Option<String>,
}

/// What came of a reload.
pub type Reload = Result<Taken, String>;

/// A configuration that was taken.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Listeners now.
    pub listeners: usize,
    /// Backends now.
    pub backends: usize,
    /// What of it holds from the next start on only.
    pub pending: Vec<&'static str>,
    /// Names of backends that stand for nothing as yet.
    pub unresolved: BTreeSet<Arc<str>>,
}

/// What of a configuration that was taken holds from the next start on only, in words.
pub fn pending(names: &[&str]) -> Option<String> {
    let verb = if names.len() == 1 { "holds" } else { "hold" };
    (!names.is_empty()).then(|| format!("{} {verb} from the next start or upgrade on", names.join(", ")))
}

/// What came of an upgrade, seen from the old process.
pub type Upgrade = Result<Upgraded, NotUpgraded>;

/// The new process has everything.
#[derive(Clone, Copy, Debug)]
pub struct Upgraded {
    /// Who had it.
    pub old_pid: u32,
    /// Who has it.
    pub pid: u32,
    /// Sessions that moved.
    pub sessions: u64,
    /// How long they stood still.
    pub pause: Duration,
    /// Sessions that end in the old process.
    pub left: u64,
    /// Why none moved, if that is not by chance.
    pub kept: Option<&'static str>,
}

/// Why everything is as it was.
#[derive(Clone, Debug)]
pub enum NotUpgraded {
    /// It cannot be begun now.
    Impossible(&'static str),
    /// The new process did not come up, or could not take over.
    Failed(String),
}

/// Everything at one moment.
pub struct Picture {
    /// When.
    pub now: Instant,
    /// What the workers obey.
    pub snapshot: Arc<Snapshot>,
    /// Every backend as the director sees it, in the order of the configuration.
    pub views: Vec<BackendView>,
    /// Names that stand for nothing as yet, by pool.
    pub unresolved: BTreeMap<PoolName, Vec<Arc<str>>>,
    /// What operators want of each service, unless that is nothing.
    pub duties: BTreeMap<ServiceName, Duty>,
    /// Where each listener is bound.
    pub bound: BTreeMap<ListenerName, Addr>,
    /// Sums over all workers.
    pub totals: Totals,
    /// By service.
    pub services: BTreeMap<ServiceName, ServiceSums>,
    /// By the routes of services.
    pub routes: BTreeMap<ServiceName, Vec<(Box<str>, RouteSums)>>,
    /// By backend.
    pub backends: BTreeMap<BackendKey, BackendSums>,
    /// How long checks took, by pool.
    pub checks: BTreeMap<PoolName, CheckTimes>,
    /// How far the end has come: `running`, `lame-duck`, `draining`.
    pub phase: &'static str,
    /// When the process took its first connection.
    pub started: SystemTime,
    /// Threads that carry traffic.
    pub workers: usize,
    /// Sessions at once, at most.
    pub max_sessions: u32,
    /// What was given up at the start.
    pub sandbox: Arc<Sandbox>,
    /// System calls that were refused by it.
    pub calls_refused: u64,
    /// Lines of the log that were dropped.
    pub lines_dropped: u64,
    /// Lines of the log that were left out, because there were too many alike.
    pub lines_left_out: u64,
    /// Reloads so far.
    pub reloads: Reloads,
    /// The file that a reload would load, by its absolute path.
    pub file: Option<PathBuf>,
    /// Certificates that are shown.
    pub certificates: Vec<Shown>,
    /// Those that are obtained, and to be.
    pub obtained: Obtained,
    /// How much time is left to confirm what is on trial.
    pub trial: Option<Duration>,
    /// How long a new process may take to be ready.
    pub upgrade_timeout: Duration,
}

/// Reloads so far.
#[derive(Clone, Debug)]
pub struct Reloads {
    /// That were taken.
    pub taken: u64,
    /// That were refused.
    pub refused: u64,
    /// When the configuration in force was taken.
    pub since: SystemTime,
    /// Why the last one was refused, if it was.
    pub problem: Option<String>,
}

impl Reloads {
    /// None as yet.
    pub fn none() -> Self {
        Self { taken: 0, refused: 0, since: SystemTime::now(), problem: None }
    }

    /// One has ended.
    pub fn note(&mut self, reload: &Reload) {
        match reload {
            Ok(_) => *self = Self { taken: self.taken + 1, since: SystemTime::now(), problem: None, ..*self },
            Err(why) => {
                self.refused += 1;
                self.problem = Some(why.clone());
            }
        }
    }
}
