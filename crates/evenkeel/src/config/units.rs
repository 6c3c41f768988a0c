//! Small texts with a meaning: durations, shares, file modes, ranges of HTTP statuses, `${…}`.

use std::ffi::OsString;
use std::time::Duration;

/// No duration in a configuration is longer: a year is forever, and sums with it cannot overflow.
pub const LONGEST: Duration = Duration::from_secs(365 * 86_400);

const UNITS: [(&str, f64); 6] =
    [("us", 0.000_001), ("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];

/// `1.5s`, `250ms`, `2m`, `1h30m`; the error says what is wrong with it, lower case, without naming it.
pub fn duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err("it is empty".into());
    }
    if rest.starts_with('-') {
        return Err("it is negative".into());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let number: f64 = number.parse().map_err(|_| "it does not begin with a number".to_owned())?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(|| match unit {
            "" => "it has no unit".to_owned(),
            unit => format!("`{}` is not a unit", unit.trim()),
        })?;
        seconds += number * factor;
        rest = after;
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err("it is longer than 365 days".into()),
    }
}

/// `00ff`, `00 ff`: the bytes, each of two digits.
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let byte = |word: &[u8]| match word {
        [high, low] if word.iter().all(u8::is_ascii_hexdigit) => {
            let digit = |it: u8| char::from(it).to_digit(16).unwrap_or_default() as u8;
            Some(digit(*high) << 4 | digit(*low))
        }
        _ => None,
    };
    text.split_ascii_whitespace().flat_map(|word| word.as_bytes().chunks(2)).map(byte).collect()
}

/// Bytes of a kilobyte, a kibibyte, an eighth of a kilobit, …
const AMOUNTS: [(&str, f64); 9] = [
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("kbit", 125.0),
    ("Mbit", 125e3),
    ("Gbit", 125e6),
];

/// `10MB/s`, `1.5 MiB/s`, `100Mbit/s`: bytes in a second, from a thousand to 100 billion.
pub fn bandwidth(text: &str) -> Option<u64> {
    let amount = text.trim().strip_suffix("/s")?;
    let digits = amount.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = amount.split_at(digits);
    let (_, factor) = AMOUNTS.iter().find(|(name, _)| *name == unit.trim())?;
    let bytes = number.parse::<f64>().ok()? * factor;
    (1e3..=1e11).contains(&bytes).then_some(bytes as u64)
}

/// `20%`.
pub fn percent(text: &str) -> Option<u32> {
    text.trim().strip_suffix('%')?.trim().parse().ok().filter(|&percent| percent <= 100)
}

/// `0660`: permission bits in octal, as for `chmod`.
pub fn mode(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 8).ok().filter(|&mode| mode <= 0o777 && !text.starts_with('+'))
}

/// `200`, `2xx` or `200-299`, as an inclusive range.
pub fn statuses(text: &str) -> Option<(u16, u16)> {
    let class = text.strip_suffix("xx").and_then(|digit| digit.parse::<u16>().ok());
    let (from, to) = match (class, text.split_once('-')) {
        (Some(class), _) if class < 10 => (class * 100, class * 100 + 99),
        (_, Some((from, to))) => (from.trim().parse().ok()?, to.trim().parse().ok()?),
        _ => text.parse().map(|status| (status, status)).ok()?,
    };
    (100 <= from && from <= to && to <= 599).then_some((from, to))
}

/// `text` with `${NAME}` and `${NAME:-default}` replaced by what `lookup` says; `$${` is a literal `${`.
///
/// As in a shell, the default also stands in for a variable that is empty. The error says what is wrong.
pub fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = (&rest[..at], &rest[at + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = after;
            continue;
        }
        expanded.push_str(before);
        let Some((inner, after)) = after.split_once('}') else {
            return Err("`${` has no `}`; write `$${` if it is meant as it stands".into());
        };
        expanded.push_str(&variable(inner, lookup)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn variable(inner: &str, lookup: &dyn Fn(&str) -> Option<OsString>) -> Result<String, String> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| !c.is_ascii_digit());
    if !is_name {
        return Err(format!(
            "`${{{inner}}}` does not name a variable; `${{NAME}}` and `${{NAME:-default}}` do"
        ));
    }
    let value = lookup(name).map(OsString::into_string).transpose();
    let value = value.map_err(|_| format!("the environment variable `{name}` is not UTF-8"))?;
    match (value, default) {
        (Some(value), _) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (Some(empty), None) => Ok(empty),
        (None, None) => Err(format!("the environment variable `{name}` is not set")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn durations_carry_their_unit() {
        let millis = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("1.5s"), Ok(1500));
        assert_eq!(millis("250ms"), Ok(250));
        assert_eq!(millis("1h30m"), Ok(5_400_000));
        assert_eq!(millis("365d"), Ok(31_536_000_000));
        assert_eq!(millis("366d"), Err("it is longer than 365 days".into()));
        assert_eq!(millis("3"), Err("it has no unit".into()));
        assert_eq!(millis("3 lightyears"), Err("`lightyears` is not a unit".into()));
        assert_eq!(millis("soon"), Err("it does not begin with a number".into()));
        assert_eq!(millis("-1s"), Err("it is negative".into()));
        assert_eq!(millis(""), Err("it is empty".into()));
        assert!(millis(&"9".repeat(400)).is_err());
    }

    #[test]
    fn bandwidths_carry_their_unit() {
        let said = ["1kB/s", "1.5 MiB/s", "100Mbit/s", "100GB/s", " 8kbit/s "].map(bandwidth);
        assert_eq!(said, [1_000, 1_572_864, 12_500_000, 100_000_000_000, 1_000].map(Some));
        let wrong =
            ["", "/s", "10MB", "10/s", "0.9kB/s", "101GB/s", "10 mb/s", "1.2.3MB/s", "-1MB/s", "infGB/s"];
        assert_eq!(wrong.map(bandwidth), [None; 10]);
    }

    #[test]
    fn shares_modes_and_statuses() {
        assert_eq!(
            [percent("20%"), percent("20"), percent("101%"), percent("-1%")],
            [Some(20), None, None, None]
        );
        assert_eq!(
            [mode("0660"), mode("777"), mode("888"), mode("1777"), mode("+7")],
            [Some(0o660), Some(0o777), None, None, None]
        );
        assert_eq!(
            ["200", "2xx", "200-299"].map(statuses),
            [Some((200, 200)), Some((200, 299)), Some((200, 299))]
        );
        assert_eq!(["", "xx", "99", "600", "9xx", "300-200", "2x"].map(statuses), [None; 7]);
    }

    #[test]
    fn variables_are_replaced_and_missing_ones_told() {
        let lookup = |name: &str| match name {
            "PORT" => Some("8080".into()),
            "EMPTY" => Some(OsString::new()),
            "LATIN" => Some(OsString::from_vec(vec![0xe9])),
            _ => None,
        };
        let expand = |text| expand(text, &lookup);
        assert_eq!(expand(":${PORT}/${PORT}"), Ok(":8080/8080".into()));
        assert_eq!(expand("${NOPE:-80}${EMPTY:-81}${EMPTY}"), Ok("8081".into()));
        assert_eq!(expand("$${PORT} $5 100$"), Ok("${PORT} $5 100$".into()));
        assert_eq!(expand("${NOPE}"), Err("the environment variable `NOPE` is not set".into()));
        assert_eq!(expand("${LATIN:-x}"), Err("the environment variable `LATIN` is not UTF-8".into()));
        assert!(expand("${PORT").is_err());
        assert!(expand("${PO RT}").is_err());
        assert!(expand("${}").is_err());
    }
}
