//! Spans of time for what there are many of.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// A span of time to the nanosecond, 584 years at most. It takes eight bytes, also where there may be none: half of a
/// [`Duration`] or an [`Instant`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(NonZeroU64);

impl Span {
    /// No time.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// From `begin` to `end`; none if that is earlier.
    pub fn between(begin: Instant, end: Instant) -> Self {
        end.saturating_duration_since(begin).into()
    }

    /// So long after `begin`.
    pub fn after(self, begin: Instant) -> Instant {
        begin + Duration::from(self)
    }
}

/// `time` after `now`; far in the future when that is beyond what an `Instant` can hold.
pub fn after(now: Instant, time: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    now.checked_add(time).unwrap_or_else(|| now + FAR)
}

impl From<Duration> for Span {
    fn from(time: Duration) -> Self {
        let seconds = time.as_secs().saturating_mul(1_000_000_000);
        Self(NonZeroU64::MIN.saturating_add(seconds.saturating_add(time.subsec_nanos().into())))
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        Self::from_nanos(span.0.get() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_what_it_was_made_of_and_no_more_than_fits() {
        let [none, one] = [Duration::ZERO, Duration::from_nanos(1)];
        let days = Duration::new(100_000 * 86_400, 999_999_999);
        for time in [none, one, days] {
            assert_eq!(Duration::from(Span::from(time)), time);
        }
        assert_eq!(Span::from(none), Span::ZERO);
        assert!(Duration::from(Span::from(Duration::MAX)) > 500 * 365 * Duration::from_secs(86_400));
    }

    #[test]
    fn it_leads_from_one_moment_to_the_other_and_never_back() {
        let begin = Instant::now();
        let end = begin + Duration::from_millis(7);
        assert_eq!(Span::between(begin, end).after(begin), end);
        assert_eq!(Span::between(end, begin), Span::ZERO);
        assert_eq!(size_of::<Option<Span>>(), 8);
    }
}
