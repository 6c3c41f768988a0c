//! The answers of the admin API, as far as `top` shows them. What an older evenkeel does not say is 0 or empty.

use super::rates::Counters;
use crate::remote::read::{failed_connects, last_check, list, number, word};
use serde_json::Value;
use std::time::Duration;

/// How many of something took less than so many microseconds, but not less than the one before.
pub type Buckets = Vec<(u64, u64)>;

/// How it does as a whole.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// Of the process.
    pub pid: u64,
    /// When it began; with the process id, which process this is.
    pub started: String,
    /// For how long it has been running.
    pub up: Duration,
    /// `running`, or how far the end has come.
    pub phase: String,
    /// Threads that carry traffic.
    pub workers: u64,
    /// Open sessions.
    pub open: u64,
    /// Open sessions at most.
    pub max: u64,
    /// Sessions since the start.
    pub accepted: u64,
    /// Reloads that were taken.
    pub reloads: u64,
    /// Why the last reload was refused, if it was.
    pub problem: Option<String>,
    /// Seconds left to confirm what is on trial.
    pub trial: Option<u64>,
    /// All of them.
    pub services: Vec<Service>,
    /// All of them.
    pub pools: Vec<Pool>,
}

/// A service.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// What operators want of it: `enabled`, `drain`, `disabled`.
    pub duty: String,
    /// Where it sends.
    pub pool: String,
    /// Where it listens.
    pub listeners: Vec<String>,
    /// Open sessions.
    pub open: u64,
    /// Whether it balances requests.
    pub has_requests: bool,
    /// What it counted.
    pub counters: Counters,
}

/// A pool.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Sessions that wait for a seat.
    pub waiting: u64,
    /// Who is in it.
    pub backends: Vec<Backend>,
}

/// A backend.
#[derive(Clone, Debug, Default)]
pub struct Backend {
    /// Where.
    pub pool: String,
    /// Its address.
    pub addr: String,
    /// The word for how it stands.
    pub state: String,
    /// Whether it gets new sessions.
    pub takes_traffic: bool,
    /// Takes traffic only while no other can.
    pub backup: bool,
    /// Its share.
    pub weight: u64,
    /// What percentage of that it has while it starts slowly.
    pub slow_start: Option<u64>,
    /// Open sessions.
    pub open: u64,
    /// What it counted.
    pub counters: Counters,
    /// How long connects took.
    pub connects: Buckets,
    /// What the last check saw.
    pub check: String,
}

/// An open session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Its number.
    pub id: u64,
    /// Who accepted it.
    pub service: String,
    /// From where.
    pub client: String,
    /// Since the accept.
    pub age: Duration,
    /// Since a byte was carried; `None` while it waits or connects.
    pub idle: Option<Duration>,
    /// Bytes so far.
    pub to_backend: u64,
    /// Bytes so far.
    pub to_client: u64,
}

/// The open sessions of a backend, or some of them.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// How many there are.
    pub matched: u64,
    /// Those that are shown.
    pub list: Vec<Session>,
}

/// Something that was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// When, RFC 3339 in UTC.
    pub ts: String,
    /// `info`, `warning` or `error`.
    pub level: String,
    /// What it is about, and what happened.
    pub text: String,
}

impl Status {
    /// Reads it; `None` is something else.
    pub fn read(value: &Value) -> Option<Self> {
        let (sessions, config) = (&value["sessions"], &value["config"]);
        Some(Self {
            version: value["version"].as_str()?.to_owned(),
            pid: number(&value["pid"]),
            started: word(&value["started"]).to_owned(),
            up: Duration::from_secs(number(&value["up_s"])),
            phase: word(&value["phase"]).to_owned(),
            workers: number(&value["workers"]),
            open: number(&sessions["open"]),
            max: number(&sessions["max"]),
            accepted: number(&sessions["accepted"]),
            reloads: number(&config["reloads"]),
            problem: config["problem"].as_str().map(str::to_owned),
            trial: config["trial_s"].as_u64(),
            services: value["services"].as_array()?.iter().map(service).collect(),
            pools: value["pools"].as_array()?.iter().map(pool).collect(),
        })
    }

