//! The control loop.

use crate::config::Loaded;
use crate::error::{Exit, RunError};

/// Runs until the process should end.
pub fn run(loaded: Loaded) -> Result<(), RunError> {
    let _ = loaded;
    Err(RunError::new(Exit::Failed, "not there yet"))
}
