//! The clock on the wall, in the zone of this machine; and the one that all processes of the machine share.

use rustix::time::{ClockId, clock_gettime};
use std::mem::MaybeUninit;
use std::time::Duration;

/// The time since some moment that is the same for all processes: the clock behind `Instant`, as a number.
pub fn monotonic() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// Hour, minute and second of the day, in the local zone (`TZ`, else `/etc/localtime`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay {
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60: a leap second counts.
    pub second: u8,
}

/// The local time of day at so many seconds after the Unix epoch; `None` for a time that no calendar can hold.
pub fn time_of_day(unix_seconds: i64) -> Option<TimeOfDay> {
    let mut fields = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are valid for the call and do not overlap; `localtime_r` keeps neither of them. It reads
    // `TZ`, which nothing in this program changes while threads run.
    let written = unsafe { libc::localtime_r(&unix_seconds, fields.as_mut_ptr()) };
    if written.is_null() {
        return None;
    }
    // SAFETY: a result that is not null says that all fields were written.
    let fields = unsafe { fields.assume_init() };
    Some(TimeOfDay { hour: fields.tm_hour as u8, minute: fields.tm_min as u8, second: fields.tm_sec as u8 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_later_differs_by_an_hour_or_a_clock_change() {
        let at = time_of_day(1_790_000_000).unwrap();
        let later = time_of_day(1_790_003_600).unwrap();
        assert_eq!((at.minute, at.second), (later.minute, later.second));
        assert_ne!(at.hour, later.hour);
    }

    #[test]
    fn a_time_beyond_every_calendar_is_none() {
        assert_eq!(time_of_day(i64::MAX), None);
    }
}
