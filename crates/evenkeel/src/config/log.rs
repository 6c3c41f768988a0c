//! Where the log goes, how it looks, and what it tells of sessions.

use super::keys::Key;
use super::problem::{Problem, Problems};
use super::read::{instead_of, wrong};
use super::setting::{Layer, Setting};
use super::suggest;
use super::tree::Node;
use super::typed::Typed;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything about the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// How it is written.
    pub format: LogFormat,
    /// Where it goes.
    pub to: LogTo,
    /// What syslog files it under, by number.
    pub facility: u8,
    /// Whether sessions are told of when they open, too.
    pub opened: bool,
    /// How often those that stay open are told of; `None`: never.
    pub heartbeat: Option<Duration>,
    /// Lines in a second for what goes well, of one service and kind; `None`: all of them.
    pub max_rate: Option<u32>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people, JSON otherwise.
    Auto,
    /// One readable line each.
    Text,
    /// One JSON object a line.
    Json,
    /// One line for each request, as Apache writes them; all else as text on standard error.
    Combined,
    /// Not at all.
    Off,
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogTo {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
    /// Whoever takes syslog messages there.
    Syslog(SyslogAt),
    /// The journal, at this socket.
    Journald(PathBuf),
}

/// Where syslog messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAt {
    /// To a socket of this machine.
    Unix(PathBuf),
    /// Over UDP.
    Udp(SocketAddr),
}

/// The socket of this machine's syslog.
const DEV_LOG: &str = "/dev/log";

/// The socket of this machine's journal.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Facilities by name, and their numbers in RFC 5424.
const FACILITIES: [(&str, u8); 10] = [
    ("user", 1),
    ("daemon", 3),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

impl fmt::Display for LogTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Syslog(SyslogAt::Unix(path)) => write!(f, "syslog at {}", path.display()),
            Self::Syslog(SyslogAt::Udp(addr)) => write!(f, "syslog at {addr}"),
            Self::Journald(path) => write!(f, "the journal at {}", path.display()),
        }
    }
}

impl LogTo {
    /// The same, with a path that is relative to `dir`.
    fn seen_from(&self, dir: &Path) -> Self {
        match self {
            Self::Stdout | Self::Syslog(SyslogAt::Udp(_)) => self.clone(),
            Self::File(path) => Self::File(dir.join(path)),
            Self::Syslog(SyslogAt::Unix(path)) => Self::Syslog(SyslogAt::Unix(dir.join(path))),
            Self::Journald(path) => Self::Journald(dir.join(path)),
        }
    }
}

/// Warns of what is said about a log that there is not.
pub fn check(typed: &Typed, builtin: &Layer, problems: &mut Problems) {
    let chain = typed.chain(builtin);
    let is_off = chain.text("log").as_deref() == Some("off");
    for key in ["log-to", "log-facility", "log-sessions", "log-heartbeat", "log-max-rate"] {
        let written = chain.find(key).filter(|found| is_off && found.place.is_some());
        if written.is_some() {
            let what = format!("`{key}` means nothing while `log` is \"off\"");
            problems.push(Problem::warning(what).at_found(written, "there is no log"));
        }
    }
}

/// What holds for the log.
pub fn compile(typed: &Typed, builtin: &Layer) -> LogSettings {
    let chain = typed.chain(builtin);
    let to = chain.find("log-to").and_then(|found| match found.value {
        // A path is relative to the file that it stands in.
        Setting::LogTo(to) => Some(found.place.map_or_else(|| to.clone(), |it| to.seen_from(&it.text().dir))),
        _ => None,
    });
    let facility = chain.text("log-facility");
    let number = |name: &str| FACILITIES.iter().find(|(it, _)| *it == name).map(|(_, number)| *number);
    LogSettings {
        format: match chain.text("log").as_deref() {
            Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some("combined") => LogFormat::Combined,
            Some("off") => LogFormat::Off,
            _ => LogFormat::Auto,
        },
        to: to.unwrap_or(LogTo::Stdout),
        facility: facility.as_deref().and_then(number).unwrap_or_default(),
        opened: chain.text("log-sessions").as_deref() == Some("open-and-end"),
        heartbeat: chain.duration("log-heartbeat"),
        max_rate: match chain.find("log-max-rate").map(|found| found.value) {
            Some(Setting::Rate(number)) => Some(*number),
            _ => None,
        },
    }
}

/// Where `node`, a text, says that the log goes.
pub fn to(key: &Key, node: &Node) -> Result<LogTo, Problem> {
    let expected = "expected \"stdout\", a path, \"syslog\" or \"journald\"";
    let Some(text) = node.text() else { return Err(wrong(key, node, expected)) };
    let (word, rest) = text.split_once(':').map_or((text, None), |(word, rest)| (word, Some(rest)));
    match (word, rest) {
        ("stdout", None) => Ok(LogTo::Stdout),
        ("journald", None) => Ok(LogTo::Journald(JOURNAL.into())),
        ("journald", Some(path)) if path.contains('/') => Ok(LogTo::Journald(path.into())),
        ("journald", Some(_)) => Err(wrong(key, node, "expected the path of a socket behind `journald:`")),
        ("syslog", None) => Ok(LogTo::Syslog(SyslogAt::Unix(DEV_LOG.into()))),
        ("syslog", Some(at)) => syslog_at(at).map(LogTo::Syslog).ok_or_else(|| {
            wrong(key, node, "expected an IP address with a port, or `unix:` and a path, behind `syslog:`")
                .help("such as \"syslog:192.0.2.1:514\" or \"syslog:unix:/dev/log\"")
        }),
        _ if text.ends_with('/') => Err(wrong(key, node, "this is a folder, not a file")),
        _ if text.contains('/') && !text.contains('\0') => {
            Ok(LogTo::File(text.trim_start_matches("./").into()))
        }
        _ => Err(unknown(key, node, text, expected)),
    }
}

fn syslog_at(text: &str) -> Option<SyslogAt> {
    match text.strip_prefix("unix:") {
        Some(path) => path.contains('/').then(|| SyslogAt::Unix(path.into())),
        None => text.parse().ok().filter(|addr: &SocketAddr| addr.port() != 0).map(SyslogAt::Udp),
    }
}

/// A word that is none of ours, and may be meant for the name of a file.
fn unknown(key: &Key, node: &Node, text: &str, expected: &str) -> Problem {
    let problem = wrong(key, node, expected);
    match suggest::word(text, &["stdout", "syslog", "journald"]) {
        Some(word) => problem.fix(format!("did you mean `{word}`?"), &node.place, instead_of(node, word)),
        None if text.is_empty() => problem,
        None => problem.fix(
            "a file's path has a slash",
            &node.place,
            instead_of(node, &format!("./{}", text.replace('\0', ""))),
        ),
    }
}
