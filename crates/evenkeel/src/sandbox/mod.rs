//! What a balancer that was taken over could still do: as little as the kernel can be told of. Put up once everything is
//! bound and before there is a second thread, so that it holds for all of them; nothing takes it down again. What an upgrade
//! starts is not held by it: see [`launcher`](crate::upgrade::launcher).

mod calls;
pub mod capabilities;
mod files;
#[cfg(test)]
mod tests;
pub mod user;

use crate::admin::place;
use crate::config::{LAYERS, SandboxSettings};
use crate::error::{Exit, RunError};
use crate::reach::Reach;
use evenkeel_core::director::Config;
use evenkeel_sys::refusal;
use std::fs;
use std::sync::OnceLock;

/// What of it holds.
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    /// Each layer, in the order in which they were put up.
    pub layers: Vec<(&'static str, Layer)>,
    /// The user that it runs as.
    pub user: u32,
    /// What it still has, as in `CAP_NET_ADMIN`.
    pub capabilities: Vec<String>,
}

/// Whether a layer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// It does; what of it, where that differs between kernels.
    Holds(String),
    /// Nobody wants it.
    Off,
    /// It was wanted, and cannot be had.
    Missing(String),
}

/// Whether capabilities that a configuration could have a use for were given up.
static GAVE_UP: OnceLock<bool> = OnceLock::new();

/// Puts up what `settings` want, for a process that needs this of files. Fails where all of it is required.
pub fn put_up(settings: &SandboxSettings, config: &Config, reach: &Reach) -> Result<Sandbox, RunError> {
    let alone = threads() == 1;
    let put = |layer: &str| match layer {
        _ if !settings.on || settings.without.contains(&layer) => Layer::Off,
        _ if !alone => Layer::Missing("more than one thread runs already".to_owned()),
        "capabilities" => {
            told(capabilities::needed(config, reach).and_then(capabilities::keep).map(|given_up| {
                let _ = GAVE_UP.set(given_up.intersects(capabilities::USEFUL));
                String::new()
            }))
        }
        "no-new-privs" => told(rustix::thread::set_no_new_privs(true).map(|()| String::new())),
        "landlock" => told(files::confine(reach).inspect(|_| reach.clone().hold())),
        _ => told(calls::confine().map(|()| String::new())),
    };
    let layers: Vec<_> = LAYERS.iter().map(|layer| (*layer, put(layer))).collect();
    let sandbox = Sandbox { layers, user: place::user(), capabilities: capabilities::names() };
    if let Some((layer, why)) = sandbox.missing().next().filter(|_| settings.required) {
        let what = format!("the sandbox cannot have {layer}: {why}");
        return Err(RunError::new(Exit::Unavailable, what)
            .help("`sandbox.required = false` goes on without what this kernel lacks"));
    }
    Ok(sandbox)
}

fn told<E: ToString>(outcome: Result<String, E>) -> Layer {
    outcome.map_or_else(|error| Layer::Missing(error.to_string()), Layer::Holds)
}

/// Threads that this process has.
fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

impl Sandbox {
    /// Layers that were wanted and cannot be had, and why.
    pub fn missing(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.layers.iter().filter_map(|(name, layer)| match layer {
            Layer::Missing(why) => Some((*name, why.as_str())),
            Layer::Holds(_) | Layer::Off => None,
        })
    }
}

/// Whether a wish for sockets may be refused because of what was given up.
pub fn gave_up_capabilities() -> bool {
    GAVE_UP.get().is_some_and(|it| *it)
}

/// System calls that were refused so far, and the number of the last one.
pub fn refused() -> (u64, u32) {
    refusal::refused()
}
