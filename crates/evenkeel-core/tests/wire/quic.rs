//! QUIC, as far as its invariants go: the example packets of RFC 9001, and what is none.

use evenkeel_core::wire::quic::Packet;

/// The beginning of the server's first packet in appendix A.3 of RFC 9001.
const SERVER_INITIAL: [u8; 20] = [
    0xc1, 0x00, 0x00, 0x00, 0x01, 0x00, 0x08, 0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62, 0xb5, 0x00, 0x40,
    0x74, 0x16, 0x8b,
];

#[test]
fn the_server_says_what_it_wants_to_be_called() {
    let from = &[0xf0, 0x67, 0xa5, 0x50, 0x2a, 0x42, 0x62, 0xb5];
    assert_eq!(Packet::parse(&SERVER_INITIAL), Some(Packet::Long { to: &[], from }));
}

#[test]
fn a_short_header_says_whom_it_is_for() {
    assert_eq!(Packet::parse(&[0x4c, 1, 2, 3]), Some(Packet::Short { to: &[1, 2, 3] }));
}

#[test]
fn what_is_cut_short_or_too_long_is_none() {
    for length in 0..15 {
        assert_eq!(Packet::parse(&SERVER_INITIAL[..length]), None, "{length}");
    }
    let mut long = vec![0xc0, 0, 0, 0, 1, 21];
    long.extend([7; 22]);
    assert_eq!(Packet::parse(&long), None, "an id of 21 bytes");
}
