//! Waiting for what is not told: asks again and again, under a deadline.

use std::time::{Duration, Instant};

/// How long a test waits for what should happen soon. Far longer than it takes, so that a busy machine does not fail
/// a test; short enough for a hanging one.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Asks until the answer is `Some`; panics with `what` when none came within [`PATIENCE`].
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(100);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}
