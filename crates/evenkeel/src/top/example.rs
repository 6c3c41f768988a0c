//! An evenkeel to look at, for the tests of what looks at it.

use super::answer::{Event, Sessions, Status};
use super::ask::Answer;
use super::keys::Effect;
use super::model::{Model, Options};
use super::style::Glyphs;
use super::watch::Seen;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub const SECOND: Duration = Duration::from_secs(1);

fn backend(pool: &str, addr: &str, state: &str, open: u64, counted: u64) -> Value {
    json!({
        "pool": pool, "addr": addr, "state": state, "takes_traffic": state == "up", "weight": 1,
        "slow_start_percent": null, "backup": false,
        "sessions": {"open": open, "connected": counted},
        "connect_failures": {"refused": if state == "down" { counted } else { 0 }},
        "connect_ms": {"buckets": [[0.128, counted * 9], [6.144, counted]]},
        "to_backend": counted * 1000, "to_client": counted * 50_000,
        "checks": {"last": match state {
            "down" => json!({"passed": false, "cause": "connection refused"}),
            _ => json!({"passed": true, "ms": 0.2}),
        }},
    })
}

/// Two services and four backends that have counted for so many seconds.
pub fn status(seconds: u64) -> Value {
    json!({
        "version": "0.1.0", "pid": 4312, "phase": "running", "started": "2026-11-22T10:00:00.000Z",
        "up_s": 273_000 + seconds, "workers": 2,
        "sessions": {"open": 1204, "accepted": 5000 + 100 * seconds, "max": 8729},
        "config": {"reloads": 3, "problem": null, "trial_s": null},
        "services": [
            {"name": "web", "duty": "enabled", "pool": "web", "listeners": ["0.0.0.0:8080"],
             "sessions": {"open": 1200, "accepted": 4000 + 96 * seconds, "failed": seconds},
             "to_backend": 1_200_000 * seconds, "to_client": 38_000_000 * seconds},
            {"name": "db", "duty": "drain", "pool": "db", "listeners": ["127.0.0.1:5432"],
             "sessions": {"open": 4, "accepted": 1000 + 4 * seconds, "failed": 0},
             "to_backend": 0, "to_client": 0},
        ],
        "pools": [
            {"name": "web", "waiting": 2, "backends": [
                backend("web", "10.0.0.1:80", "up", 120, 48 * seconds),
                backend("web", "10.0.0.2:80", "up", 1080, 47 * seconds),
                backend("web", "10.0.0.3:80", "down", 0, seconds),
            ]},
            {"name": "db", "waiting": 0, "backends": [backend("db", "10.0.1.1:5432", "up", 4, 4 * seconds)]},
        ],
    })
}

/// An answer after so many seconds.
pub fn seen(seconds: u64) -> Seen {
    let event = json!({"ts": "2026-11-22T14:02:11.031Z", "level": "warning", "pool": "web", "backend": "10.0.0.3:80",
        "message": "is down: connection refused (3 checks in a row failed)"});
    let events = if seconds == 0 { vec![(7, Event::read(&event))] } else { Vec::new() };
    Seen { status: Status::read(&status(seconds)).unwrap(), events, sessions: None }
}

/// The sessions of its first backend.
pub fn sessions() -> Sessions {
    let session = |id: u64, client: &str, idle: Value| {
        json!({"id": id, "service": "web", "client": client, "age_ms": 1000.0 * id as f64, "idle_ms": idle,
            "to_backend": 100 * id, "to_client": 5000 * id})
    };
    let list = [session(7, "192.0.2.7:51822", json!(20.0)), session(12, "192.0.2.9:4711", Value::Null)];
    Sessions::read(&json!({"matched": 120, "sessions": list}))
}

/// One who watches it since some seconds.
pub struct Watcher {
    pub model: Model,
    begin: Instant,
}

impl Watcher {
    pub fn start() -> Self {
        let begin = Instant::now();
        let options = Options { interval: SECOND, has_colours: false, glyphs: Glyphs::UNICODE };
        let mut watcher = Self { model: Model::new(options, seen(0), begin), begin };
        watcher.pass(1);
        watcher.answer(Answer::Seen(Box::new(seen(1))));
        watcher
    }

    /// It is so many seconds after the start.
    pub fn pass(&mut self, seconds: u32) {
        self.model.handle_time(self.begin + SECOND * seconds);
    }

    pub fn answer(&mut self, answer: Answer) {
        self.model.poll_ask();
        self.model.handle_answer(answer);
    }

    pub fn press(&mut self, code: KeyCode) -> Option<Effect> {
        self.model.handle_key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    /// These characters, and the effect of the last one.
    pub fn type_in(&mut self, text: &str) -> Option<Effect> {
        text.chars().map(|it| self.press(KeyCode::Char(it))).last().flatten()
    }
}
