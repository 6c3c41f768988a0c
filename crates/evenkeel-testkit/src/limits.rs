//! Limits of descriptors: of the test process, and of a child while it runs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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
