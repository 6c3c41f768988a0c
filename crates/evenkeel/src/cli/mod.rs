//! The command line: what can be typed, and what it comes to. What is done about it is elsewhere.

mod complete;
mod remote;
mod service;

use crate::config::flags::{FlagValue, Flags};
use crate::config::{Source, keys};
use crate::demo::orders::Order;
use crate::demo::{DemoOptions, PORTS};
use crate::remote::{Command as Asked, Whom};
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Arg, ArgAction, ArgMatches, ColorChoice, Command};
pub use complete::command as completed;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where `run` and `check` look for a configuration when they are not told.
pub const DEFAULT_CONFIG: &str = "/etc/evenkeel/evenkeel.toml";

const TEMPLATE: &str = "\
evenkeel: {about}

Usage: {usage}

Try it, no config file needed:
  demo         Start three toy servers and balance across them
  tcp          Balance TCP connections
  udp          Balance UDP datagrams
  http         Balance HTTP requests

Run it:
  run          Run from a config file [default: /etc/evenkeel/evenkeel.toml]
  check        Check a config file and show every mistake
  doctor       Check this host, and how to mend what a config needs of it
  reload       Load the config file again, whole or not at all
  upgrade      Hand every connection over to a new process
  reopen       Open the log again, after its file was renamed

Steer it:
  drain        Send nothing new to a backend or a service
  disable      The same, and close its sessions
  enable       Undo a drain or disable
  weight       Set a backend's share
  add          Add a backend to a pool
  remove       Take a backend out of a pool
  plan         What another config file would change
  apply        Make another config file hold, for good or on trial
  confirm      Keep what was applied
  diff         What orders have made of the config in force
  save         Write to the config file what was ordered

Watch it:
  top          Live view in the terminal, and orders from there
  status       How a running evenkeel does
  sessions     Open sessions, and closing some of them
  events       What was told lately
  why          Why a backend, session, request or client is as it is

More:
  explain      What a key means, its default, and why
  completions  Completions for a shell
  man          The manual page
  version      Version, also as JSON
  help         Help for a command

Options:
{options}

Examples:
  evenkeel demo
  evenkeel tcp 8080 5001 5002 5003
  evenkeel tcp --listen :5432 --to db1:5432 --to db2:5432 --balance least-conn
  evenkeel check evenkeel.toml && evenkeel run evenkeel.toml
  evenkeel top --interval 500ms
  evenkeel explain timeout.connect

First time? Run `evenkeel demo`.";

/// A command line, understood.
#[derive(Debug)]
pub enum Invocation {
    /// Run from this configuration.
    Run {
        /// Which.
        source: Source,
        /// As this user.
        user: Option<String>,
    },
    /// Show every mistake in this configuration.
    Check {
        /// Which.
        source: Source,
        /// How it is called in what is printed.
        name: String,
        /// Also resolve, bind and dial.
        live: bool,
        /// Print JSON.
        json: bool,
    },
    /// Show what this host gives, and what this configuration needs of it.
    Doctor {
        /// Which; `None` is none.
        source: Option<Source>,
        /// How it is called in what is printed.
        name: String,
        /// Print JSON.
        json: bool,
    },
    /// Balance between the addresses of the command line.
    Service {
        /// The configuration.
        flags: Flags,
        /// Print the file that does the same, and end.
        print_config: bool,
        /// As this user.
        user: Option<String>,
    },
    /// Run the demo.
    Demo(DemoOptions),
    /// Tell the running demo's server on this port something.
    DemoOrder(Order, u16),
    /// Send requests to the running demo's balancer on this port.
    DemoLoad(u16),
    /// Ask an evenkeel that runs.
    Remote(Whom, Asked),
    /// Show a running evenkeel, asked again after each of these times.
    Top(Whom, Duration),
    /// Explain a key, or list all of them.
    Explain {
        /// Which.
        key: Option<String>,
        /// In which form.
        form: ExplainForm,
    },
    /// Print completions.
    Completions(clap_complete::Shell),
    /// Print the manual page.
    Man,
    /// Print the version.
    Version {
        /// As JSON.
        json: bool,
    },
}

/// How `explain` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExplainForm {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// The whole reference, as in docs/configuration.md.
    Markdown,
}

/// Everything that can be typed.
pub fn command() -> Command {
    let when = Arg::new("color")
        .long("color")
        .value_name("WHEN")
        .value_parser(["auto", "always", "never"])
        .default_value("auto")
        .global(true)
        .help("Colours: on a terminal, always, or never");
    Command::new("evenkeel")
        .about("a load balancer for TCP, UDP and HTTP")
        .version(crate::explain::VERSION)
        .color(color())
        .styles(Styles::styled().literal(AnsiColor::Cyan.on_default()))
        .help_template(TEMPLATE)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100)
        .arg(when)
        .subcommand(demo())
        .subcommand(service::tcp())
        .subcommand(service::udp())
        .subcommand(service::http())
        .subcommand(run())
        .subcommand(check())
        .subcommand(doctor())
        .subcommands(remote::commands())
        .subcommand(explain())
        .subcommand(
            Command::new("completions")
                .about("Completions for a shell")
                .after_help("evenkeel completions bash > /usr/share/bash-completion/completions/evenkeel")
                .arg(
                    Arg::new("shell")
                        .required(true)
                        .value_name("SHELL")
                        .value_parser(clap::value_parser!(clap_complete::Shell)),
                ),
        )
        .subcommand(Command::new("man").about("The manual page").after_help("evenkeel man | man -l -"))
        .subcommand(Command::new("version").about("Version, also as JSON").arg(json("Print one JSON object")))
}

