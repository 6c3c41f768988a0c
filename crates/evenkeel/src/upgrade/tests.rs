//! What is told comes out as it went in; what is cut short or changed on the way is refused, and never a panic.

use super::intent::{Intent, OnTrial};
use super::past::Past;
use super::session;
use super::wire::{Reader, Writer};
use crate::config::Given;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::{Attempt, ConnectFailure};
use evenkeel_core::dice::Dice;
use evenkeel_core::director::{
    BackendMemory, Connects, Duty, Member, Memory, PoolMemory, Target, Wish, WishMemory,
};
use evenkeel_core::eject::PackedEjection;
use evenkeel_core::end::End;
use evenkeel_core::flow::{Kept, Standing};
use evenkeel_core::half::PackedHalf;
use evenkeel_core::health::{Health, HealthState};
use evenkeel_core::name::{BackendKey, ListenerName, PoolName, Protocol, ServiceName};
use evenkeel_core::objection::Objection;
use evenkeel_core::objection::Reason;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::{ConnectRules, Keepalive, PoolRules, QueueRules, SessionLimits, SocketOptions};
use evenkeel_core::tls::Fault;
use evenkeel_proxy::{
    Held, Open, Patience, Suspended, SuspendedDirection, SuspendedFlow, SuspendedRelay, Traffic,
};
use evenkeel_sys::datagram::{Local, Peer};
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn addr(text: &str) -> Addr {
    Addr::Ip(text.parse().unwrap())
}

fn half(held: u32) -> PackedHalf {
    PackedHalf { held, moved: 1 << 40, streak: 70_000, flags: 0b1010_1010 }
}

fn rules() -> PoolRules {
    let connect = ConnectRules {
        timeout: SECOND,
        total: 3 * SECOND,
        attempts: 3,
        retry_percent: 20,
        retry_min_per_second: 3,
    };
    let keepalive = Some(Keepalive { idle: 60 * SECOND, interval: SECOND, count: 3 });
    PoolRules {
        connect,
        queue: QueueRules { length: 7, timeout: SECOND },
        session: SessionLimits {
            idle: Some(SECOND),
            half_close: None,
            lifetime: Some(9 * SECOND),
            bandwidth: Some(Rule { limit: Rate { per_second: 7, burst: 9 }, mode: Mode::Observe }),
        },
        socket: SocketOptions { keepalive, user_timeout: Some(30 * SECOND) },
        outward: None,
        send_proxy: None,
        http2: None,
        tls: None,
    }
}

