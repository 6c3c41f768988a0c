//! What a notice says to a person.

use super::flood::LeftOut;
use super::notice::{Listening, Notice, Stopped};
use super::units::{Grouped, Rfc3339, Took, count};
use evenkeel_core::addr::Addr;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Addresses of one service that a line shows.
const LISTENERS_SHOWN: usize = 4;

/// One line for a person, without time, pool and backend.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening(listening) => listening.fmt(f),
            Self::Ready { took, workers, max_sessions, descriptors } => write!(
                f,
                "ready in {}: {}, at most {} ({} descriptors)",
                Took(*took),
                count(*workers, "worker"),
                count(*max_sessions as usize, "session"),
                Grouped(*descriptors)
            ),
            Self::Pool(event) => event.kind.fmt(f),
            Self::CeilingReached { sessions, .. } => write!(
                f,
                "{} are open, as many as there may be: new ones wait until one ends",
                count(*sessions as usize, "session")
            ),
            Self::CeilingLeft { .. } => f.write_str("new sessions are accepted again"),
            Self::AcceptFailed { listener, errno } => {
                let error = std::io::Error::from_raw_os_error(*errno);
                write!(f, "cannot accept on {}: {error}; trying again", listener.addr)
            }
            Self::PortsScarce { sessions, ports, .. } => write!(
                f,
                "is short of source ports: {} of {} are taken",
                Grouped((*sessions).into()),
                Grouped((*ports).into())
            ),
            Self::Panicked { message } => {
                write!(f, "a session ended by a defect of evenkeel, please report it: {message}")
            }
            Self::SignalIgnored { signal, why } => write!(f, "{signal} ignored: {why}"),
            Self::Reloaded { listeners, backends } => {
                write!(f, "reloaded: {}, {}", count(*listeners, "listener"), count(*backends, "backend"))
            }
            Self::ReloadRefused { why } => write!(f, "reload refused, everything stays as it was: {why}"),
            Self::Admin { addr: Addr::Ip(addr), is_tls, .. } => dashboard(f, *addr, *is_tls),
            Self::Admin { addr, is_default: true, .. } => {
                write!(f, "can be asked at {addr}: `evenkeel status`")
            }
            Self::Admin { addr, .. } => write!(f, "can be asked at {addr}: `evenkeel status --admin {addr}`"),
            Self::Ordered { what, by } => write!(f, "order of {by}: {what}"),
            Self::Trial { time } => write!(f, "on trial: goes back in {} unless confirmed", Took(*time)),
            Self::CertificatesRenewed { files } => renewed(f, files),
            Self::CertificateObtained { name, until } => obtained(f, name, *until),
            Self::CertificateNotObtained { name, why, wait } => not_obtained(f, name.as_deref(), why, *wait),
            Self::CertificateRefused { why } => write!(f, "{why}; what it was before stays"),
            Self::CertificateExpires { file, days, .. } => expires(f, file, *days),
            Self::WentBack { why } => write!(f, "back to the configuration before: {why}"),
            Self::OrderRefused { what, by, why } => write!(f, "order of {by} refused: {what}: {why}"),
            Self::Upgrading { binary } => write!(f, "starts {binary}, to hand everything over to it"),
            Self::Upgraded { pid, sessions, pause, left } => upgraded(f, *pid, *sessions, *pause, *left),
            Self::UpgradeFailed { why } => write!(f, "upgrade failed, everything stays as it was: {why}"),
            Self::LameDuck { signal, time } => {
                write!(f, "{signal}: will stop, but goes on accepting for {}", Took(*time))
            }
            Self::Draining { window, open } => draining(f, *window, *open),
            Self::Stopped(stopped) => stopped.fmt(f),
            Self::CallRefused { calls, last } => calls_refused(f, *calls, *last),
            Self::LinesDropped { lines } => lines_dropped(f, *lines),
            Self::LeftOut(left_out) => left_out.fmt(f),
            Self::LogTo { to } => write!(f, "the log goes on in {to}"),
            Self::LogReopened { to } => write!(f, "the log goes on in {to}, opened again"),
            Self::LogNotReopened { why } => write!(f, "the log goes on where it was: {why}"),
            Self::Warning(text) => f.write_str(text),
        }
    }
}

