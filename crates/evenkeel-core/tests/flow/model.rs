//! Seeded days, against a model that keeps no order and looks at every flow.

use evenkeel_core::dice::Dice;
use evenkeel_core::end::End;
use evenkeel_core::flow::{FlowId, FlowRules, FlowTable, Standing};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What the model knows of a flow. `value` is its backend: it may never be another one.
#[derive(Clone, Copy, Debug)]
struct Known {
    id: FlowId,
    path: u32,
    value: u64,
    standing: Standing,
    active: Instant,
    asked: u64,
    answered: u64,
}

struct Day {
    seed: u64,
    table: FlowTable<u32, u64>,
    rules: FlowRules,
    limit: u32,
    flows: Vec<Known>,
    gone: Vec<FlowId>,
    now: Instant,
    begun: u64,
}

#[test]
fn flows_stay_where_they_are_and_leave_when_a_model_says_so() {
    for seed in 0..200 {
        let mut dice = Dice::new(seed);
        let rules = FlowRules {
            unanswered: SECOND * (1 + dice.below(20) as u32),
            idle: SECOND * (1 + dice.below(60) as u32),
            quic: false,
            answers: [None, Some(0), Some(1), Some(2)][dice.below(4) as usize],
        };
        let limit = 1 + dice.below(12) as u32;
        let table = FlowTable::new(limit, rules, &mut dice);
        let (flows, gone) = (Vec::new(), Vec::new());
        let mut day = Day { seed, table, rules, limit, flows, gone, now: Instant::now(), begun: 0 };
        for _ in 0..2000 {
            day.step(&mut dice);
            day.compare();
        }
    }
}

impl Day {
    fn step(&mut self, dice: &mut Dice) {
        match dice.below(10) {
            0..5 => self.ask(dice.below(20) as u32, 1 + dice.below(3)),
            5..8 => self.answer(dice),
            8 => {
                self.now += Duration::from_millis(dice.below(8000));
                self.expire();
            }
            _ if dice.below(20) == 0 => {
                self.limit = 1 + dice.below(12) as u32;
                self.rules.idle = SECOND * (1 + dice.below(60) as u32);
                self.table.set(self.limit, self.rules);
            }
            _ => {}
        }
    }

    fn ask(&mut self, path: u32, datagrams: u64) {
        let found = self.table.handle_client(self.now, &path, datagrams).map(|(id, value)| (id, *value));
        let Some(known) = self.flows.iter_mut().find(|known| known.path == path) else {
            assert_eq!(found, None, "seed {}: a flow from nowhere", self.seed);
            return self.open(path);
        };
        assert_eq!(found, Some((known.id, known.value)), "seed {}: a flow has moved", self.seed);
        known.asked += datagrams;
        known.active = self.now;
        if known.standing == Standing::Answered {
            known.standing = Standing::Settled;
        }
    }

    fn open(&mut self, path: u32) {
        while self.table.excess() > 0 {
            let oldest = self.table.oldest().expect("whoever is full has an oldest");
            let expected = self.first_to_leave();
            assert_eq!(Some(oldest), expected, "seed {}: the wrong one leaves", self.seed);
            self.close(oldest);
        }
        self.begun += 1;
        let id = self.table.open(self.now, path, self.begun);
        let (value, standing) = (self.begun, Standing::Unanswered);
        self.flows.push(Known { id, path, value, standing, active: self.now, asked: 1, answered: 0 });
    }

    fn answer(&mut self, dice: &mut Dice) {
        if dice.below(4) == 0 && !self.gone.is_empty() {
            let stale = self.gone[dice.below(self.gone.len() as u64) as usize];
            assert_eq!(self.table.handle_backend(self.now, stale, 1), None);
            assert!(self.table.get(stale).is_none(), "seed {}: a stale id means somebody", self.seed);
            return;
        }
        if self.flows.is_empty() {
            return;
        }
        let which = dice.below(self.flows.len() as u64) as usize;
        let known = &mut self.flows[which];
        known.answered += 1;
        known.active = self.now;
        known.standing = known.standing.max(Standing::Answered);
        let is_over = self
            .rules
            .answers
            .is_some_and(|answers| answers > 0 && known.answered >= known.asked * u64::from(answers));
        let known = *known;
        let end = self.table.handle_backend(self.now, known.id, 1);
        assert_eq!(end, is_over.then_some(End::Answered), "seed {}", self.seed);
        if end.is_some() {
            self.close(known.id);
        }
    }

    fn expire(&mut self) {
        while let Some((id, end)) = self.table.handle_timeout(self.now) {
            let known = *self.flows.iter().find(|known| known.id == id).expect("a flow that is there");
            assert!(self.deadline(&known) <= self.now, "seed {}: over too soon", self.seed);
            let in_vain = known.standing == Standing::Unanswered && self.rules.answers != Some(0);
            assert_eq!(end, if in_vain { End::Unanswered } else { End::FlowIdle });
            self.close(id);
        }
        let late = self.flows.iter().find(|known| self.deadline(known) <= self.now);
        assert!(late.is_none(), "seed {}: {late:?} was forgotten", self.seed);
    }

    fn close(&mut self, id: FlowId) {
        let at = self.flows.iter().position(|known| known.id == id).expect("a flow that is there");
        let known = self.flows.swap_remove(at);
        assert_eq!(self.table.close(id), Some(known.value));
        assert_eq!(self.table.close(id), None, "seed {}: closed twice", self.seed);
        self.gone.push(id);
    }

    fn deadline(&self, known: &Known) -> Instant {
        known.active
            + if known.standing == Standing::Unanswered { self.rules.unanswered } else { self.rules.idle }
    }

    /// Of the first standing that has more than a quarter, else the first that has any, who was quiet for longest.
    fn first_to_leave(&self) -> Option<FlowId> {
        let of = |standing: Standing| self.flows.iter().filter(move |known| known.standing == standing);
        let standings = || Standing::ALL.into_iter();
        let crowded = standings().find(|standing| of(*standing).count() as u32 > self.limit / 4);
        let standing = crowded.or_else(|| standings().find(|standing| of(*standing).count() > 0))?;
        // Of those that were heard of at the same time, the table knows which was first; any of them will do here.
        let active = of(standing).map(|known| known.active).min()?;
        let oldest = self.table.oldest();
        let any = of(standing).filter(|known| known.active == active);
        any.map(|known| known.id).find(|id| Some(*id) == oldest)
    }

    fn compare(&self) {
        let seed = self.seed;
        assert_eq!(self.table.len() as usize, self.flows.len(), "seed {seed}");
        let next = self.flows.iter().map(|known| self.deadline(known)).min();
        assert_eq!(self.table.next_deadline(), next, "seed {seed}: the armed deadline");
        assert_eq!(self.table.iter().count(), self.flows.len(), "seed {seed}");
        for known in &self.flows {
            let (value, kept) = self.table.get(known.id).expect("a flow that is there");
            assert_eq!((*value, kept.standing, kept.active), (known.value, known.standing, known.active));
            assert_eq!((kept.asked, kept.answered), (known.asked, known.answered), "seed {seed}");
        }
    }
}
