//! Limits of descriptors: of the test process, and of a child while it runs.
#![expect(clippy::disallowed_types, reason = "tests that run beside each other wait for their turn")]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Descriptors that are left to tests that run beside one with thousands.
const OTHERS: u64 = 4_000;

/// A turn at having thousands of descriptors: tests that run beside each other have one process and one limit.
pub struct Turn {
    limit: u64,
    _guard: MutexGuard<'static, ()>,
}

impl Turn {
    /// Waits until no other test has it, and raises the soft limit to the hard one.
    pub fn wait() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        let guard = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        have_descriptors(u64::MAX);
        Self { limit: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), _guard: guard }
    }

    /// How many connections there may be of those that are `wanted`, if each takes `each` descriptors of this process and
    /// the other side has room for `room`; says so when they are fewer.
    pub fn connections(&self, wanted: usize, each: u64, room: u64) -> usize {
        let here = self.limit.saturating_sub(OTHERS) / each;
        let fits = usize::try_from(here.min(room)).unwrap_or(usize::MAX);
        if fits < wanted {
            let limit = self.limit;
            eprintln!(
                "only {fits} connections instead of {wanted}: {limit} descriptors have room for {here} here and {room} there"
            );
        }
        wanted.min(fits)
    }
}

/// Raises the soft limit of descriptors to the hard one and says whether `needed` fit; when not, the caller should
/// say why it does less.
pub fn have_descriptors(needed: u64) -> bool {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.is_none_or(|limit| limit >= needed)
}

/// Lowers the soft limit of descriptors of another process, so that it runs into `EMFILE` while it runs; `None` gives
/// back all that its hard limit allows.
pub fn set_descriptors_of(pid: u32, limit: Option<u64>) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process id is not 0");
    // A child has the hard limit that it inherited from us.
    let hard = getrlimit(Resource::Nofile).maximum;
    let new = Rlimit { current: limit.or(hard), maximum: hard };
    rustix::process::prlimit(Some(pid), Resource::Nofile, new).expect("the limit of a child may be changed");
}
