//! The director, seen from outside: scenes with one point each (`scenes`, `chosen`, `errors`, `names`, `held`, `reload`, `orders`, `outlook`, `plan`, `memory`), and seeded days on a
//! virtual clock against an independent model (`days`, `model`, `world`), and anything in any order (`wild`).
#![expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chosen;
mod days;
mod errors;
mod held;
mod memory;
mod model;
mod names;
mod orders;
mod outlook;
mod plan;
mod reload;
mod scenes;
mod stage;
mod wild;
mod world;
