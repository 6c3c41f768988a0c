//! The facts of a certificate that rustls does not tell: for which names it is, and how long (RFC 5280). It is not judged
//! here; whoever verifies it does that.

use std::time::{Duration, SystemTime};

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its host names, in lower case; one may begin with `*.`.
    pub names: Vec<String>,
    /// What its subject is called.
    pub common_name: Option<String>,
    /// Since when it is valid.
    pub not_before: SystemTime,
    /// Until when.
    pub not_after: SystemTime,
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;

/// subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// commonName, 2.5.4.3.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

/// What the certificate in `der` says; `None` if it is none.
pub fn facts(der: &[u8]) -> Option<Facts> {
    let mut certificate = Der(Der(der).take(SEQUENCE)?);
    let mut fields = Der(certificate.take(SEQUENCE)?);
    let _version = fields.take(VERSION);
    let _serial = fields.take(INTEGER)?;
    let _signature = fields.take(SEQUENCE)?;
    let _issuer = fields.take(SEQUENCE)?;
    let mut validity = Der(fields.take(SEQUENCE)?);
    let (not_before, not_after) = (validity.time()?, validity.time()?);
    let common_name = common_name(fields.take(SEQUENCE)?);
    let _key = fields.take(SEQUENCE)?;
    // Two identifiers that nobody uses.
    let _ = (fields.take(0x81), fields.take(0x82), fields.take(BIT_STRING));
    let names = fields.take(EXTENSIONS).map(names).unwrap_or_default();
    Some(Facts { names, common_name, not_before, not_after })
}

/// Whose certificate is in `der`: its first host name, else what its subject is called.
pub fn holder(der: &[u8]) -> Option<String> {
    let Facts { names, common_name, .. } = facts(der)?;
    names.into_iter().next().or(common_name)
}

fn common_name(subject: &[u8]) -> Option<String> {
    let mut parts = Der(subject);
    while let Some(part) = parts.take(SET) {
        let mut pair = Der(Der(part).take(SEQUENCE)?);
        if pair.take(OBJECT_ID) == Some(&COMMON_NAME) {
            return pair.next().and_then(|(_, text)| String::from_utf8(text.to_vec()).ok());
        }
    }
    None
}

fn names(extensions: &[u8]) -> Vec<String> {
    let mut all = Der(Der(extensions).take(SEQUENCE).unwrap_or_default());
    let mut names = Vec::new();
    while let Some(extension) = all.take(SEQUENCE) {
        let mut extension = Der(extension);
        if extension.take(OBJECT_ID) != Some(&SUBJECT_ALT_NAME) {
            continue;
        }
        let _critical = extension.take(0x01);
        let mut value = Der(extension.take(OCTET_STRING).unwrap_or_default());
        let mut list = Der(value.take(SEQUENCE).unwrap_or_default());
        while let Some((tag, name)) = list.next() {
            if let (DNS_NAME, Ok(name)) = (tag, std::str::from_utf8(name)) {
                names.push(name.to_ascii_lowercase());
            }
        }
    }
    names
}

/// Values of DER that are still to be read.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value and its tag.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 3))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The next value, if it has this tag; else nothing is taken.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let before = self.0;
        match self.next() {
            Some((found, value)) if found == tag => Some(value),
            _ => {
                self.0 = before;
                None
            }
        }
    }

    fn time(&mut self) -> Option<SystemTime> {
        let (tag, text) = self.next()?;
        let number = |range: std::ops::Range<usize>| -> Option<u64> {
            let digits = std::str::from_utf8(text.get(range)?).ok()?;
            digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
        };
        let (year, rest) = match tag {
            // Up to 2049.
            UTC_TIME => (number(0..2).map(|year| year + if year < 50 { 2000 } else { 1900 })?, 2),
            GENERALIZED_TIME => (number(0..4)?, 4),
            _ => return None,
        };
        let part = |index: usize| number(rest + 2 * index..rest + 2 * index + 2);
        let days = days_since_1970(year, part(0)?, part(1)?)?;
        let seconds = days * 86_400 + part(2)? * 3600 + part(3)? * 60 + part(4)?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }
}

/// Counted from 1 March of the year 0, so that leap days come last.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some(days.saturating_sub(719_468))
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_testkit::Authority;
    use evenkeel_testkit::tls::Valid;

    #[test]
    fn names_and_times_are_those_that_were_signed() {
        let signed = Authority::new("x").sign(&["A.example", "*.b.example", "10.0.0.1"]);
        let facts = facts(&signed.chain[0]).unwrap();
        assert_eq!(facts.names, ["a.example", "*.b.example"]);
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        // 2020-01-01 and, as a GeneralizedTime, 2120-01-01.
        assert_eq!((seconds(facts.not_before), seconds(facts.not_after)), (1_577_836_800, 4_733_510_400));
        assert_eq!(holder(&signed.chain[0]).as_deref(), Some("a.example"));
        assert_eq!(holder(&signed.chain[1]).as_deref(), Some("x"), "an authority has no host name");
        let past = Authority::new("x").sign_for(&["a"], Valid::Past);
        assert_eq!(seconds(super::facts(&past.chain[0]).unwrap().not_after), 1_609_459_200);
    }

    #[test]
    fn whatever_is_cut_off_or_changed_is_survived() {
        let der = Authority::new("x").sign(&["a.example"]).chain[0].to_vec();
        for length in 0..der.len() {
            let _ = facts(&der[..length]);
            let mut changed = der.clone();
            changed[length] ^= 0x83;
            let _ = facts(&changed);
        }
    }
}
