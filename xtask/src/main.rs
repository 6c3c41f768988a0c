//! Chores of the repository, run as `cargo xtask CHORE`. Never shipped.
#![forbid(unsafe_code)]

mod instructions;
mod package;
mod pgo;
mod tidy;

use anyhow::{Context, bail, ensure};
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The folder of the repository.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

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
        [chore] if chore == "pgo" => pgo::carry_out(),
        [chore, kind] if chore == "package" && kind == "deb" => package::deb(None, ""),
        [chore, kind, program] if chore == "package" && kind == "deb" => package::deb(Some(program), ""),
        [chore, kind, program, more] if chore == "package" && kind == "deb" => {
            package::deb(Some(program), more)
        }
        _ => bail!(
            "usage: cargo xtask tidy, or bench [--help], or instructions [--write], or package deb [PROGRAM [+MORE]], or pgo"
        ),
    }
}

/// Compares evenkeel with other balancers: a plain build, unless an option names another.
fn bench(options: &[String]) -> anyhow::Result<()> {
    // Built apart: together they would share features that evenkeel alone does not have.
    cargo(&["build", "--release", "--package", "evenkeel"], &[], &[])?;
    cargo(&["run", "--release", "--package", "evenkeel-bench", "--", "run"], options, &[])
}

/// Runs cargo in this environment, which says what it does.
fn cargo(arguments: &[&str], options: &[String], environment: &[(&str, &str)]) -> anyhow::Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).args(options).envs(environment.iter().copied());
    let status = command.status().context("cannot run cargo")?;
    ensure!(status.success(), "cargo {}: {status}", arguments.join(" "));
    Ok(())
}

/// What rustc prints.
fn rustc(arguments: &[&str]) -> anyhow::Result<String> {
    run(Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).args(arguments))
}

/// What `command` prints.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn tidy() -> anyhow::Result<()> {
    let problems = tidy::problems(&tidy::Tree::load(Path::new(ROOT))?);
    let mut err = std::io::stderr().lock();
    for problem in &problems {
        writeln!(err, "{problem}")?;
    }
    ensure!(problems.is_empty(), "{} to tidy up", problems.len());
    Ok(())
}
