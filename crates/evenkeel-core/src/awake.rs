//! How a worker waits: awake for a while before it sleeps, or not.
//!
//! To sleep and to be woken costs what the machine makes of it: one microsecond of CPU, or twenty where the cores of a
//! virtual machine have to be woken; to wait awake costs as long as it lasts, and takes the wake-up out of everybody's way.
//! Nothing tells beforehand which is less, so each is tried now and then and has its CPU time taken; the cheaper one stays, and
//! where there is little between them the one that is quicker.

use std::time::Duration;

/// How a worker waits for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusyPoll {
    /// Awake where that costs next to no CPU more: see [`Awake`].
    Auto,
    /// Awake for so long, then asleep; zero: asleep at once.
    For(Duration),
}

/// How long to wait awake where that pays: somewhat longer than a message takes to a process on the same machine and back.
const WINDOW: Duration = Duration::from_micros(50);

/// Turns of a spell before its time is taken: those who answer, and the machine, get used to how we wait.
const WARM_UP: u32 = 128;

/// Turns of a spell whose time is taken.
const MEASURED: u32 = 128;

/// Spells from one trial of the other way to the next, at most: what a trial costs more is then lost in the rest.
const PAUSE_MAX: u32 = 256;

/// What one trial can tell for or against a way, in thousandths: it may have been disturbed.
const GAIN_MAX: i64 = 250;

/// By how much waiting awake may cost more CPU time and still be better, in thousandths: it takes the wake-up off each message.
const WORTH: i64 = 50;

/// How much better the other way has to be to be tried again soon, in thousandths: less may be chance.
const DOUBT: i64 = 100;

/// Bytes that count as an event more. What is in bulk comes in larger pieces to whoever sleeps: by events alone it would seem
/// dear, where each byte is cheaper. So many take about as long as an event does beside them.
const PIECE: u64 = 32 * 1024;

/// Finds out which way of waiting is better, by its CPU time for each event and for what is moved. Waits in spells of some
/// turns; after ever more spells of the better way comes one of the other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Awake {
    /// In this spell.
    is_awake: bool,
    /// The better way.
    prefers_awake: bool,
    /// How much better it is to wait awake, in thousandths, of late.
    lead: i64,
    /// Turns of this spell.
    turns: u32,
    /// Events in those whose time is taken.
    events: u64,
    /// Bytes that were moved in them.
    moved: u64,
    /// The thread's CPU time when they began.
    began: Duration,
    /// Nanoseconds for an event, or a piece, in the last spell of the better way.
    usual: u64,
    /// Spells from now to the next trial.
    rest: u32,
    /// Spells between two trials.
    pause: u32,
    /// The last wait brought nothing.
    is_idle: bool,
}

impl Awake {
    /// How long to wait awake now. Not at all after a wait that brought nothing: who has nothing to do sleeps.
    pub fn window(&self) -> Duration {
        if self.is_awake && !self.is_idle { WINDOW } else { Duration::ZERO }
    }

    /// Whether it has been found to pay.
    pub fn pays(&self) -> bool {
        self.prefers_awake
    }

    /// A wait brought so many events, after so many bytes were moved since the one before; `cpu` tells the thread's CPU time.
    pub fn on_wait(&mut self, events: usize, moved: u64, cpu: impl FnOnce() -> Duration) {
        if self.turns >= WARM_UP {
            self.moved += moved;
        }
        self.is_idle = events == 0;
        if self.is_idle {
            return;
        }
        self.turns += 1;
        if self.turns > WARM_UP {
            self.events += events as u64;
        }
        match self.turns {
            WARM_UP => self.began = cpu(),
            turns if turns >= WARM_UP + MEASURED => {
                let spent = cpu().saturating_sub(self.began);
                let cost = spent.as_nanos() as u64 / (self.events + self.moved / PIECE);
                self.end_spell(cost);
                (self.turns, self.events, self.moved) = (0, 0, 0);
            }
            _ => {}
        }
    }

    /// A spell is over in which each event, or piece, cost so many nanoseconds.
    fn end_spell(&mut self, cost: u64) {
        if self.is_awake != self.prefers_awake {
            self.judge(cost);
        } else {
            self.usual = cost;
            self.is_awake ^= self.rest == 0;
            self.rest = self.rest.saturating_sub(1);
        }
    }

