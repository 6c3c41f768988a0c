//! Seeded days: random checks, live failures, answers and reloads on a virtual clock, each step compared with the
//! model. `SEED=n cargo test -p evenkeel-core --test director days` plays one again and tells what happens; `DAYS=n`
//! plays more of them.

use crate::model::{Answers, DAY, LATE, ModelPool, Picture, Pools};
use crate::stage::{MS, SECOND, verdict};
use crate::world::{self, Weather, one_in};
use evenkeel_core::addr::Addr;
use evenkeel_core::dice::Dice;
use evenkeel_core::director::{Action, Config, Director, EventKind, Order, ProbeId, Standing};
use evenkeel_core::health::Check;
use evenkeel_core::live::LiveFailure;
use evenkeel_core::load::Load;
use evenkeel_core::name::BackendKey;
use evenkeel_core::snapshot::Snapshot;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[test]
fn every_day_goes_as_the_model_says() {
    let number = |name| std::env::var(name).ok().map(|it| it.parse::<u64>().expect("a number"));
    let one = number("SEED");
    let seeds = one.map_or(0..number("DAYS").unwrap_or(200), |seed| seed..seed + 1);
    for seed in seeds {
        let day = std::panic::AssertUnwindSafe(|| Day::new(seed, one.is_some()).run());
        if std::panic::catch_unwind(day).is_err() {
            panic!("this was day SEED={seed}");
        }
    }
}

struct Day {
    dice: Dice,
    now: Instant,
    end: Instant,
    config: Config,
    director: Director,
    model: Pools,
    current: Arc<Snapshot>,
    published: Instant,
    /// The load of each backend since it joined.
    loads: BTreeMap<BackendKey, Arc<Load>>,
    weather: BTreeMap<Addr, Weather>,
    /// When the verdicts of the probes in flight come; a reload may leave some that nobody waits for any more.
    verdicts: Vec<(Instant, BackendKey, ProbeId, char)>,
    told: Vec<String>,
    tells: bool,
}

impl Day {
    fn new(seed: u64, tells: bool) -> Self {
        let (mut dice, now) = (Dice::new(seed), Instant::now());
        let config = world::config(&mut dice);
        let director = Director::new(now, config.clone(), seed);
        let current = director.snapshot();
        let end = now + DAY;
        let mut day = Self {
            dice,
            now,
            end,
            director,
            current,
            published: now,
            config: config.clone(),
            model: Pools::new(),
            loads: BTreeMap::new(),
            weather: BTreeMap::new(),
            verdicts: Vec::new(),
            told: Vec::new(),
            tells,
        };
        day.configure_model(config);
        // Nobody is told of those who were there from the start.
        day.model.values_mut().for_each(|it| it.to_tell.clear());
        day.check_snapshot(&Snapshot::default());
        day.settle();
        day
    }

    fn run(mut self) {
        let mut next_event = self.now;
        while self.now < self.end {
            let verdict = self.verdicts.iter().map(|it| it.0).min();
            let timer = self.director.poll_timeout();
            let event = verdict.into_iter().chain([next_event]).min().unwrap();
            let late = if one_in(&mut self.dice, 20) { LATE } else { Duration::ZERO };
            match timer {
                Some(at) if at + late <= event => self.timeout(at + late),
                _ if verdict == Some(event) => self.verdict(event),
                _ => {
                    self.happen(event);
                    let calm = [MS, 100 * MS, SECOND, 5 * SECOND][self.dice.below(4) as usize];
                    next_event = event + calm / 1000 * self.dice.below(1000) as u32;
                }
            }
        }
    }

    fn timeout(&mut self, at: Instant) {
        self.now = self.now.max(at);
        self.director.handle_timeout(self.now);
        self.model.values_mut().for_each(|it| it.time(self.now));
        self.settle();
    }

    fn verdict(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let due = self.verdicts.iter().position(|it| it.0 <= self.now).expect("it is due");
        let (_, key, id, letter) = self.verdicts.swap_remove(due);
        self.tell(|| format!("{key} is seen: {letter}"));
        self.director.handle_probe(self.now, &key, id, verdict(letter));
        if let Some(pool) = self.model.get_mut(&key.pool) {
            pool.verdict(self.now, &key.addr, id, letter);
        }
        self.settle();
    }

    /// Something happens that is neither a timer nor a verdict.
    fn happen(&mut self, at: Instant) {
        self.now = self.now.max(at);
        match self.dice.below(40) {
            0 => self.reload(),
            1 | 2 => self.resolve(),
            3 => self.order(),
            4..9 => {
                let addr = crate::stage::addr(1 + self.dice.below(world::BACKENDS.into()) as u8);
                let weather = Weather::random(&mut self.dice);
                self.weather.insert(addr, weather);
            }
            _ => self.connect(),
        }
    }

