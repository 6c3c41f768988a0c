//! TLS on one side of a session: what is needed to speak it ([`Keyring`]), and one connection of it ([`Tunnel`]), which
//! does no more than turn bytes into others. Knows neither sessions nor files.

mod fault;
mod keyring;
mod machine;
mod tunnel;

pub use fault::fault;
pub use keyring::{CHALLENGE_PROTOCOL, Challenge, Keyring, Server};
pub use tunnel::{CIPHER_BYTES, RECORD_BYTES, Tunnel};

use evenkeel_core::addr::Addr;
use evenkeel_core::tls::Origination;
use rustls::pki_types::ServerName;

/// Who a backend at `addr` that was found by the name `host` has to be.
pub fn server_name(terms: &Origination, host: Option<&str>, addr: &Addr) -> Option<ServerName<'static>> {
    match (terms.server_name.as_deref().or(host), addr) {
        (Some(name), _) => ServerName::try_from(name.to_owned()).ok(),
        (None, Addr::Ip(addr)) => Some(ServerName::IpAddress(addr.ip().to_canonical().into())),
        (None, Addr::Unix(_)) => ServerName::try_from("localhost").ok(),
    }
}

#[cfg(test)]
mod tests;
