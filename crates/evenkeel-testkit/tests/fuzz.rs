//! Thousands of changes to good examples, the same ones for the same `SEED`.

use evenkeel_core::http2::hpack::Decoder;
use evenkeel_testkit::fuzz::{self, examples, mutate};
use evenkeel_testkit::{Dice, seed};

/// Of each example.
const CHANGES: usize = 1_000;

fn run(target: fn(&[u8]), examples: &[Vec<u8>]) {
    let mut dice = Dice::new(seed());
    for example in examples {
        target(example);
        for _ in 0..CHANGES {
            target(&mutate::mutated(example, &mut dice));
        }
    }
}

#[test]
fn no_header_of_a_proxy_breaks_a_promise() {
    run(fuzz::proxy, &examples::headers());
}

#[test]
fn no_hello_of_a_client_breaks_a_promise() {
    run(fuzz::client_hello, &examples::hellos());
}

#[test]
fn no_answer_of_a_name_server_breaks_a_promise() {
    let answers = examples::dns_answers();
    assert!(answers.iter().all(|it| examples::question().answered(examples::DNS_ID, it).is_ok()));
    run(fuzz::dns_answer, &answers);
}

#[test]
fn no_packet_of_quic_breaks_a_promise() {
    run(fuzz::quic, &examples::packets());
}

#[test]
fn no_head_of_a_request_breaks_a_promise() {
    run(fuzz::http::request, &examples::requests());
}

#[test]
fn no_head_of_an_answer_breaks_a_promise() {
    run(fuzz::http::answer, &examples::answers());
}

#[test]
fn no_body_in_chunks_breaks_a_promise() {
    run(fuzz::http::chunks, &examples::chunks());
}

#[test]
fn no_frame_of_http_2_breaks_a_promise() {
    run(fuzz::http2::frames, &examples::frames());
}

#[test]
fn no_fields_of_http_2_break_a_promise() {
    run(fuzz::http2::fields, &examples::fields());
}

#[test]
fn no_compressed_fields_break_a_promise() {
    let blocks = examples::compressed();
    let is_read = |block: &Vec<u8>| Decoder::new().read(block, &mut Vec::new(), |_, _| {}).is_ok();
    assert!(blocks.iter().all(is_read));
    run(fuzz::hpack::blocks, &blocks);
}

#[test]
fn no_path_of_a_request_breaks_a_promise() {
    run(fuzz::path, &examples::paths());
}

#[test]
fn no_cookie_of_a_client_breaks_a_promise() {
    run(fuzz::cookie, &examples::cookies());
}

#[test]
fn nothing_is_no_matter() {
    fuzz::http::request(b"");
    fuzz::http::answer(b"");
    fuzz::http::chunks(b"");
    fuzz::http2::frames(b"");
    fuzz::http2::fields(b"");
    fuzz::hpack::blocks(b"");
    fuzz::dns_answer(b"");
    fuzz::quic(b"");
    fuzz::proxy(b"");
    fuzz::client_hello(b"");
    fuzz::path(b"");
    fuzz::cookie(b"");
}
