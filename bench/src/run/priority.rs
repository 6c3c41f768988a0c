//! Puts all who take part before everything else on the machine, which then disturbs them little.

use std::fs;
use std::process::{Child, Command, Stdio};

/// The kernel shares cores between sessions first (sched(7), autogroups), so that the nice value of a process counts
/// among those of its own session only.
const GROUP: &str = "/proc/self/autogroup";

/// The priority of our session, until this is dropped or the process ends.
pub struct Priority {
    /// Puts the priority back when its input ends, however we end.
    keeper: Option<Child>,
}

impl Priority {
    /// The highest, for the session, this process and all that it starts; as far as we may.
    pub fn highest() -> Self {
        // Without the privilege it is a run with more noise, and the report tells how much.
        let _ = rustix::process::setpriority_process(None, -20);
        let keeper = nice_of_group().and_then(|nice| {
            let mut keeper = Command::new("sh");
            keeper.args(["-c", "trap '' INT TERM; read line; echo \"$0\" > /proc/self/autogroup", &nice]);
            keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
        });
        if keeper.is_some() {
            let _ = fs::write(GROUP, "-20");
        }
        Self { keeper }
    }
}

impl Drop for Priority {
    fn drop(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

/// As in `/autogroup-102 nice 0`; `None` where there are no such groups.
fn nice_of_group() -> Option<String> {
    let text = fs::read_to_string(GROUP).ok()?;
    Some(text.split_whitespace().last()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_is_left_as_it_was() {
        let before = nice_of_group();
        drop(Priority::highest());
        assert_eq!(nice_of_group(), before);
    }
}