    fn reload(&mut self) {
        self.timeout(self.now);
        let config = world::changed(&mut self.dice, &self.config);
        let director = self.director.propose(self.now, config.clone());
        if one_in(&mut self.dice, 4) {
            return;
        }
        self.tell(|| "reload".into());
        (self.director, self.config) = (director, config);
        let before = Arc::clone(&self.current);
        self.current = self.director.snapshot();
        self.published = self.now;
        assert!(self.current.generation > before.generation);
        self.configure_model(self.config.clone());
        self.check_snapshot(&before);
        self.settle();
    }

    fn order(&mut self) {
        self.timeout(self.now);
        let pools: Vec<_> = self.model.keys().cloned().collect();
        let pool = pools[self.dice.below(pools.len() as u64) as usize].clone();
        let (addr, order) = world::order(&mut self.dice);
        let key = BackendKey { pool, addr };
        let given = self.director.order(self.now, Order::Backend(key.clone(), order.clone()));
        let makes_sense = self.model.get_mut(&key.pool).unwrap().ordered(self.now, &key.addr, &order);
        self.tell(|| format!("{key}: {order:?}, which makes sense: {makes_sense}"));
        assert_eq!(given.is_ok(), makes_sense);
        let Ok(director) = given else { return };
        self.director = director;
        let before = std::mem::replace(&mut self.current, self.director.snapshot());
        self.published = self.now;
        assert!(self.current.generation > before.generation);
        self.check_snapshot(&before);
        self.settle();
    }

    fn configure_model(&mut self, config: Config) {
        let mut known = std::mem::take(&mut self.model);
        let answers: Answers = known.values().flat_map(|it| it.answers.clone()).collect();
        for config in config.pools {
            let name = config.name.clone();
            let pool = match known.remove(&name) {
                None => ModelPool::new(self.now, config, &answers),
                Some(mut pool) => {
                    if pool.config != config {
                        pool.configure(self.now, config, &answers);
                        pool.stale = Some(self.now);
                    }
                    pool
                }
            };
            self.model.insert(name, pool);
        }
    }

    fn resolve(&mut self) {
        self.timeout(self.now);
        let pools: Vec<_> = self.model.keys().cloned().collect();
        let pool = &pools[self.dice.below(pools.len() as u64) as usize];
        let answer = world::answer(&mut self.dice);
        self.tell(|| format!("{pool}: the name is {answer:?}"));
        let addrs = answer.clone().ok_or_else(|| "no such name".into());
        self.director.handle_resolved(self.now, pool, "name", addrs);
        self.model.get_mut(pool).unwrap().resolved(self.now, "name", answer);
        self.settle();
    }

    /// A burst of sessions, each sent as the planes would send it, more or less.
    fn connect(&mut self) {
        let pools: Vec<_> = self.current.pools.values().cloned().collect();
        let pool = &pools[self.dice.below(pools.len() as u64) as usize];
        let Some(count) = u64::try_from(pool.backends.len()).ok().filter(|it| *it > 0) else { return };
        for _ in 0..1 + self.dice.below(6) {
            let backend = &pool.backends[self.dice.below(count) as usize];
            if !backend.eligible && pool.last_resort.is_empty() && !one_in(&mut self.dice, 10) {
                continue;
            }
            let weather = self.weather.get(&backend.addr).copied().unwrap_or(Weather::Fair);
            let Some(failure) = weather.fails(&mut self.dice) else {
                backend.load.forgive();
                continue;
            };
            let in_row = match failure {
                LiveFailure::Connect(_) => backend.load.note_failed(),
                LiveFailure::Answer(_) => backend.load.note_error(),
            };
            if one_in(&mut self.dice, 10) {
                continue; // the report is lost
            }
            let key = BackendKey { pool: pool.name.clone(), addr: backend.addr.clone() };
            self.tell(|| format!("{key} fails, {failure}, {in_row} in a row"));
            self.director.handle_suspect(self.now, &key, failure, in_row);
            if self.model.get_mut(&pool.name).unwrap().suspect(self.now, &key.addr, failure, in_row) {
                let out = self.director.backends().contains(&(key, Standing::Ejected));
                assert!(
                    out || backend.load.failures_in_row() + backend.load.errors_in_row() == 0,
                    "neither ejected nor forgiven"
                );
            }
            self.settle();
        }
    }

