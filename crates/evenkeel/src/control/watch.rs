//! Watches files: when they have changed, and then stay the same for one look, that is told.

use super::Input;
use crate::config::{Watched, WatchedFiles};
use std::mem;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::sleep;

/// Time between two looks at the configuration's files.
pub const EVERY: Duration = Duration::from_secs(1);

/// Looks at files until it is dropped.
pub struct Watch {
    _task: JoinSet<()>,
}

impl Watch {
    /// Looks at the files of a configuration. Unless `whole`, only lists are loaded again by themselves, and only as long as
    /// the configuration has not changed: nobody has said yet that it is to be loaded. Needs a tokio runtime around it.
    ///
    /// `None` if there is nothing to look at.
    pub fn start(files: WatchedFiles, whole: bool, inputs: Sender<Input>) -> Option<Self> {
        if !whole && files.lists.is_empty() {
            return None;
        }
        let mut task = JoinSet::new();
        task.spawn(look(files, whole, inputs));
        Some(Self { _task: task })
    }

    /// Looks at these files and folders, which were loaded as they are given, each time so much has passed; `tell` is what a
    /// change is told by. Needs a tokio runtime around it.
    pub fn files(
        files: Vec<Watched>,
        every: Duration,
        tell: impl Fn() -> Input + Send + 'static,
        inputs: Sender<Input>,
    ) -> Self {
        let mut task = JoinSet::new();
        task.spawn(look_at_files(files.into(), every, tell, inputs));
        Self { _task: task }
    }
}

async fn look_at_files(
    mut loaded: Arc<[Watched]>,
    every: Duration,
    tell: impl Fn() -> Input,
    inputs: Sender<Input>,
) {
    let mut seen = Arc::clone(&loaded);
    loop {
        sleep(every).await;
        let now = again(Arc::clone(&loaded)).await;
        // One that is still being written is not read.
        let has_settled = mem::replace(&mut seen, Arc::clone(&now)) == now;
        if has_settled && now != loaded {
            loaded = now;
            if inputs.send(tell()).await.is_err() {
                return;
            }
        }
    }
}

async fn look(mut loaded: WatchedFiles, whole: bool, inputs: Sender<Input>) {
    let mut seen = loaded.clone();
    loop {
        sleep(EVERY).await;
        let now = WatchedFiles {
            config: again(Arc::clone(&loaded.config)).await,
            lists: again(Arc::clone(&loaded.lists)).await,
        };
        let has_settled = mem::replace(&mut seen, now.clone()) == now;
        let config_has_changed = now.config != loaded.config;
        if !has_settled || (now.lists == loaded.lists && !(whole && config_has_changed)) {
            continue;
        }
        let news = match whole && config_has_changed {
            true => Input::Changed,
            false => Input::ListsChanged { config_has_changed },
        };
        loaded.lists = now.lists;
        if whole {
            loaded.config = now.config;
        }
        if inputs.send(news).await.is_err() {
            return;
        }
    }
}

/// A file system that hangs must not hold the control loop.
async fn again(files: Arc<[Watched]>) -> Arc<[Watched]> {
    let before = Arc::clone(&files);
    spawn_blocking(move || files.iter().map(Watched::again).collect()).await.unwrap_or(before)
}
