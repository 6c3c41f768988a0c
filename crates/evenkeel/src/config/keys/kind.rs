//! What a key takes.

use std::time::Duration;

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A duration of at least `min`.
    Duration {
        /// The shortest that is allowed.
        min: Duration,
        /// Whether `"off"` is allowed.
        off: bool,
        /// Whether it must be whole seconds, as the kernel counts them.
        whole_seconds: bool,
    },
    /// `"auto"`, `"off"`, or a duration up to 10 ms.
    BusyPoll,
    /// A whole number between these two.
    Count(u32, u32),
    /// A share, `"20%"`.
    Percent,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
    /// Any text, or bytes, `"hex:00ff"`.
    Bytes,
    /// What a name server can be asked for.
    DnsName,
    /// `true` or `false`.
    Flag,
    /// What becomes of sessions whose backend is gone.
    Leaving,
    /// Permission bits, `"0660"`.
    Mode,
    /// HTTP statuses.
    Statuses,
    /// An IP address without a port.
    Ip,
    /// What follows the host in a URL.
    HttpPath,
    /// A method of HTTP.
    HttpMethod,
    /// What the `Host` header says.
    HttpHost,
    /// Whose certificate it has to be.
    ServerName,
    /// Where to listen.
    Listen,
    /// Where to send.
    To,
    /// One backend's address.
    Backend,
    /// Files.
    Include,
    /// A table with keys of its own.
    Group,
    /// `"off"`, `"on"`, or a table with keys of its own.
    Switch,
    /// `"off"`, a short form of a check, or a table with keys of its own.
    Health,
    /// `"off"`, a duration, or a table with keys of its own.
    SlowStart,
    /// A name of the kernel's, at most so long.
    Name(usize),
    /// IP addresses, and ranges of them.
    Sources,
    /// IP networks.
    Networks,
    /// Proxies in front: IP networks, and `"unix"`.
    Proxies,
    /// Some of these words.
    Words(&'static [&'static str]),
    /// Texts.
    Texts,
    /// A table of routes.
    Routes,
    /// A table of fields with their values.
    Fields,
    /// A table of pools with their weights.
    Weights,
    /// A text, which stands for this inner key, `"off"`, or a table with keys of its own.
    Brief(&'static str),
    /// A URL or a path, or a table with keys of its own.
    Redirect,
    /// A status, a text, or a table with keys of its own.
    Answer,
    /// IP networks, and files that list them.
    Access,
    /// So many in a second, `"10/s"`.
    Rate,
    /// The same, or `"off"`.
    RateOrOff,
    /// Bytes in a second, `"10MB/s"`.
    Bandwidth,
    /// Where the log goes.
    LogTo,
    /// A number, or a table with keys of its own.
    Limit,
    /// A rate such as this, or a table with keys of its own.
    RateLimit(&'static str),
    /// `"off"`, networks, or a table with keys of its own.
    AcceptProxy,
    /// `"off"`, a version, or a table with keys of its own.
    SendProxy,
    /// Files or folders.
    Paths,
    /// Some names of protocols.
    Protocols,
    /// `"off"`, files of certificates, or a table with keys of its own.
    Tls,
}

/// A duration of at least so many milliseconds.
pub(super) const fn at_least(millis: u64) -> Kind {
    Kind::Duration { min: Duration::from_millis(millis), off: false, whole_seconds: false }
}

/// The same, or `"off"`.
pub(super) const fn at_least_or_off(millis: u64) -> Kind {
    Kind::Duration { min: Duration::from_millis(millis), off: true, whole_seconds: false }
}

/// Whole seconds, as the kernel counts them, or `"off"`.
pub(super) const WHOLE_SECONDS_OR_OFF: Kind =
    Kind::Duration { min: Duration::from_secs(1), off: true, whole_seconds: true };

/// Whole seconds, as the kernel counts them.
pub(super) const WHOLE_SECONDS: Kind =
    Kind::Duration { min: Duration::from_secs(1), off: false, whole_seconds: true };

impl Kind {
    /// What it takes, in the words of the reference.
    pub fn describe(&self) -> String {
        match self {
            Self::Duration { off, whole_seconds, .. } => {
                let whole = if *whole_seconds { " in whole seconds" } else { "" };
                format!("duration{whole}{}", if *off { ", or \"off\"" } else { "" })
            }
            Self::BusyPoll => "\"auto\", \"off\", or a duration up to 10 ms".into(),
            Self::Count(min, max) => format!("whole number from {min} to {max}"),
            Self::Percent => "percentage".into(),
            Self::Word(words) => words.iter().map(|w| format!("\"{w}\"")).collect::<Vec<_>>().join(" | "),
            Self::Text => "text".into(),
            Self::Bytes => "text, or \"hex:DIGITS\"".into(),
            Self::DnsName => "domain name".into(),
            Self::Flag => "true or false".into(),
            Self::Leaving => "\"keep\", \"cut\" or \"drain(DURATION)\"".into(),
            Self::Mode => "permission bits in octal, as text".into(),
            Self::Statuses => "HTTP status, class or range, or a list of them".into(),
            Self::Ip => "IP address without a port".into(),
            Self::HttpPath => "path, or URL".into(),
            Self::HttpMethod => "HTTP method".into(),
            Self::HttpHost => "host name, with or without a port".into(),
            Self::ServerName => "host name, or IP address".into(),
            Self::Listen => "address, or a list of them".into(),
            Self::To => "address or table, or a list of them".into(),
            Self::Backend => "address".into(),
            Self::Include => "path, or a list of them".into(),
            Self::Group => "table".into(),
            Self::Switch => "\"on\", \"off\" or a table".into(),
            Self::Health => "\"tcp\", \"off\", a path, a URL, or a table".into(),
            Self::SlowStart => "duration, \"off\", or a table".into(),
            Self::Name(longest) => format!("name of at most {longest} characters"),
            Self::Sources => "IP address, a range of them, or a list".into(),
            Self::Proxies => "network, `unix`, or a list of them".into(),
            Self::Networks => "network, or a list of them".into(),
            Self::Access => "network or \"file:PATH\", or a list of them".into(),
            Self::Rate => "number in a second, such as \"10/s\"".into(),
            Self::Bandwidth => "bytes in a second, such as \"10MB/s\"".into(),
            Self::RateOrOff => "number in a second, such as \"1000/s\", or \"off\"".into(),
            Self::LogTo => "\"stdout\", a path, \"syslog\" or \"journald\"".into(),
            Self::Limit => "whole number, \"off\", or a table".into(),
            Self::RateLimit(example) => format!("rate such as \"{example}\", \"off\", or a table"),
            Self::Texts => "text, or a list of them".into(),
            Self::Routes => {
                "table with a host name, `*.` and a suffix, `*`, or in `[http.NAME]` a path for each key"
                    .into()
            }
            Self::Fields => "table with the name of a field for each key".into(),
            Self::Weights => "table with the name of a pool for each key, and a weight".into(),
            Self::Brief(_) => "text, \"off\", or a table".into(),
            Self::Redirect => "URL, path, or a table".into(),
            Self::Answer => "HTTP status, text, or a table".into(),
            Self::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
                format!("list of {}", words.join(", "))
            }
            Self::AcceptProxy => "network, or a list of them, \"off\", or a table".into(),
            Self::SendProxy => "\"v1\", \"v2\", \"off\", or a table".into(),
            Self::Paths => "path, or a list of them".into(),
            Self::Protocols => "name of a protocol, or a list of them".into(),
            Self::Tls => "path, or a list of them, \"off\", or a table".into(),
        }
    }

    /// The words that it takes, where they are all or most of what is written.
    pub fn words(&self) -> &'static [&'static str] {
        match self {
            Self::Word(words) | Self::Words(words) => words,
            Self::Flag => &["true", "false"],
            Self::Switch | Self::SlowStart => &["on", "off"],
            Self::BusyPoll => &["auto", "off"],
            Self::Leaving => &["keep", "cut"],
            Self::Health => &["tcp", "off"],
            Self::SendProxy => &["v1", "v2", "off"],
            _ => &[],
        }
    }

    /// Whether the value is a table of further keys.
    pub fn has_inner_keys(&self) -> bool {
        matches!(
            self,
            Self::Group
                | Self::Switch
                | Self::Health
                | Self::SlowStart
                | Self::AcceptProxy
                | Self::SendProxy
                | Self::Limit
                | Self::RateLimit(_)
                | Self::Tls
                | Self::Brief(_)
                | Self::Redirect
                | Self::Answer
        )
    }

    /// Whether `"off"` says that nothing of it happens; else it is a text as any other, or none.
    pub fn can_be_off(&self) -> bool {
        !matches!(self, Self::Redirect | Self::Answer)
    }

    /// Whether `"on"` says all that has to be said.
    pub fn can_be_on(&self) -> bool {
        matches!(self, Self::Switch | Self::Health | Self::SlowStart | Self::SendProxy)
    }
}
