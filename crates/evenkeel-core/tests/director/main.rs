//! The director, seen from outside: scenes with one point each (`scenes`, `names`, `reload`).
#![expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod names;
mod reload;
mod scenes;
mod stage;
