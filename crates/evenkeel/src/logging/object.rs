//! A JSON object, written field by field at the end of a text.

use super::units::Rfc3339;
use evenkeel_core::addr::Addr;
use evenkeel_core::digits::Digits;
use std::fmt::{Display, Write as _};
use std::time::{Duration, SystemTime};

/// A JSON object in the making, at the end of `out`.
pub struct Object<'a> {
    out: &'a mut String,
    /// What comes before the next name.
    open: &'static str,
}

impl<'a> Object<'a> {
    /// An object without fields.
    pub fn new(out: &'a mut String) -> Self {
        Self { out, open: "{\"" }
    }

    fn name(&mut self, name: &str) {
        self.out.push_str(std::mem::replace(&mut self.open, ",\""));
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// A field whose value needs no escaping: a number, `true`, `null`, an object.
    pub fn raw(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.name(name);
        let _ = write!(self.out, "{value}");
        self
    }

    /// A field that holds text.
    pub fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.quoted(name, |out| {
            let _ = write!(out, "{value}");
        })
    }

    /// A field that holds what `write` writes.
    fn quoted(&mut self, name: &str, write: impl FnOnce(&mut String)) -> &mut Self {
        self.name(name);
        quote(self.out, write);
        self
    }

    /// A field that holds text in which nothing needs escaping, such as a word of ours.
    pub fn word(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.push('"');
        self.out.push_str(value);
        self.out.push('"');
        self
    }

    /// A field that holds an address. Like what follows it is in every line, and so not written by way of [`Display`].
    pub fn addr(&mut self, name: &str, value: &Addr) -> &mut Self {
        match value {
            Addr::Ip(addr) => self.word(name, Digits::of_addr(*addr).as_str()),
            Addr::Unix(_) => self.text(name, value),
        }
    }

    /// The same, or `null`.
    pub fn addr_or_null(&mut self, name: &str, value: Option<&Addr>) -> &mut Self {
        match value {
            Some(value) => self.addr(name, value),
            None => self.null(name),
        }
    }

    /// A field that holds a name that a user has given.
    pub fn called(&mut self, name: &str, value: &str) -> &mut Self {
        self.quoted(name, |out| out.push_str(value))
    }

    /// The same, or `null`.
    pub fn called_or_null(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.called(name, value),
            None => self.null(name),
        }
    }

    /// A field that holds what a stranger has said.
    pub fn said(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.called(name, &String::from_utf8_lossy(value))
    }

    /// The same, or `null`.
    pub fn said_or_null(&mut self, name: &str, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => self.said(name, value),
            None => self.null(name),
        }
    }

    /// A field that holds text, or `null`.
    pub fn text_or_null(&mut self, name: &str, value: Option<impl Display>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// A field that holds `null`.
    pub fn null(&mut self, name: &str) -> &mut Self {
        self.name(name);
        self.out.push_str("null");
        self
    }

    /// A field that holds a number.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Self {
        self.name(name);
        self.out.push_str(Digits::of(value).as_str());
        self
    }

    /// Milliseconds with three decimals.
    pub fn millis(&mut self, name: &str, value: Duration) -> &mut Self {
        // Half a million years fit; and 64 bits are divided faster than 128.
        let micros = value.as_micros() as u64;
        self.name(name);
        self.out.push_str(Digits::of_thousandths(micros).as_str());
        self
    }

    /// The same, or `null`.
    pub fn millis_or_null(&mut self, name: &str, value: Option<Duration>) -> &mut Self {
        match value {
            Some(value) => self.millis(name, value),
            None => self.null(name),
        }
    }

    /// A field that holds the time.
    pub fn time(&mut self, name: &str, value: SystemTime) -> &mut Self {
        self.word(name, Rfc3339(value).digits().as_str())
    }

    /// A field that holds what `write` writes between brackets.
    pub fn list(&mut self, name: &str, write: impl FnOnce(&mut String)) -> &mut Self {
        self.name(name);
        self.out.push('[');
        write(self.out);
        self.out.push(']');
        self
    }

    /// A field that holds a list of texts.
    pub fn texts(&mut self, name: &str, values: impl IntoIterator<Item: Display>) -> &mut Self {
        self.list(name, |out| {
            for (index, value) in values.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(out, |out| {
                    let _ = write!(out, "{value}");
                });
            }
        })
    }

    /// It has all its fields.
    pub fn end(self) {
        self.out.push_str(if self.open == "{\"" { "{}" } else { "}" });
    }
}

/// Appends what `write` writes, in quotes.
fn quote(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    let start = out.len();
    write(out);
    escape(out, start);
    out.push('"');
}

/// Escapes what stands in `out` from `start` on, as RFC 8259 wants. Hardly anything ever needs it.
fn escape(out: &mut String, start: usize) {
    let is_special = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    let written = &out.as_bytes()[start..];
    // All of them without a branch, which compilers do many at a time.
    if !written.iter().fold(false, |any, byte| any | is_special(*byte)) {
        return;
    }
    let Some(first) = written.iter().position(|byte| is_special(*byte)) else { return };
    let tail = out.split_off(start + first);
    for char in tail.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
}
