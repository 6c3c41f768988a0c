//! Every key, once: name, place, type, default, meaning, reason, example. Lowering, suggestions, flags, `explain` and
//! `docs/configuration.md` are driven by this table.

mod flows;

use evenkeel_core::director::WEIGHT_MAX;
use evenkeel_core::wire::dns;
use std::time::Duration;

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name; a key of an inner table is written with a dot.
    pub name: &'static str,
    /// Where it may stand.
    pub scope: Scope,
    /// What it takes.
    pub kind: Kind,
    /// What holds without it.
    pub default: Absent,
    /// What it does: a short sentence that stands alone in lists and as the help of a flag, then the rest.
    pub doc: &'static str,
    /// Why the default is what it is.
    pub why: &'static str,
    /// A value, as it would be written behind its flag.
    pub example: &'static str,
    /// What other programs call it; only for suggestions. A plural stands for its singular too.
    pub aliases: &'static [&'static str],
}

impl Key {
    /// Whether it may stand in `context`.
    pub fn stands_in(&self, context: Context) -> bool {
        self.scope.contexts().contains(&context) || (context == Context::Udp && flows::takes(self))
    }

    /// The tables that it may stand in, the usual one first.
    pub fn contexts(&self) -> impl Iterator<Item = Context> {
        let more = flows::takes(self).then_some(Context::Udp);
        self.scope.contexts().iter().copied().chain(more)
    }

    /// The first sentence of what it does, without its full stop.
    pub fn short(&self) -> &'static str {
        self.doc.split_once(". ").map_or(self.doc, |(first, _)| first).trim_end_matches('.')
    }
}

/// What holds for a key that is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// This value, as it would be written behind its flag.
    Is(&'static str),
    /// Something that cannot be written as a value; told in words.
    Means(&'static str),
}

/// In which tables a key may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// At the top of the file: it holds for the process.
    Process,
    /// In a service.
    Service,
    /// In a service, and as its default in `[defaults]`.
    Client,
    /// In a service that balances connections, and as its default in `[defaults]`.
    TcpClient,
    /// In a service that balances requests, and as its default in `[defaults]`.
    Http,
    /// In a service that balances requests, and in one of its routes.
    Requests,
    /// In a route of any service.
    AnyRoute,
    /// In a route of a service that balances requests.
    HttpRoute,
    /// In a service, in one of its routes, and in a shared pool.
    Members,
    /// In a service, in one of its routes, in a shared pool, and in `[defaults]`.
    Pool,
    /// In a route.
    Route,
    /// In a service that takes datagrams, and as its default in `[defaults]`.
    Flows,
    /// In a table of `to`.
    Backend,
}

/// A table that keys stand in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The top of the file.
    Top,
    /// `[defaults]`.
    Defaults,
    /// `[pool.NAME]`.
    Pool,
    /// `[tcp.NAME]`.
    Service,
    /// `[udp.NAME]`.
    Udp,
    /// `[http.NAME]`.
    Http,
    /// A table of `route`.
    Route,
    /// A table of `route` in `[http.NAME]`.
    HttpRoute,
    /// A table of `to`.
    Backend,
}

impl Context {
    /// The table of services that one of these stands in.
    pub fn of_service(table: &str) -> Option<Self> {
        match table {
            "tcp" => Some(Self::Service),
            "udp" => Some(Self::Udp),
            "http" => Some(Self::Http),
            _ => None,
        }
    }

    /// The table that one of these stands in.
    pub fn table(self) -> &'static str {
        match self {
            Self::Service => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Pool => "pool",
            Self::Route | Self::HttpRoute => "route",
            Self::Top | Self::Defaults | Self::Backend => "",
        }
    }

    /// How the table is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Top => "the top of the file",
            Self::Defaults => "`[defaults]`",
            Self::Pool => "`[pool.NAME]`",
            Self::Service => "`[tcp.NAME]`",
            Self::Udp => "`[udp.NAME]`",
            Self::Http => "`[http.NAME]`",
            Self::Route => "a route of `[tcp.NAME]`",
            Self::HttpRoute => "a route of `[http.NAME]`",
            Self::Backend => "a backend's table",
        }
    }
}

impl Scope {
    /// The tables that a key of this scope may stand in, the usual one first.
    pub fn contexts(self) -> &'static [Context] {
        match self {
            Self::Process => &[Context::Top],
            Self::Service => &[Context::Service, Context::Http],
            Self::Client => &[Context::Service, Context::Http, Context::Defaults],
            Self::TcpClient => &[Context::Service, Context::Defaults],
            Self::Http => &[Context::Http, Context::Defaults],
            Self::Requests => &[Context::Http, Context::HttpRoute],
            Self::Members => {
                &[Context::Service, Context::Http, Context::Route, Context::HttpRoute, Context::Pool]
            }
            Self::Pool => &[
                Context::Service,
                Context::Http,
                Context::Route,
                Context::HttpRoute,
                Context::Pool,
                Context::Defaults,
            ],
            Self::Route => &[Context::Route],
            Self::Flows => &[Context::Udp, Context::Defaults],
            Self::AnyRoute => &[Context::Route, Context::HttpRoute],
            Self::HttpRoute => &[Context::HttpRoute],
            Self::Backend => &[Context::Backend],
        }
    }
}

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

const fn at_least(millis: u64) -> Kind {
    Kind::Duration { min: Duration::from_millis(millis), off: false, whole_seconds: false }
}

const fn at_least_or_off(millis: u64) -> Kind {
    Kind::Duration { min: Duration::from_millis(millis), off: true, whole_seconds: false }
}

const WHOLE_SECONDS_OR_OFF: Kind =
    Kind::Duration { min: Duration::from_secs(1), off: true, whole_seconds: true };

const WHOLE_SECONDS: Kind = Kind::Duration { min: Duration::from_secs(1), off: false, whole_seconds: true };

impl Kind {
    /// What it takes, in the words of the reference.
    pub fn describe(&self) -> String {
        match self {
            Self::Duration { off, whole_seconds, .. } => {
                let whole = if *whole_seconds { " in whole seconds" } else { "" };
                format!("duration{whole}{}", if *off { ", or \"off\"" } else { "" })
            }
            Self::Count(min, u32::MAX) => format!("whole number, at least {min}"),
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
            Self::Networks => "network, or a list of them".into(),
            Self::Access => "network or \"file:PATH\", or a list of them".into(),
            Self::Rate => "number in a second, such as \"10/s\"".into(),
            Self::Bandwidth => "bytes in a second, such as \"10MB/s\"".into(),
            Self::RateOrOff => "number in a second, such as \"1000/s\", or \"off\"".into(),
            Self::LogTo => "\"stdout\", a path, \"syslog\" or \"journald\"".into(),
            Self::Limit => "whole number, \"off\", or a table".into(),
            Self::RateLimit(example) => format!("rate such as \"{example}\", \"off\", or a table"),
            Self::Texts => "text, or a list of them".into(),
            Self::Routes => "table with a host name, `*.` and a suffix, or `*` for each key".into(),
            Self::Fields => "table with the name of a field for each key".into(),
            Self::Weights => "table with the name of a pool for each key, and a weight".into(),
            Self::Brief(_) => "text, \"off\", or a table".into(),
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
                | Self::Answer
        )
    }
}

impl Kind {
    /// Whether `"on"` says all that has to be said.
    pub fn can_be_on(&self) -> bool {
        matches!(self, Self::Switch | Self::Health | Self::SlowStart | Self::SendProxy)
    }
}

/// The key `name` as it may stand in `context`.
pub fn find(context: Context, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name && key.stands_in(context))
}

/// All keys that may stand in `context`.
pub fn in_context(context: Context) -> impl Iterator<Item = &'static Key> {
    KEYS.iter().filter(move |key| key.stands_in(context))
}

use Absent::{Is, Means};

