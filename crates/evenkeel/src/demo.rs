//! `evenkeel demo`: toy servers and a balancer in front of them, in one process.

use crate::error::{Exit, RunError};

/// What the demo is told on the command line.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The balancer's port, then one for each server.
    pub ports: Vec<u16>,
    /// Print the configuration file that does the same, and end.
    pub print_config: bool,
}

/// Runs until Ctrl-C.
pub fn run(options: DemoOptions) -> Result<(), RunError> {
    let _ = options;
    Err(RunError::new(Exit::Failed, "not there yet"))
}
