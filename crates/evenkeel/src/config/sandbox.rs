//! What is kept from a balancer that somebody else has taken over.

use super::chain::Chain;
use super::setting::{Layer, Setting};
use super::typed::Typed;
use std::path::PathBuf;

/// How much is given up, and with what exceptions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SandboxSettings {
    /// Whether there is a sandbox.
    pub on: bool,
    /// Whether nothing is served without all of it.
    pub required: bool,
    /// Layers that are left out.
    pub without: Vec<&'static str>,
    /// Folders that a reload may need: to read in, and to write in.
    pub paths: Vec<PathBuf>,
}

/// The layers, in the order in which they have to be put up.
pub const LAYERS: &[&str] = &["capabilities", "no-new-privs", "landlock", "seccomp"];

/// What holds for the sandbox.
pub fn compile(typed: &Typed, builtin: &Layer) -> SandboxSettings {
    let chain = typed.chain(builtin);
    SandboxSettings {
        on: chain.is_on("sandbox"),
        required: chain.is_set("sandbox.required"),
        without: match chain.find("sandbox.without").map(|found| found.value) {
            Some(Setting::Words(layers)) => layers.clone(),
            _ => Vec::new(),
        },
        paths: paths(&chain),
    }
}

fn paths(chain: &Chain<'_>) -> Vec<PathBuf> {
    match chain.find("sandbox.paths").map(|found| found.value) {
        Some(Setting::Files(paths)) => paths.iter().map(|path| path.place.path(&path.value)).collect(),
        _ => Vec::new(),
    }
}
