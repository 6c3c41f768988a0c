//! Chores of the repository, run as `cargo xtask CHORE`. Never shipped.
#![forbid(unsafe_code)]

mod tidy;

use anyhow::ensure;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let chore = std::env::args().nth(1);
    let done = match chore.as_deref() {
        Some("tidy") => tidy(),
        _ => Err(anyhow::anyhow!("usage: cargo xtask tidy")),
    };
    let Err(error) = done else { return ExitCode::SUCCESS };
    // With nobody to read it, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "{error:#}");
    ExitCode::FAILURE
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
