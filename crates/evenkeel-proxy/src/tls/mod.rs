//! TLS on one side of a session: what is needed to speak it ([`Keyring`]), and one connection of it ([`Tunnel`]), which
//! does no more than turn bytes into others. Knows neither sessions nor files.

mod fault;
mod keyring;
mod machine;
mod tunnel;

pub use keyring::Keyring;
pub use tunnel::{CIPHER_BYTES, Tunnel};

#[cfg(test)]
mod tests;
