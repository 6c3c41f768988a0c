//! Numbers as people read them, and times as machines do.

use evenkeel_core::digits::Digits;
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `89 B`, `4.1 kB`, `1.2 GB`: decimal units, two figures at least.
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1000.0;
        let mut unit = "kB";
        for larger in ["MB", "GB", "TB", "PB"] {
            // From here on, rounding to a whole number would show four figures.
            if value < 999.5 {
                break;
            }
            (value, unit) = (value / 1000.0, larger);
        }
        if value < 9.95 { write!(f, "{value:.1} {unit}") } else { write!(f, "{value:.0} {unit}") }
    }
}

/// `0.2 ms`, `35 ms`, `1.5 s`, `30 s`, `2m05s`, `1h02m`.
pub struct Took(pub Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let whole = seconds.round() as u64;
        match seconds {
            ..0.00995 => write!(f, "{:.1} ms", seconds * 1e3),
            ..0.9995 => write!(f, "{:.0} ms", seconds * 1e3),
            ..9.95 => write!(f, "{seconds:.1} s"),
            ..59.5 => write!(f, "{seconds:.0} s"),
            ..3599.5 => write!(f, "{}m{:02}s", whole / 60, whole % 60),
            _ => write!(f, "{}h{:02}m", whole / 3600, whole / 60 % 60),
        }
    }
}

/// `1,048,576`.
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_char(',')?;
            }
            f.write_char(digit)?;
        }
        Ok(())
    }
}

/// `3 backends`, `1 backend`.
pub fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", Grouped(number as u64))
}

/// `connection refused (errno 111)`; a text that says it already stays as it is.
pub fn with_errno(text: &str, errno: Option<i64>) -> Cow<'_, str> {
    match errno {
        Some(errno) if !text.contains("errno") => Cow::Owned(format!("{text} (errno {errno})")),
        _ => Cow::Borrowed(text),
    }
}

/// `text`, or as much of its beginning as fits into so many bytes, with a mark where it was cut off.
pub fn cut(text: &str, bytes_max: usize) -> Cow<'_, str> {
    const MARK: &str = "…";
    if text.len() <= bytes_max {
        return text.into();
    }
    let most = bytes_max.saturating_sub(MARK.len());
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{MARK}", &text[..end]).into()
}

/// Whole seconds since the Unix epoch; a time before that is none of them.
pub fn unix_seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T14:02:11.031Z`. Times before 1970 are shown as 1970.
pub struct Rfc3339(pub SystemTime);

impl Rfc3339 {
    /// As text: it is in every line.
    pub fn digits(&self) -> Digits {
        let since = self.0.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        let (year, month, day) = civil(days);
        Digits::of_time(
            [year, month, day],
            [second / 3600, second / 60 % 60, second % 60],
            since.subsec_millis().into(),
        )
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digits().as_str())
    }
}

/// Year, month and day in the Gregorian calendar, so many days after 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from March of the year 0, the leap day is the last of its year, and months have a simple rhythm: 153
    // days are five months. 146,097 days are 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_two_figures_and_the_right_unit() {
        let shown = |n| Bytes(n).to_string();
        assert_eq!(shown(0), "0 B");
        assert_eq!(shown(999), "999 B");
        assert_eq!(shown(4_120), "4.1 kB");
        assert_eq!(shown(41_200), "41 kB");
        assert_eq!(shown(999_499), "999 kB");
        assert_eq!(shown(999_600), "1.0 MB");
        assert_eq!(shown(1 << 30), "1.1 GB");
        assert_eq!(shown(u64::MAX), "18447 PB");
    }

    #[test]
    fn durations_have_the_unit_that_fits() {
        let shown = |micros| Took(Duration::from_micros(micros)).to_string();
        assert_eq!(shown(0), "0.0 ms");
        assert_eq!(shown(1_240), "1.2 ms");
        assert_eq!(shown(35_000), "35 ms");
        assert_eq!(shown(999_700), "1.0 s");
        assert_eq!(shown(1_500_000), "1.5 s");
        assert_eq!(shown(15_000_000), "15 s");
        assert_eq!(shown(59_960_000), "1m00s");
        assert_eq!(shown(125_000_000), "2m05s");
        assert_eq!(shown(3_720_000_000), "1h02m");
    }

    #[test]
    fn large_numbers_are_grouped_and_one_is_singular() {
        assert_eq!(count(1, "backend"), "1 backend");
        assert_eq!(count(12, "backend"), "12 backends");
        assert_eq!(count(1_048_576, "session"), "1,048,576 sessions");
    }

    #[test]
    fn what_is_too_long_is_cut_between_two_letters_and_marked() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "lo…");
        assert_eq!(cut("éééé", 7), "éé…");
        assert_eq!(cut("é", 0), "…");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let shown = |seconds, millis| {
            Rfc3339(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(millis)).to_string()
        };
        assert_eq!(shown(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(shown(951_782_400, 31), "2000-02-29T00:00:00.031Z");
        assert_eq!(shown(1_795_356_131, 31), "2026-11-22T14:02:11.031Z");
        assert_eq!(shown(4_107_542_399, 999), "2100-02-28T23:59:59.999Z");
        assert_eq!(shown(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
    }
}
