//! A load balancer for TCP, UDP and HTTP.
#![forbid(unsafe_code)]

mod acme;
mod admin;
mod binding;
mod ceiling;
mod check;
mod cli;
mod config;
mod control;
mod demo;
mod discover;
mod doctor;
mod error;
mod explain;
mod holder;
mod logging;
mod notify;
mod output;
mod probe;
mod reach;
mod remote;
mod run;
mod sandbox;
mod signals;
mod tls;
mod token;
mod top;
mod upgrade;

use cli::Invocation;
use config::{Loaded, Problems, Source};
use error::{Exit, RunError};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use upgrade::Again;
use upgrade::arrive::{Herald, Predecessor};
use upgrade::launcher::Launcher;

fn main() -> ExitCode {
    if let Some(status) = upgrade::launcher::serve() {
        return status;
    }
    let began = Instant::now();
    let predecessor = upgrade::arrive::predecessor();
    let herald = predecessor.as_ref().map(Predecessor::herald);
    let binary = upgrade::binary::path();
    let understood = cli::matches().and_then(|matches| {
        cli::understand(&matches).ok_or_else(|| clap::Error::new(clap::error::ErrorKind::InvalidSubcommand))
    });
    let outcome = match understood {
        Ok(invocation) => perform(invocation, Life { began, binary, predecessor }, herald.as_ref()),
        // Help is such an error too, with status 0; a closed pipe is not worth another one.
        Err(error) => {
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    match outcome {
        Ok(status) => status,
        Err(error) => {
            herald.inspect(|herald| herald.fail(&error.to_string()));
            output::complain(&format!("error: {error}\n"));
            error.exit_code()
        }
    }
}

/// Where this process comes from.
struct Life {
    began: Instant,
    binary: PathBuf,
    predecessor: Option<Predecessor>,
}

impl Life {
    /// What a process that is to run does first of all: it lets go who will start the next one, with all that this one may do, and
    /// only then becomes `user`.
    fn settle(self, user: Option<&str>) -> Result<run::Options, RunError> {
        let Self { began, binary, predecessor } = self;
        let inherited = notify::inherited();
        let args: Vec<_> = std::env::args_os().skip(1).collect();
        let again = Launcher::begin(&args).map(|launcher| Again { binary, launcher: launcher.into() });
        let again = again.map_err(|_| "what would start the next process could not be started");
        user.map_or(Ok(()), sandbox::user::become_user)?;
        Ok(run::Options { began, inherited, source: None, flags: None, again, predecessor, demo: false })
    }
}

fn perform(invocation: Invocation, life: Life, herald: Option<&Herald>) -> Result<ExitCode, RunError> {
    if let Invocation::Run { .. } | Invocation::Service { .. } | Invocation::Demo(_) = invocation {
        signals::outlive();
    }
    let done = match invocation {
        Invocation::Run { source, user } => {
            let mut options = life.settle(user.as_deref())?;
            let loaded = load(&source, herald)?;
            options.flags = source.flags().cloned();
            match source {
                // Standard input cannot be read a second time.
                Source::Stdin(_) => {
                    options.again =
                        Err("the configuration came from standard input, which cannot be read again");
                }
                source => options.source = Some(source),
            }
            run::run(loaded, options)
        }
        Invocation::Service { flags, print_config, user } => {
            let source = Source::Flags(flags);
            if let (Source::Flags(flags), true) = (&source, print_config) {
                load(&source, herald)?;
                return output::print(&flags.to_toml()).map(|()| ExitCode::SUCCESS);
            }
            let options = life.settle(user.as_deref())?;
            run::run(load(&source, herald)?, options)
        }
        Invocation::Demo(options) => demo::run(options),
        Invocation::DemoOrder(order, port) => demo::orders::send(order, port),
        Invocation::DemoLoad(port) => demo::load::run(port),
        Invocation::Check { source, name, live, json } => check::run(&source, &name, live, json),
        Invocation::Top(whom, interval) => top::run(whom, interval),
        Invocation::Doctor { source, name, json } => doctor::run(source.as_ref(), &name, json),
        Invocation::Remote(whom, command) => return remote::run(&whom, command),
        Invocation::Explain { key, form } => explain::run(key.as_deref(), form),
        Invocation::Completions(shell) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut cli::completed(), "evenkeel", &mut script);
            output::print(&String::from_utf8_lossy(&script))
        }
        Invocation::Man => output::print(&explain::manual()?),
        Invocation::Version { json } => output::print(&explain::version(json)),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The configuration at `source`; every mistake in it goes to standard error. Warnings are for the log.
fn load(source: &Source, herald: Option<&Herald>) -> Result<Loaded, RunError> {
    config::load(source).map_err(|problems| {
        herald.inspect(|herald| herald.fail(&problems.summary()));
        refused(&problems, source)
    })
}

fn refused(problems: &Problems, source: &Source) -> RunError {
    if problems.unreadable {
        let what = problems.list.first().map_or_else(String::new, |problem| problem.what.clone());
        let error = RunError::new(Exit::NoInput, what);
        return match source {
            // Who has named a file knows how.
            Source::File(path, _) if path.as_os_str() == cli::DEFAULT_CONFIG => {
                error.help("name a file by `-c FILE`, or start without one: `evenkeel tcp 8080 5001 5002`")
            }
            _ => error,
        };
    }
    output::complain(&(problems.render(&output::renderer(cli::color())) + "\n"));
    let mistakes = logging::count(problems.errors(), "mistake");
    let of_flags = problems.errors_of_flags();
    let (exit, place) = match source {
        Source::Flags(_) => (Exit::Usage, "the command line".to_owned()),
        _ if of_flags == problems.errors() => (Exit::Usage, "the command line".to_owned()),
        Source::File(path, _) if of_flags > 0 => {
            (Exit::BadConfig, format!("{} and the command line", path.display()))
        }
        Source::File(path, _) | Source::Given(config::Given { path, .. }, _) => {
            (Exit::BadConfig, path.display().to_string())
        }
        Source::Stdin(_) | Source::Text(_) => (Exit::BadConfig, "standard input".to_owned()),
    };
    RunError::new(exit, format!("{mistakes} in {place}"))
}