/// All of them, in the order of the reference.
pub static KEYS: &[Key] = &[
    Key {
        name: "include",
        scope: Scope::Process,
        kind: Kind::Include,
        default: Means("no other file"),
        doc: "Further files, as if their text stood here. A path is relative to the file that it stands in; `*` \
              and `?` match in its last part, in alphabetical order.",
        why: "one file is the easiest to read",
        example: "conf.d/*.toml",
        aliases: &["import", "includes"],
    },
    Key {
        name: "watch",
        scope: Scope::Process,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether the files are loaded again by themselves when they change. They are looked at once a second, and \
              read when they have not changed since the last look.",
        why: "a file that is saved is not always one that is meant; `evenkeel reload` says whether it was taken",
        example: "true",
        aliases: &["auto-reload", "watch-config"],
    },
    Key {
        name: "workers",
        scope: Scope::Process,
        kind: Kind::Count(1, 1024),
        default: Means("one for each core that the process may use"),
        doc: "Worker threads. Each has its own listening sockets and its own sessions.",
        why: "a worker never waits, so more of them than cores gain nothing",
        example: "4",
        aliases: &["threads", "nbthread", "worker-processes"],
    },
    Key {
        name: "max-sessions",
        scope: Scope::Process,
        kind: Kind::Count(1, u32::MAX),
        default: Means("as many as the limit on open files allows, less a reserve"),
        doc: "Sessions at once in the whole process. When it is reached, nothing more is accepted until one ends.",
        why: "the limit on open files is raised as far as the process may, and the result is printed at the start",
        example: "100000",
        aliases: &["maxconn", "max-connections", "worker-connections"],
    },
    Key {
        name: "max-early-bytes",
        scope: Scope::Process,
        kind: Kind::Count(1_048_576, u32::MAX),
        default: Is("268435456"),
        doc: "Bytes in the whole process that are held for clients who have no backend yet: headers of the PROXY protocol, TLS hellos, \
              and handshakes. Whoever finds no room for theirs is refused, as `early-bytes`. Half of it is for those who need 8 KiB \
              at most.",
        why: "65,000 clients have room for a hello at once, and whoever sends none takes nothing",
        example: "67108864",
        aliases: &[],
    },
    Key {
        name: "log",
        scope: Scope::Process,
        kind: Kind::Word(&["auto", "text", "json", "off"]),
        default: Is("auto"),
        doc: "How the log is written. There is one line for each session that has ended and for each change of state; `auto` is \
              text on a terminal, in syslog and in the journal, and JSON in files and pipes.",
        why: "people read terminals, programs read pipes",
        example: "json",
        aliases: &["log-format"],
    },
    Key {
        name: "log-to",
        scope: Scope::Process,
        kind: Kind::LogTo,
        default: Is("stdout"),
        doc: "Where the log goes. `\"stdout\"`; a path with a slash, which is a file that is opened again on SIGUSR1; `\"syslog\"`, which \
              is `/dev/log`, or `\"syslog:unix:PATH\"`, or `\"syslog:IP:PORT\"` over UDP; or `\"journald\"`, with its fields, or \
              `\"journald:PATH\"`. A path is relative to the file that it stands in.",
        why: "a supervisor takes standard output to where everything else is",
        example: "/var/log/evenkeel/evenkeel.log",
        aliases: &["access-log", "error-log", "log-file", "log-output"],
    },
    Key {
        name: "log-facility",
        scope: Scope::Process,
        kind: Kind::Word(&[
            "daemon", "user", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
        ]),
        default: Is("daemon"),
        doc: "What syslog and the journal file the log under. It means something only where `log-to` is one of them.",
        why: "that is what it is for: system daemons without a facility of their own",
        example: "local0",
        aliases: &["facility", "syslog-facility"],
    },
    Key {
        name: "log-sessions",
        scope: Scope::Process,
        kind: Kind::Word(&["end", "open-and-end"]),
        default: Is("end"),
        doc: "When a session has its line: at its end, or also when it is established. Those of before say `open`.",
        why: "the line of the end says everything, and a second one doubles the log",
        example: "open-and-end",
        aliases: &["access-log-options", "logasap"],
    },
    Key {
        name: "log-heartbeat",
        scope: Scope::Process,
        kind: at_least_or_off(1000),
        default: Is("off"),
        doc: "How often a session that stays open has a line, which says `alive` and its bytes so far. One that ends sooner has \
              none.",
        why: "most sessions are short; of those that are not, `evenkeel sessions` tells at any time",
        example: "10m",
        aliases: &["access-log-flush-interval"],
    },
    Key {
        name: "log-max-rate",
        scope: Scope::Process,
        kind: Kind::RateOrOff,
        default: Is("off"),
        doc: "Lines in a second for sessions that go well, of each service. Of more than that, lines are left out evenly and \
              counted, and one line a second says how many. Whatever failed, failed over or waited has its line always.",
        why: "whoever keeps records wants all of them; the log delays nothing, however long it is",
        example: "1000/s",
        aliases: &["log-sampling", "log-sample"],
    },
    Key {
        name: "drain",
        scope: Scope::Process,
        kind: at_least(0),
        default: Is("30s"),
        doc: "How long sessions may take to end after SIGTERM. What is left then is closed.",
        why: "most supervisors kill after 30 s to 90 s",
        example: "30s",
        aliases: &["grace", "shutdown-timeout", "hard-stop-after"],
    },
    Key {
        name: "upgrade-timeout",
        scope: Scope::Process,
        kind: at_least(1),
        default: Is("30s"),
        doc: "How long a new binary may take to be ready after SIGUSR2 or `evenkeel upgrade`. Then it is given up, and everything stays as it was.",
        why: "it has only to read its configuration; more than that means that it hangs",
        example: "30s",
        aliases: &[],
    },
    Key {
        name: "lame-duck",
        scope: Scope::Process,
        kind: at_least(0),
        default: Is("0s"),
        doc: "How long new connections are still accepted after SIGTERM. Then the drain begins.",
        why: "0 s where nobody has to be told first; 15 s is right in Kubernetes",
        example: "15s",
        aliases: &["pre-stop"],
    },
    Key {
        name: "admin",
        scope: Scope::Process,
        kind: Kind::Switch,
        default: Is("on"),
        doc: "Whether a running evenkeel can be looked at and told things. It answers `evenkeel status` and all other \
              commands that ask it, Prometheus, and anybody else who speaks HTTP.",
        why: "who cannot look in guesses; on a Unix socket only its own user and root may",
        example: "off",
        aliases: &["api", "stats", "control"],
    },
    Key {
        name: "admin.listen",
        scope: Scope::Process,
        kind: Kind::Listen,
        default: Means(
            "the Unix socket `control.sock` in /run/evenkeel, or else in a folder of the user's own",
        ),
        doc: "Where it answers, written as the `listen` of a service. A Unix socket has the mode 0600. An address \
              that is not of this machine alone needs `admin.token-file` or `admin.tls.client-ca`. At a TCP address a browser \
              finds a dashboard.",
        why: "a Unix socket cannot be reached by other users, other machines, or web pages",
        example: "[\"unix:/run/evenkeel/control.sock\", \"127.0.0.1:9900\"]",
        aliases: &["bind", "address", "socket"],
    },
    Key {
        name: "admin.token-file",
        scope: Scope::Process,
        kind: Kind::Text,
        default: Means(
            "none: over TCP everything can be looked at from this machine, and nothing be changed",
        ),
        doc: "A file with a secret of at least 16 characters. Over TCP only who sends it (`Authorization: Bearer …`) \
              is answered, but for `/livez`, `/readyz` and the page of the dashboard, which asks for it.",
        why: "a secret of our own making would have to be told to somebody",
        example: "/etc/evenkeel/admin.token",
        aliases: &["token", "secret", "password"],
    },
    Key {
        name: "admin.tls",
        scope: Scope::Process,
        kind: Kind::Tls,
        default: Is("off"),
        doc: "Whether TLS is spoken at its TCP addresses, as `tls` of a service has it: a file with a certificate, its chain \
              and its key, or a folder of them; a table says more. A Unix socket speaks none. The files are looked at every \
              few seconds, and taken when they have changed and are good.",
        why: "on this machine alone nobody is in the way, and elsewhere there is no certificate that would be right for all",
        example: "/etc/evenkeel/admin.pem",
        aliases: &["ssl", "https"],
    },
    Key {
        name: "admin.tls.cert",
        scope: Scope::Process,
        kind: Kind::Paths,
        default: Means("none, it must be given"),
        doc: "Files of certificates with their chains, in PEM, or folders, as with `tls.cert`.",
        why: "there is none that would be right for all",
        example: "[\"/etc/evenkeel/admin.pem\"]",
        aliases: &["crt", "certs", "certificate", "certificates", "cert-file"],
    },
    Key {
        name: "admin.tls.key",
        scope: Scope::Process,
        kind: Kind::Text,
        default: Means(
            "in the file of the certificate, or beside it: `NAME.key`, or `privkey.pem` for a `fullchain.pem`",
        ),
        doc: "The file with the key of the certificate, in PEM. Only with a single certificate.",
        why: "that is where keys usually are",
        example: "/etc/evenkeel/admin.key",
        aliases: &["private-key", "key-file"],
    },
    Key {
        name: "admin.tls.min-version",
        scope: Scope::Process,
        kind: Kind::Word(&["1.2", "1.3"]),
        default: Is("1.2"),
        doc: "The oldest version of TLS that is spoken.",
        why: "as for services, and what is weak in it is not spoken here",
        example: "1.3",
        aliases: &["ssl-min-ver", "tls-min-version", "minimum-version"],
    },
    Key {
        name: "admin.tls.client-ca",
        scope: Scope::Process,
        kind: Kind::Text,
        default: Means("clients are not asked for a certificate"),
        doc: "A file with the certificates of those whose signature on a client's certificate counts, in PEM. Over TCP nobody \
              is then answered without such a certificate, not even for `/livez`, and who has one may do what the token \
              allows. With `admin.token-file` both are needed.",
        why: "certificates of clients have to be handed out first",
        example: "/etc/evenkeel/operators-ca.pem",
        aliases: &["ca-file", "ca", "verify-ca"],
    },
    Key {
        name: "acme",
        scope: Scope::Process,
        kind: Kind::Group,
        default: Means("the values of its keys"),
        doc: "How certificates are obtained for the names in `tls.acme`, and renewed, without anybody's doing (RFC 8555).",
        why: "the keys below say more",
        example: "{ agree-to-terms = true, contact = \"ops@example.org\" }",
        aliases: &["letsencrypt", "lets-encrypt", "auto-tls", "certresolver"],
    },
    Key {
        name: "acme.agree-to-terms",
        scope: Scope::Process,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether you agree to the terms of the authority. Without that nobody is asked for anything.",
        why: "it is a contract, and not ours",
        example: "true",
        aliases: &["agree-tos", "terms-agreed", "accept-terms", "tos"],
    },
    Key {
        name: "acme.directory",
        scope: Scope::Process,
        kind: Kind::Text,
        default: Is("letsencrypt"),
        doc: "The authority. `\"letsencrypt\"`; `\"letsencrypt-staging\"`, whose certificates nobody trusts and which does not \
              mind how often it is tried; or the URL of the directory of another one.",
        why: "it costs nothing, and browsers trust it",
        example: "letsencrypt-staging",
        aliases: &["ca-server", "server", "url", "authority"],
    },
    Key {
        name: "acme.ca",
        scope: Scope::Process,
        kind: Kind::Text,
        default: Means("those that this machine trusts"),
        doc: "A file with the certificates of those whose signature on the certificate of the directory itself counts, in PEM.",
        why: "only an authority of one's own needs it",
        example: "/etc/evenkeel/acme-ca.pem",
        aliases: &["ca-file", "ca-certificates", "roots"],
    },
    Key {
        name: "acme.contact",
        scope: Scope::Process,
        kind: Kind::Texts,
        default: Means("none"),
        doc: "Mail addresses that the authority may write to. They are told when the account is made, and when they change.",
        why: "authorities do not need one, and few write any more",
        example: "ops@example.org",
        aliases: &["email", "mail", "contacts"],
    },
    Key {
        name: "acme.challenge",
        scope: Scope::Process,
        kind: Kind::Word(&["tls-alpn-01", "http-01"]),
        default: Is("tls-alpn-01"),
        doc: "How the authority sees that a name leads here. By `tls-alpn-01` it asks at port 443, and any service with `tls` \
              answers; by `http-01` at port 80, where `acme.listen` answers.",
        why: "it needs no port but that of the service",
        example: "http-01",
        aliases: &["challenge-type", "http-challenge", "tls-challenge"],
    },
    Key {
        name: "acme.listen",
        scope: Scope::Process,
        kind: Kind::Listen,
        default: Is(":80"),
        doc: "Where `http-01` is answered; with `tls-alpn-01` nobody listens there.",
        why: "authorities ask at no other port",
        example: "192.0.2.1:80",
        aliases: &["http-address", "http-port", "bind"],
    },
    Key {
        name: "acme.else",
        scope: Scope::Process,
        kind: Kind::Word(&["not-found", "redirect"]),
        default: Is("not-found"),
        doc: "What anybody else is told there. With `redirect` browsers are sent to the same address by `https://`.",
        why: "what is not asked for is not done",
        example: "redirect",
        aliases: &["redirect", "http-redirect"],
    },
    Key {
        name: "acme.state",
        scope: Scope::Process,
        kind: Kind::Text,
        default: Means("`acme` in the state folder that systemd gives, else /var/lib/evenkeel/acme"),
        doc: "The folder in which the account's key and the certificates are kept, readable by nobody else. It is made if it is \
              not there. Each authority has a folder of its own in it.",
        why: "what was obtained once is there at the next start, even while the authority is not",
        example: "/var/lib/evenkeel/acme",
        aliases: &["storage", "store", "cache", "dir", "state-dir"],
    },
    Key {
        name: "acme.retry",
        scope: Scope::Process,
        kind: at_least(1000),
        default: Is("5m"),
        doc: "How long after a first failure it is tried again. Doubled after each more, up to 12 h, and up to 1 h if it is \
              the authority that fails; up to a quarter longer by chance.",
        why: "authorities shut out for hours who fails more than a few times in an hour",
        example: "1m",
        aliases: &["backoff", "retry-interval"],
    },
    Key {
        name: "sandbox",
        scope: Scope::Process,
        kind: Kind::Switch,
        default: Is("on"),
        doc: "Whether it gives up what it does not need, before it takes traffic. These layers are put up, as far as the \
              kernel has them: `capabilities`, all but those that this configuration needs; `no-new-privs`, nothing that it would \
              start could get more; `landlock`, only files that this configuration needs, and none to run; `seccomp`, only \
              system calls that it needs. It holds from the start on: a reload that needs more is refused with a hint, and an \
              upgrade makes a new one.",
        why: "a balancer reads what strangers send; who takes it over by that is to find nothing else there",
        example: "off",
        aliases: &["hardening", "chroot", "seccomp", "landlock"],
    },
    Key {
        name: "sandbox.required",
        scope: Scope::Process,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether it is not started without all of its layers. Otherwise a warning says which one this kernel lacks, and it goes \
              on.",
        why: "an old kernel is no reason to serve nobody; who has to prove something wants to know",
        example: "true",
        aliases: &["strict", "enforce"],
    },
    Key {
        name: "sandbox.without",
        scope: Scope::Process,
        kind: Kind::Words(super::LAYERS),
        default: Means("all of them are put up"),
        doc: "Layers that are left out.",
        why: "one that stands in the way, such as of a debugger or of a module of the resolver, is no reason to do without the others",
        example: "[\"seccomp\"]",
        aliases: &["disable", "except"],
    },
    Key {
        name: "sandbox.paths",
        scope: Scope::Process,
        kind: Kind::Paths,
        default: Means("the folders of all files that the configuration names"),
        doc: "Further folders that a later reload may name files in: to read, to log to, or for Unix sockets. A path is relative to the file \
              that it stands in. What is not there at the start is passed over.",
        why: "new files usually come beside old ones",
        example: "[\"/srv/certificates\"]",
        aliases: &["allow", "folders", "directories"],
    },
    Key {
        name: "listen",
        scope: Scope::Service,
        kind: Kind::Listen,
        default: Means("none, it must be given"),
        doc: "Where clients connect. `\":8080\"` is every address, IPv6 and IPv4; others are `\"127.0.0.1:8080\"`, \
              `\"[::1]:8080\"`, `\"name:8080\"`, `\":8000-8010\"` (at most 1024 ports), `\"unix:/path\"`.",
        why: "there is no port that would be right for all",
        example: ":8080",
        aliases: &["bind", "address", "port", "entrypoint"],
    },
    Key {
        name: "to",
        scope: Scope::Members,
        kind: Kind::To,
        default: Means("none, it must be given"),
        doc: "The backends. Each is `\"10.0.0.1:80\"`, `\"[::1]:80\"`, `\"5001\"` (on 127.0.0.1), `\"name:80\"` (looked up \
              again and again; each of its addresses is a backend), `\"unix:/path\"`, or a table with `addr` and \
              further keys. `\"pool:NAME\"` is the shared pool of that name.",
        why: "there is no backend that would be right for all",
        example: "[\"127.0.0.1:5001\", { addr = \"127.0.0.1:5002\", weight = 2 }]",
        aliases: &["servers", "backends", "upstreams", "targets", "hosts"],
    },
    Key {
        name: "route",
        scope: Scope::Service,
        kind: Kind::Routes,
        default: Means("none: everything goes to `to`"),
        doc: "Where clients go by what they ask for. In a `[tcp.NAME]` a key is the host that a TLS client asks for (SNI), without \
              decrypting anything; in a `[http.NAME]` it is a host, a path, or both, as in `\"example.com/api/*\"`. A host goes \
              before `\"*.example.com\"`, a longer suffix before a shorter one; then a path before `\"/api/*\"`, which is \
              `/api` and all below it, a longer one before a shorter one; and `\"*\"` is everybody else, as `to` is. A value is \
              what `to` takes, or a table with `to`, conditions (`from`; `alpn`, or `methods` and `fields`) and any key of a pool; \
              or a list of such tables, of which the one with the most conditions that all hold goes, then the first.",
        why: "most services have one place to send to",
        example: "{ \"www.example.com\" = \"127.0.0.1:5001\", \"*.example.com\" = \"127.0.0.1:5002\" }",
        aliases: &["routes", "sni", "server-names", "location", "rules"],
    },
    Key {
        name: "alpn",
        scope: Scope::Route,
        kind: Kind::Texts,
        default: Means("any"),
        doc: "A route holds only for clients that would speak one of these protocols, as TLS names them.",
        why: "a host usually speaks one protocol",
        example: "h2",
        aliases: &["protocol", "protocols"],
    },
    Key {
        name: "from",
        scope: Scope::AnyRoute,
        kind: Kind::Networks,
        default: Means("anywhere"),
        doc: "A route holds only for clients in these networks.",
        why: "where a client is seldom matters",
        example: "10.0.0.0/8",
        aliases: &["source", "src", "clients"],
    },
    Key {
        name: "methods",
        scope: Scope::HttpRoute,
        kind: Kind::Texts,
        default: Means("any"),
        doc: "A route holds only for requests with one of these methods. `HEAD` is another one than `GET`.",
        why: "who may change something is seldom for the balancer to say",
        example: "[\"GET\", \"HEAD\"]",
        aliases: &["method"],
    },
    Key {
        name: "fields",
        scope: Scope::HttpRoute,
        kind: Kind::Fields,
        default: Means("any"),
        doc: "A route holds only for requests that have all of these fields, with just these values; `\"*\"` is any value.",
        why: "anybody can send any field, so they tell wishes, not rights",
        example: "{ X-Env = \"test\", X-Debug = \"*\" }",
        aliases: &["headers", "header"],
    },
    Key {
        name: "split",
        scope: Scope::HttpRoute,
        kind: Kind::Weights,
        default: Means("none: all requests of a route go to its `to`"),
        doc: "Shares the clients of a route between shared pools, by weight. A client stays with its pool; when one weight grows \
              and another shrinks, only those clients move that have to.",
        why: "a canary begins with a few clients",
        example: "{ web = 95, canary = 5 }",
        aliases: &["weighted", "canary", "mirror", "split-clients"],
    },
    Key {
        name: "redirect",
        scope: Scope::HttpRoute,
        kind: Kind::Brief("redirect.to"),
        default: Means("none"),
        doc: "Sends the clients of a route elsewhere: the text is `redirect.to`.",
        why: "a route usually serves",
        example: "https://{host}{path}",
        aliases: &["redir", "return", "rewrite-to"],
    },
    Key {
        name: "redirect.to",
        scope: Scope::HttpRoute,
        kind: Kind::Text,
        default: Means("has to be said"),
        doc: "Where: a URL, or a path of the same host. `{host}` and `{path}` are those of the request, `{rest}` is what follows \
              where the path of the route ends. The query is kept, unless there is one in it.",
        why: "there is no usual place",
        example: "https://www.example.com{path}",
        aliases: &["location", "url", "target"],
    },
    Key {
        name: "redirect.status",
        scope: Scope::HttpRoute,
        kind: Kind::Count(301, 308),
        default: Is("307"),
        doc: "Which redirect: 301 or 308 for good, 302, 303 or 307 for now; 307 and 308 keep the method.",
        why: "browsers remember for good what was said for good, and it may turn out to be wrong",
        example: "308",
        aliases: &["code", "permanent"],
    },
    Key {
        name: "answer",
        scope: Scope::HttpRoute,
        kind: Kind::Answer,
        default: Means("none"),
        doc: "Answers the requests of a route at once: a number is `answer.status`, a text `answer.body`.",
        why: "a route usually sends on",
        example: "403",
        aliases: &["respond", "static", "return", "direct-response"],
    },
    Key {
        name: "answer.status",
        scope: Scope::HttpRoute,
        kind: Kind::Count(200, 599),
        default: Is("200"),
        doc: "With this status.",
        why: "a text alone is what was asked for",
        example: "404",
        aliases: &["code"],
    },
    Key {
        name: "answer.body",
        scope: Scope::HttpRoute,
        kind: Kind::Text,
        default: Means("status and reason in words; nothing where there can be none"),
        doc: "With this text, at most 64 KiB.",
        why: "people want to see something",
        example: "not here",
        aliases: &["text", "content"],
    },
    Key {
        name: "answer.type",
        scope: Scope::HttpRoute,
        kind: Kind::Text,
        default: Is("text/plain; charset=utf-8"),
        doc: "What kind of text it is: the `Content-Type`.",
        why: "what is taken for plain text does no harm",
        example: "application/json",
        aliases: &["content-type", "mime"],
    },
    Key {
        name: "rewrite",
        scope: Scope::HttpRoute,
        kind: Kind::Text,
        default: Means("the path stays as the client wrote it"),
        doc: "The path that backends get instead. `{rest}` is what follows in the normal form of the path where the path of the \
              route ends: `\"{rest}\"` strips `/api` from the requests of `\"/api/*\"`, `\"/v2{rest}\"` puts something else \
              there. The query is kept.",
        why: "backends make links, which have to be right for clients too",
        example: "/v2{rest}",
        aliases: &["strip-prefix", "uri", "path-rewrite", "replace-path"],
    },
    Key {
        name: "hello",
        scope: Scope::TcpClient,
        kind: Kind::Group,
        default: Means("the values of its keys"),
        doc: "How a service with routes waits for what a TLS client says first. It matters only where a route asks for a \
              name or a protocol.",
        why: "the keys below say more",
        example: "{ timeout = \"3s\" }",
        aliases: &["inspect", "sniff", "tcp-request"],
    },
    Key {
        name: "hello.timeout",
        scope: Scope::TcpClient,
        kind: at_least(1),
        default: Is("5s"),
        doc: "How long the whole of it may take.",
        why: "slow clients are served, slow attackers are bounded",
        example: "3s",
        aliases: &["inspect-delay", "preread-timeout"],
    },
    Key {
        name: "hello.max-bytes",
        scope: Scope::TcpClient,
        kind: Kind::Count(512, 65_536),
        default: Is("65536"),
        doc: "How long it may be, in bytes.",
        why: "keys that withstand quantum computers make about 2 KiB of it; no library sends more than this",
        example: "16384",
        aliases: &["preread-buffer-size"],
    },
    Key {
        name: "hello.else",
        scope: Scope::TcpClient,
        kind: Kind::Word(&["close", "default"]),
        default: Is("close"),
        doc: "What becomes of clients that speak something else, or say nothing in time. PostgreSQL clients, which ask for TLS \
              first, are answered, and their backend is asked the same. With `default` they go to `to`, or \
              to the route `\"*\"`.",
        why: "whoever asks for nothing by name is seldom meant to be served",
        example: "default",
        aliases: &["fallback"],
    },
    Key {
        name: "speaks-first",
        scope: Scope::Pool,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether the backends send the first byte, as servers of SSH, SMTP and MySQL do. Nothing changes by it but that \
              `check` finds services where the client would be waited for, and both sides wait for each other.",
        why: "most protocols begin with a request",
        example: "true",
        aliases: &["server-first"],
    },
    Key {
        name: "to.addr",
        scope: Scope::Backend,
        kind: Kind::Backend,
        default: Means("none, it must be given"),
        doc: "Where this backend is; written as in `to`.",
        why: "the other keys are about it",
        example: "127.0.0.1:5002",
        aliases: &["address", "host", "url", "server"],
    },
    Key {
        name: "to.weight",
        scope: Scope::Backend,
        kind: Kind::Count(0, WEIGHT_MAX),
        default: Is("1"),
        doc: "Its share of new sessions in proportion to the others; 0 takes none.",
        why: "equal machines are the usual case",
        example: "2",
        aliases: &[],
    },
    Key {
        name: "to.backup",
        scope: Scope::Backend,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether it takes sessions only while no backend that is not a backup can.",
        why: "a backend that is listed is meant to work",
        example: "true",
        aliases: &["standby"],
    },
    Key {
        name: "to.max-sessions",
        scope: Scope::Backend,
        kind: Kind::Count(1, u32::MAX),
        default: Means("the pool's `max-sessions-per-backend`"),
        doc: "Sessions at once with this backend.",
        why: "the pool's rule holds where nothing else is said",
        example: "100",
        aliases: &["maxconn", "max-conns"],
    },
    Key {
        name: "to.check-port",
        scope: Scope::Backend,
        kind: Kind::Count(1, 65_535),
        default: Means("the pool's `health.port`"),
        doc: "The port that this backend is checked at.",
        why: "the pool's rule holds where nothing else is said",
        example: "8008",
        aliases: &[],
    },
    Key {
        name: "to.check-addr",
        scope: Scope::Backend,
        kind: Kind::Ip,
        default: Means("the pool's `health.addr`"),
        doc: "The address that this backend is checked at.",
        why: "the pool's rule holds where nothing else is said",
        example: "10.0.1.2",
        aliases: &[],
    },
    Key {
        name: "balance",
        scope: Scope::Pool,
        kind: Kind::Word(&["random", "round-robin", "least-conn", "maglev", "first"]),
        default: Is("random"),
        doc: "Who gets the next session. `random` draws two backends by weight and takes the less loaded; \
              `round-robin` goes around, smoothly by weight; `least-conn` takes the fewest sessions for the weight; \
              `maglev` sends a client address always to the same backend, and moves only the clients of one that \
              left; `first` fills one after the other.",
        why: "the better of two needs no shared order, keeps the load even, and never herds",
        example: "least-conn",
        aliases: &["algorithm", "policy", "strategy", "lb", "lb-policy", "method", "scheduler"],
    },
    Key {
        name: "choices",
        scope: Scope::Pool,
        kind: Kind::Count(1, 2),
        default: Is("2"),
        doc: "How many backends a random draw draws. It then takes the less loaded; 1 is a pure draw. For \
              `balance = \"random\"`.",
        why: "the second draw takes away nearly all of the unevenness, a third hardly more",
        example: "1",
        aliases: &[],
    },
    Key {
        name: "hash-key",
        scope: Scope::Pool,
        kind: Kind::Text,
        default: Is(""),
        doc: "Any text; whoever shares it agrees on which client goes where. For `balance = \"maglev\"`.",
        why: "a fixed key lets several evenkeels, and one before and after a restart, agree",
        example: "blue",
        aliases: &["hash-seed", "seed"],
    },
    Key {
        name: "health",
        scope: Scope::Pool,
        kind: Kind::Health,
        default: Is("tcp"),
        doc: "How backends are checked. `\"tcp\"` opens a connection; `\"/path\"` and `\"http://:8008/path\"` ask by \
              HTTP, the latter at another port; `\"off\"` counts every backend as up; a table says more. It is \
              taken whole: a service's `health` does not mix with the one in its pool or in `[defaults]`.",
        why: "a backend that does not even accept connections should be found before a client does",
        example: "/healthz",
        aliases: &["check", "health-check", "healthcheck", "option-httpchk"],
    },
    Key {
        name: "health.http",
        scope: Scope::Pool,
        kind: Kind::HttpPath,
        default: Means("the check is a TCP connect"),
        doc: "Check by HTTP/1.1. A path; or a URL whose port, IP address or host name is used for the check.",
        why: "only the service's owner knows what to ask",
        example: "/healthz",
        aliases: &["path", "uri", "url"],
    },
    Key {
        name: "health.tcp",
        scope: Scope::Pool,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Check by a TCP connect. `true` says in so many words what happens anyway.",
        why: "it is what a check is when nothing else is said",
        example: "true",
        aliases: &[],
    },
    Key {
        name: "health.send",
        scope: Scope::Pool,
        kind: Kind::Bytes,
        default: Means("nothing is sent"),
        doc: "Text to send after connecting, with escapes such as `\\r\\n`; or `hex:` and bytes as hexadecimal digits.",
        why: "some protocols let the server speak first",
        example: "PING\r\n",
        aliases: &[],
    },
    Key {
        name: "health.expect",
        scope: Scope::Pool,
        kind: Kind::Bytes,
        default: Means("any answer will do, if `send` is given"),
        doc: "Text, or bytes as in `send`, that must occur in the first 64 KiB of what the backend then says.",
        why: "an answer shows more than an open port",
        example: "+PONG",
        aliases: &["receive", "match"],
    },
    Key {
        name: "health.udp",
        scope: Scope::Pool,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Send and expect by UDP: one datagram with what `send` says, and one that answers it. Silence fails at the \
              timeout, and a port that nobody listens on at once, by ICMP.",
        why: "most backends speak TCP",
        example: "true",
        aliases: &[],
    },
    Key {
        name: "health.dns",
        scope: Scope::Pool,
        kind: Kind::DnsName,
        default: Means("the check is not by DNS"),
        doc: "Check by DNS over UDP: ask for this name. `.` is the root; what is answered does not matter, if it is an \
              answer to the question.",
        why: "only the service's owner knows what to ask",
        example: "example.com",
        aliases: &["dns-name", "query"],
    },
    Key {
        name: "health.dns-type",
        scope: Scope::Pool,
        kind: Kind::Word(&dns::TYPES),
        default: Is("A"),
        doc: "What a DNS check asks for.",
        why: "every name server knows addresses",
        example: "SOA",
        aliases: &["query-type"],
    },
    Key {
        name: "health.dns-rcode",
        scope: Scope::Pool,
        kind: Kind::Words(&["noerror", "nxdomain", "formerr", "servfail", "notimp", "refused"]),
        default: Means("`noerror` and `nxdomain`"),
        doc: "The codes of an answer with which a DNS check passes.",
        why: "that there is no such name is an answer of a server that works; `servfail` and `refused` are not",
        example: "noerror",
        aliases: &["rcode"],
    },
    Key {
        name: "health.method",
        scope: Scope::Pool,
        kind: Kind::HttpMethod,
        default: Is("GET"),
        doc: "The method of an HTTP check.",
        why: "every HTTP server answers it",
        example: "HEAD",
        aliases: &[],
    },
    Key {
        name: "health.host",
        scope: Scope::Pool,
        kind: Kind::HttpHost,
        default: Means("the address that is checked"),
        doc: "The `Host` header of an HTTP check.",
        why: "it is what a client without a name for it would send",
        example: "app.example.com",
        aliases: &[],
    },
    Key {
        name: "health.status",
        scope: Scope::Pool,
        kind: Kind::Statuses,
        default: Is("200-399"),
        doc: "The statuses with which an HTTP check passes. `200`, `\"2xx\"`, `\"200-299\"`, or a list.",
        why: "a redirect comes from a server that works",
        example: "2xx",
        aliases: &["expect-status", "code"],
    },
    Key {
        name: "health.body",
        scope: Scope::Pool,
        kind: Kind::Text,
        default: Means("any body will do"),
        doc: "Text that must occur in the first 64 KiB of the body.",
        why: "the status says enough for most",
        example: "ok",
        aliases: &[],
    },
    Key {
        name: "health.port",
        scope: Scope::Pool,
        kind: Kind::Count(1, 65_535),
        default: Means("the backend's own"),
        doc: "The port that is checked.",
        why: "what serves should be what is checked",
        example: "8008",
        aliases: &[],
    },
    Key {
        name: "health.addr",
        scope: Scope::Pool,
        kind: Kind::Ip,
        default: Means("the backend's own"),
        doc: "The address that is checked.",
        why: "what serves should be what is checked",
        example: "10.0.1.2",
        aliases: &["address"],
    },
    Key {
        name: "health.interval",
        scope: Scope::Pool,
        kind: at_least(10),
        default: Is("2s"),
        doc: "Time from one check of a backend to the next. Give or take a tenth.",
        why: "a dead backend is out after about 3 s when it refuses, at next to no cost",
        example: "5s",
        aliases: &["inter", "period"],
    },
    Key {
        name: "health.fast-interval",
        scope: Scope::Pool,
        kind: at_least(10),
        default: Is("500ms"),
        doc: "The same while in doubt. After a first failure, a first pass, or before the first check.",
        why: "doubt should not last; one lost packet still decides nothing",
        example: "1s",
        aliases: &["fastinter"],
    },
    Key {
        name: "health.timeout",
        scope: Scope::Pool,
        kind: at_least(1),
        default: Is("1s"),
        doc: "A check that takes longer has failed.",
        why: "a backend that needs longer to say yes has no time for clients either",
        example: "500ms",
        aliases: &[],
    },
    Key {
        name: "health.rise",
        scope: Scope::Pool,
        kind: Kind::Count(1, 1000),
        default: Is("2"),
        doc: "Passes in a row that bring a backend back.",
        why: "one pass may be luck",
        example: "3",
        aliases: &["healthy-threshold"],
    },
    Key {
        name: "health.fall",
        scope: Scope::Pool,
        kind: Kind::Count(1, 1000),
        default: Is("3"),
        doc: "Failures in a row that take a backend out.",
        why: "one or two may be a lost packet",
        example: "2",
        aliases: &["unhealthy-threshold"],
    },
    Key {
        name: "eject",
        scope: Scope::Pool,
        kind: Kind::Switch,
        default: Is("on"),
        doc: "Take a backend out for a while when connects of live traffic fail. One always stays, and at most \
              half leave unless the checks agree.",
        why: "clients notice before the next check does",
        example: "off",
        aliases: &["outlier-detection", "passive"],
    },
    Key {
        name: "eject.failures",
        scope: Scope::Pool,
        kind: Kind::Count(1, 1000),
        default: Is("3"),
        doc: "Failed connects in a row that take a backend out.",
        why: "works in a pool of two or three, where a percentage rule does nothing",
        example: "5",
        aliases: &["max-fails"],
    },
    Key {
        name: "eject.time",
        scope: Scope::Pool,
        kind: at_least(1),
        default: Is("5s"),
        doc: "How long it stays out the first time. Doubled each time that it happens again soon.",
        why: "long enough for a restart, short enough to forgive",
        example: "10s",
        aliases: &["fail-timeout"],
    },
    Key {
        name: "eject.max-time",
        scope: Scope::Pool,
        kind: at_least(1),
        default: Is("60s"),
        doc: "How long it stays out at most.",
        why: "a repaired backend should not have to wait longer than its operator",
        example: "5m",
        aliases: &[],
    },
    Key {
        name: "slow-start",
        scope: Scope::Pool,
        kind: Kind::SlowStart,
        default: Is("30s"),
        doc: "How long a new or recovered backend takes to grow to its full weight. Not when the whole pool is \
              new.",
        why: "a rule that prefers the least loaded floods an empty newcomer",
        example: "off",
        aliases: &["slowstart", "warmup"],
    },
    Key {
        name: "slow-start.duration",
        scope: Scope::Pool,
        kind: at_least(1),
        default: Is("30s"),
        doc: "The same as `slow-start` without a table.",
        why: "as for `slow-start`",
        example: "1m",
        aliases: &[],
    },
    Key {
        name: "slow-start.from",
        scope: Scope::Pool,
        kind: Kind::Percent,
        default: Is("10%"),
        doc: "The share of its weight that it begins with.",
        why: "some traffic is needed to warm anything up",
        example: "20%",
        aliases: &[],
    },
    Key {
        name: "all-down",
        scope: Scope::Pool,
        kind: Kind::Word(&["try", "close"]),
        default: Is("try"),
        doc: "What to do when no backend may take traffic. `try` the one that failed longest ago, or `close` \
              the session.",
        why: "when everything seems down, it is often the check that is wrong",
        example: "close",
        aliases: &["panic-threshold"],
    },
    Key {
        name: "on-down",
        scope: Scope::Pool,
        kind: Kind::Leaving,
        default: Is("keep"),
        doc: "What becomes of open sessions when the checks of their backend fail. `keep` lets them go on, `drain(30s)` \
              gives them that time and closes the rest over its second half, `cut` closes all within two seconds.",
        why: "a check that fails says little about sessions that are in full flow; a dead peer is found by keepalive",
        example: "drain(30s)",
        aliases: &["on-marked-down"],
    },
    Key {
        name: "on-remove",
        scope: Scope::Pool,
        kind: Kind::Leaving,
        default: Is("keep"),
        doc: "What becomes of open sessions when their backend is taken out of the pool; as in `on-down`.",
        why: "a session keeps what it was born with",
        example: "drain(30s)",
        aliases: &[],
    },
    Key {
        name: "timeout",
        scope: Scope::Pool,
        kind: Kind::Group,
        default: Means("each of its keys has its own"),
        doc: "How long things may take.",
        why: "see its keys",
        example: "{ connect = \"3s\", idle = \"30m\" }",
        aliases: &["timeouts"],
    },
    Key {
        name: "timeout.connect",
        scope: Scope::Pool,
        kind: at_least(1),
        default: Is("1.5s"),
        doc: "One attempt to connect to a backend.",
        why: "Linux sends a lost SYN again after 1 s, so this survives one; then another backend is the better bet",
        example: "3s",
        aliases: &["connect-timeout", "timeout-connect", "proxy-connect-timeout"],
    },
    Key {
        name: "timeout.connect-total",
        scope: Scope::Pool,
        kind: at_least(1),
        default: Means("three times `timeout.connect`, thus 4.5s"),
        doc: "All attempts of one session together.",
        why: "three backends are tried",
        example: "9s",
        aliases: &[],
    },
    Key {
        name: "timeout.idle",
        scope: Scope::Pool,
        kind: at_least_or_off(1),
        default: Is("1h"),
        doc: "A session without a byte in either direction for this long is closed.",
        why: "without it, dead sessions pile up; minutes would cut the connection pools of databases",
        example: "30m",
        aliases: &[
            "client",
            "server",
            "idle-timeout",
            "timeout-client",
            "timeout-server",
            "tunnel",
            "proxy-timeout",
        ],
    },
    Key {
        name: "timeout.half-close",
        scope: Scope::Pool,
        kind: at_least_or_off(1),
        default: Is("60s"),
        doc: "How long one direction may be silent once the other has ended. Then it is closed too.",
        why: "a cut upload is worse than a lingering session, a session that never ends is worse still",
        example: "5m",
        aliases: &["client-fin", "server-fin"],
    },
    Key {
        name: "timeout.lifetime",
        scope: Scope::Pool,
        kind: at_least_or_off(1),
        default: Is("off"),
        doc: "A session older than this is closed.",
        why: "only some protocols bear being cut",
        example: "12h",
        aliases: &["max-lifetime"],
    },
    Key {
        name: "timeout.flow",
        scope: Scope::Flows,
        kind: at_least(1),
        default: Is("180s"),
        doc: "A flow without a datagram in either direction for this long is over, once the backend has answered. The next \
              datagram of its client begins another one, which may go elsewhere.",
        why: "routers on the way forget it after about as long; who has to keep it alive sends something in time for those",
        example: "10m",
        aliases: &["idle", "flow-timeout", "udp-timeout", "proxy-timeout", "session-timeout"],
    },
    Key {
        name: "timeout.unanswered",
        scope: Scope::Flows,
        kind: at_least(1),
        default: Is("60s"),
        doc: "The same for a flow that the backend has not answered yet.",
        why: "anybody can send under any address; whoever is there answers sooner",
        example: "10s",
        aliases: &["unreplied", "udp-unreplied"],
    },
    Key {
        name: "answers",
        scope: Scope::Flows,
        kind: Kind::Count(0, u32::MAX),
        default: Means("nobody knows: a flow is over when it is quiet"),
        doc: "Answers that each datagram of a client gets. With the last of them its flow is over, and its room is free: 1 for \
              DNS. 0 says that nothing is answered, as with syslog, and that a flow without an answer has not failed.",
        why: "only the protocol tells",
        example: "1",
        aliases: &["responses", "replies", "proxy-responses"],
    },
    Key {
        name: "timeout.head",
        scope: Scope::Http,
        kind: at_least(1),
        default: Is("10s"),
        doc: "How long the head of a request may take, from its first byte; of a connection's first request, from accept. \
              Then the client is told 408.",
        why: "slow clients are served, slow attackers are bounded",
        example: "5s",
        aliases: &["http-request", "timeout-http-request", "client-header-timeout"],
    },
    Key {
        name: "timeout.keep-alive",
        scope: Scope::Http,
        kind: at_least(1),
        default: Is("75s"),
        doc: "How long a client may wait before its next request. Then its connection is closed.",
        why: "browsers keep theirs for a minute or longer; one that waits costs little here",
        example: "30s",
        aliases: &["http-keep-alive", "timeout-http-keep-alive", "keepalive-timeout"],
    },
    Key {
        name: "timeout.request",
        scope: Scope::Http,
        kind: at_least_or_off(1),
        default: Is("off"),
        doc: "How long a request may take with its answer, in all. Then the client is told 504, or is cut off if the answer \
              has begun.",
        why: "downloads take as long as they take",
        example: "30s",
        aliases: &["request-timeout"],
    },
    Key {
        name: "timeout.response",
        scope: Scope::Http,
        kind: at_least(1),
        default: Is("60s"),
        doc: "How long a backend may think: from the last byte of a request to the first of its answer.",
        why: "as long as nginx waits",
        example: "10s",
        aliases: &["proxy-read-timeout", "response-timeout"],
    },
    Key {
        name: "timeout.body",
        scope: Scope::Http,
        kind: at_least(1),
        default: Is("60s"),
        doc: "How long nothing of a body may move, of a request's or an answer's.",
        why: "as long as nginx waits; whoever sends events says something more often",
        example: "5m",
        aliases: &["client-body-timeout", "send-timeout"],
    },
    Key {
        name: "timeout.reuse",
        scope: Scope::Http,
        kind: at_least(1),
        default: Is("4s"),
        doc: "How long a connection to a backend may wait for its next request. It has to be shorter than the time after which \
              the backends close it themselves.",
        why: "Node.js closes after 5 s, others later; one that is used is never closed",
        example: "30s",
        aliases: &["pool-purge-delay", "keepalive-timeout-backend"],
    },
    Key {
        name: "reuse",
        scope: Scope::Http,
        kind: Kind::Count(0, 1024),
        default: Is("64"),
        doc: "Connections to a backend that wait for their next request, at most, in each worker. With 0 every request has a \
              connection of its own, as it has where `send-proxy` or `transparent` tells of a client by it. All backends of a \
              worker together have 1024 of them at most.",
        why: "more are needed only while more requests run at once",
        example: "16",
        aliases: &["http-reuse", "keepalive-connections", "pool-max-conn"],
    },
    Key {
        name: "max-head-bytes",
        scope: Scope::Http,
        kind: Kind::Count(512, 32_768),
        default: Is("16384"),
        doc: "How long the head of a request may be. The client of a longer one is told 431.",
        why: "browsers send cookies of 4 KiB each; Node.js takes as much, Apache half of it",
        example: "8192",
        aliases: &["large-client-header-buffers", "max-header-size", "tune.bufsize"],
    },
    Key {
        name: "max-fields",
        scope: Scope::Http,
        kind: Kind::Count(1, 1000),
        default: Is("100"),
        doc: "How many fields the head of a request may have. The client of one with more is told 431.",
        why: "as many as HAProxy and Apache take",
        example: "50",
        aliases: &["max-headers", "maxhdr", "limit-request-fields"],
    },
    Key {
        name: "max-target-bytes",
        scope: Scope::Http,
        kind: Kind::Count(16, 32_768),
        default: Is("8192"),
        doc: "How long path and query of a request may be. The client of longer ones is told 414.",
        why: "as long as nginx and Apache take",
        example: "2048",
        aliases: &["limit-request-line", "max-uri"],
    },
    Key {
        name: "max-body-bytes",
        scope: Scope::Http,
        kind: Kind::Count(0, u32::MAX),
        default: Means("as long as it likes: bodies are never kept here"),
        doc: "How long the body of a request may be. The client of a longer one is told 413.",
        why: "only the backends know what they take",
        example: "10485760",
        aliases: &["client-max-body-size", "max-request-body", "limit-request-body"],
    },
    Key {
        name: "forwarded",
        scope: Scope::Http,
        kind: Kind::Word(&["x", "standard", "both", "off"]),
        default: Is("x"),
        doc: "How backends are told where a request comes from: by `X-Forwarded-For`, `X-Forwarded-Proto` and \
              `X-Forwarded-Host`, or by `Forwarded` (RFC 7239). What clients say in these fields is taken away, unless \
              they are in `trust`.",
        why: "hardly any server reads the standard one",
        example: "both",
        aliases: &["forwardfor", "x-forwarded-for", "proxy-set-header"],
    },
    Key {
        name: "trust",
        scope: Scope::Http,
        kind: Kind::Networks,
        default: Means("nobody"),
        doc: "Networks of proxies in front, whose `X-Forwarded-…`, `Forwarded` and `X-Request-Id` are believed and added to.",
        why: "whoever is believed can claim to be anybody",
        example: "10.0.0.0/8",
        aliases: &["trusted-proxies", "set-real-ip-from", "trusted-ips"],
    },
    Key {
        name: "quic",
        scope: Scope::Flows,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether what is carried is QUIC. Then a datagram from an unknown address goes to the backend of the connection that it \
              names, as far as backends named it while it began: so a client whose address was changed on its way keeps its \
              backend. One that moves on purpose takes a name that nobody else can read: `balance = \"maglev\"` keeps it, as \
              long as only its port changes.",
        why: "other protocols have no such names, and what looks like one would be taken for it",
        example: "true",
        aliases: &["http3", "h3", "connection-id"],
    },
    Key {
        name: "request-fields",
        scope: Scope::Requests,
        kind: Kind::Group,
        default: Means("they are passed on as they are"),
        doc: "What is done to the fields that backends get. A route does it beside what its service does, and goes first where \
              both set the same field. Fields that frame messages, hold for one connection or tell where a request comes from \
              cannot be touched.",
        why: "most fields are between clients and backends",
        example: "{ set = { X-Env = \"prod\" } }",
        aliases: &["request-headers", "proxy-set-header", "http-request", "header-up", "requestheader"],
    },
    Key {
        name: "request-fields.set",
        scope: Scope::Requests,
        kind: Kind::Fields,
        default: Means("none"),
        doc: "Fields that are there once, with this value. `{client}`, `{host}`, `{path}`, `{rest}`, `{scheme}` and `{request-id}` may stand in it.",
        why: "as above",
        example: "{ X-Client = \"{client}\" }",
        aliases: &["replace"],
    },
    Key {
        name: "request-fields.add",
        scope: Scope::Requests,
        kind: Kind::Fields,
        default: Means("none"),
        doc: "Fields that are there beside those that are there, with values as in `set`.",
        why: "as above",
        example: "{ X-Env = \"prod\" }",
        aliases: &["append"],
    },
    Key {
        name: "request-fields.remove",
        scope: Scope::Requests,
        kind: Kind::Texts,
        default: Means("none"),
        doc: "Fields that are taken away.",
        why: "as above",
        example: "[\"X-Debug\"]",
        aliases: &["del", "delete", "hide", "drop"],
    },
    Key {
        name: "response-fields",
        scope: Scope::Requests,
        kind: Kind::Group,
        default: Means("they are passed on as they are"),
        doc: "What is done to the fields that clients get. A route does it beside what its service does, and goes first where \
              both set the same field. Fields that frame messages, hold for one connection or tell where a request comes from \
              cannot be touched.",
        why: "most fields are between clients and backends",
        example: "{ set = { X-Env = \"prod\" } }",
        aliases: &["response-headers", "add-header", "http-response", "header-down", "headers"],
    },
    Key {
        name: "response-fields.set",
        scope: Scope::Requests,
        kind: Kind::Fields,
        default: Means("none"),
        doc: "Fields that are there once, with this value. `{client}`, `{host}`, `{path}`, `{rest}`, `{scheme}` and `{request-id}` may stand in it.",
        why: "as above",
        example: "{ X-Client = \"{client}\" }",
        aliases: &["replace"],
    },
    Key {
        name: "response-fields.add",
        scope: Scope::Requests,
        kind: Kind::Fields,
        default: Means("none"),
        doc: "Fields that are there beside those that are there, with values as in `set`.",
        why: "as above",
        example: "{ X-Env = \"prod\" }",
        aliases: &["append"],
    },
    Key {
        name: "response-fields.remove",
        scope: Scope::Requests,
        kind: Kind::Texts,
        default: Means("none"),
        doc: "Fields that are taken away.",
        why: "as above",
        example: "[\"X-Debug\"]",
        aliases: &["del", "delete", "hide", "drop"],
    },
    Key {
        name: "affinity",
        scope: Scope::Http,
        kind: Kind::Brief("affinity.cookie"),
        default: Is("off"),
        doc: "Clients stay with their backend by a cookie, which is called like the text. It names the backend by a keyed hash of its \
              address, lasts as long as the client wants, and is `HttpOnly`, `SameSite=Lax` and, with TLS, `Secure`. A backend that \
              is down, drained or full is left, and the client gets a new cookie.",
        why: "backends that share their state need nothing of it",
        example: "{ cookie = \"lb\", key = \"6f2d1c9b0a7e4835\" }",
        aliases: &["sticky", "stick", "session-affinity", "ip-hash", "persistence"],
    },
    Key {
        name: "affinity.cookie",
        scope: Scope::Http,
        kind: Kind::Text,
        default: Is("evenkeel"),
        doc: "What the cookie is called.",
        why: "two balancers in a row need two names",
        example: "lb",
        aliases: &["name"],
    },
    Key {
        name: "affinity.key",
        scope: Scope::Http,
        kind: Kind::Text,
        default: Means("has to be said"),
        doc: "A secret of at least 16 characters. Whoever knows it can find out addresses of backends from cookies; evenkeels that share \
              it understand each other's cookies, after a restart too.",
        why: "a key that is made anew at each start would move every client",
        example: "6f2d1c9b0a7e4835",
        aliases: &["secret", "dynamic-cookie-key"],
    },
    Key {
        name: "hash-by",
        scope: Scope::Http,
        kind: Kind::Text,
        default: Is("client"),
        doc: "What tells clients apart for `balance = \"maglev\"` and `split`: `\"client\"`, their address; `\"field:NAME\"` or \
              `\"cookie:NAME\"`, the value of that; who has none is told by its address.",
        why: "everybody has an address",
        example: "field:X-User",
        aliases: &["hash", "hash-on", "hash-policy", "uri"],
    },
    Key {
        name: "max-bandwidth",
        scope: Scope::Pool,
        kind: Kind::RateLimit("10MB/s"),
        default: Is("off"),
        doc: "Bytes in a second that a session carries in each direction: `\"10MB/s\"`. What comes in a tenth of a second, at least 16 KiB, \
              may come at once after a pause. Such a session is copied, not spliced.",
        why: "a network that is full slows all down alike",
        example: "10MB/s",
        aliases: &["bwlim", "proxy_download_rate", "proxy_upload_rate"],
    },
    Key {
        name: "max-bandwidth.rate",
        scope: Scope::Pool,
        kind: Kind::Bandwidth,
        default: Means("none, it must be given"),
        doc: "How fast, as \"500kB/s\", \"10MiB/s\" or \"100Mbit/s\".",
        why: "there is none that would be right for all",
        example: "10MB/s",
        aliases: &[],
    },
    Key {
        name: "max-bandwidth.mode",
        scope: Scope::Pool,
        kind: Kind::Word(&["enforce", "observe"]),
        default: Is("enforce"),
        doc: "Whether a session is kept to the limit, or carried as fast as it can be, and only counted and told of in the log if it was \
              faster.",
        why: "a limit is meant",
        example: "observe",
        aliases: &[],
    },
    Key {
        name: "timeout.queue",
        scope: Scope::Pool,
        kind: at_least(1),
        default: Is("1s"),
        doc: "How long a session waits for a backend that has room.",
        why: "long queues serve clients who have already left",
        example: "5s",
        aliases: &[],
    },
    Key {
        name: "retry",
        scope: Scope::Pool,
        kind: Kind::Switch,
        default: Is("on"),
        doc: "Try a failed connect again, at once, on another backend. Never after a byte of the client's was sent.",
        why: "nothing was delivered, so it is safe",
        example: "off",
        aliases: &["retries", "redispatch"],
    },
    Key {
        name: "retry.attempts",
        scope: Scope::Pool,
        kind: Kind::Count(1, 100),
        default: Is("3"),
        doc: "Different backends tried for one session, the first included.",
        why: "three at most, 4.5 s in all",
        example: "2",
        aliases: &["retries", "max"],
    },
    Key {
        name: "retry.budget",
        scope: Scope::Pool,
        kind: Kind::Percent,
        default: Is("20%"),
        doc: "Retries in proportion to new sessions.",
        why: "retries must not be the storm that sinks what is left",
        example: "50%",
        aliases: &[],
    },
    Key {
        name: "retry.min-per-second",
        scope: Scope::Pool,
        kind: Kind::Count(0, 1_000_000),
        default: Is("3"),
        doc: "Retries that are allowed in any case, for each worker.",
        why: "a share of next to nothing would be nothing",
        example: "10",
        aliases: &[],
    },
    Key {
        name: "max-sessions",
        scope: Scope::Client,
        kind: Kind::Count(1, u32::MAX),
        default: Means("no limit of its own; 16384 for `[udp.NAME]`"),
        doc: "Sessions at once of the service, on all its listeners together. When it is reached, nothing more is accepted \
              until one ends. A service that takes datagrams cannot let anybody wait: there the oldest flow leaves, one that \
              was never answered before one that was.",
        why: "the process has a limit already; but senders of datagrams can call themselves what they like, each flow needs a \
              port of this machine, and it has about 28000 of them for that",
        example: "1000",
        aliases: &["maxconn", "max-connections", "limit-conn"],
    },
    Key {
        name: "max-sessions-per-backend",
        scope: Scope::Pool,
        kind: Kind::Count(1, u32::MAX),
        default: Means("no limit"),
        doc: "Sessions at once with each backend. Further ones wait in the queue.",
        why: "only the service's owner knows what a backend can bear",
        example: "100",
        aliases: &["max-conns", "maxconn-server"],
    },
    Key {
        name: "max-connecting-per-backend",
        scope: Scope::Pool,
        kind: Kind::Count(1, u32::MAX),
        default: Is("128"),
        doc: "Connects in progress at once to each backend.",
        why: "bounds the herd on a recovery without limiting the steady state",
        example: "32",
        aliases: &[],
    },
    Key {
        name: "queue-length",
        scope: Scope::Pool,
        kind: Kind::Count(0, u32::MAX),
        default: Means("twice the sum of the backends' limits on sessions; without such limits, unlimited"),
        doc: "Sessions that wait at once for a backend with room. One more is closed.",
        why: "long queues serve clients who have already left",
        example: "50",
        aliases: &["queue", "maxqueue"],
    },
    Key {
        name: "keepalive",
        scope: Scope::Pool,
        kind: Kind::Switch,
        default: Is("on"),
        doc: "TCP keepalive. In a service it holds towards clients and backends alike.",
        why: "a peer that has vanished is found in 2 min",
        example: "off",
        aliases: &["tcp-keepalive", "so-keepalive", "tcpka"],
    },
    Key {
        name: "keepalive.idle",
        scope: Scope::Pool,
        kind: WHOLE_SECONDS,
        default: Is("60s"),
        doc: "Silence before the first probe. At most 32767 s.",
        why: "below the limit of every common middlebox",
        example: "5m",
        aliases: &[],
    },
    Key {
        name: "keepalive.interval",
        scope: Scope::Pool,
        kind: WHOLE_SECONDS,
        default: Is("10s"),
        doc: "Time from one probe to the next. At most 32767 s.",
        why: "six of them make one minute",
        example: "15s",
        aliases: &[],
    },
    Key {
        name: "keepalive.count",
        scope: Scope::Pool,
        kind: Kind::Count(1, 127),
        default: Is("6"),
        doc: "Probes without an answer after which the session ends.",
        why: "six of them make one minute",
        example: "3",
        aliases: &["probes"],
    },
    Key {
        name: "user-timeout",
        scope: Scope::Pool,
        kind: at_least_or_off(1),
        default: Is("60s"),
        doc: "How long a peer may answer nothing of what is sent to it. One that answers may pause reading for as long \
              as it likes. Noticing may take half as long again, and up to four minutes more for a peer that had \
              paused for minutes before it vanished. In a service it holds towards clients and backends alike.",
        why: "the kernel alone would wait for about 15 min",
        example: "30s",
        aliases: &["tcp-user-timeout", "tcp-ut"],
    },
    Key {
        name: "source",
        scope: Scope::Pool,
        kind: Kind::Sources,
        default: Means("the address that the kernel takes"),
        doc: "Addresses of this machine that connects to the backends come from, each in turn; their checks come from the first. Each has \
              source ports of its own: about 28,000 sessions at once to each backend. A range is `\"10.0.0.2-10.0.0.9\"`. \
              A name that turns out to be of a family without a source is connected to as if there were none.",
        why: "the kernel knows which address leads to a backend; more of them are for more sessions than one has ports",
        example: "10.0.0.2-10.0.0.9",
        aliases: &["bind-address", "source-address", "proxy-bind", "local-addr"],
    },
    Key {
        name: "transparent",
        scope: Scope::Pool,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether connects to the backends come from the client's address, so that they see it without a word of the PROXY \
              protocol. The port is another one. Answers have to find their way back through this machine: \
              `evenkeel doctor FILE` prints the commands. It needs CAP_NET_ADMIN. A client whose address is of another \
              family than a backend's is not connected to it; checks come from this machine's own address.",
        why: "it needs a capability, and routes on this machine and on the backends",
        example: "true",
        aliases: &["tproxy", "usesrc", "original-src", "proxy-bind-transparent"],
    },
    Key {
        name: "mark",
        scope: Scope::Pool,
        kind: Kind::Count(0, u32::MAX),
        default: Is("0"),
        doc: "A number on each packet, for rules of routing and firewalls (`ip rule add fwmark`). 0 is none. In a service it holds \
              towards clients and backends alike. It needs CAP_NET_ADMIN.",
        why: "only who has such rules needs one",
        example: "10",
        aliases: &["fwmark", "so-mark", "socket-mark"],
    },
    Key {
        name: "congestion",
        scope: Scope::Pool,
        kind: Kind::Name(15),
        default: Means("what `net.ipv4.tcp_congestion_control` says"),
        doc: "How TCP finds out how fast it may send: `\"bbr\"`, `\"cubic\"`, or what else the kernel has. In a service it holds \
              towards clients and backends alike.",
        why: "the machine's owner has chosen one",
        example: "bbr",
        aliases: &["congestion-control", "tcp-congestion", "cc"],
    },
    Key {
        name: "fast-open-connect",
        scope: Scope::Pool,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether the client's first bytes go to a backend with the first packet, once it has allowed that (TCP Fast Open). \
              That saves a round trip. But then nobody is asked whether the backend is there before bytes are sent to it: \
              a connect that fails is not tried elsewhere, and a packet that arrives twice may be served twice.",
        why: "failing over is worth more than a round trip inside a data centre",
        example: "true",
        aliases: &["tfo-connect"],
    },
    Key {
        name: "to-tls",
        scope: Scope::Pool,
        kind: Kind::Switch,
        default: Is("off"),
        doc: "Whether TLS is spoken with the backends. Each has to show a certificate that this machine trusts, for the name \
              by which it is configured, or its address. Health checks speak it too, unless they go to another port or address.",
        why: "backends are in the clear unless it is said that they are not",
        example: "on",
        aliases: &["backend-tls", "proxy-ssl", "ssl-server"],
    },
    Key {
        name: "to-tls.ca",
        scope: Scope::Pool,
        kind: Kind::Text,
        default: Means("whom this machine trusts"),
        doc: "A file with the certificates of those whose signature counts, in PEM.",
        why: "certificates of public authorities are checked as everybody does",
        example: "/etc/evenkeel/backends-ca.pem",
        aliases: &["ca-file", "trusted-ca", "root-ca"],
    },
    Key {
        name: "to-tls.server-name",
        scope: Scope::Pool,
        kind: Kind::HttpHost,
        default: Means("the name by which the backend is configured, or its address"),
        doc: "The name that a backend is asked for, and that its certificate has to be for.",
        why: "who is configured by name usually has a certificate for it",
        example: "db.internal",
        aliases: &["sni", "verifyhost", "hostname"],
    },
    Key {
        name: "to-tls.cert",
        scope: Scope::Pool,
        kind: Kind::Text,
        default: Means("none is shown"),
        doc: "A file with the certificate that is shown to backends which ask for one, with its chain, in PEM.",
        why: "few backends ask",
        example: "/etc/evenkeel/client.pem",
        aliases: &["crt", "certificate", "client-cert"],
    },
    Key {
        name: "to-tls.key",
        scope: Scope::Pool,
        kind: Kind::Text,
        default: Means("in the file of the certificate, or beside it as `NAME.key`"),
        doc: "The file with the key of that certificate, in PEM.",
        why: "one file is easier to keep together",
        example: "/etc/evenkeel/client.key",
        aliases: &["private-key", "client-key"],
    },
    Key {
        name: "to-tls.alpn",
        scope: Scope::Pool,
        kind: Kind::Protocols,
        default: Means("nothing is said about it"),
        doc: "The protocols that backends are offered (ALPN), the preferred first.",
        why: "only the service's owner knows what its clients will speak",
        example: "[\"http/1.1\"]",
        aliases: &[],
    },
    Key {
        name: "to-tls.verify",
        scope: Scope::Pool,
        kind: Kind::Word(&["on", "off"]),
        default: Is("on"),
        doc: "Whether a backend has to prove who it is. With `off`, whoever is in the way can read and change everything.",
        why: "TLS with nobody in particular protects from nobody in particular",
        example: "on",
        aliases: &["insecure", "skip-verify"],
    },
    Key {
        name: "send-proxy",
        scope: Scope::Pool,
        kind: Kind::SendProxy,
        default: Is("off"),
        doc: "Whether a backend is told where the client is, by a header of the PROXY protocol before the client's first \
              byte; of a flow, at the beginning of its first datagram. A backend has to expect it, and must not believe it from anybody else. Health checks of backends \
              send one as well, which says that they come from evenkeel itself.",
        why: "a backend that does not expect the header takes it for the beginning of a request",
        example: "v2",
        aliases: &["proxy-protocol", "send-proxy-v2", "send-proxy-protocol"],
    },
    Key {
        name: "send-proxy.version",
        scope: Scope::Pool,
        kind: Kind::Word(&["v1", "v2"]),
        default: Is("v2"),
        doc: "Which version of the header: `v1` is a line of text, `v2` is binary.",
        why: "the binary header says more, and is read faster",
        example: "v1",
        aliases: &[],
    },
    Key {
        name: "send-proxy.tlvs",
        scope: Scope::Pool,
        kind: Kind::Words(&["alpn", "authority", "ssl", "unique-id", "crc32c", "received"]),
        default: Means("none"),
        doc: "What a header of version 2 says beside the addresses, where it is known. `alpn` is the protocol and \
              `authority` the name that the client asks for; `ssl` is the client's TLS, where it ends here; `unique-id` names the session as the log does; `crc32c` is a \
              checksum; `received` passes on what came with an accepted header.",
        why: "some backends read no more than the addresses",
        example: "[\"authority\", \"alpn\"]",
        aliases: &["options", "proxy-v2-options"],
    },
    Key {
        name: "tls",
        scope: Scope::Client,
        kind: Kind::Tls,
        default: Is("off"),
        doc: "Whether clients speak TLS that ends here; backends get what is inside. `\"/etc/evenkeel/web.pem\"` is a file \
              with a certificate, its chain and its key, or a folder of them; a table says more. The files are looked at \
              every few seconds, and taken when they have changed and are good.",
        why: "what is not asked for passes through as it is, TLS included",
        example: "/etc/evenkeel/web.pem",
        aliases: &["ssl", "https", "certificate"],
    },
    Key {
        name: "tls.cert",
        scope: Scope::Client,
        kind: Kind::Paths,
        default: Means("none, it must be given"),
        doc: "Files of certificates with their chains, in PEM, or folders. Of a folder, `fullchain.pem` or `tls.crt` counts, else all \
              `.pem`, `.crt` and `.cer` files in it in alphabetical order, and those two in folders of it. A client sees that for \
              the name which it asks for, else the first.",
        why: "there is none that would be right for all",
        example: "[\"/etc/evenkeel/web.crt\", \"/etc/letsencrypt/live\"]",
        aliases: &["crt", "certs", "certificate", "certificates", "cert-file"],
    },
    Key {
        name: "tls.acme",
        scope: Scope::Client,
        kind: Kind::Texts,
        default: Means("none are obtained"),
        doc: "Host names for which certificates are obtained and renewed without anybody's doing, one for each; `acme` says from \
              whom. They stand behind those of `tls.cert`. Until there is one, handshakes for its name see another certificate of the \
              service, or fail.",
        why: "an authority is asked for names only that are known to lead here",
        example: "[\"example.org\", \"www.example.org\"]",
        aliases: &["letsencrypt", "auto", "domains", "hosts", "names"],
    },
    Key {
        name: "tls.key",
        scope: Scope::Client,
        kind: Kind::Text,
        default: Means(
            "in the file of the certificate, or beside it: `NAME.key`, or `privkey.pem` for a `fullchain.pem`",
        ),
        doc: "The file with the key of the certificate, in PEM. Only with a single certificate.",
        why: "that is where keys usually are",
        example: "/etc/evenkeel/web.key",
        aliases: &["private-key", "key-file"],
    },
    Key {
        name: "tls.alpn",
        scope: Scope::Client,
        kind: Kind::Protocols,
        default: Means("nothing is said about it"),
        doc: "The protocols that clients may choose from (ALPN), the preferred first. Backends have to speak all of them.",
        why: "only the service's owner knows what its backends speak",
        example: "[\"h2\", \"http/1.1\"]",
        aliases: &["protocols"],
    },
    Key {
        name: "tls.min-version",
        scope: Scope::Client,
        kind: Kind::Word(&["1.2", "1.3"]),
        default: Is("1.2"),
        doc: "The oldest version of TLS that is spoken.",
        why: "some clients still have nothing newer, and what is weak in it is not spoken here",
        example: "1.3",
        aliases: &["ssl-min-ver", "tls-min-version", "minimum-version"],
    },
    Key {
        name: "tls.client-ca",
        scope: Scope::Client,
        kind: Kind::Text,
        default: Means("clients are not asked for a certificate"),
        doc: "A file with the certificates of those whose signature on a client's certificate counts, in PEM.",
        why: "most services let anybody in",
        example: "/etc/evenkeel/clients-ca.pem",
        aliases: &["ca-file", "ca", "verify-ca"],
    },
    Key {
        name: "tls.client-auth",
        scope: Scope::Client,
        kind: Kind::Word(&["required", "optional"]),
        default: Is("required"),
        doc: "What becomes of clients without a certificate, where they are asked for one. With `optional` they are served; one that \
              does not count is refused in any case.",
        why: "whoever names a `client-ca` means it",
        example: "optional",
        aliases: &["verify", "verify-client"],
    },
    Key {
        name: "tls.timeout",
        scope: Scope::Client,
        kind: at_least(1),
        default: Is("10s"),
        doc: "How long a handshake with a client may take.",
        why: "slow clients are served, slow attackers are bounded",
        example: "5s",
        aliases: &["handshake-timeout"],
    },
    Key {
        name: "accept-proxy",
        scope: Scope::Client,
        kind: Kind::AcceptProxy,
        default: Is("off"),
        doc: "Whether proxies in front say where a client is, by a header of the PROXY protocol, version 1 or 2. The \
              networks that they are in have to be named: from there, a connection must begin with the header.",
        why: "who may send the header can claim to be anybody",
        example: "10.0.0.0/8",
        aliases: &["proxy-protocol", "accept-proxy-protocol", "proxyprotocol"],
    },
    Key {
        name: "accept-proxy.from",
        scope: Scope::Client,
        kind: Kind::Networks,
        default: Means("none, it must be given"),
        doc: "The networks of the proxies that are believed.",
        why: "there is none that would be right for all",
        example: "[\"10.0.0.0/8\", \"fd00::/8\"]",
        aliases: &["trusted", "trusted-ips", "set-real-ip-from"],
    },
    Key {
        name: "accept-proxy.mode",
        scope: Scope::Client,
        kind: Kind::Word(&["required", "mixed"]),
        default: Is("required"),
        doc: "What becomes of clients that are not among the proxies. With `required` they are refused; with `mixed` they are \
              served, but have to speak first, and end if they send a header.",
        why: "whoever gets past the proxies usually should not",
        example: "mixed",
        aliases: &[],
    },
    Key {
        name: "accept-proxy.timeout",
        scope: Scope::Client,
        kind: at_least(1),
        default: Is("5s"),
        doc: "How long the header may take, and in `mixed` mode anybody's first byte.",
        why: "slow clients are served, slow attackers are bounded",
        example: "3s",
        aliases: &[],
    },
    Key {
        name: "allow",
        scope: Scope::Client,
        kind: Kind::Access,
        default: Means("everybody"),
        doc: "Only clients in these networks may connect. Each is a network, an address, or `\"file:PATH\"`: a file with one on each line, which is read again when it changes. `deny` goes before it.",
        why: "who listens wants to be reached",
        example: "[\"10.0.0.0/8\", \"file:offices.txt\"]",
        aliases: &["whitelist", "allowlist", "allow-from"],
    },
    Key {
        name: "deny",
        scope: Scope::Client,
        kind: Kind::Access,
        default: Means("nobody"),
        doc: "Clients in these networks may not connect, even if `allow` has them. Written as `allow`.",
        why: "who listens wants to be reached",
        example: "[\"192.0.2.0/24\", \"198.51.100.7\"]",
        aliases: &["blacklist", "denylist", "block"],
    },
    Key {
        name: "access-mode",
        scope: Scope::Client,
        kind: Kind::Word(&["enforce", "observe"]),
        default: Is("enforce"),
        doc: "Whether who may not connect is refused, or only counted and told of in the log.",
        why: "a list is meant",
        example: "observe",
        aliases: &[],
    },
    Key {
        name: "max-sessions-per-source",
        scope: Scope::Client,
        kind: Kind::Limit,
        default: Means("no limit"),
        doc: "Sessions of one source at once. A source is an address, or what `source-prefix` makes of it.",
        why: "many clients may stand behind one address",
        example: "100",
        aliases: &["max-connections-per-ip", "conn-limit", "limit-conn", "max-conns-per-source"],
    },
    Key {
        name: "max-sessions-per-source.limit",
        scope: Scope::Client,
        kind: Kind::Count(1, 1_048_575),
        default: Means("none, it must be given"),
        doc: "How many.",
        why: "there is none that would be right for all",
        example: "100",
        aliases: &["number"],
    },
    Key {
        name: "max-sessions-per-source.mode",
        scope: Scope::Client,
        kind: Kind::Word(&["enforce", "observe"]),
        default: Is("enforce"),
        doc: "Whether who is over the limit is refused, or only counted and told of in the log.",
        why: "a limit is meant",
        example: "observe",
        aliases: &[],
    },
    Key {
        name: "max-rate-per-source",
        scope: Scope::Client,
        kind: Kind::RateLimit("10/s"),
        default: Means("no limit"),
        doc: "New connections of one source in a second: `\"10/s\"`.",
        why: "many clients may stand behind one address",
        example: "10/s",
        aliases: &["rate-limit", "limit-req", "src-conn-rate", "conn-rate"],
    },
    Key {
        name: "max-rate-per-source.rate",
        scope: Scope::Client,
        kind: Kind::Rate,
        default: Means("none, it must be given"),
        doc: "How fast.",
        why: "there is none that would be right for all",
        example: "10/s",
        aliases: &[],
    },
    Key {
        name: "max-rate-per-source.burst",
        scope: Scope::Client,
        kind: Kind::Count(1, 1_000_000),
        default: Means("what comes in one second, at least 1"),
        doc: "How many may come at once after a pause.",
        why: "a page with many parts opens some connections at once",
        example: "20",
        aliases: &[],
    },
    Key {
        name: "max-rate-per-source.mode",
        scope: Scope::Client,
        kind: Kind::Word(&["enforce", "observe"]),
        default: Is("enforce"),
        doc: "Whether who is over the limit is refused, or only counted and told of in the log.",
        why: "a limit is meant",
        example: "observe",
        aliases: &[],
    },
    Key {
        name: "max-rate",
        scope: Scope::Client,
        kind: Kind::RateLimit("10/s"),
        default: Means("no limit"),
        doc: "New connections of all clients together in a second. Who is over it is refused; `max-sessions` lets clients wait instead.",
        why: "backends that cannot take more are better protected by `max-sessions-per-backend`",
        example: "1000/s",
        aliases: &["maxconnrate", "rate-limit-sessions"],
    },
    Key {
        name: "max-rate.rate",
        scope: Scope::Client,
        kind: Kind::Rate,
        default: Means("none, it must be given"),
        doc: "How fast.",
        why: "there is none that would be right for all",
        example: "1000/s",
        aliases: &[],
    },
    Key {
        name: "max-rate.burst",
        scope: Scope::Client,
        kind: Kind::Count(1, 1_000_000),
        default: Means("what comes in one second, at least 1"),
        doc: "How many may come at once after a pause.",
        why: "clients come in bursts",
        example: "2000",
        aliases: &[],
    },
    Key {
        name: "max-rate.mode",
        scope: Scope::Client,
        kind: Kind::Word(&["enforce", "observe"]),
        default: Is("enforce"),
        doc: "Whether who is over the limit is refused, or only counted and told of in the log.",
        why: "a limit is meant",
        example: "observe",
        aliases: &[],
    },
    Key {
        name: "source-prefix",
        scope: Scope::Client,
        kind: Kind::Group,
        default: Means("the values of its keys"),
        doc: "Which addresses are one source.",
        why: "the keys below say more",
        example: "{ ipv6 = 56 }",
        aliases: &[],
    },
    Key {
        name: "source-prefix.ipv4",
        scope: Scope::Client,
        kind: Kind::Count(8, 32),
        default: Is("32"),
        doc: "Bits that IPv4 addresses of one source have in common.",
        why: "one address is one network behind a router, at least",
        example: "24",
        aliases: &["v4"],
    },
    Key {
        name: "source-prefix.ipv6",
        scope: Scope::Client,
        kind: Kind::Count(16, 128),
        default: Is("64"),
        doc: "Bits that IPv6 addresses of one source have in common.",
        why: "one host has 2⁶⁴ addresses to choose from",
        example: "56",
        aliases: &["v6"],
    },
    Key {
        name: "defer-accept",
        scope: Scope::Client,
        kind: WHOLE_SECONDS_OR_OFF,
        default: Is("off"),
        doc: "Whether a client is accepted only once it has said something. One that stays silent is accepted all the same after \
              about this time, which the kernel rounds up to 1, 3, 7, 15, … s. Nothing for backends that speak first.",
        why: "a silent client costs little here, and not every protocol begins with the client",
        example: "3s",
        aliases: &["tcp-defer-accept", "deferred"],
    },
    Key {
        name: "fast-open",
        scope: Scope::Client,
        kind: Kind::Count(0, 65_535),
        default: Is("0"),
        doc: "So many clients at once may send bytes with their first packet (TCP Fast Open). 0 is none. The kernel has to allow \
              it: `net.ipv4.tcp_fastopen` 2 or 3. A packet that arrives twice may be served twice.",
        why: "only some protocols bear that, and few clients use it",
        example: "256",
        aliases: &["tfo", "fastopen", "tcp-fastopen"],
    },
    Key {
        name: "interface",
        scope: Scope::Client,
        kind: Kind::Name(15),
        default: Means("any"),
        doc: "Only clients that come by this network interface are accepted. Two services may listen at one address, each at an \
              interface of its own.",
        why: "an address says enough for most",
        example: "eth0",
        aliases: &["bind-device", "device", "so-bindtodevice"],
    },
    Key {
        name: "mptcp",
        scope: Scope::Client,
        kind: Kind::Flag,
        default: Is("false"),
        doc: "Whether clients may speak Multipath TCP, and go on when they change from one network to another. Others speak TCP as \
              before. Where the kernel has none, or one without an option that is set (older ones lack `keepalive`), a warning \
              says so, and everybody speaks TCP.",
        why: "it costs a little for each connection, and few clients speak it",
        example: "true",
        aliases: &["multipath", "multipath-tcp"],
    },
    Key {
        name: "backlog",
        scope: Scope::Client,
        kind: Kind::Count(1, 65_535),
        default: Is("4096"),
        doc: "Connections that the kernel keeps until they are accepted. For each worker; `net.core.somaxconn` \
              bounds it.",
        why: "the kernel's own bound since Linux 5.4",
        example: "1024",
        aliases: &[],
    },
    Key {
        name: "unix-mode",
        scope: Scope::Client,
        kind: Kind::Mode,
        default: Is("0660"),
        doc: "Permission bits of a Unix socket that is listened on.",
        why: "its group may connect, strangers may not",
        example: "0666",
        aliases: &["mode", "socket-mode"],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_one_thing_in_each_table() {
        for (index, key) in KEYS.iter().enumerate() {
            for other in &KEYS[..index] {
                let shared = key.contexts().any(|context| other.stands_in(context));
                assert!(key.name != other.name || !shared, "{} twice in one table", key.name);
            }
        }
    }

    #[test]
    fn an_inner_key_stands_in_a_table_that_takes_keys() {
        for key in KEYS.iter().filter(|key| key.scope != Scope::Backend) {
            if let Some((table, _)) = key.name.rsplit_once('.') {
                let table = find(key.scope.contexts()[0], table).expect(key.name);
                let of_flows = key.scope == Scope::Flows;
                let mut contexts = key.scope.contexts().iter();
                let is_there = contexts.all(|context| table.scope.contexts().contains(context));
                assert!(table.kind.has_inner_keys() && (of_flows || is_there), "{}", key.name);
            }
        }
    }
}
