//! What a user writes, turned into what the balancer obeys; or into every mistake in it, in one go.
//!
//! In the order of reading: a [`tree`](tree::Node) knows where everything was written; `typed` sorts it into services,
//! pools and the rest; `lower` and `read` understand that by the table of [`keys`]; `compile` finds out what holds; `cross` looks at the parts side by side.

#![expect(clippy::result_large_err, reason = "a problem is made at most once for each mistake of a user")]

mod acme;
mod address;
mod admin;
mod chain;
mod compile;
mod cross;
pub mod edit;
mod files;
pub mod flags;
mod gate;
mod health;
mod http;
mod http_fields;
mod http_routes;
pub mod keys;
mod listening;
mod log;
mod lower;
mod place;
mod pool;
mod problem;
mod read;
mod reception;
mod routes;
mod sandbox;
mod setting;
mod sockets;
pub mod suggest;
mod tls;
mod tree;
mod typed;
mod units;
mod watched;

pub use flags::Flags;
pub use log::{LogFormat, LogSettings, LogTo, SyslogAt};
pub use problem::{Problem, Problems};
pub use sandbox::{LAYERS, SandboxSettings};
pub use watched::{Watched, WatchedFiles};

use crate::tls::Material;
use evenkeel_core::addr::Addr;
use evenkeel_core::awake::BusyPoll;
use evenkeel_core::director::{Config, Target};
use evenkeel_core::tls::{Origination, Termination};
use gate::Lists;
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The text of a file that is or was at a path, which it is relative to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The path.
    pub path: PathBuf,
    /// What is or was there.
    pub text: String,
}

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file with those that it includes; the flags stand above it.
    File(PathBuf, Option<Flags>),
    /// Standard input, read to its end; the flags stand above it.
    Stdin(Option<Flags>),
    /// A command line alone.
    Flags(Flags),
    /// The text of a file; the flags stand above it.
    Given(Given, Option<Flags>),
    /// Text of our own making, such as the demo's.
    Text(String),
}

impl Source {
    /// The absolute path of the file, if it is one that can be read again.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::File(path, _) => std::path::absolute(path).ok(),
            Self::Stdin(_) | Self::Flags(_) | Self::Given(..) | Self::Text(_) => None,
        }
    }

    /// The flags that stand above it.
    pub fn flags(&self) -> Option<&Flags> {
        match self {
            Self::File(_, flags) | Self::Stdin(flags) | Self::Given(_, flags) => flags.as_ref(),
            Self::Flags(_) | Self::Text(_) => None,
        }
    }
}

/// A configuration without mistakes.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What holds for the process.
    pub settings: Settings,
    /// What holds for its services and pools.
    pub config: Config,
    /// The keys and certificates that those need.
    pub material: Material,
    /// What is allowed, but hardly meant.
    pub warnings: Vec<Problem>,
    /// What it was loaded from.
    pub files: WatchedFiles,
}

/// What holds for the process as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Worker threads; `None` is one for each core.
    pub workers: Option<usize>,
    /// The log.
    pub log: LogSettings,
    /// How long to keep accepting after SIGTERM.
    pub lame_duck: Duration,
    /// How long sessions may then take to end.
    pub drain: Duration,
    /// How long a new binary may take to be ready.
    pub upgrade_timeout: Duration,
    /// How workers wait for events.
    pub busy_poll: BusyPoll,
    /// Sessions at once, in all; `None` is as many as the descriptors allow.
    pub max_sessions: Option<u32>,
    /// Bytes held for clients that have no backend yet, in all.
    pub max_early_bytes: u64,
    /// Whether its files are loaded again when they change.
    pub watch: bool,
    /// Where it can be looked at and told things; `None` is nowhere.
    pub admin: Option<AdminSettings>,
    /// How certificates are obtained; `None`: none are.
    pub acme: Option<AcmeSettings>,
    /// What it gives up before it takes traffic.
    pub sandbox: SandboxSettings,
}

/// A setting that another configuration has otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Altered {
    /// What it is called, or what it is about.
    pub name: &'static str,
    /// Whether it holds as soon as it is loaded; else from the next start on.
    pub at_once: bool,
}

impl Settings {
    /// The settings that `next` has otherwise.
    pub fn altered(&self, next: &Self) -> Vec<Altered> {
        // All that there is, so that nothing can be forgotten.
        let Self {
            workers,
            log,
            lame_duck,
            drain,
            upgrade_timeout,
            busy_poll,
            max_sessions,
            max_early_bytes,
            watch,
            admin,
            acme,
            sandbox,
        } = self;
        [
            ("workers", *workers != next.workers, false),
            ("log", *log != next.log, true),
            ("lame-duck", *lame_duck != next.lame_duck, true),
            ("drain", *drain != next.drain, true),
            ("upgrade-timeout", *upgrade_timeout != next.upgrade_timeout, true),
            ("busy-poll", *busy_poll != next.busy_poll, true),
            ("max-sessions", *max_sessions != next.max_sessions, false),
            ("max-early-bytes", *max_early_bytes != next.max_early_bytes, true),
            ("watch", *watch != next.watch, true),
            ("admin", *admin != next.admin, true),
            ("acme", *acme != next.acme, true),
            ("sandbox", *sandbox != next.sandbox, false),
        ]
        .into_iter()
        .filter(|(_, differs, _)| *differs)
        .map(|(name, _, at_once)| Altered { name, at_once })
        .collect()
    }
}

