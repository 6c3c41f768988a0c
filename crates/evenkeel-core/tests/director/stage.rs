//! A director on a virtual clock, and few words to play a scene with it. Backend `n` of a pool is at 10.0.0.n:80.

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::balance::Balance;
use evenkeel_core::director::{
    Action, Closed, Config, Director, Leaving, Member, Order, OrderError, PoolConfig, ProbeId, Target,
};
use evenkeel_core::eject::EjectionRules;
use evenkeel_core::eject::{Errors, Tolerance};
use evenkeel_core::eligible::AllDown;
use evenkeel_core::flow::FlowRules;
use evenkeel_core::health::{Check, CheckKind, ProbeFailure, Verdict};
use evenkeel_core::live::{Answer, LiveFailure};
use evenkeel_core::load::SeatLimits;
use evenkeel_core::name::{BackendKey, ListenerName, PoolName, Protocol, ServiceName};
use evenkeel_core::ramp::SlowStart;
use evenkeel_core::snapshot::{
    ConnectRules, Listener, Pool, PoolRules, QueueRules, SessionLimits, Snapshot, SocketOptions,
};
use evenkeel_core::sockets::Inward;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A listener of a service at 10.0.0.n:80, which sends to `web`.
pub fn listener(service: &str, n: u8) -> Arc<Listener> {
    Arc::new(Listener {
        name: ListenerName { service: ServiceName::new(service), protocol: Protocol::Tcp, addr: addr(n) },
        pool: Some(PoolName::new("web")),
        reception: Arc::default(),
        open: true,
        backlog: 1,
        max_sessions: 9,
        socket: SocketOptions { keepalive: None, user_timeout: None },
        inward: Inward::default(),
        unix_mode: 0o600,
        flows: FlowRules::default(),
    })
}

pub const SECOND: Duration = Duration::from_secs(1);
pub const MS: Duration = Duration::from_millis(1);

/// A scene: events and actions are collected as they come.
pub struct Stage {
    pub director: Director,
    pub now: Instant,
    /// What the operator was told since the last look.
    told: Vec<String>,
    /// Who is being probed, and where.
    pub probes: BTreeMap<BackendKey, Addr>,
    /// The last probe of each.
    pub ids: BTreeMap<BackendKey, ProbeId>,
    /// What was published since the last look.
    pub published: Vec<Arc<Snapshot>>,
    /// What the planes obey.
    pub current: Arc<Snapshot>,
}

impl Stage {
    pub fn new(config: Config) -> Self {
        let now = Instant::now();
        let director = Director::new(now, config, 1);
        let current = director.snapshot();
        let (told, probes, ids, published) = Default::default();
        let mut stage = Self { director, now, told, probes, ids, published, current };
        stage.collect();
        stage
    }

    /// Keeps what the director proposes for `config`.
    pub fn reload(&mut self, config: Config) {
        self.director = self.director.propose(self.now, config);
        self.current = self.director.snapshot();
        self.collect();
    }

    /// Carries out an order.
    pub fn order(&mut self, order: Order) -> Result<(), OrderError> {
        self.director = self.director.order(self.now, order)?;
        self.current = self.director.snapshot();
        self.collect();
        Ok(())
    }

