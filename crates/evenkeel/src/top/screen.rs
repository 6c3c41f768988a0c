//! The terminal: taken as a whole, and given back as it was, whatever ends us.

use super::style::Glyphs;
use crate::error::{Exit, RunError};
use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use rustix::process::{Signal, kill_current_process_group};
use std::env::var_os;
use std::io::{self, IsTerminal};

/// A terminal that shows a full screen. It is given back on drop, and by a panic hook before the panic is told.
pub struct Screen(DefaultTerminal);

impl Screen {
    /// Whether there is one, and what to do if not.
    pub fn check() -> Result<(), RunError> {
        let why = if !io::stdout().is_terminal() {
            "standard output is no terminal"
        } else if var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb") {
            "this terminal cannot show a full screen (TERM is not set, or `dumb`)"
        } else {
            return Ok(());
        };
        let error = RunError::new(Exit::Failed, why);
        Err(error
            .help("`evenkeel status` prints the same numbers once, `evenkeel status --json` for programs"))
    }

    /// Takes it.
    pub fn take() -> Result<Self, RunError> {
        let taken = ratatui::try_init().map(Self);
        taken.map_err(|error| failed(&error))
    }

    /// Draws on all of it; what did not change is not sent again.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> Result<(), RunError> {
        self.0.draw(|frame| draw(frame.buffer_mut())).map(drop).map_err(|error| failed(&error))
    }

    /// Gives it back and stops, as Ctrl-Z does, until the shell wants to go on. Whoever has no shell goes on at once.
    pub fn suspend(&mut self) -> Result<(), RunError> {
        ratatui::try_restore().and_then(|()| self.0.show_cursor()).map_err(|error| failed(&error))?;
        let stopped = kill_current_process_group(Signal::TSTP);
        self.0 = ratatui::try_init().map_err(|error| failed(&error))?;
        stopped.map_err(|error| failed(&error.into()))
    }

    /// Forgets what stands there, so that all of it is drawn again.
    pub fn clear(&mut self) -> Result<(), RunError> {
        self.0.clear().map_err(|error| failed(&error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After a panic the hook has given it back, and doing so again would write over what the panic said.
        if !std::thread::panicking() {
            // A terminal that is gone need not be given back.
            let _ = ratatui::try_restore();
        }
        let _ = self.0.show_cursor();
    }
}

fn failed(error: &io::Error) -> RunError {
    RunError::new(Exit::Failed, format!("the terminal: {error}"))
}

/// What it can show, as the locale says.
pub fn glyphs() -> Glyphs {
    let named = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(var_os).find(|it| !it.is_empty());
    let name = named.map(|it| it.to_string_lossy().to_uppercase()).unwrap_or_default();
    if name.contains("UTF-8") || name.contains("UTF8") { Glyphs::UNICODE } else { Glyphs::ASCII }
}
