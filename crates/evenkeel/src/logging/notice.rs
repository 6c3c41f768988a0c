//! What evenkeel itself has to tell: every event of the process and of its pools.

use super::flood::LeftOut;
use evenkeel_core::addr::Addr;
use evenkeel_core::director;
use evenkeel_core::name::{ListenerName, PoolName, ServiceName};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// One event.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The listeners of a service are bound.
    Listening(Listening),
    /// Traffic is taken from now on.
    Ready {
        /// Since the process started.
        took: Duration,
        /// Threads that carry traffic.
        workers: usize,
        /// Sessions at once, at most.
        max_sessions: u32,
        /// Descriptors this process may open.
        descriptors: u64,
    },
    /// Something about a pool or a backend.
    Pool(director::Event),
    /// As many sessions as there may be: accepting pauses.
    CeilingReached {
        /// Whose ceiling it is, if not that of the process.
        service: Option<ServiceName>,
        /// Open sessions.
        sessions: u32,
    },
    /// Accepting goes on.
    CeilingLeft {
        /// Whose ceiling it was, if not that of the process.
        service: Option<ServiceName>,
    },
    /// `accept` failed; it is tried again.
    AcceptFailed {
        /// Where.
        listener: ListenerName,
        /// Why.
        errno: i32,
    },
    /// So many sessions are at one backend that source ports towards it run short.
    PortsScarce {
        /// Which.
        backend: Addr,
        /// Sessions there.
        sessions: u32,
        /// Ports that there are.
        ports: u32,
    },
    /// A defect of evenkeel ended a session.
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// A signal that does nothing, and why.
    SignalIgnored {
        /// Its name.
        signal: &'static str,
        /// Why.
        why: &'static str,
    },
    /// A new configuration holds.
    Reloaded {
        /// Listeners now.
        listeners: usize,
        /// Backends now.
        backends: usize,
    },
    /// A new configuration was refused: everything stays as it was.
    ReloadRefused {
        /// What is wrong with it.
        why: String,
    },
    /// It can be looked at and told things there.
    Admin {
        /// Where.
        addr: Addr,
        /// Whether TLS is spoken there, if it is a TCP address.
        is_tls: bool,
        /// Whether commands look there by themselves.
        is_default: bool,
    },
    /// Somebody gave an order, and it was done.
    Ordered {
        /// What is to be.
        what: String,
        /// Who wanted it.
        by: String,
    },
    /// The configuration in force goes unless it is confirmed within this time.
    Trial {
        /// The time.
        time: Duration,
    },
    /// The configuration before holds again.
    WentBack {
        /// Why.
        why: &'static str,
    },
    /// Certificates were replaced by those that there are now.
    CertificatesRenewed {
        /// Which.
        files: Vec<PathBuf>,
    },
    /// An authority has given a certificate.
    CertificateObtained {
        /// For this name.
        name: Arc<str>,
        /// Until when it is valid.
        until: SystemTime,
    },
    /// It has not.
    CertificateNotObtained {
        /// For this name; `None`: it would not for any.
        name: Option<Arc<str>>,
        /// Why.
        why: Arc<str>,
        /// How long until it is tried again.
        wait: Duration,
    },
    /// A file of a key or a certificate has changed and cannot be used: what it was before stays.
    CertificateRefused {
        /// What is wrong with it.
        why: String,
    },
    /// A certificate expires soon, or has.
    CertificateExpires {
        /// Which.
        file: PathBuf,
        /// The host names that it is for.
        names: Vec<String>,
        /// Days that are left, part of one counted whole.
        days: usize,
    },
    /// Somebody gave an order that cannot be carried out.
    OrderRefused {
        /// What was to be.
        what: String,
        /// Who wanted it.
        by: String,
        /// Why not.
        why: String,
    },
    /// A new process is started, which is to have everything.
    Upgrading {
        /// Its program.
        binary: String,
    },
    /// The new process has everything.
    Upgraded {
        /// Its process id.
        pid: u32,
        /// Sessions that it has got.
        sessions: u64,
        /// How long they stood still.
        pause: Duration,
        /// Sessions that end here.
        left: u64,
    },
    /// The new process did not come up, or could not take over: everything stays as it was.
    UpgradeFailed {
        /// Why.
        why: String,
    },
    /// Told to stop; new sessions are still taken for a while.
    LameDuck {
        /// The signal.
        signal: &'static str,
        /// For how long.
        time: Duration,
    },
    /// Told to stop; new sessions are taken no more, open ones may end.
    Draining {
        /// For how long.
        window: Duration,
        /// Open sessions.
        open: u64,
    },
    /// The last line.
    Stopped(Stopped),
    /// The sandbox has refused system calls.
    CallRefused {
        /// How many since the last time.
        calls: u64,
        /// The number of the last one.
        last: u32,
    },
    /// Lines of the log were dropped, because it is read too slowly.
    LinesDropped {
        /// How many since the last time.
        lines: u64,
    },
    /// Sessions of which there are no lines of their own.
    LeftOut(LeftOut),
    /// All that follows is written elsewhere.
    LogTo {
        /// Where.
        to: String,
    },
    /// The log is written anew, to a file of the same name or to whoever takes it there.
    LogReopened {
        /// Where.
        to: String,
    },
    /// That could not be: it is written to where it was.
    LogNotReopened {
        /// Why.
        why: String,
    },
    /// Something the user should look at.
    Warning(String),
}