fn demo() -> Command {
    let order = |order: Order, about: &'static str| {
        let port = Arg::new("port").value_name("PORT").required(true).value_parser(clap::value_parser!(u16));
        Command::new(order.word()).about(about).arg(port.help("The server's port"))
    };
    Command::new("demo")
        .args_conflicts_with_subcommands(true)
        .subcommand_help_heading("From another terminal, while it runs")
        .subcommand_value_name("COMMAND")
        .disable_help_subcommand(true)
        .subcommand(order(Order::Stop, "Stop one of the servers"))
        .subcommand(order(Order::Start, "Start it again"))
        .subcommand(order(Order::Slow, "Make it slow"))
        .subcommand(
            Command::new("load").about("Send 2,000 requests, and see who answered").arg(
                Arg::new("port")
                    .value_name("PORT")
                    .default_value("8080")
                    .value_parser(clap::value_parser!(u16).range(1..))
                    .help("The balancer's port"),
            ),
        )
        .about("Start three toy servers and balance across them")
        .arg(
            Arg::new("ports")
                .long("ports")
                .value_name("PORTS")
                .value_delimiter(',')
                .num_args(1..)
                .value_parser(clap::value_parser!(u16).range(1..))
                .default_value(PORTS)
                .help("The balancer's port, then one for each server"),
        )
        .arg(print_config())
        .after_help("Then: curl localhost:8080, several times. Ctrl-C ends it.")
}

/// A config file, by itself or behind `-c`.
fn config_file(help: &'static str) -> [Arg; 2] {
    let path = |id| Arg::new(id).value_name("FILE").value_parser(clap::value_parser!(PathBuf));
    let config = path("config").short('c').long("config").help("The same; it counts if both are there");
    [path("file").help(help), config]
}

/// The one that evenkeel runs from, unless another is given.
///
/// A variable that is set to nothing, as a unit or a compose file may leave it, is as good as none.
fn usual_config_file() -> [Arg; 2] {
    let [file, config] = config_file("The config file; `-` is standard input");
    let file = file.default_value(DEFAULT_CONFIG);
    let file = match std::env::var_os("EVENKEEL_CONFIG") {
        Some(value) if value.is_empty() => file,
        _ => file.env("EVENKEEL_CONFIG"),
    };
    [file, config]
}

/// The path that was given as one of these; the other one may be of the environment.
fn config_path(matches: &ArgMatches) -> Option<&PathBuf> {
    matches.get_one("config").or_else(|| matches.get_one("file"))
}

/// Keys that are flags of `run`.
const RUN_KEYS: [&str; 4] = ["workers", "log", "log-to", "sandbox"];

/// Whom to become.
fn user() -> Arg {
    Arg::new("user")
        .long("user")
        .value_name("USER[:GROUP]")
        .help("Started as root, become this user before anything else; names or numbers")
}

fn run() -> Command {
    Command::new("run")
        .about("Run from a config file")
        .args(usual_config_file())
        .args(RUN_KEYS.iter().filter_map(|name| {
            keys::find(keys::Context::Top, name).map(|key| service::flag(key).help_heading(None))
        }))
        .arg(user())
        .after_help(
            "SIGTERM drains and ends, another one after that ends at once. SIGHUP, or `evenkeel reload`, loads the file \
             again; SIGUSR2, or `evenkeel upgrade`, hands everything over to a new process.",
        )
}

fn check() -> Command {
    Command::new("check")
        .visible_alias("validate")
        .about("Check a config file and show every mistake")
        .args(usual_config_file())
        .arg(
            Arg::new("live")
                .long("live")
                .action(ArgAction::SetTrue)
                .help("Also look up every name, bind every listener and check every backend once"),
        )
        .arg(json("Print one JSON object"))
        .after_help(
            "Ends with 0 if it found no mistake, with 1 if it did, with 66 if it cannot read the file.",
        )
}

fn doctor() -> Command {
    Command::new("doctor")
        .about("Check this host, and how to mend what a config needs of it")
        .args(config_file("A config file; `-` is standard input; without one: this host in general"))
        .arg(json("Print one JSON object"))
        .after_help(
            "Run it as the user that evenkeel runs as. Nothing is changed: it prints the commands that do.\n\
             Ends with 0 if it found no problem, with 1 if it did.",
        )
}

