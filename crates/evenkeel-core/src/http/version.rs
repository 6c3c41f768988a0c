//! The version of a message of HTTP/1.

/// Which version of HTTP somebody speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2, in the words of HTTP/1.1.
    Http2,
}

impl Version {
    /// As it is written in a request, and in logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
        }
    }

    /// The number in that.
    pub fn number(self) -> &'static str {
        self.word().trim_start_matches("HTTP/")
    }
}