/// Where the sessions of a service come from and go to.
#[derive(Clone, Debug)]
pub struct Listening {
    /// Whose.
    pub service: ServiceName,
    /// Where; at least one.
    pub listeners: Vec<Addr>,
    /// Where its sessions go.
    pub pool: PoolName,
    /// How many backends that has.
    pub backends: usize,
    /// How many names that stand for more of them.
    pub names: usize,
    /// How one of them is chosen.
    pub balance: &'static str,
}

/// What it came to.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// Why it ended.
    pub why: &'static str,
    /// Sessions since the start.
    pub sessions: u64,
    /// Sessions that had to be cut.
    pub cut: u64,
    /// Log lines that were dropped since the start.
    pub lines_dropped: u64,
}

/// How much a notice wants to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All is well.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    /// The word for it in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Notice {
    /// The one word that names this event.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Listening(_) => "listening",
            Self::Ready { .. } => "ready",
            Self::Pool(event) => event.kind.word(),
            Self::CeilingReached { .. } => "ceiling-reached",
            Self::CeilingLeft { .. } => "ceiling-left",
            Self::AcceptFailed { .. } => "accept-failed",
            Self::PortsScarce { .. } => "ports-scarce",
            Self::Panicked { .. } => "panicked",
            Self::SignalIgnored { .. } => "signal-ignored",
            Self::Reloaded { .. } => "reloaded",
            Self::ReloadRefused { .. } => "reload-refused",
            Self::Admin { .. } => "admin",
            Self::Ordered { .. } => "ordered",
            Self::OrderRefused { .. } => "order-refused",
            Self::Trial { .. } => "trial",
            Self::WentBack { .. } => "went-back",
            Self::CertificatesRenewed { .. } => "certificates-renewed",
            Self::CertificateObtained { .. } => "certificate-obtained",
            Self::CertificateNotObtained { .. } => "certificate-not-obtained",
            Self::CertificateRefused { .. } => "certificate-refused",
            Self::CertificateExpires { .. } => "certificate-expires",
            Self::Upgrading { .. } => "upgrading",
            Self::Upgraded { .. } => "upgraded",
            Self::UpgradeFailed { .. } => "upgrade-failed",
            Self::LameDuck { .. } => "lame-duck",
            Self::Draining { .. } => "draining",
            Self::Stopped(_) => "stopped",
            Self::CallRefused { .. } => "call-refused",
            Self::LinesDropped { .. } => "lines-dropped",
            Self::LeftOut(_) => "left-out",
            Self::LogTo { .. } => "log-to",
            Self::LogReopened { .. } => "log-reopened",
            Self::LogNotReopened { .. } => "log-not-reopened",
            Self::Warning(_) => "warning",
        }
    }

    /// How much it wants to be seen.
    pub fn level(&self) -> Level {
        use director::EventKind;
        match self {
            Self::Pool(event) => match event.kind {
                EventKind::AllDown => Level::Error,
                EventKind::Down { .. }
                | EventKind::AssumedUp
                | EventKind::Ejected { .. }
                | EventKind::NotEjected { .. }
                | EventKind::BackupsIn
                | EventKind::Unresolved { .. } => Level::Warning,
                EventKind::Up { .. }
                | EventKind::Returned
                | EventKind::Added { .. }
                | EventKind::Removed { .. }
                | EventKind::Recovered
                | EventKind::Unchecked
                | EventKind::BackupsOut
                | EventKind::Resolved { .. } => Level::Info,
            },
            Self::CertificateExpires { days: 0 | 1, .. } => Level::Error,
            Self::Panicked { .. }
            | Self::CallRefused { .. }
            | Self::ReloadRefused { .. }
            | Self::UpgradeFailed { .. }
            | Self::CertificateRefused { .. }
            | Self::LogNotReopened { .. } => Level::Error,
            Self::LeftOut(LeftOut { failed: true, .. }) => Level::Warning,
            Self::CeilingReached { .. }
            | Self::CertificateExpires { .. }
            | Self::CertificateNotObtained { .. }
            | Self::OrderRefused { .. }
            | Self::WentBack { .. }
            | Self::AcceptFailed { .. }
            | Self::PortsScarce { .. }
            | Self::LinesDropped { .. }
            | Self::Warning(_) => Level::Warning,
            Self::Listening(_)
            | Self::Ready { .. }
            | Self::CeilingLeft { .. }
            | Self::SignalIgnored { .. }
            | Self::Reloaded { .. }
            | Self::Admin { .. }
            | Self::Ordered { .. }
            | Self::Trial { .. }
            | Self::CertificatesRenewed { .. }
            | Self::CertificateObtained { .. }
            | Self::Upgrading { .. }
            | Self::Upgraded { .. }
            | Self::LameDuck { .. }
            | Self::Draining { .. }
            | Self::LeftOut(_)
            | Self::LogTo { .. }
            | Self::LogReopened { .. }
            | Self::Stopped(_) => Level::Info,
        }
    }

    /// The service or pool it is about, if it is about one.
    pub fn about(&self) -> Option<&str> {
        match self {
            Self::Listening(listening) => Some(listening.service.as_str()),
            Self::AcceptFailed { listener, .. } => Some(listener.service.as_str()),
            Self::CeilingReached { service, .. } | Self::CeilingLeft { service } => {
                service.as_ref().map(ServiceName::as_str)
            }
            Self::LeftOut(left_out) => Some(left_out.service.as_str()),
            Self::Pool(event) => Some(event.pool.as_str()),
            _ => None,
        }
    }

    /// The backend it is about, if it is about one.
    pub fn backend(&self) -> Option<&Addr> {
        match self {
            Self::Pool(event) => event.backend.as_ref(),
            Self::PortsScarce { backend, .. } => Some(backend),
            _ => None,
        }
    }
}
