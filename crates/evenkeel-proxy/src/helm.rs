//! Commands the workers while their sessions move to another process or come from one, from a thread that may wait.

use crate::handover::{Done, Suspended, Traffic};
use crate::shared::Shared;
use crate::worker::Command;
use evenkeel_core::name::ListenerName;
use std::collections::BTreeSet;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How much later than a wait should end the workers may say so.
const GRACE: Duration = Duration::from_secs(2);

/// A hand on the workers besides the plane's.
#[derive(Clone)]
pub struct Helm {
    pub(crate) shared: Arc<Shared>,
    pub(crate) inboxes: Vec<Sender<Command>>,
}

/// The workers did not do it in time.
#[derive(Debug)]
pub struct TooLate;

impl Helm {
    /// Accepts nothing from now on; who connects meanwhile waits. Ends with [`go_on`](Self::go_on) or
    /// [`release`](Self::release).
    pub fn stop_accepting(&self, by: Instant) -> Result<(), TooLate> {
        self.wait(by, |_, done| Command::StopAccepting(done))
    }

    /// Waits until the sessions that are being opened are open, or `by` has come.
    pub fn settle(&self, by: Instant) -> Result<(), TooLate> {
        self.wait(by, |_, done| Command::Settle(by, done))
    }

    /// Gives every established session to `hand`, as each worker's thread sees it, until it says that it takes no more.
    /// The workers stand still until [`go_on`](Self::go_on) or [`release`](Self::release), which must follow whatever this
    /// comes to.
    pub fn suspend(
        &self,
        by: Instant,
        hand: impl Fn(&[Suspended<BorrowedFd<'_>>]) -> bool + Send + Sync + 'static,
    ) -> Result<(), TooLate> {
        let hand = Arc::new(hand);
        self.wait(by, |_, done| Command::Suspend(hand.clone(), done))
    }

    /// Whoever was given the sessions has them: they are forgotten, and so are the listeners that are accepted on there.
    pub fn release(&self, listeners: BTreeSet<ListenerName>) -> Result<(), TooLate> {
        let listeners = Arc::new(listeners);
        self.wait(Instant::now(), |_, done| Command::Release(Arc::clone(&listeners), done))
    }

    /// Goes on as if nothing had happened.
    pub fn go_on(&self) {
        self.command(|_| Command::GoOn);
    }

    /// Goes on with the sessions of another process, spread over the workers.
    pub fn adopt(&self, sessions: Vec<Suspended<OwnedFd>>, by: Instant) -> Result<(), TooLate> {
        let workers = self.inboxes.len();
        let mut shares: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
        for (session, any) in sessions.into_iter().zip((0..workers).cycle()) {
            // A flow goes where its client's socket is.
            let to = match &session.traffic {
                Traffic::Flow(flow) => flow.number % workers,
                Traffic::Relay(_) => any,
            };
            shares[to].push(session);
        }
        self.wait(by, |index, done| Command::Adopt(std::mem::take(&mut shares[index]), done))
    }

    /// Commands, and waits until every worker has done it.
    fn wait(&self, by: Instant, mut command: impl FnMut(usize, Done) -> Command) -> Result<(), TooLate> {
        let (done, all_done) = channel();
        self.command(|index| command(index, done.clone()));
        drop(done);
        match all_done.recv_timeout((by + GRACE).saturating_duration_since(Instant::now())) {
            Err(RecvTimeoutError::Timeout) => Err(TooLate),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
        }
    }

    pub(crate) fn command(&self, mut command: impl FnMut(usize) -> Command) {
        for (index, inbox) in self.inboxes.iter().enumerate() {
            // A worker that is gone has nothing to obey.
            let _ = inbox.send(command(index));
            self.shared.wake(index).wake();
        }
    }
}
