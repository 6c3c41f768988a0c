//! What is known of sources: against models on one thread (`model`), exact on many (`threads`), bounded in a flood
//! (`flood`).
#![expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere")]

mod flood;
mod model;
mod threads;

use evenkeel_core::network::Network;
use std::net::IpAddr;

/// The source of this number; every third is one of IPv6.
fn source(number: u32) -> Network {
    if number.is_multiple_of(3) {
        let high = 0x2001_0db8_0000_0000 + u128::from(number);
        return Network::new(IpAddr::V6((high << 64).into()), 64).expect("no bits behind the first 64");
    }
    IpAddr::from((0x0a00_0000 + number).to_be_bytes()).into()
}
