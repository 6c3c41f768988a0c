//! The clock on the wall, in the zone of this machine; the one that all processes of the machine share; and that of a thread.

use rustix::time::{ClockId, clock_gettime};
use std::mem::MaybeUninit;
use std::time::Duration;

/// The time since some moment that is the same for all processes: the clock behind `Instant`, as a number.
pub fn monotonic() -> Duration {
    since_zero(ClockId::Monotonic)
}

/// The CPU time that this thread has taken. A system call.
pub fn thread_cpu() -> Duration {
    since_zero(ClockId::ThreadCPUTime)
}

/// What a clock shows that does not go below zero.
fn since_zero(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// A moment as calendar and clock show it in the local zone (`TZ`, else `/etc/localtime`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// Of the Gregorian calendar.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 60: a leap second counts.
    pub second: u8,
    /// How much later it is here than in UTC, in minutes.
    pub ahead: i32,
}

/// The local time so many seconds after the Unix epoch; `None` for a time that no calendar can hold.
pub fn local_time(unix_seconds: i64) -> Option<LocalTime> {
    let mut fields = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are valid for the call and do not overlap; `localtime_r` keeps neither of them. It reads
    // `TZ`, which nothing in this program changes while threads run.
    let written = unsafe { libc::localtime_r(&unix_seconds, fields.as_mut_ptr()) };
    if written.is_null() {
        return None;
    }
    // SAFETY: a result that is not null says that all fields were written.
    let fields = unsafe { fields.assume_init() };
    Some(LocalTime {
        year: i64::from(fields.tm_year) + 1900,
        month: fields.tm_mon as u8 + 1,
        day: fields.tm_mday as u8,
        hour: fields.tm_hour as u8,
        minute: fields.tm_min as u8,
        second: fields.tm_sec as u8,
        ahead: (fields.tm_gmtoff / 60) as i32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_later_differs_by_an_hour_or_a_clock_change() {
        let at = local_time(1_790_000_000).unwrap();
        let later = local_time(1_790_003_600).unwrap();
        assert_eq!((at.minute, at.second), (later.minute, later.second));
        assert_ne!(at.hour, later.hour);
    }

    #[test]
    fn without_what_it_is_ahead_a_local_time_is_that_of_utc() {
        let utc = |at: i64| {
            let local = local_time(at).unwrap();
            let back = local_time(at - i64::from(local.ahead) * 60).unwrap();
            (back.year, back.month, back.day, back.hour, back.minute)
        };
        assert_eq!(utc(1_795_356_131), (2026, 11, 22, 14, 2));
        assert_eq!(utc(951_782_400), (2000, 2, 29, 0, 0));
    }

    #[test]
    fn a_time_beyond_every_calendar_is_none() {
        assert_eq!(local_time(i64::MAX), None);
    }
}