fn explain() -> Command {
    Command::new("explain")
        .about("What a key means, its default, and why")
        .arg(
            Arg::new("key").value_name("KEY").help(
                "A key such as `timeout.connect`, or a table such as `tcp`; without one: list all keys",
            ),
        )
        .arg(json("Print JSON"))
        .arg(
            Arg::new("markdown")
                .long("markdown")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["key", "json"])
                .help("Print the whole reference as Markdown"),
        )
}

fn json(help: &'static str) -> Arg {
    Arg::new("json").long("json").action(ArgAction::SetTrue).help(help)
}

fn print_config() -> Arg {
    Arg::new("print-config")
        .long("print-config")
        .action(ArgAction::SetTrue)
        .help("Print the config file that does the same, and end")
}

/// What was typed, or what to print instead: a mistake, or help.
pub fn matches() -> Result<ArgMatches, clap::Error> {
    command().try_get_matches().map_err(service::advised)
}

/// What `matches`, of [`command`], comes to; `None` is a command that does not exist.
pub fn understand(matches: &ArgMatches) -> Option<Invocation> {
    let (name, matches) = matches.subcommand()?;
    let json = || matches.get_flag("json");
    Some(match name {
        "run" => Invocation::Run {
            source: source(config_path(matches), Some(process_flags("run", matches))),
            user: matches.get_one("user").cloned(),
        },
        "check" => Invocation::Check {
            source: source(config_path(matches), None),
            name: file_name(config_path(matches)?),
            live: matches.get_flag("live"),
            json: json(),
        },
        "doctor" => {
            let file = config_path(matches);
            Invocation::Doctor {
                source: file.map(|_| source(file, None)),
                name: file.map(|path| file_name(path)).unwrap_or_default(),
                json: json(),
            }
        }
        "tcp" | "udp" | "http" => {
            let user = matches.get_one("user").cloned();
            Invocation::Service {
                flags: service::flags(name, matches),
                print_config: matches.get_flag("print-config"),
                user,
            }
        }
        "demo" => match matches.subcommand() {
            Some(("load", load)) => Invocation::DemoLoad(*load.get_one("port")?),
            Some((word, order)) => Invocation::DemoOrder(Order::from_word(word)?, *order.get_one("port")?),
            None => Invocation::Demo(DemoOptions {
                ports: matches.get_many("ports").into_iter().flatten().copied().collect(),
                print_config: matches.get_flag("print-config"),
            }),
        },
        "explain" => Invocation::Explain {
            key: matches.get_one("key").cloned(),
            form: match (matches.get_flag("markdown"), json()) {
                (true, _) => ExplainForm::Markdown,
                (_, true) => ExplainForm::Json,
                _ => ExplainForm::Text,
            },
        },
        "completions" => Invocation::Completions(*matches.get_one("shell")?),
        "man" => Invocation::Man,
        "version" => Invocation::Version { json: json() },
        "top" => Invocation::Top(remote::whom(matches), *matches.get_one("interval")?),
        name => {
            let (whom, asked) = remote::understand(name, matches)?;
            Invocation::Remote(whom, asked)
        }
    })
}

/// How a file is called in what is printed.
fn file_name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() }
}

fn source(path: Option<&PathBuf>, flags: Option<Flags>) -> Source {
    match path {
        Some(path) if path.as_os_str() != "-" => Source::File(path.clone(), flags),
        _ => Source::Stdin(flags),
    }
}

fn process_flags(command: &str, matches: &ArgMatches) -> Flags {
    let given = RUN_KEYS.iter().filter_map(|key| {
        let value = matches.get_one::<String>(key)?.clone();
        Some(FlagValue { key: (*key).to_owned(), value, positional: false })
    });
    Flags::new(command, given)
}

/// What `--color` says, also before the whole command line is understood: mistakes in it have colours too.
pub fn color() -> ColorChoice {
    color_choice(std::env::args_os().skip(1).filter_map(|arg| arg.into_string().ok()))
}

fn color_choice(mut args: impl Iterator<Item = String>) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    while let Some(arg) = args.next() {
        let value = match arg.strip_prefix("--color=") {
            Some(value) => Some(value.to_owned()),
            None if arg == "--color" => args.next(),
            None => None,
        };
        match value.as_deref() {
            Some("always") => choice = ColorChoice::Always,
            Some("never") => choice = ColorChoice::Never,
            Some(_) => choice = ColorChoice::Auto,
            None => {}
        }
    }
    choice
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn help_names_every_command() {
        let help = command().render_help().to_string();
        for sub in command().get_subcommands() {
            assert!(help.contains(&format!("\n  {} ", sub.get_name())), "{}", sub.get_name());
        }
    }

    #[test]
    fn every_key_of_a_service_is_a_flag() {
        for (command, context) in [
            (service::tcp(), keys::Context::Service),
            (service::udp(), keys::Context::Udp),
            (service::http(), keys::Context::Http),
        ] {
            for key in keys::in_context(context).filter(|key| !matches!(key.kind, keys::Kind::Group)) {
                let mut flags = command.get_arguments().filter_map(Arg::get_long);
                assert!(flags.any(|flag| flag == key.name), "--{}", key.name);
            }
        }
    }
}
