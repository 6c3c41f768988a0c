//! Descriptors of the test process itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit of descriptors to the hard one and says whether `needed` fit; when not, the caller should
/// say why it does less.
pub fn have_descriptors(needed: u64) -> bool {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    getrlimit(Resource::Nofile).current.is_none_or(|limit| limit >= needed)
}
