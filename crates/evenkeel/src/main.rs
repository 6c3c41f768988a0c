//! A load balancer for TCP.
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
mod remote;
mod run;
mod signals;
mod tls;
mod top;
mod upgrade;

use cli::Invocation;
use config::{Loaded, Problems, Source};
use error::{Exit, RunError};
use std::process::ExitCode;
use std::time::Instant;
use upgrade::Again;
use upgrade::arrive::{Herald, Predecessor};

fn main() -> ExitCode {
    let began = Instant::now();
    let predecessor = upgrade::arrive::predecessor();
    let herald = predecessor.as_ref().map(Predecessor::herald);
    let again = upgrade::binary::again();
    let understood = cli::matches().and_then(|matches| {
        cli::understand(&matches).ok_or_else(|| clap::Error::new(clap::error::ErrorKind::InvalidSubcommand))
    });
    let outcome = match understood {
        Ok(invocation) => perform(invocation, Life { began, again, predecessor }, herald.as_ref()),
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
    again: Again,
    predecessor: Option<Predecessor>,
}

fn perform(invocation: Invocation, life: Life, herald: Option<&Herald>) -> Result<ExitCode, RunError> {
    let Life { began, again, predecessor } = life;
    if let Invocation::Run(_) | Invocation::Service { .. } | Invocation::Demo(_) = invocation {
        signals::outlive();
    }
    let done = match invocation {
        Invocation::Run(source) => {
            let loaded = load(&source, herald)?;
            // Standard input cannot be read a second time.
            let again = match source {
                Source::Stdin(_) => {
                    Err("the configuration came from standard input, which cannot be read again")
                }
                _ => Ok(again),
            };
            let source = matches!(source, Source::File(..)).then_some(source);
            run::run(loaded, run::Options { began, source, again, predecessor, demo: false })
        }
        Invocation::Service { flags, print_config } => {
            let source = Source::Flags(flags);
            let loaded = load(&source, herald)?;
            match (&source, print_config) {
                (Source::Flags(flags), true) => output::print(&flags.to_toml()),
                _ => {
                    let options =
                        run::Options { began, source: None, again: Ok(again), predecessor, demo: false };
                    run::run(loaded, options)
                }
            }
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
            clap_complete::generate(shell, &mut cli::command(), "evenkeel", &mut script);
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
        Source::File(path, _) | Source::Given(config::Given { path, .. }) => {
            (Exit::BadConfig, path.display().to_string())
        }
        Source::Stdin(_) | Source::Text(_) => (Exit::BadConfig, "standard input".to_owned()),
    };
    RunError::new(exit, format!("{mistakes} in {place}"))
}
