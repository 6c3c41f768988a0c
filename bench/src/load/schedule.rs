//! A fixed rate: when each request is to be sent, whatever became of those before. Latency counts from then, so that a
//! balancer that stalls is not spared the requests that it kept from being sent (coordinated omission).

use anyhow::Result;
use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Sends at equal intervals.
pub struct Schedule {
    next: Instant,
    interval: Duration,
    /// Becomes readable at the next interval after it was read: epoll's own timeout is in milliseconds.
    timer: OwnedFd,
}

impl Schedule {
    /// So many a second, from `start` on.
    pub fn new(rate: u32, start: Instant) -> Result<Self> {
        let interval = Duration::from_secs(1) / rate;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let every = Timespec { tv_sec: interval.as_secs() as i64, tv_nsec: interval.subsec_nanos().into() };
        let times = Itimerspec { it_interval: every, it_value: every };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &times)?;
        Ok(Self { next: start, interval, timer })
    }

    /// To be called when the timer is readable: the kernel starts it again only when it was read.
    pub fn on_ready(&self) -> Result<()> {
        match rustix::io::read(&self.timer, &mut [0; 8]) {
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// When the next request was to be sent, if that is not after `now`.
    pub fn due(&mut self, now: Instant) -> Option<Instant> {
        let due = self.next;
        (due <= now).then(|| {
            self.next = due + self.interval;
            due
        })
    }
}

impl AsFd for Schedule {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Poll, Ready};

    #[test]
    fn the_timer_goes_on() {
        let schedule = Schedule::new(1000, Instant::now()).unwrap();
        let poll = Poll::new().unwrap();
        poll.add(&schedule, 7, Ready::IN).unwrap();
        for _ in 0..3 {
            let events = poll.wait(Duration::from_secs(10)).unwrap();
            assert_eq!(events.len(), 1, "within ten seconds");
            schedule.on_ready().unwrap();
        }
    }

    #[test]
    fn what_a_stall_kept_back_is_due_at_its_own_time() {
        let start = Instant::now();
        let mut schedule = Schedule::new(1000, start).unwrap();
        let mut due = |ms: u64| -> Vec<u128> {
            let now = start + Duration::from_millis(ms);
            std::iter::from_fn(|| Some((schedule.due(now)? - start).as_millis())).collect()
        };
        assert_eq!(due(0), [0]);
        assert_eq!(due(0), []);
        assert_eq!(due(3), [1, 2, 3]);
    }
}