    /// Takes the director's actions, compares them with the model, and looks whether anything is overdue.
    fn settle(&mut self) {
        while let Some(action) = self.director.poll_action() {
            match action {
                Action::Probe { id, key, target, check, .. } => self.probe(id, key, &target, &check),
                Action::Publish(snapshot) => {
                    let before = std::mem::replace(&mut self.current, snapshot);
                    assert!(self.current.generation > before.generation);
                    assert!(self.now >= self.published + 20 * MS, "two publications within 20 ms");
                    self.published = self.now;
                    self.check_snapshot(&before);
                }
                // Which sessions are closed, and how, has scenes of its own.
                Action::Close(..) => {}
                Action::Announce(event) => {
                    match (&event.kind, &event.backend) {
                        (EventKind::Ejected { time, .. }, Some(addr)) => {
                            self.model.get_mut(&event.pool).unwrap().ejected(self.now, addr, *time);
                        }
                        (EventKind::Removed { .. }, Some(addr)) => {
                            let (pool, addr) = (event.pool.clone(), addr.clone());
                            self.loads.remove(&BackendKey { pool, addr });
                        }
                        _ => {}
                    }
                    let backend = event.backend.map(|it| format!("{it} ")).unwrap_or_default();
                    self.told.push(format!("{}: {backend}{}", event.pool, event.kind.word()));
                }
            }
        }
        self.check_told();
        self.check_fresh();
        self.check_standings();
    }

    fn probe(&mut self, id: ProbeId, key: BackendKey, target: &Addr, check: &Check) {
        self.model.get_mut(&key.pool).expect("its pool is there").asked(self.now, &key.addr, id);
        let weather = self.weather.get(&key.addr).copied().unwrap_or(Weather::Fair);
        let (letter, took) = weather.check(&mut self.dice, check);
        self.tell(|| format!("{key} is asked at {target}"));
        self.verdicts.push((self.now + took, key, id, letter));
    }

    /// The operator was told what the model says, each once, whatever the order.
    fn check_told(&mut self) {
        let mut told = std::mem::take(&mut self.told);
        told.sort();
        let mut expected = Vec::new();
        for (name, pool) in &mut self.model {
            expected.extend(pool.to_tell.drain(..).map(|it| format!("{name}: {it}")));
        }
        expected.sort();
        assert_eq!(told, expected, "told, against what should be");
        told.iter().for_each(|it| self.tell(|| it.clone()));
    }

    /// What was published is what the model sees; pools that did not change are the very same.
    fn check_snapshot(&mut self, before: &Snapshot) {
        assert!(self.current.pools.keys().eq(self.model.keys()), "the pools are those of the configuration");
        for (name, pool) in &mut self.model {
            let published = &self.current.pools[name];
            let is_same = before.pools.get(name).is_some_and(|it| Arc::ptr_eq(it, published));
            if !is_same || pool.stale.is_some() {
                assert_eq!(
                    Picture::of(published),
                    pool.picture(self.now),
                    "{name} as published, and as it is"
                );
                pool.built(self.now);
                assert_eq!(Picture::of(published), pool.picture(self.now), "{name}, once told");
            }
            pool.stale = None;
            assert_eq!(published.rules, pool.config.rules);
        }
        self.check_loads();
    }

    /// A backend has one load for as long as it is there.
    fn check_loads(&mut self) {
        let mut known = std::mem::take(&mut self.loads);
        for pool in self.current.pools.values() {
            for backend in &pool.backends {
                let key = BackendKey { pool: pool.name.clone(), addr: backend.addr.clone() };
                let before = known.remove(&key);
                assert!(before.is_none_or(|it| Arc::ptr_eq(&it, &backend.load)), "{key} has another load");
                self.loads.insert(key, Arc::clone(&backend.load));
            }
        }
    }

    /// Nothing is overdue, and the director knows when it has to be called next.
    fn check_fresh(&mut self) {
        for (name, pool) in &mut self.model {
            // The weights of those who grow may be as old as the picture; all else has to be true.
            let is_true = pool.picture(pool.built) == Picture::of(&self.current.pools[name]);
            pool.stale = if is_true { None } else { pool.stale.or(Some(self.now)) };
            let Some((next, what)) = pool.next() else { continue };
            assert!(next + LATE >= self.now, "{name}: {what} is {:?} overdue", self.now - next);
            let planned = self.director.poll_timeout().expect("something has to happen");
            assert!(planned <= next + LATE, "{name}: {what} is not planned for");
        }
    }

    fn check_standings(&self) {
        for (key, standing) in self.director.backends() {
            let pool = &self.model[&key.pool];
            let backend = pool.backends.iter().find(|it| it.addr == key.addr).expect("it is in the pool");
            assert_eq!(standing == Standing::Up, backend.is_in(), "{key} is {standing:?}");
        }
    }

    #[expect(clippy::print_stdout, reason = "asked for by SEED")]
    fn tell(&self, what: impl Fn() -> String) {
        if self.tells {
            println!("{:9.4} {}", (self.now + DAY - self.end).as_secs_f64(), what());
        }
    }
}