/// A session with something of everything.
fn session(fd: BorrowedFd<'_>) -> Suspended<BorrowedFd<'_>> {
    let now = Instant::now();
    Suspended {
        id: 42,
        listener: ListenerName {
            service: ServiceName::new("web"),
            protocol: Protocol::Tcp,
            addr: addr("[::]:80"),
        },
        client: addr("10.0.0.7:5000"),
        via: Some(addr("10.0.0.1:1234")),
        server_name: Some("www.example.com".into()),
        observed: [Objection::Admission(Reason::Denied), Objection::Bandwidth].into_iter().collect(),
        pool: PoolName::new("web"),
        accepted: now - 9 * SECOND,
        failed_attempts: [ConnectFailure::Other(-5), ConnectFailure::Tls(Fault::Alert(48))]
            .map(|failure| Attempt { backend: addr("10.0.0.1:80"), failure, took: SECOND })
            .into(),
        queued: SECOND,
        backend: Addr::Unix(std::path::Path::new("/run/app").into()),
        connect: Duration::from_micros(7),
        traffic: Traffic::Relay(SuspendedRelay {
            client: fd,
            backend: fd,
            to_backend: SuspendedDirection {
                half: half(9),
                held: Held::Pipe { read_end: fd, write_end: fd },
                gathers: true,
            },
            to_client: SuspendedDirection {
                half: half(4),
                held: Held::Memory(b"held".to_vec()),
                gathers: false,
            },
            rules: Arc::new(rules()),
            established: now - 8 * SECOND,
            active: now - SECOND,
            is_half_closed: true,
            drain: Some(now + SECOND),
            first_byte: Some(now - 7 * SECOND),
            lost: Some((Side::Backend, End::Vanished(Side::Backend), now)),
            first_closed: Some(Side::Client),
            patience: Patience { client_ms: 7, looks: 3, under_way: [1, 2], has_keepalive: true },
        }),
    }
}

fn written(fd: BorrowedFd<'_>) -> (Vec<u8>, usize) {
    let (mut to, mut descriptors) = (Writer::new(), Vec::new());
    session::write(&mut to, &session(fd), &mut descriptors);
    (to.bytes, descriptors.len())
}

fn read(bytes: &[u8], descriptors: usize) -> Option<Suspended<OwnedFd>> {
    let file = File::open("/dev/null").unwrap();
    let mut descriptors = (0..descriptors).map(|_| file.as_fd().try_clone_to_owned().unwrap());
    let mut from = Reader::new(bytes);
    let session = session::read(&mut from, &mut descriptors)?;
    (from.is_done() && descriptors.next().is_none()).then_some(session)
}

fn relay<F>(session: &Suspended<F>) -> &SuspendedRelay<F> {
    match &session.traffic {
        Traffic::Relay(relay) => relay,
        Traffic::Flow(_) => panic!("a flow"),
    }
}

/// Without descriptors and times, which differ.
fn shown<F: std::fmt::Debug>(session: &Suspended<F>) -> String {
    let relay = relay(session);
    let SuspendedRelay { to_backend, to_client, rules, lost, .. } = relay;
    let memory = match &to_client.held {
        Held::Memory(bytes) => bytes,
        _ => panic!("{to_client:?}"),
    };
    assert!(matches!(to_backend.held, Held::Pipe { .. }));
    let Suspended { id, listener, client, via, server_name, observed, pool, .. } = session;
    let Suspended { failed_attempts, queued, backend, connect, .. } = session;
    let known = (id, listener, client, via, server_name, observed, pool);
    let known = (known, failed_attempts, queued, backend, connect);
    let flags = (relay.is_half_closed, relay.first_closed, relay.patience);
    let halves = (to_backend.half, to_client.half, memory, rules, lost.map(|(side, end, _)| (side, end)));
    format!("{known:?} {flags:?} {halves:?}")
}

#[test]
fn a_session_comes_out_as_it_went_in() {
    let file = File::open("/dev/null").unwrap();
    let (bytes, descriptors) = written(file.as_fd());
    let (before, after) = (session(file.as_fd()), read(&bytes, descriptors).unwrap());
    assert_eq!(shown(&before), shown(&after));
    let times = |times: (Instant, Instant, Option<Instant>)| [times.0, times.1, times.2.unwrap()];
    let before = times((before.accepted, relay(&before).active, relay(&before).first_byte));
    let after = times((after.accepted, relay(&after).active, relay(&after).first_byte));
    for (before, after) in before.into_iter().zip(after) {
        assert!(before.max(after) - before.min(after) < SECOND);
    }
    assert!(read(&bytes, descriptors + 1).is_none(), "one too many");
    assert!(read(&bytes, descriptors - 1).is_none(), "one is missing");
}

#[test]
fn a_flow_comes_out_as_it_went_in() {
    let (file, now) = (File::open("/dev/null").unwrap(), Instant::now());
    let local = Some(Local { addr: "fe80::1".parse().unwrap(), interface: 3 });
    let flow = |remote: SocketAddr| SuspendedFlow {
        socket: file.as_fd(),
        peer: Peer { remote, local },
        number: 2,
        kept: Kept { standing: Standing::Settled, active: now, asked: 5, answered: 6 },
        to_backend: (1, 2),
        to_client: (3, 4),
        since: now,
        answered: Some(now),
        drain: None,
        unanswered: b"?".to_vec(),
        rules: Arc::new(rules()),
    };
    for remote in ["10.0.0.7:5000", "[fe80::7%3]:5000"] {
        let before = flow(remote.parse().unwrap());
        let (mut to, mut descriptors) = (Writer::new(), Vec::new());
        super::flow::write(&mut to, &before, &mut descriptors);
        let own = || file.as_fd().try_clone_to_owned().unwrap();
        let after = super::flow::read(&mut Reader::new(&to.bytes), &mut std::iter::once(own())).unwrap();
        assert_eq!((after.peer, after.number, after.kept.standing), (before.peer, 2, Standing::Settled));
        assert_eq!((after.kept.asked, after.to_backend, after.to_client), (5, (1, 2), (3, 4)));
        assert_eq!((after.unanswered, &after.rules), (before.unanswered, &before.rules));
        for length in 0..to.bytes.len() {
            let cut = &to.bytes[..length];
            assert!(super::flow::read(&mut Reader::new(cut), &mut std::iter::once(own())).is_none());
        }
    }
}

#[test]
fn what_is_cut_short_or_changed_never_panics() {
    let file = File::open("/dev/null").unwrap();
    let (bytes, descriptors) = written(file.as_fd());
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length], descriptors).is_none(), "{length} of {}", bytes.len());
    }
    let mut dice = Dice::new(evenkeel_testkit::seed());
    for _ in 0..2000 {
        let mut bytes = bytes.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] = dice.roll() as u8;
        let session = read(&bytes, descriptors);
        if let Some(Suspended { traffic: Traffic::Relay(relay), .. }) = session {
            assert!(relay.to_backend.is_sound() && relay.to_client.is_sound());
        }
    }
}

