//! Why a request is refused.

/// Why a request was refused: what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It does not begin like HTTP.
    NotHttp,
    /// Its first line is none.
    RequestLine,
    /// A line ends with a bare CR or LF.
    LineEnd,
    /// A field's name is none, or there is a space behind it.
    FieldName,
    /// A field's value has control characters.
    FieldValue,
    /// A field goes on in the next line.
    Folded,
    /// What it wants is no path, and nothing else that could be meant.
    Target,
    /// Its path can be read in more than one way.
    Path,
    /// Its host is missing, given twice, or not the same everywhere.
    Host,
    /// Its length is no number, or is given twice.
    Length,
    /// It has a length and chunks.
    LengthAndCoding,
    /// It is coded in a way that is not known here.
    Coding,
    /// A chunk of its body is none.
    Chunk,
    /// It expects something that is not known here.
    Expectation,
    /// It wants a tunnel.
    Connect,
    /// It is of another version of HTTP.
    Version,
    /// Its target is too long.
    TargetTooLong,
    /// It has too many fields.
    TooManyFields,
    /// Its head is too long.
    HeadTooLong,
    /// Its body is too long.
    BodyTooLong,
    /// Its head did not come in time.
    HeadLate,
    /// Its body did not come in time.
    BodyLate,
    /// A stream of HTTP/2 that breaks the rules, or is one too many.
    Stream,
    /// A connection of HTTP/2 that breaks the rules.
    Frames,
    /// A connection of HTTP/2 in which too much comes that is of no use.
    Flood,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::NotHttp,
        Self::RequestLine,
        Self::LineEnd,
        Self::FieldName,
        Self::FieldValue,
        Self::Folded,
        Self::Target,
        Self::Path,
        Self::Host,
        Self::Length,
        Self::LengthAndCoding,
        Self::Coding,
        Self::Chunk,
        Self::Expectation,
        Self::Connect,
        Self::Version,
        Self::TargetTooLong,
        Self::TooManyFields,
        Self::HeadTooLong,
        Self::BodyTooLong,
        Self::HeadLate,
        Self::BodyLate,
        Self::Stream,
        Self::Frames,
        Self::Flood,
    ];

    /// The one word that names it in logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotHttp => "not-http",
            Self::RequestLine => "request-line",
            Self::LineEnd => "line-end",
            Self::FieldName => "field-name",
            Self::FieldValue => "field-value",
            Self::Folded => "folded-field",
            Self::Target => "target",
            Self::Path => "path",
            Self::Host => "host",
            Self::Length => "length",
            Self::LengthAndCoding => "length-and-coding",
            Self::Coding => "coding",
            Self::Chunk => "chunk",
            Self::Expectation => "expectation",
            Self::Connect => "connect",
            Self::Version => "version",
            Self::TargetTooLong => "target-too-long",
            Self::TooManyFields => "too-many-fields",
            Self::HeadTooLong => "head-too-long",
            Self::BodyTooLong => "body-too-long",
            Self::HeadLate => "head-late",
            Self::BodyLate => "body-late",
            Self::Stream => "http2-stream",
            Self::Frames => "http2-frames",
            Self::Flood => "http2-flood",
        }
    }

    /// What is wrong with it, for a person.
    pub fn said(self) -> &'static str {
        match self {
            Self::NotHttp => "it does not begin like HTTP",
            Self::RequestLine => "its first line is none",
            Self::LineEnd => "a line ends with a bare CR or LF",
            Self::FieldName => "the name of a field is none, or there is a space behind it",
            Self::FieldValue => "the value of a field has control characters",
            Self::Folded => "a field goes on in the next line",
            Self::Target => "what it wants is no path",
            Self::Path => "its path could be read in two ways",
            Self::Host => "its host is missing, given twice, no host, or not the same everywhere",
            Self::Length => "its length is no number, is given twice, or may not be there",
            Self::LengthAndCoding => "it has a length and chunks",
            Self::Coding => "its body is coded in a way that is not known here",
            Self::Chunk => "a chunk of its body is none",
            Self::Expectation => "it expects something that is not known here",
            Self::Connect => "it wants a tunnel, and `tunnels` is off",
            Self::Version => "it is of another version of HTTP",
            Self::TargetTooLong => "its target is longer than `max-target-bytes`",
            Self::TooManyFields => "it has more fields than `max-fields`",
            Self::HeadTooLong => "its head is longer than `max-head-bytes`",
            Self::BodyTooLong => "its body is longer than `max-body-bytes`",
            Self::HeadLate => "its head did not come within `timeout.head`",
            Self::BodyLate => "its body did not come within `timeout.body`",
            Self::Stream => "its stream breaks the rules of HTTP/2, or is one too many",
            Self::Frames => "its connection breaks the rules of HTTP/2",
            Self::Flood => "too much came on its connection that is of no use",
        }
    }

    /// What the client is told.
    pub fn status(self) -> u16 {
        match self {
            Self::Connect => 405,
            Self::HeadLate | Self::BodyLate => 408,
            Self::BodyTooLong => 413,
            Self::TargetTooLong => 414,
            Self::Expectation => 417,
            Self::TooManyFields | Self::HeadTooLong => 431,
            Self::Coding => 501,
            Self::Version => 505,
            _ => 400,
        }
    }
}