    /// Lets time pass.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.director.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.director.handle_timeout(self.now);
            self.collect();
        }
        self.now = end;
    }

    /// One verdict for each letter about the backends with these numbers of pool `web`: `P`ass, `F`ail, `S`ilence.
    /// Time passes until each is asked for.
    pub fn verdicts(&mut self, strip: &str) {
        for (number, letter) in (1..).zip(strip.chars().filter(|it| *it != ' ')) {
            if letter != '-' {
                self.verdict(number, letter);
            }
        }
    }

    pub fn verdict(&mut self, number: u8, letter: char) {
        let key = key("web", number);
        self.wait_for_probe(number);
        self.probes.remove(&key);
        self.director.handle_probe(self.now, &key, self.ids[&key], verdict(letter));
        self.collect();
    }

    /// Lets time pass until the backend is to be probed; says how long that was.
    pub fn wait_for_probe(&mut self, number: u8) -> Duration {
        let begin = self.now;
        while !self.probes.contains_key(&key("web", number)) {
            let at = self.director.poll_timeout().unwrap();
            assert!(at < begin + 60 * SECOND, "no probe of {number} in a minute");
            self.now = self.now.max(at);
            self.director.handle_timeout(self.now);
            self.collect();
        }
        self.now - begin
    }

    /// So many connects of live traffic to a backend of `web` are refused, and every one is reported.
    pub fn refuse(&mut self, number: u8, times: u32) {
        for _ in 0..times {
            let pool = self.web();
            let backend = pool.backends.iter().find(|it| it.addr == addr(number)).unwrap();
            let in_row = backend.load.note_failed();
            let refused = LiveFailure::Connect(ConnectFailure::Refused);
            self.director.handle_suspect(self.now, &key("web", number), refused, in_row);
            self.collect();
        }
    }

    /// So many answers of a backend of `web` are errors.
    pub fn err(&mut self, number: u8, times: u32) {
        for _ in 0..times {
            let pool = self.web();
            let backend = pool.backends.iter().find(|it| it.addr == addr(number)).unwrap();
            let in_row = backend.load.note_error();
            let answered = LiveFailure::Answer(Answer::Http(503));
            self.director.handle_suspect(self.now, &key("web", number), answered, in_row);
            self.collect();
        }
    }

    pub fn resolve(&mut self, numbers: Result<&[u8], &str>) {
        let addrs = numbers.map(|it| it.iter().map(|&n| Ipv4Addr::new(10, 0, 0, n).into()).collect());
        self.director.handle_resolved(self.now, &PoolName::new("web"), "name", addrs.map_err(Arc::from));
        self.collect();
    }

    /// The pool `web` as the planes see it.
    pub fn web(&self) -> Arc<Pool> {
        Arc::clone(&self.current.pools[&PoolName::new("web")])
    }

    /// Who takes traffic, and with which weight unless it is 1: `1 3*20`.
    pub fn takers(&self) -> String {
        let pool = self.web();
        let taker = |it: &evenkeel_core::backend::Backend| match it.weight {
            1 => number_of(&it.addr),
            weight => format!("{}*{weight}", number_of(&it.addr)),
        };
        pool.backends.iter().filter(|it| it.eligible).map(taker).collect::<Vec<_>>().join(" ")
    }

    pub fn last_resort(&self) -> String {
        let pool = self.web();
        let numbers = pool.last_resort.iter().map(|&it| number_of(&pool.backends[it as usize].addr));
        numbers.collect::<Vec<_>>().join(" ")
    }

    /// What the operator was told since the last look: `1 up, 2 down, all-down`.
    pub fn told(&mut self) -> String {
        std::mem::take(&mut self.told).join(", ")
    }

    pub fn collect(&mut self) {
        while let Some(action) = self.director.poll_action() {
            match action {
                Action::Publish(snapshot) => {
                    assert!(snapshot.generation > self.current.generation);
                    self.current = Arc::clone(&snapshot);
                    self.published.push(snapshot);
                }
                Action::Probe { id, key, target, .. } => {
                    self.ids.insert(key.clone(), id);
                    let other = self.probes.insert(key, target);
                    assert!(other.is_none(), "{other:?} is being probed already");
                }
                Action::Close(Closed::Backend(key), leaving) => {
                    self.told.push(format!("{} {leaving:?}", number_of(&key.addr)));
                }
                Action::Close(Closed::Service(name), leaving) => {
                    self.told.push(format!("{name} {leaving:?}"))
                }
                Action::Announce(event) => {
                    let backend = event.backend.map(|it| number_of(&it) + " ").unwrap_or_default();
                    self.told.push(format!("{backend}{}", event.kind.word()));
                }
            }
        }
    }
}

pub fn addr(number: u8) -> Addr {
    Addr::Ip((Ipv4Addr::new(10, 0, 0, number), 80).into())
}

pub fn key(pool: &str, number: u8) -> BackendKey {
    BackendKey { pool: PoolName::new(pool), addr: addr(number) }
}

fn number_of(addr: &Addr) -> String {
    match addr {
        Addr::Ip(std::net::SocketAddr::V4(it)) => it.ip().octets()[3].to_string(),
        other => other.to_string(),
    }
}

pub fn verdict(letter: char) -> Verdict {
    match letter {
        'P' => Verdict::Pass(MS),
        'F' => Verdict::Fail(ProbeFailure::Connect(ConnectFailure::Refused)),
        'S' => Verdict::Fail(ProbeFailure::Timeout),
        _ => Verdict::Fail(ProbeFailure::Connect(ConnectFailure::NoSourcePort)),
    }
}

/// One pool `web` with backends 1, 2, … and the built-in defaults.
pub const TOLERANCE: Tolerance = Tolerance { failures: 3, errors: 5, errors_are: Errors::Gateway };

pub fn web(backends: u8) -> Config {
    Config { listeners: Vec::new(), pools: vec![pool("web", (1..=backends).map(member).collect())] }
}

pub fn pool(name: &str, members: Vec<Member>) -> PoolConfig {
    PoolConfig {
        name: PoolName::new(name),
        members,
        limits: SeatLimits::NONE,
        balance: Balance::Random { choices: 2 },
        check: Some(Arc::new(check())),
        ejection: Some(EjectionRules { tolerance: TOLERANCE, time: 5 * SECOND, max_time: 60 * SECOND }),
        slow_start: Some(SlowStart { duration: 30 * SECOND, from_percent: 10 }),
        all_down: AllDown::Try,
        on_remove: Leaving::Keep,
        on_down: None,
        rules: Arc::new(rules()),
    }
}

pub fn check() -> Check {
    Check {
        kind: CheckKind::Tcp,
        addr: None,
        port: None,
        interval: 2 * SECOND,
        fast_interval: SECOND / 2,
        timeout: SECOND,
        rise: 2,
        fall: 3,
        introduce: None,
        outward: None,
        tls: None,
    }
}

pub fn member(number: u8) -> Member {
    at(Target::Addr(addr(number)))
}

pub fn name() -> Member {
    at(Target::Name { host: "name".into(), port: 80 })
}

fn at(target: Target) -> Member {
    Member { target, weight: 1, backup: false, max_sessions: None, check_port: None, check_addr: None }
}

pub fn rules() -> PoolRules {
    let connect = ConnectRules {
        timeout: 1500 * MS,
        total: 4500 * MS,
        attempts: 3,
        retry_percent: 20,
        retry_min_per_second: 3,
    };
    PoolRules {
        connect,
        queue: QueueRules { length: u32::MAX, timeout: SECOND },
        session: SessionLimits { idle: None, half_close: None, lifetime: None, bandwidth: None },
        socket: SocketOptions { keepalive: None, user_timeout: None },
        outward: None,
        send_proxy: None,
        http2: None,
        tls: None,
    }
}
