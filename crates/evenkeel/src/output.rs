//! Printing: results to standard output, everything else to standard error; never a panic, colours where they fit.

use crate::error::{Exit, RunError};
use annotate_snippets::Renderer;
use clap::ColorChoice;
use std::env::var_os;
use std::io::{self, IsTerminal, Write};

/// Prints a result. A reader that has seen enough and closed the pipe is no failure.
pub fn print(text: &str) -> Result<(), RunError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(RunError::new(Exit::Failed, format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints what is not a result. Where that cannot be read, nobody is left to be told.
pub fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// The renderer of problems for standard error.
pub fn renderer(choice: ColorChoice) -> Renderer {
    match wants_color(choice, io::stderr().is_terminal()) {
        true => Renderer::styled(),
        false => Renderer::plain(),
    }
}

/// `NO_COLOR` (no-color.org) and `CLICOLOR_FORCE` (bixense.com/clicolors) count unless `--color` says otherwise.
pub fn wants_color(choice: ColorChoice, is_terminal: bool) -> bool {
    let is_set = |name| var_os(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set("NO_COLOR") => false,
        ColorChoice::Auto if var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorChoice::Auto => is_terminal && var_os("TERM").is_none_or(|term| term != "dumb"),
    }
}
