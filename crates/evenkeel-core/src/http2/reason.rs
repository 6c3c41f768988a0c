//! Why a stream or a connection ends before its time: RFC 9113, section 7.

/// A reason, as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason(pub u32);

impl Reason {
    /// There is none: it is over.
    pub const NO_ERROR: Self = Self(0x0);
    /// A rule was broken for which there is no other word.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// We cannot go on.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// More came than there was room for.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// Something came for a stream that was over.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame has a length that it cannot have.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// Nobody has looked at the stream: it may be tried again.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// It is not wanted any more.
    pub const CANCEL: Self = Self(0x8);
    /// Fields could not be unpacked, so none that follow can.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The other side costs more than it may.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);

    /// Whether the other side has broken a rule, or asked for too much.
    pub fn is_their_fault(self) -> bool {
        !matches!(self, Self::NO_ERROR | Self::INTERNAL_ERROR | Self::CANCEL)
    }
}
