//! The user-space data plane: workers that accept, connect and carry, obeying the snapshots they are given.
#![forbid(unsafe_code)]

mod reactor;
mod record;
mod relay;

pub use record::SessionRecord;

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::name::{BackendKey, ListenerName};
use evenkeel_core::snapshot::Snapshot;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// How the plane is set up; fixed while it lives.
#[derive(Clone, Debug)]
pub struct PlaneOptions {
    /// Worker threads; at least 1.
    pub workers: usize,
    /// Sessions at once, in all; at this many it stops accepting until one ends.
    pub max_sessions: u32,
    /// Whether session records are made at all.
    pub records: bool,
}

/// What the plane tells the control plane, besides session records.
#[derive(Clone, Debug)]
pub enum Report {
    /// A connect of live traffic failed by the backend's fault, so many times in a row.
    Suspect {
        /// Whom to.
        key: BackendKey,
        /// How.
        failure: ConnectFailure,
        /// Failures in a row, this one included.
        in_row: u32,
    },
    /// A worker stopped accepting: so many sessions are open.
    CeilingReached {
        /// Open sessions.
        sessions: u32,
    },
    /// Accepting goes on after [`CeilingReached`](Self::CeilingReached).
    CeilingLeft,
    /// `accept` failed for want of descriptors or memory; it is tried again by itself. Told once a second at most.
    AcceptFailed {
        /// Where.
        listener: ListenerName,
        /// Why.
        errno: i32,
    },
    /// A session ended in a panic; a defect of evenkeel.
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// After [`UserPlane::drain`]: the last session has ended.
    Drained,
}

/// Sockets bound by somebody else, such as systemd, by the address they are bound to.
pub type Inherited = BTreeMap<Addr, OwnedFd>;

/// Why a snapshot cannot be published.
#[derive(Debug)]
pub struct PrepareError {
    /// The listener that cannot be bound.
    pub listener: ListenerName,
    /// Why.
    pub source: io::Error,
}

/// A snapshot, with everything bound that it needs.
pub struct Publication {}

/// Sums over all workers since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Sessions accepted.
    pub accepted: u64,
    /// Sessions open now.
    pub open: u64,
    /// Bytes carried to backends.
    pub to_backend: u64,
    /// Bytes carried to clients.
    pub to_client: u64,
    /// Session records that were dropped because their reader was too slow.
    pub records_dropped: u64,
    /// Reports that were dropped for the same reason.
    pub reports_dropped: u64,
}

/// The workers, seen from the control plane. Dropping it stops them at once.
pub struct UserPlane {}

/// The plane and what it tells.
pub struct Started {
    /// The plane.
    pub plane: UserPlane,
    /// What it reports. Bounded: what does not fit is dropped and counted.
    pub reports: Receiver<Report>,
    /// Records of ended sessions, in batches. Bounded: what does not fit is dropped and counted.
    pub records: Receiver<Vec<SessionRecord>>,
}

impl UserPlane {
    /// Starts the workers; they do nothing until something is published.
    pub fn start(options: &PlaneOptions) -> io::Result<Started> {
        let _ = options;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Binds what `snapshot` needs and is not bound yet, taking sockets from `inherited` where the address is the
    /// same. Nothing is accepted before [`publish`](Self::publish); dropping the result undoes it.
    pub fn prepare(
        &self,
        snapshot: Arc<Snapshot>,
        inherited: &mut Inherited,
    ) -> Result<Publication, PrepareError> {
        let _ = (snapshot, inherited);
        Ok(Publication {})
    }

    /// Makes the workers obey `publication` from now on.
    pub fn publish(&mut self, publication: Publication) {
        let _ = publication;
    }

    /// Stops accepting for good and lets sessions end, within `window`; what is left is closed, spread over the
    /// window's second half. [`Report::Drained`] tells when the last has ended.
    pub fn drain(&mut self, window: Duration) {
        let _ = window;
    }

    /// Ends every session at once, and the workers; returns when they have ended.
    pub fn stop(self) {}

    /// Sums over all workers.
    pub fn totals(&self) -> Totals {
        Totals::default()
    }
}
