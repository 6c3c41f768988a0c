//! Which setting holds: that of the service, of its pool, of `[defaults]`, or the built-in one.

use super::keys::{Absent, Context, KEYS};
use super::lower::Lower;
use super::place::{At, Place, Text};
use super::problem::{Problem, Problems};
use super::setting::{Layer, Setting};
use super::tree::{Node, Table, Value};
use evenkeel_core::network::Network;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Layers of settings, the nearest first, the built-in one last.
#[derive(Clone)]
pub struct Chain<'a>(Vec<&'a Layer>);

/// A setting that holds.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    /// How near it was found; 0 is nearest.
    pub level: usize,
    /// The value.
    pub value: &'a Setting,
    /// Where it was written; `None` for a built-in one.
    pub place: Option<&'a Place>,
}

impl<'a> Chain<'a> {
    /// `layers`, the nearest first; `builtin` is what [`builtin`] made.
    pub fn new(layers: impl IntoIterator<Item = &'a Layer>, builtin: &'a Layer) -> Self {
        Self(layers.into_iter().chain([builtin]).collect())
    }

    /// The setting of `key` that holds, if there is one. What was not understood does not count.
    pub fn find(&self, key: &str) -> Option<Found<'a>> {
        let last = self.0.len() - 1;
        self.0.iter().enumerate().find_map(|(level, layer)| match layer.get(key) {
            None | Some(At { value: Setting::Broken, .. }) => None,
            Some(at) => Some(Found { level, value: &at.value, place: (level != last).then_some(&at.place) }),
        })
    }

    /// The chain in which the nearest layer that sets one of `keys` hides all that are farther, but not the built-in one:
    /// what goes together is taken from one place.
    pub fn only<const N: usize>(&self, keys: [&str; N]) -> Self {
        let last = self.0.len() - 1;
        let levels = keys.iter().filter_map(|key| Some(self.find(key)?.level));
        match levels.min() {
            Some(nearest) if nearest < last => Self(vec![self.0[nearest], self.0[last]]),
            _ => Self(vec![self.0[last]]),
        }
    }

    /// Whether `found` is from the farthest layer that was written, which is `[defaults]` for services and their pools.
    pub fn is_from_defaults(&self, found: Found<'_>) -> bool {
        found.level + 2 == self.0.len()
    }

    /// Whether `key` was written, even if it was not understood.
    pub fn is_written(&self, key: &str) -> bool {
        self.0.iter().any(|layer| layer.get(key).is_some())
    }

    /// Whether `key`, which is on or off, is on.
    pub fn is_on(&self, key: &str) -> bool {
        !matches!(self.find(key).map(|found| found.value), None | Some(Setting::Off))
    }

    /// Whether `key`, which is true or false, is true.
    pub fn is_set(&self, key: &str) -> bool {
        matches!(self.find(key).map(|found| found.value), Some(Setting::Flag(true)))
    }

    /// The duration that `key` takes; `None` is off, or not set.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        match self.find(key)?.value {
            Setting::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// The duration that `key`, which has a default and cannot be off, takes.
    pub fn time(&self, key: &str) -> Duration {
        self.duration(key).unwrap_or_default()
    }

    /// The number that `key` takes, if it is set.
    pub fn count(&self, key: &str) -> Option<u32> {
        match self.find(key)?.value {
            Setting::Count(count) | Setting::Mode(count) => Some(*count),
            _ => None,
        }
    }

    /// The number that `key`, which has a default, takes.
    pub fn number(&self, key: &str) -> u32 {
        self.count(key).unwrap_or_default()
    }

    /// The word or text that `key` takes, if it is set.
    pub fn text(&self, key: &str) -> Option<Arc<str>> {
        match self.find(key)?.value {
            Setting::Text(text) => Some(Arc::clone(text)),
            Setting::Word(word) => Some(Arc::from(*word)),
            _ => None,
        }
    }

    /// The path that `key` takes, if it was written.
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        let found = self.find(key)?;
        match found.value {
            Setting::Text(path) => Some(found.place?.path(path)),
            _ => None,
        }
    }

    /// The networks that `key` names.
    pub fn networks(&self, key: &str) -> Vec<Network> {
        match self.find(key).map(|found| found.value) {
            Some(Setting::Networks(networks)) => networks.iter().map(|at| at.value).collect(),
            _ => Vec::new(),
        }
    }

    /// The bytes that `key` takes; none if it is not set.
    pub fn bytes(&self, key: &str) -> Arc<[u8]> {
        match self.find(key).map(|found| found.value) {
            Some(Setting::Bytes(bytes)) => Arc::clone(bytes),
            _ => Arc::default(),
        }
    }
}

impl Problem {
    /// Marks where `found` was written, if it was.
    pub fn at_found(self, found: Option<Found<'_>>, label: &str) -> Self {
        self.at_known(found.and_then(|found| found.place), label)
    }
}

/// The built-in settings, read from the very texts that the reference shows.
pub fn builtin() -> Layer {
    let mut builtin = Layer::default();
    for key in KEYS {
        let Absent::Is(text) = key.default else { continue };
        let source = Text::named("built in", text.to_owned());
        let place = Place::new(&source, 0..text.len());
        let context = key.scope.contexts()[0];
        let prefix = if context == Context::Backend { "to." } else { "" };
        let name = key.name.strip_prefix(prefix).unwrap_or(key.name).to_owned();
        let node = Node { value: Value::Bare(text.to_owned()), place: place.clone() };
        let table = Table(vec![(At { value: name, place }, node)]);
        // That a default is understood is shown by a test.
        builtin.0.extend(Lower::new(context, "", &mut Problems::default()).table(prefix, &table).0);
    }
    builtin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_understood() {
        let builtin = builtin();
        for key in KEYS {
            if let Absent::Is(text) = key.default {
                let found = builtin.get(key.name).expect(key.name);
                assert!(!matches!(found.value, Setting::Broken), "{} = {text}", key.name);
            }
        }
    }

    #[test]
    fn a_nearer_layer_wins_and_a_broken_one_does_not_count() {
        let layer = |setting| {
            let mut layer = Layer::default();
            let text = Text::named("x", String::new());
            let _ = layer.insert("choices", setting, &Place::new(&text, 0..0));
            layer
        };
        let (near, far, builtin) = (layer(Setting::Broken), layer(Setting::Count(1)), builtin());
        let chain = Chain::new([&near, &far], &builtin);
        assert_eq!(chain.count("choices"), Some(1));
        assert_eq!(chain.find("choices").map(|found| found.level), Some(1));
        assert_eq!(Chain::new([&near], &builtin).count("choices"), Some(2));
    }
}
