//! What is read at the beginning of a connection: the header of a proxy in front of us ([`proxy`]), and what a TLS client
//! wants ([`client_hello`]). Each parser is shown all bytes seen so far, as often as there are new ones, and borrows
//! from them. A datagram is whole or nothing: answers of name servers are read by [`dns`], and who a packet of QUIC is for by
//! [`quic`].

pub mod client_hello;
pub mod crc32c;
mod cursor;
pub mod dns;
pub mod postgres;
pub mod proxy;
pub mod proxy_header;
pub mod proxy_v1;
pub mod proxy_v2;
pub mod quic;
pub mod tlv;

/// What all bytes seen so far are, if they are not malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parse<T> {
    /// A good beginning: show more.
    Partial,
    /// All of it. What follows is not part of it.
    Complete {
        /// What was said.
        value: T,
        /// In how many bytes.
        length: usize,
    },
}

impl<T> Parse<T> {
    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Parse<U> {
        match self {
            Self::Partial => Parse::Partial,
            Self::Complete { value, length } => Parse::Complete { value: change(value), length },
        }
    }
}

/// At which byte it is sure that `bytes` do not begin with `expected`, if it is.
fn departs(bytes: &[u8], expected: &[u8]) -> Option<usize> {
    bytes.iter().zip(expected).position(|(byte, expected)| byte != expected)
}
