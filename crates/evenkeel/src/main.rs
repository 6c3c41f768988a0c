//! A load balancer for TCP.
#![forbid(unsafe_code)]
#![allow(dead_code, reason = "the parts are being put together")]

mod binding;
mod ceiling;
mod config;
mod control;
mod demo;
mod discover;
mod error;
mod holder;
mod logging;
mod notify;
mod probe;
mod run;
mod signals;

fn main() -> std::process::ExitCode {
    let outcome = config::load(&config::Source::Stdin)
        .map_err(|_| error::RunError::new(error::Exit::BadConfig, "not there yet"))
        .and_then(|loaded| {
            let options = run::Options { began: std::time::Instant::now(), source: None, demo: false };
            run::run(loaded, options)
        });
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => error.exit_code(),
    }
}
