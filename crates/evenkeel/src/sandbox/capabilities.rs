//! Which capabilities, capabilities(7), stay.

use crate::reach::Reach;
use evenkeel_core::director::Config;
use evenkeel_core::sockets::Source;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::thread::{self, CapabilitySet, CapabilitySets};
use std::io;
use std::path::PathBuf;

/// Those that some configuration has a use for: ports below 1024, what is wanted of sockets, pipes for bulk that are as large as
/// root's.
pub const USEFUL: CapabilitySet = CapabilitySet::NET_BIND_SERVICE
    .union(CapabilitySet::SYS_RESOURCE)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::NET_RAW);

/// Those that `config` needs while it runs, and those files. A reload may want a port below 1024; what else one may want of
/// sockets is rare, and worth an upgrade.
pub fn needed(config: &Config, reach: &Reach) -> io::Result<CapabilitySet> {
    let outward = || config.pools.iter().filter_map(|pool| pool.rules.outward.as_ref());
    let inward = || config.listeners.iter().map(|listener| &listener.inward);
    let marks = inward().any(|it| it.mark.is_some() || it.congestion.is_some())
        || outward().any(|it| it.mark.is_some() || it.congestion.is_some() || it.source == Source::Client);
    let mut needed = CapabilitySet::NET_BIND_SERVICE | CapabilitySet::SYS_RESOURCE;
    needed.set(CapabilitySet::NET_ADMIN, marks);
    needed.set(CapabilitySet::NET_RAW, inward().any(|it| it.interface.is_some()));
    needed.set(CapabilitySet::DAC_OVERRIDE, needs_it(reach)?);
    Ok(needed)
}

/// Whether any of the files is another user's, and open to root alone: what the start could read, a reload has to.
fn needs_it(reach: &Reach) -> io::Result<bool> {
    let have = thread::capabilities(None)?;
    if !have.permitted.contains(CapabilitySet::DAC_OVERRIDE) {
        return Ok(false);
    }
    let without = have.effective - (CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
    thread::set_capabilities(None, CapabilitySets { effective: without, ..have })?;
    let may = |path: &PathBuf, access| accessat(CWD, path, access, AtFlags::EACCESS) != Err(Errno::ACCESS);
    let may_all = reach.read.iter().all(|path| may(path, Access::READ_OK))
        && reach.written.iter().all(|path| may(path, Access::WRITE_OK));
    thread::set_capabilities(None, have)?;
    Ok(!may_all)
}

/// Gives up all others, as far as there are any, for this thread and those that it starts; says which these are.
pub fn keep(needed: CapabilitySet) -> io::Result<CapabilitySet> {
    let have = thread::capabilities(None)?;
    let kept = have.permitted & needed;
    thread::clear_ambient_capability_set()?;
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    thread::set_capabilities(None, sets)?;
    Ok(have.permitted - kept)
}

/// Those that there are, as in `CAP_NET_ADMIN`.
pub fn names() -> Vec<String> {
    let have = thread::capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.permitted);
    have.iter_names().map(|(name, _)| format!("CAP_{name}")).collect()
}
