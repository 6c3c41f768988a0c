//! Seeded days, all rules at once, against a model that keeps tables of its own.

use evenkeel_core::access::AccessRules;
use evenkeel_core::admit::{Gate, GateRules};
use evenkeel_core::dice::Dice;
use evenkeel_core::network::Network;
use evenkeel_core::objection::Objection;
use evenkeel_core::objection::Reason;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What happens, happens at multiples of this: the rates below earn whole sixteenths of a token in it, so that the gate
/// is exact.
const MOMENT: Duration = Duration::from_micros(62_500);

/// Sixteenths of a token, and the moment at which so many were there.
struct Level {
    sixteenths: u64,
    at: u32,
}

struct Model {
    modes: [Mode; 4],
    denied: Network,
    sessions: u32,
    rates: [Rate; 2],
    now: u32,
    open: BTreeMap<IpAddr, u32>,
    sources: BTreeMap<IpAddr, Level>,
    all: Level,
}

impl Model {
    fn roll(dice: &mut Dice) -> Self {
        let rates = [(); 2].map(|()| Rate { per_second: 1 << dice.below(5), burst: 1 + dice.below(4) });
        Self {
            modes: [(); 4].map(|()| if dice.below(2) == 0 { Mode::Enforce } else { Mode::Observe }),
            denied: "10.0.0.0/31".parse().expect("a network"),
            sessions: dice.below(4) as u32,
            rates,
            now: 0,
            open: BTreeMap::new(),
            sources: BTreeMap::new(),
            all: Level { sixteenths: rates[1].burst * 16, at: 0 },
        }
    }

    fn rules(&self) -> GateRules {
        let deny = [self.denied].into_iter().collect();
        GateRules {
            access: Some(Rule { limit: Arc::new(AccessRules { allow: None, deny }), mode: self.modes[0] }),
            source_sessions: Some(Rule { limit: self.sessions, mode: self.modes[1] }),
            source_rate: Some(Rule { limit: self.rates[0], mode: self.modes[2] }),
            rate: Some(Rule { limit: self.rates[1], mode: self.modes[3] }),
            ..GateRules::default()
        }
    }

    /// Whether a session is counted, or why it is refused; and what is observed.
    fn admit(&mut self, client: IpAddr) -> (Result<bool, Reason>, Vec<Objection>) {
        let (mut observed, mut counted) = (Vec::new(), false);
        for reason in Reason::ALL {
            let fits = match reason {
                Reason::Denied => !self.denied.contains(client),
                Reason::SourceSessions => {
                    counted = self.open.get(&client).copied().unwrap_or(0) < self.sessions;
                    counted
                }
                Reason::SourceRate => {
                    let full = Level { sixteenths: self.rates[0].burst * 16, at: self.now };
                    take(self.sources.entry(client).or_insert(full), self.rates[0], self.now)
                }
                Reason::Rate => take(&mut self.all, self.rates[1], self.now),
            };
            match self.modes[reason as usize] {
                _ if fits => {}
                Mode::Enforce => return (Err(reason), observed),
                Mode::Observe => observed.push(Objection::Admission(reason)),
            }
        }
        *self.open.entry(client).or_default() += u32::from(counted);
        (Ok(counted), observed)
    }
}

fn take(level: &mut Level, rate: Rate, now: u32) -> bool {
    let earned = u64::from(now - level.at) * rate.per_second;
    *level = Level { sixteenths: (level.sixteenths + earned).min(rate.burst * 16), at: now };
    let enough = level.sixteenths >= 16;
    level.sixteenths -= if enough { 16 } else { 0 };
    enough
}

#[test]
fn a_gate_says_what_the_model_says() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let (mut model, start) = (Model::roll(&mut dice), Instant::now());
        let gate = Gate::new(model.rules(), None, start, &mut dice).expect("there are rules");
        let mut inside = Vec::new();
        for _ in 0..400 {
            model.now += dice.below(8) as u32;
            if dice.below(3) == 0 && !inside.is_empty() {
                let (client, place) = inside.swap_remove(dice.below(inside.len() as u64) as usize);
                drop(place);
                *model.open.entry(client).or_default() -= 1;
                continue;
            }
            let client = IpAddr::from(Ipv4Addr::new(10, 0, 0, dice.below(6) as u8));
            let admission = gate.admit(Some(client), start + MOMENT * model.now);
            let counted = admission.outcome.as_ref().map(Option::is_some).map_err(|reason| *reason);
            let observed: Vec<_> = admission.observed.iter().collect();
            assert_eq!((counted, observed), model.admit(client), "seed {seed}");
            inside.extend(admission.outcome.ok().flatten().map(|place| (client, place)));
        }
    }
}
