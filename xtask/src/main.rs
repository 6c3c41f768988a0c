//! Chores of the repository, run as `cargo xtask CHORE`. Never shipped.
#![forbid(unsafe_code)]

mod instructions;
mod package;
mod tidy;

use anyhow::{Context, bail, ensure};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Err(error) = carry_out(&arguments) else { return ExitCode::SUCCESS };
    // With nobody to read it, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "{error:#}");
    ExitCode::FAILURE
}

fn carry_out(arguments: &[String]) -> anyhow::Result<()> {
    match arguments {
        [chore] if chore == "tidy" => tidy(),
        [chore] if chore == "instructions" => instructions::carry_out(false),
        [chore, option] if chore == "instructions" && option == "--write" => instructions::carry_out(true),
        [chore, options @ ..] if chore == "bench" => bench(options),
        [chore, kind] if chore == "package" && kind == "deb" => package::deb(None, ""),
        [chore, kind, program] if chore == "package" && kind == "deb" => package::deb(Some(program), ""),
        [chore, kind, program, more] if chore == "package" && kind == "deb" => {
            package::deb(Some(program), more)
        }
        _ => bail!(
            "usage: cargo xtask tidy, or bench [--help], or instructions [--write], or package deb [PROGRAM [+MORE]]"
        ),
    }
}

/// Compares evenkeel, as it is released, with other balancers.
fn bench(options: &[String]) -> anyhow::Result<()> {
    // Built apart: together they would share features that a release does not have.
    cargo(&["build", "--release", "--package", "evenkeel"], &[])?;
    cargo(&["run", "--release", "--package", "evenkeel-bench", "--", "run"], options)
}

fn cargo(arguments: &[&str], options: &[String]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(arguments).args(options).status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo {}: {status}", arguments.join(" "));
    Ok(())
}

fn tidy() -> anyhow::Result<()> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let problems = tidy::problems(&tidy::Tree::load(root)?);
    let mut err = std::io::stderr().lock();
    for problem in &problems {
        writeln!(err, "{problem}")?;
    }
    ensure!(problems.is_empty(), "{} to tidy up", problems.len());
    Ok(())
}
