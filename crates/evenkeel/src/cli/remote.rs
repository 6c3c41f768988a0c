//! Commands for an evenkeel that runs.

use super::{config_file, config_path, json};
use crate::remote::{Command as Asked, Order, Subject, Tls, Whom};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use evenkeel_core::director::WEIGHT_MAX;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// All of them.
pub fn commands() -> Vec<Command> {
    let duties = DUTIES.map(|(verb, about, help)| duty(verb, about, help));
    let others = [
        top(),
        status(),
        reload(),
        upgrade(),
        weight(),
        add(),
        remove(),
        plan(),
        apply(),
        confirm(),
        reopen(),
        diff(),
        save(),
        sessions(),
        events(),
    ];
    duties.into_iter().chain(others).map(|it| it.args(whom_args())).chain([why()]).collect()
}

fn whom_args() -> [Arg; 6] {
    let file = |name: &'static str, variable: &'static str| {
        let arg = Arg::new(name).long(name).value_name("FILE").env(variable);
        arg.value_parser(clap::value_parser!(PathBuf))
    };
    [
        Arg::new("admin")
            .long("admin")
            .value_name("ADDR")
            .env("EVENKEEL_ADMIN")
            .help("Which evenkeel: `unix:/path`, `host:port` or `https://host:port`; the only one that runs unless told"),
        file("token-file", "EVENKEEL_TOKEN_FILE").help("The secret of its `admin.token-file`, for an address"),
        file("tls-ca", "EVENKEEL_TLS_CA")
            .help("Whose signature on its certificate counts, for `https://`; those that this machine trusts unless told"),
        file("tls-cert", "EVENKEEL_TLS_CERT")
            .help("The certificate to show, in PEM, for `admin.tls.client-ca`; its key may be in the same file"),
        file("tls-key", "EVENKEEL_TLS_KEY").requires("tls-cert").help("The key of that certificate"),
        Arg::new("tls-name")
            .long("tls-name")
            .value_name("NAME")
            .env("EVENKEEL_TLS_NAME")
            .help("The name that its certificate is for; that in the address unless told"),
    ]
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn quiet() -> Arg {
    flag("quiet", "Print nothing when all is well").short('q')
}

const TOP: &str = "\
Keys:
  arrows, Tab, Enter, Esc   move, go to the other table, open, go back
  s, S, /, Space            sort, the other way round, filter, pause
  d, x, e                   drain, disable, enable a backend or a service
  w, c                      set the weight of a backend; close a session
  ?, q                      help, leave

Orders are given only after a question that says what they will do. P50 and P99 are how long connects took in the \
last ten seconds. A terminal of 80x24 shows all that matters; in a wider one there are more columns. `NO_COLOR` or \
`--color never` turn colours off. For scripts there is `evenkeel status --json`.";

fn top() -> Command {
    let interval = Arg::new("interval")
        .long("interval")
        .value_name("DURATION")
        .default_value("1s")
        .value_parser(interval)
        .help("Time between two looks, 100ms to 1h");
    Command::new("top")
        .about("Live view in the terminal, and orders from there")
        .arg(interval)
        .after_help(TOP)
}

fn interval(text: &str) -> Result<Duration, String> {
    let duration =
        crate::config::duration(text).map_err(|what| format!("{what}; write for instance 1s or 500ms"))?;
    match duration.as_millis() {
        100..=3_600_000 => Ok(duration),
        _ => Err("it is not between 100ms and 1h".to_owned()),
    }
}

fn status() -> Command {
    Command::new("status")
        .about("How a running evenkeel does")
        .arg(json("Print one JSON object"))
        .arg(
            flag("ready", "Only whether it takes traffic: the exit status says so, too")
                .conflicts_with("json"),
        )
        .arg(quiet().requires("ready"))
        .after_help("Ends with 0, with 1 if `--ready` finds it not ready, with 69 if nobody can be asked.")
}

fn reload() -> Command {
    Command::new("reload")
        .about("Load the config file again, whole or not at all")
        .arg(flag("wait", "Wait for what comes of it; it always does").hide(true))
        .arg(quiet())
        .after_help(
            "No connection is dropped. Ends with 0 if the file holds now, with 1 and the reason if it was refused: \
             everything stays as it was.",
        )
}

fn upgrade() -> Command {
    Command::new("upgrade")
        .about("Hand every connection over to a new process")
        .arg(
            Arg::new("binary")
                .long("binary")
                .value_name("PATH")
                .value_parser(clap::value_parser!(PathBuf))
                .help("This program, from now on; the one that it was started by unless told"),
        )
        .arg(json("Print one JSON object"))
        .arg(quiet().conflicts_with("json"))
        .after_help(
            "The new process reads the config file again; every session moves to it, and nobody is cut. Ends with 0 when \
             the new process has everything, with 1 and the reason if it was refused or failed: everything stays as it \
             was; with 69 if nobody can be asked, or no answer came; with 77 if it may not ask, or name a program.",
        )
}

/// What can be ordered of services and backends alike.
const DUTIES: [(&str, &str, &str); 3] = [
    (
        "drain",
        "Send nothing new to a backend or a service",
        "Open sessions go on. A service that drains closes its listeners: new clients are refused.",
    ),
    (
        "disable",
        "The same, and close its sessions",
        "They are closed one after the other, within two seconds.",
    ),
    ("enable", "Undo a drain or disable", "A backend that comes back starts slowly, as `slow-start` says."),
];

fn name() -> Arg {
    Arg::new("name").value_name("NAME").required(true).help("The pool, or a service that sends to it")
}

fn backend() -> Arg {
    Arg::new("backend").value_name("BACKEND").required(true).help("Its address, written as in `to`")
}

fn share() -> Arg {
    Arg::new("weight")
        .value_name("WEIGHT")
        .value_parser(clap::value_parser!(u32).range(..=i64::from(WEIGHT_MAX)))
}

fn duty(verb: &'static str, about: &'static str, help: &'static str) -> Command {
    Command::new(verb)
        .about(about)
        .arg(name().help("A service; with BACKEND, a pool or a service that sends to it"))
        .arg(backend().required(false))
        .arg(quiet())
        .after_help(format!("{help} It survives a reload; `evenkeel diff` shows what was ordered."))
}

fn weight() -> Command {
    Command::new("weight")
        .about("Set a backend's share")
        .args([name(), backend(), share().required(true).help("As `weight` in `to`; 0 takes nothing new")])
        .arg(quiet())
        .after_help("It holds until the file says another weight.")
}

fn add() -> Command {
    Command::new("add")
        .about("Add a backend to a pool")
        .args([name(), backend(), share().long("weight").help("Its share [default: 1]")])
        .arg(flag("backup", "It takes sessions only while no other can"))
        .arg(
            Arg::new("max-sessions")
                .long("max-sessions")
                .value_name("NUMBER")
                .value_parser(clap::value_parser!(u32).range(1..))
                .help("Sessions at once there, at most"),
        )
        .arg(quiet())
        .after_help(
            "It is checked first. It stays over reloads; in the file, it is there after the next start, too.",
        )
}

fn remove() -> Command {
    Command::new("remove")
        .about("Take a backend out of a pool")
        .args([name(), backend()])
        .arg(quiet())
        .after_help("`on-remove` says what becomes of its sessions. It stays away over reloads, unless the file changes it.")
}

fn file() -> [Arg; 2] {
    let [file, config] = config_file("The config file; what it includes is read by the running evenkeel");
    [file.required_unless_present("config"), config]
}

fn plan() -> Command {
    Command::new("plan")
        .about("What another config file would change, with live sessions")
        .args(file())
        .arg(flag("detailed-exitcode", "End with 2 when it would change something, as `terraform plan` does"))
        .arg(json("Print one JSON object"))
        .after_help("Ends with 0, with 1 if the file would be refused.")
}

fn apply() -> Command {
    Command::new("apply")
        .about("Make another config file hold")
        .args(file())
        .arg(Arg::new("confirm").long("confirm").value_name("DURATION").value_parser(trial).help(
            "Go back after this time, such as 30s, unless `evenkeel confirm`, and at once when connects begin to fail",
        ))
        .arg(quiet())
        .after_help(
            "It holds until the next reload or start: write it to the file that `run` reads when it is good.",
        )
}

/// `text` as it is sent, if it is the time of a trial.
fn trial(text: &str) -> Result<String, String> {
    crate::control::trial_time(text).map(|_| text.to_owned())
}

fn confirm() -> Command {
    Command::new("confirm").about("Keep what was applied").arg(quiet())
}

fn reopen() -> Command {
    Command::new("reopen").about("Open the log again, after its file was renamed").arg(quiet()).after_help(
        "`SIGUSR1` does the same, and does not say what came of it. Standard output cannot be opened again.",
    )
}

fn diff() -> Command {
    Command::new("diff")
        .about("What orders have made of the config in force")
        .arg(json("Print one JSON object"))
}

fn save() -> Command {
    Command::new("save")
        .about("Write to the config file what was ordered")
        .args(config_file("The config file; the one that the running evenkeel reads unless told"))
        .arg(quiet())
        .after_help(
            "Weights, and backends that were added or removed; everything else in the file stays as it was typed. Says how many \
             changes it made, if any. What cannot be written is an error, and then nothing is.",
        )
}

/// The names of a filter in the API, and as flags.
const FILTER: [(&str, &str, &str); 5] = [
    ("id", "NUMBER", "The session with this number"),
    ("service", "NAME", "Of this service"),
    ("pool", "NAME", "Sent to this pool"),
    ("backend", "ADDR", "At this backend"),
    ("client", "IP", "From this client"),
];

fn sessions() -> Command {
    let filter = FILTER.map(|(name, value, help)| Arg::new(name).long(name).value_name(value).help(help));
    Command::new("sessions")
        .about("Open sessions, and closing some of them")
        .args(filter)
        .arg(
            Arg::new("limit")
                .long("limit")
                .value_name("NUMBER")
                .value_parser(clap::value_parser!(u64).range(..=1000))
                .help("Show so many at most [default: 100]"),
        )
        .arg(flag("close", "Close them").conflicts_with("limit"))
        .arg(flag("all", "Close every session").requires("close"))
        .arg(json("Print one JSON object"))
}

fn events() -> Command {
    Command::new("events")
        .about("What was told lately")
        .arg(flag("follow", "Go on with new ones as they come").short('f'))
        .arg(json("Print one JSON object a line"))
}

fn why() -> Command {
    let about = |name: &'static str, about: &'static str, arg: Arg| {
        Command::new(name)
            .about(about)
            .arg(arg.required(true))
            .arg(json("Print one JSON object"))
            .args(whom_args())
    };
    let backend = about(
        "backend",
        "Its last checks, failures and changes, and what would bring it back",
        Arg::new("addr").value_name("ADDR").help("Its address, written as in `to`"),
    )
    .arg(
        Arg::new("pool")
            .long("pool")
            .value_name("POOL")
            .help("Its pool, or a service that sends there, where several have this address"),
    );
    let id = Arg::new("id").value_name("ID").value_parser(clap::value_parser!(u64));
    let ip = Arg::new("ip").value_name("IP").value_parser(clap::value_parser!(IpAddr));
    Command::new("why")
        .about("Why a backend, a session, a request or a client is as it is")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(backend)
        .subcommand(about(
            "session",
            "Whom it tried, how long it waited, how it ended and whose doing that was",
            id.help("Its number, as in the log and in `evenkeel sessions`"),
        ))
        .subcommand(about(
            "request",
            "Whom it was sent to, what became of it and whose doing that was, if it was no plain success",
            Arg::new("id").value_name("ID").help("Its `X-Request-Id`, as in the log"),
        ))
        .subcommand(about(
            "client",
            "Its last sessions and requests, and where its address sends it",
            ip.help("Its IP address"),
        ))
        .after_help(
            "What happened lately is kept in memory: 32 checks, failures and changes of each backend, and some thousand \
             sessions and requests. Ends with 1 if what is asked about is not known.",
        )
}

fn subject(matches: &ArgMatches) -> Option<(Whom, Asked)> {
    let (name, matches) = matches.subcommand()?;
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let subject = match name {
        "backend" => Subject::Backend { addr: text("addr")?, pool: text("pool") },
        "session" => Subject::Session(*matches.get_one("id")?),
        "request" => Subject::Request(text("id")?),
        _ => Subject::Client(*matches.get_one("ip")?),
    };
    Some((whom(matches), Asked::Why { subject, json: matches.get_flag("json") }))
}

/// Which evenkeel `matches` mean.
pub fn whom(matches: &ArgMatches) -> Whom {
    let file = |name: &str| matches.get_one::<PathBuf>(name).cloned();
    let typed = ["tls-ca", "tls-cert", "tls-key", "tls-name"];
    let tls = Tls {
        is_typed: typed.iter().any(|it| matches.value_source(it) == Some(ValueSource::CommandLine)),
        ca: file("tls-ca"),
        cert: file("tls-cert"),
        key: file("tls-key"),
        name: matches.get_one("tls-name").cloned(),
    };
    Whom { admin: matches.get_one("admin").cloned(), token_file: file("token-file"), tls }
}

/// What `matches`, of the command called `name`, asks of whom.
pub fn understand(name: &str, matches: &ArgMatches) -> Option<(Whom, Asked)> {
    let flag = |name: &str| matches.get_flag(name);
    let asked = match name {
        "why" => return subject(matches),
        "status" if flag("ready") => Asked::Ready { quiet: flag("quiet") },
        "status" => Asked::Status { json: flag("json") },
        "reload" => Asked::Reload { quiet: flag("quiet") },
        "upgrade" => Asked::Upgrade {
            binary: matches.get_one("binary").cloned(),
            json: flag("json"),
            quiet: flag("quiet"),
        },
        "sessions" => sessions_asked(matches),
        "plan" => Asked::Plan {
            path: config_path(matches)?.clone(),
            json: flag("json"),
            detailed: flag("detailed-exitcode"),
        },
        "apply" => Asked::Apply {
            path: config_path(matches)?.clone(),
            confirm: matches.get_one("confirm").cloned(),
            quiet: flag("quiet"),
        },
        "confirm" => Asked::Confirm { quiet: flag("quiet") },
        "reopen" => Asked::Reopen { quiet: flag("quiet") },
        "save" => Asked::Save { path: config_path(matches).cloned(), quiet: flag("quiet") },
        "diff" => Asked::Diff { json: flag("json") },
        "events" => Asked::Events { follow: flag("follow"), json: flag("json") },
        _ => Asked::Order { order: order(name, matches)?, quiet: flag("quiet") },
    };
    Some((whom(matches), asked))
}

fn order(verb: &str, matches: &ArgMatches) -> Option<Order> {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let name = text("name")?;
    if let Some((verb, _, _)) = DUTIES.iter().find(|(known, _, _)| *known == verb) {
        return Some(Order::Duty { verb, name, backend: text("backend") });
    }
    let backend = text("backend")?;
    let number = |name: &str| matches.get_one::<u32>(name).copied();
    match verb {
        "weight" => Some(Order::Weight { name, backend, weight: number("weight")? }),
        "remove" => Some(Order::Remove { name, backend }),
        "add" => {
            let numbers = [("weight", number("weight")), ("max_sessions", number("max-sessions"))];
            let numbers = numbers.into_iter().filter_map(|(name, value)| Some((name, value?.into())));
            let backup = matches.get_flag("backup").then(|| ("backup", true.into()));
            let fields = numbers.chain(backup).map(|(name, value)| (name.to_owned(), value)).collect();
            Some(Order::Add { name, backend, fields })
        }
        _ => None,
    }
}

fn sessions_asked(matches: &ArgMatches) -> Asked {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let mut filter: Vec<(&'static str, String)> =
        FILTER.iter().filter_map(|(name, _, _)| Some((*name, text(name)?))).collect();
    if let Some(limit) = matches.get_one::<u64>("limit") {
        filter.push(("limit", limit.to_string()));
    }
    if matches.get_flag("all") {
        filter.push(("all", "true".to_owned()));
    }
    Asked::Sessions { filter, close: matches.get_flag("close"), json: matches.get_flag("json") }
}
