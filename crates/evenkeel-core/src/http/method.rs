//! What a request wants to be done, as far as it matters here.

/// A method, by what it lets us do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Its answer has no body.
    Head,
    /// Wants a tunnel.
    Connect,
    /// `OPTIONS`, the one that may ask for `*`.
    Options,
    /// Any other that may be done twice.
    Idempotent,
    /// Any other.
    Other,
}

impl Method {
    /// The method that is written like this. Methods are told apart by case.
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"GET" | b"PUT" | b"DELETE" | b"TRACE" => Self::Idempotent,
            _ => Self::Other,
        }
    }

    /// Whether it may be done twice, RFC 9110, section 9.2.2: then it may be sent again when nobody knows what became of it.
    pub fn is_idempotent(self) -> bool {
        matches!(self, Self::Head | Self::Options | Self::Idempotent)
    }
}
