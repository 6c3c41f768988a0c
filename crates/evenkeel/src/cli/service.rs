//! `evenkeel tcp`, `evenkeel udp` and `evenkeel http`: every key of a service is a flag of the same name.

use super::{print_config, user};
use crate::config::flags::{self, FlagValue, Flags, PROCESS_KEYS};
use crate::config::keys::{self, Absent, Context, Key, Kind, Scope};
use crate::config::suggest;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command};

const TCP_EXAMPLES: &str = "\
Examples:
  evenkeel tcp 8080 5001 5002 5003
      Listen on :8080, send to 127.0.0.1:5001, :5002 and :5003
  evenkeel tcp --listen 127.0.0.1:6379 --to redis1:6379 --to redis2:6379
      Names are looked up again and again
  evenkeel tcp 8080 5001 5002 --balance least-conn --health /healthz --timeout.idle 10m
      Every key of `evenkeel explain` that a service knows is a flag
  evenkeel tcp 8080 5001 '{ addr = \"127.0.0.1:5002\", weight = 3 }'
      A value may also be written as in the file
  evenkeel tcp 8080 5001 5002 --print-config > evenkeel.toml
      The file that does the same";

const UDP_EXAMPLES: &str = "\
Examples:
  evenkeel udp 5300 10.0.0.11:53 10.0.0.12:53 --answers 1 --health '{ dns = \"example.com\" }'
      Listen on :5300, send each question to one of two name servers
  evenkeel udp 51820 10.0.0.11:51820 10.0.0.12:51820 --balance maglev
      Each client stays with its backend
  evenkeel udp 5300 5301 5302 --print-config > evenkeel.toml
      The file that does the same";

const HTTP_EXAMPLES: &str = "\
Examples:
  evenkeel http 8080 5001 5002 5003
      Listen on :8080, send each request to 127.0.0.1:5001, :5002 or :5003
  evenkeel http 8080 app1:3000 app2:3000 --health /healthz --timeout.response 10s
      Every key of `evenkeel explain` that such a service knows is a flag
  evenkeel http 8080 5001 5002 --print-config > evenkeel.toml
      The file that does the same";

/// `evenkeel tcp`.
pub fn tcp() -> Command {
    command("tcp", Context::Service, "Balance TCP connections", TCP_EXAMPLES)
}

/// `evenkeel udp`.
pub fn udp() -> Command {
    command("udp", Context::Udp, "Balance UDP datagrams", UDP_EXAMPLES)
}

/// `evenkeel http`.
pub fn http() -> Command {
    command("http", Context::Http, "Balance HTTP requests", HTTP_EXAMPLES)
}

fn command(name: &'static str, context: Context, about: &'static str, examples: &'static str) -> Command {
    // Datagrams are carried as they are: no certificate is shown, so none is to be obtained.
    let is_meant = |name: &&&str| context != Context::Udp || !name.starts_with("acme.");
    let process = PROCESS_KEYS.iter().filter(is_meant).filter_map(|name| keys::find(Context::Top, name));
    let service = keys::in_context(context).filter(|key| !matches!(key.kind, Kind::Group));
    Command::new(name)
        .about(about)
        .override_usage(format!(
            "evenkeel {name} [OPTIONS] LISTEN TO...\n       evenkeel {name} [OPTIONS] --listen ADDR --to ADDR..."
        ))
        .arg_required_else_help(true)
        .arg(
            Arg::new("addresses")
                .value_name("LISTEN TO")
                .action(ArgAction::Append)
                .num_args(0..)
                .help("Where to listen, then where to send; with `--listen`, only where to send"),
        )
        .args(service.chain(process).map(flag))
        .arg(user())
        .arg(print_config())
        .after_help(examples)
}

/// `error` with the flag that was meant by an unknown one, as in a file. The parser finds slips of the finger, but does not
/// know what other programs call a key.
pub fn advised(mut error: clap::Error) -> clap::Error {
    let usage = error.get(ContextKind::Usage).map(ContextValue::to_string).unwrap_or_default();
    let ours =
        [tcp(), udp(), http()].into_iter().find(|it| usage.contains(&format!("evenkeel {} ", it.get_name())));
    if let (ErrorKind::UnknownArgument, Some(command)) = (error.kind(), ours) {
        // No address begins with dashes: advice to write it as one leads nowhere.
        error.remove(ContextKind::Suggested);
        let meant = error.get(ContextKind::InvalidArg).and_then(|flag| meant(&command, &flag.to_string()));
        if let Some(meant) = meant {
            error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("--{meant}")));
        }
    }
    error
}

/// The flag that was meant by one that does not exist.
fn meant(command: &Command, flag: &str) -> Option<&'static str> {
    let name = suggest::any_key(flag.trim_start_matches('-'))?;
    command.get_arguments().any(|arg| arg.get_long() == Some(name)).then_some(name)
}

