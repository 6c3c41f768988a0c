//! The table of flows: each rule by example (`rules`); seeded days against a model that looks at every flow (`model`).
#![expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]

mod model;
mod rules;
