//! Watches the configuration's files: when they have changed, and then stay the same for one look, they are loaded again.

use super::Input;
use crate::config::Watched;
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Looks at files until it is dropped.
pub struct Watch {
    _task: JoinSet<()>,
}

impl Watch {
    /// Looks at these files and folders, which were loaded as they are given. Needs a tokio runtime around it.
    pub fn start(files: Vec<Watched>, inputs: Sender<Input>) -> Self {
        let mut task = JoinSet::new();
        task.spawn(look(files.into(), inputs));
        Self { _task: task }
    }
}

async fn look(mut loaded: Arc<[Watched]>, inputs: Sender<Input>) {
    let mut seen = Arc::clone(&loaded);
    loop {
        sleep(EVERY).await;
        let now = again(Arc::clone(&loaded)).await;
        // One that is still being written is not read.
        let has_settled = mem::replace(&mut seen, Arc::clone(&now)) == now;
        if has_settled && now != loaded {
            loaded = now;
            if inputs.send(Input::Changed).await.is_err() {
                return;
            }
        }
    }
}

/// A file system that hangs must not hold the control loop.
async fn again(files: Arc<[Watched]>) -> Arc<[Watched]> {
    let before = Arc::clone(&files);
    spawn_blocking(move || files.iter().map(Watched::again).collect()).await.unwrap_or(before)
}