    /// A trial of the other way is over. One that was much better is repeated sooner, and decides only with others like it.
    fn judge(&mut self, cost: u64) {
        let (awake, asleep) = if self.is_awake { (cost, self.usual) } else { (self.usual, cost) };
        let (awake, asleep) = (awake as i64, asleep as i64);
        let saved = (asleep - awake) * 1000 / asleep.max(awake).max(1);
        let gain = (saved + WORTH).clamp(-GAIN_MAX, GAIN_MAX);
        self.lead += (gain - self.lead) / 4;
        let confirmed_by = if self.prefers_awake { gain } else { -gain };
        let pause = match confirmed_by {
            GAIN_MAX.. => self.pause * 4,
            0.. => self.pause * 2,
            by if by > -DOUBT => self.pause,
            _ => self.pause / 8,
        };
        self.pause = pause.clamp(1, PAUSE_MAX);
        self.prefers_awake = self.lead > 0;
        self.is_awake = self.prefers_awake;
        self.rest = self.pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    /// A worker whose events cost so many nanoseconds when they are waited for awake, and asleep.
    struct Machine {
        awake: Awake,
        costs: [u64; 2],
        /// Bytes of one, likewise.
        bytes: [u64; 2],
        /// By which a spell may cost more or less, in percent.
        noise: u64,
        dice: Dice,
        cpu: Duration,
        turns_awake: u64,
    }

    impl Machine {
        fn new(awake: u64, asleep: u64) -> Self {
            let costs = [asleep, awake];
            Self {
                awake: Awake::default(),
                costs,
                bytes: [64; 2],
                noise: 0,
                dice: Dice::new(1),
                cpu: Duration::ZERO,
                turns_awake: 0,
            }
        }

        /// The share of this many turns that were waited for awake, in percent.
        fn run(&mut self, turns: u64) -> u64 {
            let before = self.turns_awake;
            for _ in 0..turns {
                let is_awake = self.awake.window() > Duration::ZERO;
                self.turns_awake += u64::from(is_awake);
                let percent = 100 - self.noise + self.dice.below(2 * self.noise + 1);
                self.cpu += Duration::from_nanos(self.costs[usize::from(is_awake)] * percent / 100);
                let cpu = self.cpu;
                self.awake.on_wait(1, self.bytes[usize::from(is_awake)], || cpu);
            }
            (self.turns_awake - before) * 100 / turns
        }
    }

    #[test]
    fn the_better_way_is_found_and_kept() {
        let mut machine = Machine::new(20_000, 25_000);
        machine.run(4_000);
        assert!(machine.run(100_000) >= 98);
        let mut machine = Machine::new(30_000, 25_000);
        machine.run(4_000);
        assert!(machine.run(100_000) <= 2);
    }

    #[test]
    fn what_comes_in_smaller_pieces_to_whoever_is_awake_is_not_cheaper_for_that() {
        // 0.16 and 0.24 ms for a MiB.
        let mut machine = Machine { bytes: [512 << 10, 64 << 10], ..Machine::new(15_000, 80_000) };
        machine.run(4_000);
        assert!(machine.run(100_000) <= 2);
        // A quarter less for each message.
        let mut machine = Machine { bytes: [16 << 10; 2], ..Machine::new(15_000, 20_000) };
        machine.run(4_000);
        assert!(machine.run(100_000) >= 98);
    }

    #[test]
    fn a_small_difference_is_found_beneath_noise() {
        // In between are those of which it does not matter.
        for (costs, expected) in [((100, 100), 80..=100), ((111, 100), 0..=20)] {
            let mut machine = Machine { noise: 60, ..Machine::new(costs.0 * 200, costs.1 * 200) };
            machine.run(20_000);
            let share = machine.run(1_000_000);
            assert!(expected.contains(&share), "{costs:?}: {share} %");
        }
    }

    #[test]
    fn a_change_of_what_is_better_is_noticed() {
        let mut machine = Machine::new(20_000, 25_000);
        machine.run(1_000_000);
        machine.costs.swap(0, 1);
        machine.run(u64::from(PAUSE_MAX + 40) * u64::from(WARM_UP + MEASURED));
        assert!(machine.run(100_000) <= 5);
    }

    #[test]
    fn one_spell_that_was_disturbed_does_not_decide() {
        let mut machine = Machine::new(20_000, 25_000);
        machine.run(100_000);
        assert!(machine.awake.prefers_awake);
        machine.awake.is_awake = false;
        machine.awake.judge(1);
        assert!(machine.awake.prefers_awake);
    }

    #[test]
    fn who_has_nothing_to_do_sleeps() {
        let mut machine = Machine::new(20_000, 25_000);
        machine.run(100_000);
        assert_eq!(machine.awake.window(), WINDOW);
        machine.awake.on_wait(0, 0, || unreachable!("nothing was done"));
        assert_eq!(machine.awake.window(), Duration::ZERO);
        machine.awake.on_wait(1, 0, || Duration::ZERO);
        assert_eq!(machine.awake.window(), WINDOW);
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_does_no_harm() {
        let mut awake = Awake::default();
        for turn in 0..10_000_u64 {
            awake.on_wait(3, u64::MAX / 1_000_000, || Duration::from_secs(10_000 - turn));
        }
    }
}
