//! The project's own benchmark: what a unit of work costs in evenkeel and in other balancers, side by side.
#![forbid(unsafe_code)]

mod backend;
mod echo;
mod estimate;
mod figures;
mod histogram;
mod http;
mod http2;
mod load;
mod memory;
mod meter;
mod naive;
mod net;
mod peers;
mod pump;
mod run;
mod wish;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "evenkeel-bench", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare evenkeel with others, and report
    Run(run::Run),
    /// Serve the wishes of the load, on many ports
    Backend {
        /// Serve HTTP, 1.1 and 2
        #[arg(long, alias = "http2")]
        http: bool,
        /// Send datagrams back
        #[arg(long, conflicts_with = "http")]
        udp: bool,
        #[command(flatten)]
        backends: Backends,
    },
    /// Balance with `copy_bidirectional` and nothing else
    Naive {
        /// Listen here, on 127.0.0.1
        #[arg(long)]
        port: u16,
        #[command(flatten)]
        backends: Backends,
    },
    /// Note the time and become a program
    Launch(run::Launch),
    /// Make traffic, and print what was measured as JSON
    Load(load::Order),
}

/// Ports of the backends, one after the other.
#[derive(Args, Clone, Copy)]
struct Backends {
    /// The first port
    #[arg(long)]
    first: u16,
    /// How many
    #[arg(long)]
    count: u16,
}

impl Backends {
    fn ports(self) -> std::ops::Range<u16> {
        self.first..self.first.saturating_add(self.count)
    }
}

fn main() -> ExitCode {
    let Err(error) = carry_out() else { return ExitCode::SUCCESS };
    // With nobody to read it, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "{error:#}");
    ExitCode::FAILURE
}

fn carry_out() -> Result<()> {
    // As many descriptors as there are: every process here holds thousands.
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let all = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, all)?;
    match Cli::parse().command {
        Command::Run(run) => run.carry_out(),
        Command::Backend { udp: true, backends, .. } => echo::serve(backends.ports()),
        Command::Backend { http: true, backends, .. } => http::serve(backends.ports()),
        Command::Backend { backends, .. } => backend::serve(backends.ports()),
        Command::Naive { port, backends } => naive::serve(port, backends.ports()),
        Command::Launch(launch) => launch.carry_out(),
        Command::Load(order) => {
            let figures = order.carry_out()?;
            Ok(writeln!(std::io::stdout(), "{}", figures.to_json())?)
        }
    }
}
