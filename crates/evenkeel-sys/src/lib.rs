//! What the kernel offers, safely. The only crate with `unsafe` code; errors are [`std::io::Error`].

pub mod activation;
pub mod clock;
pub mod datagram;
pub mod farewell;
pub mod handoff;
pub mod limits;
pub mod option;
pub mod pipe;
pub mod poll;
pub mod refusal;
pub mod signal;
pub mod socket;
pub mod usage;
pub mod wake;
