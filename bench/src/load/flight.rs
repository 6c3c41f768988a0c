//! Datagrams on their way: which were sent, which came back, which never will.

use std::collections::VecDeque;
use std::time::Instant;

/// Datagrams that have not come back, by number.
#[derive(Debug, Default)]
pub struct Flight {
    /// The number of the first one in `sent`.
    first: u64,
    /// When each was to be sent; `None` once it is back.
    sent: VecDeque<Option<Instant>>,
    airborne: usize,
}

impl Flight {
    /// Notes one that was to be sent at `due`; its number.
    pub fn launch(&mut self, due: Instant) -> u64 {
        self.sent.push_back(Some(due));
        self.airborne += 1;
        self.first + self.sent.len() as u64 - 1
    }

    /// When the one with this number, which has come back, was to be sent; `None` if it is back or given up already.
    pub fn land(&mut self, number: u64) -> Option<Instant> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        let due = self.sent.get_mut(at)?.take()?;
        self.airborne -= 1;
        Some(due)
    }

    /// Gives up those that were to be sent before `then`; how many those are.
    pub fn give_up(&mut self, then: Instant) -> u64 {
        let mut lost = 0;
        while let Some(&due) = self.sent.front()
            && due.is_none_or(|due| due < then)
        {
            lost += u64::from(due.is_some());
            self.sent.pop_front();
            self.first += 1;
        }
        self.airborne -= lost as usize;
        lost
    }

    /// How many there are.
    pub fn airborne(&self) -> usize {
        self.airborne
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn each_comes_back_once_or_is_lost() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut flight = Flight::default();
        let numbers: Vec<u64> = (0..4).map(|ms| flight.launch(at(ms))).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert_eq!((flight.land(1), flight.land(1), flight.land(4)), (Some(at(1)), None, None));
        assert_eq!(flight.airborne(), 3);
        assert_eq!(flight.give_up(at(3)), 2, "those of 0 and 2");
        assert_eq!((flight.land(0), flight.land(3)), (None, Some(at(3))));
        assert_eq!((flight.airborne(), flight.launch(at(9))), (0, 4));
    }
}
