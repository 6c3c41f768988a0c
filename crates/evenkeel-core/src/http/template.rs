//! Texts with variables of a request: values of fields, targets of redirects, paths that are rewritten.

use std::fmt;
use std::io::Write as _;
use std::net::IpAddr;

/// The longest text, in bytes.
pub const LONGEST: usize = 4096;

/// Something that is known of a request, written `{name}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The client's address.
    Client,
    /// The host that it names, without a port.
    Host,
    /// The path, as the client wrote it, without the query.
    Path,
    /// What follows in the normal path where the route's ends; nothing, or it begins with a slash.
    Rest,
    /// The request's name.
    RequestId,
    /// `http` or `https`.
    Scheme,
}

impl Variable {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Client, Self::Host, Self::Path, Self::Rest, Self::RequestId, Self::Scheme];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Host => "host",
            Self::Path => "path",
            Self::Rest => "rest",
            Self::RequestId => "request-id",
            Self::Scheme => "scheme",
        }
    }
}

/// What the variables are for one request.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    /// `None`: a Unix socket has no address.
    pub client: Option<IpAddr>,
    /// Empty if it names none.
    pub host: &'a [u8],
    /// Begins with a slash.
    pub path: &'a [u8],
    /// Empty, or begins with a slash.
    pub rest: &'a [u8],
    /// The request's name.
    pub request_id: &'a [u8],
    /// Whether it came by TLS.
    pub is_tls: bool,
}

/// A text with variables. `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Box<[Piece]>);

/// A piece of a [`Template`]: no two texts in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Text, never empty.
    Text(Box<str>),
    /// What stands there depends on the request.
    Variable(Variable),
}

impl Template {
    /// The template that is written like this. It never becomes more than one line: what is not ASCII text is refused, and no
    /// variable has anything else.
    pub fn parse(text: &str) -> Result<Self, NotATemplate> {
        if text.len() > LONGEST {
            return Err(NotATemplate::TooLong);
        }
        if let Some(odd) = text.chars().find(|c| !matches!(c, ' '..='~' | '\t')) {
            return Err(NotATemplate::Character(odd));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, behind) = first_piece(rest)?;
            rest = behind;
            match (pieces.last_mut(), piece) {
                (Some(Piece::Text(before)), Piece::Text(text)) => {
                    *before = format!("{before}{text}").into();
                }
                (_, piece) => pieces.push(piece),
            }
        }
        Ok(Self(pieces.into()))
    }

    /// The variables in it.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) => Some(*variable),
            Piece::Text(_) => None,
        })
    }

    /// Adds what it is for one request.
    pub fn write(&self, values: &Values<'_>, out: &mut Vec<u8>) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Variable(variable) => values.write(*variable, out),
            }
        }
    }
}

impl Values<'_> {
    fn write(&self, variable: Variable, out: &mut Vec<u8>) {
        match (variable, self.client) {
            // Cannot fail for a `Vec`.
            (Variable::Client, Some(client)) => drop(write!(out, "{client}")),
            (Variable::Client, None) => out.extend_from_slice(b"unknown"),
            (Variable::Host, _) => out.extend_from_slice(self.host),
            (Variable::Path, _) => out.extend_from_slice(self.path),
            (Variable::Rest, _) => out.extend_from_slice(self.rest),
            (Variable::RequestId, _) => out.extend_from_slice(self.request_id),
            (Variable::Scheme, _) if self.is_tls => out.extend_from_slice(b"https"),
            (Variable::Scheme, _) => out.extend_from_slice(b"http"),
        }
    }
}

/// What a text that is not empty begins with, and what is behind that.
fn first_piece(text: &str) -> Result<(Piece, &str), NotATemplate> {
    for (brace, doubled) in [("{", "{{"), ("}", "}}")] {
        if let Some(behind) = text.strip_prefix(doubled) {
            return Ok((Piece::Text(brace.into()), behind));
        }
    }
    if text.starts_with('}') {
        return Err(NotATemplate::Brace);
    }
    let Some(inner) = text.strip_prefix('{') else {
        let end = text.find(['{', '}']).unwrap_or(text.len());
        return Ok((Piece::Text(text[..end].into()), &text[end..]));
    };
    let (name, behind) = inner.split_once('}').ok_or(NotATemplate::Brace)?;
    let variable = Variable::ALL.into_iter().find(|variable| variable.word() == name);
    Ok((Piece::Variable(variable.ok_or_else(|| NotATemplate::Variable(name.into()))?), behind))
}

/// As it is written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Variable(variable) => write!(f, "{{{}}}", variable.word()),
        })
    }
}

/// Why something is no [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotATemplate {
    /// It is longer than [`LONGEST`].
    TooLong,
    /// A character that cannot stand there.
    Character(char),
    /// A brace without its other one.
    Brace,
    /// No variable has this name.
    Variable(Box<str>),
}

impl fmt::Display for NotATemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "longer than {LONGEST} bytes"),
            Self::Character(odd) => {
                write!(f, "`{}` cannot stand in a field: only ASCII text can", odd.escape_debug())
            }
            Self::Brace => f.write_str("a brace without its other one; a brace itself is written twice"),
            Self::Variable(name) => {
                let known = Variable::ALL.map(|variable| format!("{{{}}}", variable.word())).join(", ");
                write!(f, "there is no variable {{{name}}}: there are {known}")
            }
        }
    }
}

impl std::error::Error for NotATemplate {}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: Values<'static> = Values {
        client: Some(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)),
        host: b"www.example.com",
        path: b"/a/b",
        rest: b"/b",
        request_id: b"0af7",
        is_tls: true,
    };

    fn written(text: &str, values: &Values<'_>) -> String {
        let mut out = Vec::new();
        Template::parse(text).unwrap().write(values, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn variables_are_what_they_are_for_the_request() {
        let text = "{scheme}://{host}{path}|{rest}|{client}|{request-id}|{{}}";
        assert_eq!(written(text, &VALUES), "https://www.example.com/a/b|/b|::1|0af7|{}");
        let other = Values { client: None, is_tls: false, ..VALUES };
        assert_eq!(written("{client} {scheme}", &other), "unknown http");
        assert_eq!(written("", &VALUES), "");
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for text in ["", "a", "{host}", "a{{b}}c {path}{rest}"] {
            assert_eq!(Template::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (text, told) in [
            ("a\r\nb", "`\\r` cannot stand"),
            ("a\0", "`\\0` cannot stand"),
            ("é", "`é` cannot stand"),
            ("{", "a brace without"),
            ("a}b", "a brace without"),
            ("{host", "a brace without"),
            ("{user}", "there is no variable {user}: there are {client}, {host}"),
            ("{}", "there is no variable {}"),
        ] {
            let error = Template::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        assert_eq!(Template::parse(&"x".repeat(LONGEST + 1)), Err(NotATemplate::TooLong));
    }
}
