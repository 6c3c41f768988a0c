//! How backends are picked, seen from outside: exactly in small pools (`rules`), by measure in large ones (`spread`).
#![expect(clippy::panic, reason = "a test fails by panicking")]

mod pools;
mod rules;
mod spread;
