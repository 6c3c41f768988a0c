//! Certificates that are obtained from an authority, and renewed, without anybody's doing (RFC 8555). They become files in a
//! folder of our own, and are read, swapped in and watched as any other. One task does it, one name after the other; it tells
//! the control loop what comes of it.

mod answer;
mod ask;
mod failure;
mod keeper;
mod obtain;
mod stage;
mod store;
#[cfg(test)]
mod tests;

use crate::config::{AcmeSettings, Challenge as Kind};
use crate::control::Input;
use evenkeel_proxy::Challenge;
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::SystemTime;
use tokio::runtime::Builder;
use tokio::sync::mpsc::Sender;
use tokio::sync::{oneshot, watch};

/// Names of authorities that are looked up at once: one that hangs is left alone.
const LOOKUPS_MAX: usize = 4;

/// What is to be obtained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// How.
    pub settings: AcmeSettings,
    /// For these names.
    pub names: BTreeSet<Arc<str>>,
    /// Counts how often somebody wanted it tried again.
    pub asked: u64,
}

/// What the control loop is told.
#[derive(Debug)]
pub enum News {
    /// An authority that asks is to be shown this from now on; that it is, is told.
    Show(Option<Arc<Challenge>>, oneshot::Sender<()>),
    /// There is a new certificate for this name, valid until then.
    Obtained(Arc<str>, SystemTime),
    /// None could be obtained.
    Failed {
        /// For this name; `None`: for any.
        name: Option<Arc<str>>,
        /// Why.
        why: Arc<str>,
        /// When it is tried again.
        again: SystemTime,
    },
    /// So it stands with all names.
    Standing(Vec<Held>),
}

/// How it stands with the certificate for one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The name.
    pub name: Arc<str>,
    /// Until when the certificate is valid; `None`: there is none.
    pub until: Option<SystemTime>,
    /// When the next one is to be obtained.
    pub due: SystemTime,
    /// Failures in a row.
    pub failures: u32,
    /// What the last one was.
    pub problem: Option<Arc<str>>,
}

impl Held {
    /// As long as nothing is known of it.
    pub fn new(name: &Arc<str>) -> Self {
        Self { name: Arc::clone(name), until: None, due: SystemTime::now(), failures: 0, problem: None }
    }
}

/// Obtains what is wanted until it is dropped.
pub struct Acme {
    wanted: watch::Sender<Arc<Wanted>>,
}

impl Acme {
    /// Begins, on a thread of its own: what it does with files and with strangers holds up nobody.
    pub fn start(wanted: Arc<Wanted>, inputs: Sender<Input>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(LOOKUPS_MAX).build()?;
        let (wanted, changes) = watch::channel(wanted);
        let work = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = keeper::run(changes.clone(), inputs) => {}
                    () = dropped(changes) => {}
                }
            });
            // A lookup that hangs must not keep what is open.
            runtime.shutdown_background();
        };
        thread::Builder::new().name("acme".to_owned()).spawn(work)?;
        Ok(Self { wanted })
    }

    /// Something else is wanted from now on. What is being obtained at the moment still is.
    pub fn want(&self, wanted: &Arc<Wanted>) {
        self.wanted.send_if_modified(|known| {
            let is_other = known != wanted;
            *known = Arc::clone(wanted);
            is_other
        });
    }
}

/// Descriptors that obtaining certificates needs: its event loop, its lock, a file, a connection, and who answers by HTTP.
pub fn descriptors(settings: &AcmeSettings) -> usize {
    let answering = if settings.challenge == Kind::Http { settings.listen.len() } else { 0 };
    8 + answering * (1 + answer::CONNECTIONS_MAX)
}

async fn dropped(mut wanted: watch::Receiver<Arc<Wanted>>) {
    while wanted.changed().await.is_ok() {}
}