/// The flag for `key`.
pub fn flag(key: &'static Key) -> Arg {
    let default = match key.default {
        Absent::Is("") => String::new(),
        Absent::Is(value) => format!(" [default: {value}]"),
        Absent::Means(_) => String::new(),
    };
    let words = match key.kind {
        Kind::Word(words) => format!(" ({})", words.join(", ")),
        _ => String::new(),
    };
    let (group, is_inner) = match key.name.split_once('.') {
        Some((group, _)) => (group, true),
        None => (key.name, false),
    };
    let heading = match group {
        "health" => "Health checks",
        "eject" | "slow-start" | "all-down" | "on-down" | "on-remove" | "retry" => "When something fails",
        "timeout" => "Timeouts",
        "allow" | "deny" | "access-mode" | "source-prefix" => "Limits",
        "accept-proxy" | "send-proxy" => "PROXY protocol",
        "route" | "hello" | "speaks-first" => "Routes",
        "keepalive" | "user-timeout" | "backlog" | "unix-mode" | "source" | "transparent" | "mark"
        | "congestion" | "defer-accept" | "fast-open" | "fast-open-connect" | "interface" | "mptcp" => {
            "Sockets"
        }
        "reuse" | "forwarded" | "trust" | "request-fields" | "response-fields" | "affinity" | "hash-by" => {
            "HTTP"
        }
        name if name.starts_with("max-") || name == "queue-length" => "Limits",
        _ if key.scope == Scope::Process => "Process",
        _ => "Service",
    };
    Arg::new(key.name)
        .long(key.name)
        .value_name(placeholder(&key.kind))
        .action(if flags::is_repeated(key.name) { ArgAction::Append } else { ArgAction::Set })
        .help_heading(heading)
        .hide_short_help(is_inner)
        .help(format!("{}{words}{default}", key.short()))
}

fn placeholder(kind: &Kind) -> &'static str {
    match kind {
        Kind::Duration { .. } | Kind::BusyPoll => "DURATION",
        Kind::Count(..) => "NUMBER",
        Kind::Percent => "PERCENT",
        Kind::Word(_) => "WORD",
        Kind::Flag => "BOOL",
        Kind::Leaving => "WORD",
        Kind::Mode => "MODE",
        Kind::Statuses => "STATUS",
        Kind::Ip => "IP",
        Kind::HttpPath => "PATH",
        Kind::HttpMethod => "METHOD",
        Kind::HttpHost | Kind::ServerName => "HOST",
        Kind::Listen | Kind::To | Kind::Backend => "ADDR",
        Kind::Include | Kind::Paths | Kind::Tls => "FILE",
        Kind::Protocols | Kind::DnsName => "NAME",
        Kind::Switch => "ON|OFF",
        Kind::Health => "CHECK",
        Kind::SlowStart => "DURATION",
        Kind::Name(_) => "NAME",
        Kind::Sources => "IP",
        Kind::Networks | Kind::Proxies | Kind::AcceptProxy => "NETWORK",
        Kind::Words(_) => "WORDS",
        Kind::Access => "NETWORK",
        Kind::Bandwidth | Kind::Rate | Kind::RateOrOff | Kind::RateLimit(_) => "RATE",
        Kind::LogTo => "WHERE",
        Kind::Limit => "NUMBER",
        Kind::Texts => "TEXT",
        Kind::Routes | Kind::Fields | Kind::Weights => "TABLE",
        Kind::SendProxy => "VERSION",
        Kind::Text | Kind::Bytes | Kind::Group | Kind::Brief(_) | Kind::Redirect | Kind::Answer => "TEXT",
    }
}

/// The keys that were given to `command`, in the order of the command line.
pub fn flags(command: &str, matches: &ArgMatches) -> Flags {
    let context = Context::of_service(command).unwrap_or(Context::Service);
    let mut given = Vec::new();
    for id in matches.ids().map(clap::Id::as_str) {
        let Ok(Some(values)) = matches.try_get_many::<String>(id) else { continue };
        let is_key = keys::find(context, id).or(keys::find(Context::Top, id)).is_some();
        if is_key || id == "addresses" {
            given.extend(matches.indices_of(id).into_iter().flatten().zip(values.map(|value| (id, value))));
        }
    }
    given.sort_by_key(|(index, _)| *index);
    let mut has_listen = given.iter().any(|(_, (id, _))| *id == "listen");
    let items = given.into_iter().map(|(_, (id, value))| {
        let key = match id {
            "addresses" if has_listen => "to",
            "addresses" => {
                has_listen = true;
                "listen"
            }
            id => id,
        };
        FlagValue { key: key.to_owned(), value: value.clone(), positional: id == "addresses" }
    });
    Flags::new(command, items.collect::<Vec<_>>())
}
