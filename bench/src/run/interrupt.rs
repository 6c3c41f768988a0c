//! What becomes of a run that is interrupted: it ends as one that failed does, by dropping all that it has started.

use anyhow::{Result, ensure};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio::signal::unix::{SignalKind, signal};

static CAME: AtomicBool = AtomicBool::new(false);

/// Takes SIGINT, SIGTERM and SIGHUP from now on.
pub fn heed() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let [mut interrupt, mut terminate, mut hang_up] = {
        let _inside = runtime.enter();
        [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        CAME.store(true, Relaxed);
    });
    Ok(())
}

/// Whether one of them has come.
pub fn came() -> bool {
    CAME.load(Relaxed)
}

/// Fails when one of them has come.
pub fn check() -> Result<()> {
    ensure!(!came(), "interrupted");
    Ok(())
}