    /// Every backend, in the order of the configuration.
    pub fn backends(&self) -> impl Iterator<Item = &Backend> {
        self.pools.iter().flat_map(|it| &it.backends)
    }

    /// The pool of this name.
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        self.pools.iter().find(|it| it.name == name)
    }

    /// The service of this name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|it| it.name == name)
    }

    /// Whether any service balances requests.
    pub fn has_requests(&self) -> bool {
        self.services.iter().any(|it| it.has_requests)
    }

    /// Which process it is of.
    pub fn life(&self) -> (u64, &str) {
        (self.pid, &self.started)
    }
}

impl Pool {
    /// How many of its backends get new sessions.
    pub fn takers(&self) -> usize {
        self.backends.iter().filter(|it| it.takes_traffic).count()
    }
}

impl Sessions {
    /// Reads them.
    pub fn read(value: &Value) -> Self {
        Self {
            matched: number(&value["matched"]),
            list: list(&value["sessions"]).iter().map(session).collect(),
        }
    }
}

impl Event {
    /// Reads it.
    pub fn read(value: &Value) -> Self {
        let about = value["service"].as_str().or(value["pool"].as_str());
        let parts = [about, value["backend"].as_str(), value["message"].as_str()];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Self { ts: word(&value["ts"]).to_owned(), level: word(&value["level"]).to_owned(), text }
    }
}

fn service(value: &Value) -> Service {
    Service {
        name: word(&value["name"]).to_owned(),
        duty: word(&value["duty"]).to_owned(),
        pool: word(&value["pool"]).to_owned(),
        listeners: list(&value["listeners"]).iter().map(|it| word(it).to_owned()).collect(),
        open: number(&value["sessions"]["open"]),
        has_requests: value["requests"].is_object(),
        counters: Counters {
            sessions: number(&value["sessions"]["accepted"]),
            failed: number(&value["sessions"]["failed"]),
            requests: number(&value["requests"]["total"]),
            errors: number(&value["requests"]["answers"]["5xx"]),
            to_backend: number(&value["to_backend"]),
            to_client: number(&value["to_client"]),
        },
    }
}

fn pool(value: &Value) -> Pool {
    Pool {
        name: word(&value["name"]).to_owned(),
        waiting: number(&value["waiting"]),
        backends: list(&value["backends"]).iter().map(backend).collect(),
    }
}

fn backend(value: &Value) -> Backend {
    Backend {
        pool: word(&value["pool"]).to_owned(),
        addr: word(&value["addr"]).to_owned(),
        state: word(&value["state"]).to_owned(),
        takes_traffic: value["takes_traffic"] == true,
        backup: value["backup"] == true,
        weight: number(&value["weight"]),
        slow_start: value["slow_start_percent"].as_u64(),
        open: number(&value["sessions"]["open"]),
        counters: Counters {
            sessions: number(&value["sessions"]["connected"]),
            failed: failed_connects(value),
            requests: number(&value["requests"]["sent"]),
            errors: number(&value["requests"]["errors"]),
            to_backend: number(&value["to_backend"]),
            to_client: number(&value["to_client"]),
        },
        connects: list(&value["connect_ms"]["buckets"]).iter().map(bucket).collect(),
        check: last_check(value),
    }
}

fn bucket(value: &Value) -> (u64, u64) {
    ((value[0].as_f64().unwrap_or(0.0) * 1e3).round() as u64, number(&value[1]))
}

fn session(value: &Value) -> Session {
    let time = |name: &str| value[name].as_f64().and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok());
    Session {
        id: number(&value["id"]),
        service: word(&value["service"]).to_owned(),
        client: word(&value["client"]).to_owned(),
        age: time("age_ms").unwrap_or_default(),
        idle: time("idle_ms"),
        to_backend: number(&value["to_backend"]),
        to_client: number(&value["to_client"]),
    }
}
