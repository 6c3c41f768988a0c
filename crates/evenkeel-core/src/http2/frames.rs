//! The heads of frames, as their bytes pass: nothing is kept of what they carry.

/// Bytes of a frame's head.
const HEAD: usize = 9;

/// Bytes behind it that are looked at, at most: how much is padding, or why a stream is reset.
const PEEK: usize = 4;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A piece of a body.
    Data,
    /// A message, or what follows its body.
    Headers,
    /// How urgent a stream is.
    Priority,
    /// The end of a stream before its time.
    Reset,
    /// What the sender can do.
    Settings,
    /// Wants an answer.
    Ping,
    /// No new streams.
    GoAway,
    /// Room for more of a body.
    WindowUpdate,
    /// Goes on with a message.
    Continuation,
    /// Something else.
    Other,
}

/// A frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is for.
    pub kind: Kind,
    /// What is said of it in bits.
    pub flags: u8,
    /// Bytes behind its head.
    pub length: u32,
    /// The stream that it is of; 0: of the connection.
    pub stream: u32,
    /// The first bytes behind its head, as far as there are any.
    pub first: [u8; PEEK],
}

impl Frame {
    const END_STREAM: u8 = 0x1;
    const END_HEADERS: u8 = 0x4;
    const PADDED: u8 = 0x8;

    fn of(bytes: &[u8; HEAD + PEEK]) -> Self {
        let [a, b, c, kind, flags, w, x, y, z, first @ ..] = *bytes;
        let kind = match kind {
            0 => Kind::Data,
            1 => Kind::Headers,
            2 => Kind::Priority,
            3 => Kind::Reset,
            4 => Kind::Settings,
            6 => Kind::Ping,
            7 => Kind::GoAway,
            8 => Kind::WindowUpdate,
            9 => Kind::Continuation,
            _ => Kind::Other,
        };
        let length = u32::from_be_bytes([0, a, b, c]);
        Self { kind, flags, length, stream: u32::from_be_bytes([w & 0x7f, x, y, z]), first }
    }

    /// Whether nothing of its stream follows.
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, Kind::Data | Kind::Headers) && self.flags & Self::END_STREAM != 0
    }

    /// Bytes of a body in it.
    pub fn carries(&self) -> u32 {
        let padding = if self.flags & Self::PADDED != 0 { 1 + u32::from(self.first[0]) } else { 0 };
        if self.kind == Kind::Data { self.length.saturating_sub(padding) } else { 0 }
    }

    /// Whether a message goes on behind it, with nothing in between.
    fn opens_block(&self) -> bool {
        matches!(self.kind, Kind::Headers | Kind::Continuation) && self.flags & Self::END_HEADERS == 0
    }

    /// Why a stream is reset, if this does it.
    pub fn resets(&self) -> Option<u32> {
        (self.kind == Kind::Reset).then(|| u32::from_be_bytes(self.first))
    }
}

/// How far the frames of one direction have come.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    head: [u8; HEAD + PEEK],
    have: usize,
    skip: usize,
    is_in_data: bool,
    is_in_block: bool,
}

impl Frames {
    /// Behind so many bytes that are no frames.
    pub fn behind(bytes: usize) -> Self {
        Self { skip: bytes, ..Self::default() }
    }

    /// Whether it stands in the middle of a message, or of a frame but what carries a body, which may take its time.
    pub fn is_inside(&self) -> bool {
        self.have > 0 || self.skip > 0 && !self.is_in_data || self.is_in_block
    }

    /// Whether a message has begun that is not complete.
    pub fn is_in_block(&self) -> bool {
        self.is_in_block
    }

    /// Takes note of `bytes`, and tells `on` of each frame whose head is complete.
    pub fn pass(&mut self, mut bytes: &[u8], mut on: impl FnMut(Frame)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let length = self.skip.min(bytes.len());
                self.skip -= length;
                bytes = &bytes[length..];
                continue;
            }
            let length = (self.wanted() - self.have).min(bytes.len());
            self.head[self.have..self.have + length].copy_from_slice(&bytes[..length]);
            self.have += length;
            bytes = &bytes[length..];
            if self.have == self.wanted() {
                on(self.complete());
            }
        }
    }

    /// Bytes of the frame that are looked at.
    fn wanted(&self) -> usize {
        if self.have < HEAD { HEAD } else { HEAD + self.length().min(PEEK) }
    }

    fn length(&self) -> usize {
        u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]) as usize
    }

    fn complete(&mut self) -> Frame {
        let frame = Frame::of(&self.head);
        self.skip = self.length() - (self.have - HEAD);
        self.is_in_data = frame.kind == Kind::Data;
        self.is_in_block = frame.opens_block();
        self.head = Default::default();
        self.have = 0;
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &[u8] = &[
        0, 0, 2, 0, 0x8, 0, 0, 0, 5, 1, 0, // DATA, of which all is padding
        0, 0, 4, 3, 0, 0x80, 0, 0, 7, 0, 0, 0, 8, // RST_STREAM
        0, 0, 0, 4, 1, 0, 0, 0, 0, // SETTINGS
        0, 0, 6, 1, 0x1, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, // HEADERS, which go on
        0, 0, 1, 9, 0x4, 0, 0, 0, 9, 1, // CONTINUATION
        0, 0, 3, 0, 0x1, 0, 0, 0, 9, 1, 2, 3, // DATA
    ];

    fn seen(pieces: usize) -> Vec<Frame> {
        let (mut frames, mut seen) = (Frames::behind(3), Vec::new());
        let bytes = [b"abc", SENT].concat();
        bytes.chunks(pieces).for_each(|piece| frames.pass(piece, |frame| seen.push(frame)));
        assert!(!frames.is_inside());
        seen
    }

    #[test]
    fn frames_are_told_one_by_one_however_they_are_cut() {
        let whole = seen(1000);
        let kinds: Vec<_> = whole.iter().map(|frame| (frame.kind, frame.stream)).collect();
        let expected = [
            (Kind::Data, 5),
            (Kind::Reset, 7),
            (Kind::Settings, 0),
            (Kind::Headers, 9),
            (Kind::Continuation, 9),
            (Kind::Data, 9),
        ];
        assert_eq!(kinds, expected);
        assert!((1..SENT.len()).all(|pieces| seen(pieces) == whole));
    }

    #[test]
    fn padding_carries_nothing_and_a_reset_says_why() {
        let seen = seen(1000);
        assert_eq!(seen.iter().map(Frame::carries).collect::<Vec<_>>(), [0, 0, 0, 0, 0, 3]);
        assert_eq!(seen.iter().filter_map(Frame::resets).collect::<Vec<_>>(), [8]);
        assert!(seen[3].ends_stream() && seen[5].ends_stream() && !seen[0].ends_stream());
    }

    #[test]
    fn it_is_known_whether_a_message_has_come_to_its_end() {
        let mut frames = Frames::default();
        frames.pass(&SENT[..SENT.len() - 22], |_| {});
        assert!(frames.is_inside(), "in front of its continuation");
        frames.pass(&SENT[SENT.len() - 22..SENT.len() - 12], |_| {});
        assert!(!frames.is_inside());
        frames.pass(&SENT[SENT.len() - 12..SENT.len() - 8], |_| {});
        assert!(frames.is_inside(), "in the head of a frame");
        frames.pass(&SENT[SENT.len() - 8..], |_| {});
        frames.pass(&[0, 0, 9, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5], |_| {});
        assert!(!frames.is_inside(), "in a body");
    }
}