fn wish(at: &str) -> WishMemory {
    let member = |target, check_port| Member {
        target,
        weight: 3,
        backup: true,
        max_sessions: Some(9),
        check_port,
        check_addr: Some("::1".parse().unwrap()),
    };
    WishMemory {
        addr: addr(at),
        wish: Wish {
            duty: Duty::Drain,
            weight: Some(7),
            added: Some(member(Target::Addr(addr(at)), Some(81))),
            removed: true,
        },
        configured: Some(member(Target::Name { host: "name".into(), port: 80 }, None)),
    }
}

#[test]
fn a_configuration_on_trial_comes_out_as_it_went_in() {
    let trial = OnTrial {
        until: Instant::now() + SECOND,
        given: Given { path: "new.toml".into(), text: "[tcp.web]\nlisten = \":80\" # ü\n".into() },
        connects: vec![(ServiceName::new("web"), Connects { tried: 7, failed: 1 })],
    };
    let intent = Intent { duties: vec![(ServiceName::new("web"), Duty::Off)], trial: Some(trial) };
    let mut to = Writer::new();
    intent.write(&mut to);
    let mut read = Intent::read(&mut Reader::new(&to.bytes)).unwrap();
    let at = Instant::now();
    let until = |intent: &mut Intent| std::mem::replace(&mut intent.trial.as_mut().unwrap().until, at);
    let mut intent = intent;
    let (before, after) = (until(&mut intent), until(&mut read));
    assert!(before.max(after) - before.min(after) < SECOND);
    assert_eq!(read, intent);
    assert!((0..to.bytes.len()).all(|length| Intent::read(&mut Reader::new(&to.bytes[..length])).is_none()));
    let mut dice = Dice::new(evenkeel_testkit::seed());
    for _ in 0..5000 {
        let mut bytes = to.bytes.clone();
        let at = dice.below(bytes.len() as u64) as usize;
        bytes[at] = dice.roll() as u8;
        let _ = Intent::read(&mut Reader::new(&bytes));
    }
}

#[test]
fn what_was_seen_comes_out_as_it_went_in() {
    let now = Instant::now();
    let key = BackendKey { pool: PoolName::new("web"), addr: addr("10.0.0.1:80") };
    let ejection = PackedEjection { until: None, returned: None, doublings: 3, passes: 1, for_answers: true };
    let backend = BackendMemory {
        addr: key.addr.clone(),
        weight: 7,
        backup: true,
        health: Health::resume(HealthState::Down, 2),
        ejection: ejection.into(),
        failed_at: None,
        ramp_since: None,
    };
    let pool = PoolMemory {
        name: key.pool.clone(),
        born: None,
        all_down: true,
        backups_in: false,
        names: vec![("name".into(), vec!["::1".parse().unwrap(), "1.2.3.4".parse().unwrap()])],
        orders: vec![wish("10.0.0.1:80"), wish("10.0.0.9:80")],
        backends: vec![backend],
    };
    let open = Open { services: vec![(ServiceName::new("web"), 7)], backends: vec![(key, 6)] };
    let duties = vec![(ServiceName::new("web"), Duty::Drain), (ServiceName::new("db"), Duty::Off)];
    let memory = Memory { duties, pools: vec![pool] };
    let mut past = Past { last_id: 99, open, memory, is_on_trial: true };
    let bytes = past.write();
    assert_eq!(Past::read(&bytes).as_ref(), Some(&past));
    assert!((0..bytes.len()).all(|length| Past::read(&bytes[..length]).is_none()));
    past.memory.pools[0].born = Some(now);
    let born = Past::read(&past.write()).unwrap().memory.pools[0].born.unwrap();
    assert!(born.max(now) - born.min(now) < SECOND);
}
