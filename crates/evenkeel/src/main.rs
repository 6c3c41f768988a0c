//! A load balancer for TCP.
#![forbid(unsafe_code)]
#![allow(dead_code, reason = "the parts are being put together")]

mod config;
mod control;
mod demo;
mod error;

fn main() -> std::process::ExitCode {
    let outcome = config::load(&config::Source::Stdin)
        .map_err(|_| error::RunError::new(error::Exit::BadConfig, "not there yet"))
        .and_then(control::run);
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => error.exit_code(),
    }
}
