//! Who gets through a gate: each rule by an example, all together on seeded days against a model.
#![expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]

mod days;
mod rules;
