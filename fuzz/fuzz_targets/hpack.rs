//! `evenkeel_testkit::fuzz::hpack::blocks`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evenkeel_testkit::fuzz::hpack::blocks(bytes));
