//! The data plane alone, over real sockets.

use evenkeel_core::addr::Addr;
use evenkeel_core::balance::Balance;
use evenkeel_core::director::{Config, Director, Leaving, Member, PoolConfig, Target};
use evenkeel_core::eligible::AllDown;
use evenkeel_core::end::End;
use evenkeel_core::flow::FlowRules;
use evenkeel_core::load::SeatLimits;
use evenkeel_core::name::{ListenerName, PoolName, Protocol, ServiceName};
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::{ConnectRules, Listener, PoolRules, QueueRules, SessionLimits, SocketOptions};
use evenkeel_core::sockets::Inward;
use evenkeel_proxy::{PlaneOptions, Started, Telling, UserPlane};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn config(backends: &[SocketAddr]) -> Config {
    let pool = PoolName::new("web");
    let socket = SocketOptions { keepalive: None, user_timeout: None };
    let listener = Listener {
        open: true,
        name: ListenerName {
            service: ServiceName::new("web"),
            protocol: Protocol::Tcp,
            addr: Addr::Ip(SocketAddr::from(([127, 0, 0, 1], 0))),
        },
        pool: Some(pool.clone()),
        reception: Arc::default(),
        backlog: 128,
        max_sessions: u32::MAX,
        socket,
        inward: Inward::default(),
        unix_mode: 0o600,
        flows: FlowRules::default(),
    };
    let rules = PoolRules {
        connect: ConnectRules {
            timeout: SECOND,
            total: 3 * SECOND,
            attempts: 3,
            retry_percent: 20,
            retry_min_per_second: 3,
        },
        queue: QueueRules { length: 10, timeout: SECOND },
        session: SessionLimits { idle: None, half_close: None, lifetime: None, bandwidth: None },
        socket,
        outward: None,
        send_proxy: None,
        http2: None,
        tls: None,
    };
    let members = backends.iter().map(|addr| Member {
        target: Target::Addr(Addr::Ip(*addr)),
        weight: 1,
        backup: false,
        max_sessions: None,
        check_port: None,
        check_addr: None,
    });
    Config {
        listeners: vec![Arc::new(listener)],
        pools: vec![PoolConfig {
            name: pool,
            members: members.collect(),
            limits: SeatLimits::NONE,
            balance: Balance::RoundRobin,
            check: None,
            ejection: None,
            slow_start: None,
            all_down: AllDown::Try,
            on_remove: Leaving::Keep,
            on_down: None,
            rules: Arc::new(rules),
        }],
    }
}

#[test]
fn bytes_go_through_and_are_accounted_for() {
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = config(&[dead, backend.local_addr().unwrap()]);
    let options = PlaneOptions { workers: 2, max_sessions: 100 };
    let (sender, records) = std::sync::mpsc::channel();
    let Started { mut plane, .. } =
        UserPlane::start(&options, move |batch| sender.send(batch).is_ok()).unwrap();
    plane.tell_of(Telling::ENDS);
    let director = Director::new(Instant::now(), config, 1);
    let publication = plane.prepare(director.snapshot(), &mut Default::default()).unwrap();
    let Addr::Ip(addr) = publication.bound().next().unwrap().1.clone() else { panic!() };
    plane.publish(publication);
    let sender = std::thread::spawn(move || {
        for _ in 0..4 {
            let (mut stream, _) = backend.accept().unwrap();
            std::thread::spawn(move || {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).unwrap();
                stream.write_all(&all).unwrap();
            });
        }
    });
    for n in 0..4usize {
        let mut client = TcpStream::connect(addr).unwrap();
        let sent: Vec<u8> = (0..n * 3_000_000 + 10).map(|i| (i % 251) as u8).collect();
        let mut writer = client.try_clone().unwrap();
        let bytes = sent.clone();
        let writing = std::thread::spawn(move || {
            writer.write_all(&bytes).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        writing.join().unwrap();
        assert!(got == sent, "{} of {}", got.len(), sent.len());
        let record = records.recv_timeout(5 * SECOND).unwrap().ended.pop().unwrap();
        assert_eq!(
            (record.end, record.to_backend, record.to_client),
            (End::Closed(Side::Client), sent.len() as u64, sent.len() as u64)
        );
    }
    sender.join().unwrap();
}