/// How certificates are obtained from an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeSettings {
    /// Whether its terms are agreed to.
    pub is_agreed: bool,
    /// The URL of its directory.
    pub directory: Arc<str>,
    /// How TLS is spoken with it.
    pub tls: Arc<Origination>,
    /// Whom it may write to, as URLs.
    pub contact: Box<[Box<str>]>,
    /// How it sees that a name leads here.
    pub challenge: Challenge,
    /// Where it is answered, if it asks by HTTP.
    pub listen: Vec<Addr>,
    /// Whether others who ask there are sent to HTTPS.
    pub redirects: bool,
    /// The folder in which everything is kept.
    pub state: PathBuf,
    /// How long after a first failure it is tried again.
    pub retry: Duration,
}

/// How an authority sees that a name leads here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// By a TLS handshake at port 443 (RFC 8737).
    Tls,
    /// By a file over HTTP at port 80 (RFC 8555, section 8.3).
    Http,
}

/// Where the admin API is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminSettings {
    /// At these addresses; `None` is the default Unix socket.
    pub listen: Option<Vec<Addr>>,
    /// What this file holds has to be sent over TCP.
    pub token_file: Option<PathBuf>,
    /// How TLS is spoken over TCP, if it is.
    pub tls: Option<Arc<Termination>>,
}

impl AdminSettings {
    /// Addresses at most.
    pub const LISTEN_MAX: usize = 8;
}

/// What a configuration may ask of the world around it.
pub struct World<'a> {
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The addresses that a name to listen on stands for, or why there are none.
    pub resolve: &'a dyn Fn(&str) -> Result<Vec<IpAddr>, String>,
    /// What a file holds that lists networks.
    pub read: &'a dyn Fn(&Path) -> io::Result<Vec<u8>>,
    /// Whether keys and certificates are read.
    pub reads_keys: bool,
}

/// Reads and understands the configuration at `source`.
///
/// Fails with every mistake in it, over all its files.
pub fn load(source: &Source) -> Result<Loaded, Problems> {
    load_in(
        source,
        &World {
            variable: &|name| std::env::var_os(name),
            resolve: &resolve,
            read: &files::read_list,
            reads_keys: true,
        },
    )
}

fn load_in(source: &Source, world: &World<'_>) -> Result<Loaded, Problems> {
    let mut problems = Problems::default();
    let typed = files::read(source, world, &mut problems);
    if problems.unreadable {
        problems.files.config = typed.files.into();
        return Err(problems);
    }
    let builtin = chain::builtin();
    let defaults = compile::Defaults::new(&typed);
    let services = compile::bind(&typed, &defaults, world, &mut problems);
    let acme = acme::compile(&typed, &builtin, world, &mut problems);
    let (mut lists, mut paths) = (Lists::new(world), tls::Paths::new(&acme));
    let config = compile::compile(&services, &builtin, &mut lists, &mut paths, &mut problems);
    cross::check(&typed, &services, &builtin, &mut problems);
    log::check(&typed, &builtin, &mut problems);
    let admin = admin::compile(&typed, &builtin, &config, world, &mut paths, &mut problems);
    let acme = {
        let admin = admin.as_ref().and_then(|it| it.listen.as_deref()).unwrap_or_default();
        acme::check(acme, &typed, &config, admin, &paths, &mut problems)
    };
    let mut material = Material::default();
    if world.reads_keys {
        let admin = admin.as_ref().and_then(|it| it.tls.as_ref());
        material = tls::read(&config, admin, &paths, &mut problems);
    }
    problems.sort();
    let files = WatchedFiles { config: typed.files.as_slice().into(), lists: lists.watched.into() };
    match problems.errors() {
        0 => Ok(Loaded {
            settings: compile::settings(&typed, &builtin, admin, acme),
            config,
            material,
            warnings: problems.list,
            files,
        }),
        _ => Err(Problems { files, ..problems }),
    }
}

/// The time that `text` means, written as in a file; or why it means none.
pub fn duration(text: &str) -> Result<Duration, String> {
    units::duration(text)
}

/// The backend that `text` means, written as in `to`; or why it is none.
pub fn backend_address(text: &str) -> Result<Target, String> {
    match address::to(text) {
        Ok(address::ToSpec::Backend(target)) => Ok(target),
        Ok(address::ToSpec::Pool(_)) => Err("a pool is no backend".to_owned()),
        Err(error) => Err(error.what),
    }
}

/// Of the addresses that `host` stands for, those that this machine has; all if it has none of them.
fn resolve(host: &str) -> Result<Vec<IpAddr>, String> {
    let found = (host, 0).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut all: Vec<IpAddr> = found.map(|addr| addr.ip()).collect();
    all.dedup();
    let own: Vec<IpAddr> = all.iter().copied().filter(|&ip| UdpSocket::bind((ip, 0)).is_ok()).collect();
    match own.is_empty() {
        true => Ok(all),
        false => Ok(own),
    }
}

#[cfg(test)]
mod tests;
