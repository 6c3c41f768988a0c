//! What a client wants from a test backend: the first bytes on each connection say it.

/// A wish of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Replies of a size to requests of a size; the first request begins with the wish.
    Exchange {
        /// Bytes of a request, at least [`LENGTH`].
        request: u32,
        /// Bytes of a reply.
        reply: u32,
    },
    /// Bytes without end to the client.
    Down,
    /// Take bytes without end from the client.
    Up,
    /// Both.
    Both,
    /// How many bytes all clients together have sent [`Up`](Self::Up) and [`Both`](Self::Both): 8, little endian.
    Total,
}

/// Bytes of a wish.
pub const LENGTH: usize = 16;

const MARK: &[u8; 7] = b"ekbench";

impl Wish {
    /// The bytes to send.
    pub fn encode(self) -> [u8; LENGTH] {
        let (kind, request, reply) = match self {
            Self::Exchange { request, reply } => (b'x', request, reply),
            Self::Down => (b'd', 0, 0),
            Self::Up => (b'u', 0, 0),
            Self::Both => (b'b', 0, 0),
            Self::Total => (b't', 0, 0),
        };
        let mut bytes = [0; LENGTH];
        bytes[..7].copy_from_slice(MARK);
        bytes[7] = kind;
        bytes[8..12].copy_from_slice(&request.to_le_bytes());
        bytes[12..].copy_from_slice(&reply.to_le_bytes());
        bytes
    }

    /// The wish that these bytes are, if they are one.
    pub fn decode(bytes: &[u8; LENGTH]) -> Option<Self> {
        let (mark, rest) = bytes.split_first_chunk::<7>()?;
        let (kind, rest) = rest.split_first()?;
        let (request, reply) = rest.split_first_chunk::<4>()?;
        let request = u32::from_le_bytes(*request);
        let reply = u32::from_le_bytes(reply.try_into().ok()?);
        match kind {
            _ if mark != MARK => None,
            b'x' if request as usize >= LENGTH => Some(Self::Exchange { request, reply }),
            b'd' => Some(Self::Down),
            b'u' => Some(Self::Up),
            b'b' => Some(Self::Both),
            b't' => Some(Self::Total),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_understood() {
        let exchange = Wish::Exchange { request: 64, reply: 1 << 20 };
        for wish in [exchange, Wish::Down, Wish::Up, Wish::Both, Wish::Total] {
            assert_eq!(Wish::decode(&wish.encode()), Some(wish));
        }
    }

    #[test]
    fn strange_bytes_are_no_wish() {
        assert_eq!(Wish::decode(b"GET / HTTP/1.1\r\n"), None);
        assert_eq!(Wish::decode(&Wish::Exchange { request: 15, reply: 1 }.encode()), None);
    }
}
