//! `evenkeel_testkit::fuzz::http2::fields`, driven by libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| evenkeel_testkit::fuzz::http2::fields(bytes));
