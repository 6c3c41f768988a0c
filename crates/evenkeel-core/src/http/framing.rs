//! Where the body of a message ends (RFC 9112, section 6).

/// How a body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none; whether its length of nothing is said.
    Empty {
        /// By `Content-Length: 0`.
        said: bool,
    },
    /// So many bytes; not none.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Until the connection ends.
    UntilEnd,
}

impl Framing {
    /// Whether there is no body.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::Empty { .. })
    }
}