/// Where a browser finds it: every address of the machine is none that one can open.
fn dashboard(f: &mut fmt::Formatter<'_>, addr: SocketAddr, is_tls: bool) -> fmt::Result {
    let scheme = if is_tls { "https" } else { "http" };
    write!(f, "can be asked at {addr}: a dashboard at {scheme}://")?;
    match addr.ip().is_unspecified() {
        true => write!(f, "localhost:{}/", addr.port()),
        false => write!(f, "{addr}/"),
    }
}

fn draining(f: &mut fmt::Formatter<'_>, window: Duration, open: u64) -> fmt::Result {
    if open == 0 {
        return f.write_str("accepts no more; no session is open");
    }
    let open = count(open as usize, "open session");
    write!(f, "accepts no more; {open} may end within {}", Took(window))
}

fn obtained(f: &mut fmt::Formatter<'_>, name: &str, until: SystemTime) -> fmt::Result {
    write!(f, "obtained a certificate for {name}, valid until {}", Rfc3339(until))
}

fn not_obtained(f: &mut fmt::Formatter<'_>, name: Option<&str>, why: &str, wait: Duration) -> fmt::Result {
    match name {
        Some(name) => write!(f, "no certificate obtained for {name}")?,
        None => f.write_str("no certificates can be obtained")?,
    }
    write!(f, ": {why}; tried again in {}", Took(wait))
}

fn upgraded(f: &mut fmt::Formatter<'_>, pid: u32, sessions: u64, pause: Duration, left: u64) -> fmt::Result {
    let sessions = count(usize::try_from(sessions).unwrap_or(usize::MAX), "session");
    write!(f, "process {pid} goes on with {sessions}, which stood still for {}", Took(pause))?;
    if left > 0 { write!(f, "; {left} end here") } else { Ok(()) }
}

fn calls_refused(f: &mut fmt::Formatter<'_>, calls: u64, last: u32) -> fmt::Result {
    let calls = count(usize::try_from(calls).unwrap_or(usize::MAX), "system call");
    write!(
        f,
        "the sandbox refused {calls}, the last one number {last}: a defect of evenkeel, or somebody who has broken in"
    )
}

fn lines_dropped(f: &mut fmt::Formatter<'_>, lines: u64) -> fmt::Result {
    let lines = count(lines as usize, "line");
    write!(f, "{lines} of this log dropped: it is read too slowly, or cannot be written")
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = if self.failed { ": " } else { " " };
        write!(f, "… and {} more{before}{}", Grouped(self.lines), self.what)
    }
}

impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("listens on ")?;
        for (index, addr) in self.listeners.iter().take(LISTENERS_SHOWN).enumerate() {
            write!(f, "{}{addr}", if index == 0 { "" } else { ", " })?;
        }
        if self.listeners.len() > LISTENERS_SHOWN {
            write!(f, " and {} more", Grouped((self.listeners.len() - LISTENERS_SHOWN) as u64))?;
        }
        f.write_str(": ")?;
        match (self.backends, self.names) {
            (backends, 0) => f.write_str(&count(backends, "backend"))?,
            (0, names) => f.write_str(&count(names, "name"))?,
            (backends, names) => write!(f, "{} and {}", count(backends, "backend"), count(names, "name"))?,
        }
        write!(f, ", {}", self.balance)?;
        if self.pool.as_str() == self.service.as_str() { Ok(()) } else { write!(f, ", pool {}", self.pool) }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped, {}: {} in all", self.why, count(self.sessions as usize, "session"))?;
        if self.cut > 0 {
            write!(f, ", {} cut", Grouped(self.cut))?;
        }
        if self.lines_dropped > 0 {
            write!(f, ", {} of the log dropped", count(self.lines_dropped as usize, "line"))?;
        }
        Ok(())
    }
}

fn renewed(f: &mut fmt::Formatter<'_>, files: &[PathBuf]) -> fmt::Result {
    f.write_str("new certificates are shown")?;
    let mut separator = ": ";
    for file in files {
        write!(f, "{separator}{}", file.display())?;
        separator = ", ";
    }
    Ok(())
}

fn expires(f: &mut fmt::Formatter<'_>, file: &Path, days: usize) -> fmt::Result {
    write!(f, "the certificate in {} ", file.display())?;
    match days {
        0 => f.write_str("has expired"),
        days => write!(f, "expires within {}", count(days, "day")),
    }
}
