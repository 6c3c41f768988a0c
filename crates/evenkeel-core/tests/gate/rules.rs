//! One rule each, and what they are to each other.

use evenkeel_core::access::{AccessRules, NetworkSet};
use evenkeel_core::admit::{Gate, GateRules};
use evenkeel_core::dice::Dice;
use evenkeel_core::objection::Objection;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::sources::{Prefixes, SourcePlace};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn enforce<T>(limit: T) -> Option<Rule<T>> {
    Some(Rule { limit, mode: Mode::Enforce })
}

fn observe<T>(limit: T) -> Option<Rule<T>> {
    Some(Rule { limit, mode: Mode::Observe })
}

fn deny(network: &str) -> Arc<AccessRules> {
    let deny: NetworkSet = network.parse().into_iter().collect();
    Arc::new(AccessRules { allow: None, deny })
}

const ONCE_A_SECOND: Rate = Rate { per_second: 1, burst: 1 };

/// A gate, the time there, and who is inside.
struct Scene {
    gate: Gate,
    now: Instant,
    inside: Vec<Option<SourcePlace>>,
}

impl Scene {
    fn new(rules: GateRules) -> Self {
        let now = Instant::now();
        let gate = Gate::new(rules, None, now, &mut Dice::new(1)).expect("there are rules");
        Self { gate, now, inside: Vec::new() }
    }

    /// The word it is refused with, or `in` and the words of what was only observed.
    fn admit(&mut self, client: &str) -> String {
        let admission = self.gate.admit(client.parse().ok(), self.now);
        match admission.outcome {
            Ok(place) => {
                self.inside.push(place);
                let observed = admission.observed.iter().map(Objection::word);
                ["in"].into_iter().chain(observed).collect::<Vec<_>>().join(" ")
            }
            Err(reason) => reason.to_string(),
        }
    }

    /// Other rules for the same service.
    fn reload(&mut self, rules: GateRules) {
        self.gate = Gate::new(rules, Some(&self.gate), self.now, &mut Dice::new(2)).expect("there are rules");
    }
}

#[test]
fn without_rules_there_is_no_gate() {
    assert!(Gate::new(GateRules::default(), None, Instant::now(), &mut Dice::new(1)).is_none());
}

#[test]
fn an_address_that_is_denied_is_refused() {
    let mut scene = Scene::new(GateRules { access: enforce(deny("192.0.2.0/24")), ..Default::default() });
    assert_eq!(
        ["192.0.2.7", "::ffff:192.0.2.7", "10.0.0.1"].map(|it| scene.admit(it)),
        ["not-allowed", "not-allowed", "in"]
    );
    assert_eq!(scene.admit("unix"), "in", "the socket's file says who may connect");
}

#[test]
fn a_source_has_so_many_sessions_at_once() {
    let mut scene = Scene::new(GateRules { source_sessions: enforce(2), ..Default::default() });
    let sources = ["10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.2"];
    assert_eq!(sources.map(|it| scene.admit(it)), ["in", "in", "source-sessions", "in"]);
    scene.inside.remove(0);
    assert_eq!(scene.admit("10.0.0.1"), "in", "one has left");
    let neighbours = ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"];
    assert_eq!(neighbours.map(|it| scene.admit(it)), ["in", "in", "source-sessions", "in"]);
    assert_eq!(["unix"; 3].map(|it| scene.admit(it)), ["in"; 3], "which are of no source");
}

#[test]
fn a_source_connects_so_fast_and_all_together_so_fast() {
    let rate = Rate { per_second: 2, burst: 2 };
    let mut scene = Scene::new(GateRules {
        source_rate: enforce(ONCE_A_SECOND),
        rate: enforce(rate),
        ..Default::default()
    });
    let sources = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "unix"];
    assert_eq!(sources.map(|it| scene.admit(it)), ["in", "source-rate", "in", "rate", "rate"]);
    scene.now += SECOND;
    assert_eq!(["10.0.0.1", "unix", "unix"].map(|it| scene.admit(it)), ["in", "in", "rate"]);
}

#[test]
fn one_source_alone_cannot_use_up_what_all_have() {
    let rate = Rate { per_second: 1, burst: 10 };
    let mut scene = Scene::new(GateRules {
        source_rate: enforce(ONCE_A_SECOND),
        rate: enforce(rate),
        ..Default::default()
    });
    assert_eq!((0..1000).filter(|_| scene.admit("10.0.0.1") == "in").count(), 1);
    assert_eq!((0..9).filter(|number| scene.admit(&format!("10.0.1.{number}")) == "in").count(), 9);
}

#[test]
fn who_is_refused_by_a_later_rule_holds_no_session() {
    let mut scene = Scene::new(GateRules {
        source_sessions: enforce(2),
        source_rate: enforce(ONCE_A_SECOND),
        ..Default::default()
    });
    assert_eq!((scene.admit("10.0.0.1"), scene.admit("10.0.0.1")), ("in".into(), "source-rate".into()));
    scene.now += SECOND;
    assert_eq!(scene.admit("10.0.0.1"), "in", "the second, not the third");
}

#[test]
fn what_only_observes_says_so_and_the_others_are_asked_all_the_same() {
    let mut scene = Scene::new(GateRules {
        access: observe(deny("10.0.0.0/8")),
        source_sessions: observe(1),
        source_rate: observe(ONCE_A_SECOND),
        rate: enforce(Rate { per_second: 1, burst: 2 }),
        prefixes: Prefixes::default(),
    });
    assert_eq!(scene.admit("10.0.0.1"), "in not-allowed");
    assert_eq!(scene.admit("10.0.0.1"), "in not-allowed source-sessions source-rate");
    assert_eq!(scene.admit("10.0.0.1"), "rate");
    scene.now += SECOND;
    scene.inside.clear();
    assert_eq!(
        scene.admit("10.0.0.1"),
        "in not-allowed",
        "those who would have been refused are not counted"
    );
}

#[test]
fn a_reload_goes_on_counting() {
    let rules = |sessions, per_second| GateRules {
        source_sessions: enforce(sessions),
        rate: enforce(Rate { per_second, burst: 3 }),
        ..Default::default()
    };
    let mut scene = Scene::new(rules(2, 1));
    assert_eq!(["10.0.0.1"; 3].map(|it| scene.admit(it)), ["in", "in", "source-sessions"]);
    scene.reload(rules(3, 1));
    let again = ["10.0.0.1", "10.0.0.1", "10.0.0.2"];
    assert_eq!(again.map(|it| scene.admit(it)), ["in", "source-sessions", "rate"]);
    scene.reload(rules(1, 2));
    assert_eq!(scene.admit("10.0.0.2"), "in", "another rate begins anew");
    scene.inside.clear();
    assert_eq!(scene.admit("10.0.0.1"), "in", "and nobody is left in the count");
}

#[test]
fn a_session_from_another_process_is_counted() {
    let mut scene = Scene::new(GateRules { source_sessions: enforce(1), ..Default::default() });
    let client: IpAddr = "10.0.0.1".parse().unwrap();
    let joined = [scene.gate.join(Some(client)), scene.gate.join(Some(client))];
    assert_eq!(scene.admit("10.0.0.1"), "source-sessions");
    drop(joined);
    assert_eq!(scene.admit("10.0.0.1"), "in");
    assert!(scene.gate.join(None).is_none());
}
