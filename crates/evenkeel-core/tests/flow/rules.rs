//! Each rule by example.

use evenkeel_core::dice::Dice;
use evenkeel_core::end::End;
use evenkeel_core::flow::{FlowId, FlowRules, FlowTable, Kept, Standing};
use std::time::{Duration, Instant};

struct Scene {
    table: FlowTable<u32, u32>,
    start: Instant,
}

impl Scene {
    fn new(limit: u32, answers: Option<u32>) -> Self {
        let rules = FlowRules { answers, ..FlowRules::default() };
        Self { table: FlowTable::new(limit, rules, &mut Dice::new(1)), start: Instant::now() }
    }

    fn at(&self, seconds: u64) -> Instant {
        self.start + Duration::from_secs(seconds)
    }

    fn open(&mut self, seconds: u64, path: u32) -> FlowId {
        self.table.open(self.at(seconds), path, path)
    }

    fn ask(&mut self, seconds: u64, path: u32) -> Option<FlowId> {
        self.table.handle_client(self.at(seconds), &path, 1).map(|(id, _)| id)
    }

    fn answer(&mut self, seconds: u64, id: FlowId) -> Option<End> {
        self.table.handle_backend(self.at(seconds), id, 1)
    }

    /// Which path's flow is over by then, and how.
    fn over(&self, seconds: u64) -> Option<(u32, End)> {
        let (id, end) = self.table.handle_timeout(self.at(seconds))?;
        Some((*self.table.get(id)?.0, end))
    }

    fn oldest(&self) -> Option<u32> {
        self.table.oldest().and_then(|id| Some(*self.table.get(id)?.0))
    }
}

#[test]
fn a_flow_that_nobody_answers_is_over_sooner_than_one_that_was_answered() {
    let mut scene = Scene::new(8, None);
    let answered = scene.open(0, 1);
    scene.open(1, 2);
    assert_eq!(scene.answer(2, answered), None);
    assert_eq!(scene.over(60), None);
    assert_eq!(scene.over(61), Some((2, End::Unanswered)));
    assert_eq!(scene.ask(50, 2).and_then(|id| scene.table.close(id)), Some(2));
    assert_eq!((scene.over(181), scene.over(182)), (None, Some((1, End::FlowIdle))));
}

#[test]
fn whoever_goes_on_talking_is_not_over() {
    let mut scene = Scene::new(8, None);
    let id = scene.open(0, 1);
    for minute in 1..100 {
        assert_eq!(scene.ask(minute * 50, 1), Some(id));
        assert_eq!(scene.over(minute * 50 + 59), None);
    }
}

#[test]
fn whoever_goes_on_asking_and_is_never_answered_asks_in_vain() {
    let mut scene = Scene::new(8, None);
    let id = scene.open(0, 1);
    let begun = scene.at(0);
    scene.ask(59, 1);
    assert!(!scene.table.is_in_vain(scene.at(59), id, begun));
    assert!(scene.table.is_in_vain(scene.at(60), id, begun));
    assert_eq!(scene.over(60), None, "but what was asked a second ago may be answered");
    assert!(!scene.table.is_in_vain(scene.at(60), id, scene.at(1)), "another backend has time of its own");
    scene.answer(61, id);
    assert!(!scene.table.is_in_vain(scene.at(900), id, begun));
    let mut scene = Scene::new(8, Some(0));
    let id = scene.open(0, 1);
    assert!(!scene.table.is_in_vain(scene.at(900), id, scene.at(0)), "none is expected");
}

#[test]
fn the_oldest_whom_nobody_answers_is_the_one_that_was_quiet_for_longest() {
    let mut scene = Scene::new(8, None);
    let answered = scene.open(0, 1);
    scene.answer(0, answered);
    let (first, second) = (scene.open(1, 2), scene.open(2, 3));
    let oldest =
        |scene: &Scene, seconds| scene.table.oldest_unanswered(scene.at(seconds), Duration::from_secs(5));
    assert_eq!((oldest(&scene, 5), oldest(&scene, 6)), (None, Some(first)));
    scene.ask(6, 2);
    assert_eq!((oldest(&scene, 6), oldest(&scene, 7)), (None, Some(second)));
}

#[test]
fn with_its_last_answer_a_flow_is_over_and_every_question_gets_its_own() {
    let mut scene = Scene::new(8, Some(1));
    let id = scene.open(0, 1);
    scene.ask(0, 1);
    assert_eq!(scene.answer(1, id), None, "two were asked");
    assert_eq!(scene.answer(1, id), Some(End::Answered));
}

#[test]
fn where_no_answer_is_to_come_none_is_missed() {
    let mut scene = Scene::new(8, Some(0));
    let id = scene.open(0, 1);
    assert_eq!(scene.over(60), Some((1, End::FlowIdle)));
    assert_eq!(scene.answer(1, id), None, "and one that comes all the same ends nothing");
}

#[test]
fn senders_whom_nobody_answers_make_room_for_each_other() {
    let mut scene = Scene::new(8, None);
    for path in 0..4 {
        let id = scene.open(0, path);
        scene.answer(0, id);
        scene.ask(0, path);
    }
    for path in 4..8 {
        scene.open(1, path);
    }
    assert_eq!(scene.table.excess(), 1);
    assert_eq!(scene.oldest(), Some(4));
}

#[test]
fn many_idle_flows_leave_room_to_be_answered_in() {
    let mut scene = Scene::new(8, None);
    for path in 0..7 {
        let id = scene.open(0, path);
        scene.answer(0, id);
        scene.ask(path.into(), path);
    }
    scene.open(9, 7);
    assert_eq!(scene.oldest(), Some(0), "and not the one that has just begun");
}

#[test]
fn a_flow_that_has_left_is_not_meant_by_its_id_any_more() {
    let mut scene = Scene::new(8, Some(1));
    let id = scene.open(0, 1);
    assert_eq!(scene.table.close(id), Some(1));
    let again = scene.open(0, 1);
    assert_ne!(id, again);
    assert!(scene.table.get(id).is_none() && scene.table.close(id).is_none());
    assert_eq!(scene.answer(0, id), None);
    assert_eq!(scene.ask(0, 1), Some(again));
}

#[test]
fn flows_that_go_on_are_over_when_they_would_have_been() {
    let mut scene = Scene::new(8, None);
    for (path, active) in [(1, 5), (2, 3), (3, 9)] {
        let kept = Kept { standing: Standing::Settled, active: scene.at(active), asked: 2, answered: 1 };
        scene.table.resume(path, path, kept);
    }
    for (seconds, path) in [(183, 2), (185, 1), (189, 3)] {
        assert_eq!(scene.over(seconds - 1), None);
        assert_eq!(scene.over(seconds), Some((path, End::FlowIdle)));
        let (id, _) = scene.table.handle_timeout(scene.at(seconds)).unwrap();
        scene.table.close(id);
    }
    assert!(scene.table.is_empty() && scene.table.next_deadline().is_none());
}

#[test]
fn a_limit_that_sinks_ends_nothing_by_itself() {
    let mut scene = Scene::new(8, None);
    for path in 0..8 {
        scene.open(0, path);
    }
    scene.table.set(2, FlowRules { unanswered: Duration::from_secs(1), ..FlowRules::default() });
    assert_eq!((scene.table.len(), scene.table.excess()), (8, 7));
    assert_eq!(scene.table.next_deadline(), Some(scene.at(1)), "but the new times hold");
}
