//! Choosing: each balance's spread through the real thing, weights, caps with their queue, backups, slow start.

use crate::harness::{Running, Setup};
use evenkeel_testkit::{Ending, Peer, Place, Server, eventually, port, serve};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

fn check(tally: &BTreeMap<String, usize>, name: &str, expected: Range<usize>) {
    let got = tally.get(name).copied().unwrap_or_default();
    assert!(expected.contains(&got), "{name}: {got} is not in {expected:?}: {tally:?}");
}

/// Servers that keep their sessions, so that load counts.
fn stays(names: [&str; 3]) -> [Server; 3] {
    names.map(|name| Server::start(&Place::any(), serve::stay(name)))
}

/// A session that stays, and who has it.
fn join(place: &Place) -> (Peer, String) {
    let client = Peer::connect(place);
    let name = String::from_utf8(client.receive(1).unwrap()).unwrap();
    (client, name)
}

#[test]
fn random_spreads_evenly_over_equals() {
    let servers = Server::hellos(["a", "b", "c"]);
    for keys in ["", "choices = 1"] {
        let tally = Setup::to(servers.each_ref().map(Server::place)).keys(keys).ready().tally(600);
        // Six standard deviations of a fair draw.
        ["a", "b", "c"].iter().for_each(|name| check(&tally, name, 131..269));
    }
}

#[test]
fn random_holds_weights() {
    let servers = Server::hellos(["a", "b"]);
    // Exactly where load does not count; elsewhere the lighter one also gets what comes while the other is busy.
    for (keys, expected) in [("choices = 1", 386..514), ("", 301..600)] {
        let setup = Setup::to([]).backend(servers[0].place(), "weight = 3");
        let running = setup.backend(servers[1].place(), "weight = 1").keys(keys).ready();
        check(&running.tally(600), "a", expected);
    }
}

#[test]
fn round_robin_goes_round_over_all_workers() {
    let servers = Server::hellos(["a", "b", "c"]);
    let running = Setup::to(servers.each_ref().map(Server::place)).keys("balance = \"round-robin\"").ready();
    let order: String = (0..9).map(|_| running.connect().text()).collect();
    assert!("abcabcabcabc".contains(&order), "{order}");
}

#[test]
fn round_robin_holds_weights_exactly_and_weight_zero_takes_nothing() {
    let [a, b, c] = Server::hellos(["a", "b", "c"]);
    let setup = Setup::to([]).keys("balance = \"round-robin\"").backend(a.place(), "weight = 3");
    let running = setup.backend(b.place(), "weight = 1").backend(c.place(), "weight = 0").ready();
    let tally = running.tally(40);
    check(&tally, "a", 30..31);
    check(&tally, "b", 10..11);
    assert_eq!(c.accepted(), 0);
}

#[test]
fn least_conn_evens_out_what_is_open() {
    let servers = stays(["a", "b", "c"]);
    let running = Setup::to(servers.each_ref().map(Server::place)).keys("balance = \"least-conn\"").ready();
    let mut sessions: Vec<_> = (0..9).map(|_| join(&running.place)).collect();
    assert_eq!(servers.each_ref().map(Server::open), [3, 3, 3]);
    sessions.retain(|(_, name)| name != "b");
    eventually("b has no session left", || (servers[1].open() == 0).then_some(()));
    let next: String = (0..3)
        .map(|_| join(&running.place))
        .map(|(client, name)| (sessions.push((client, String::new())), name).1)
        .collect();
    assert_eq!(next, "bbb");
}

#[test]
fn maglev_keeps_a_client_at_its_backend_and_spreads_clients() {
    let servers = Server::hellos(["a", "b", "c"]);
    let running = Setup::to(servers.each_ref().map(Server::place)).keys("balance = \"maglev\"").ready();
    let from = |last: u8| {
        let socket = running.place.socket().unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into()).unwrap();
        socket.connect(&running.place.sock_addr()).unwrap();
        Peer::new(socket).text()
    };
    let mut tally = BTreeMap::new();
    for client in 1..=60 {
        let name = from(client);
        assert_eq!((from(client), from(client)), (name.clone(), name.clone()), "127.0.0.{client}");
        *tally.entry(name).or_default() += 1;
    }
    ["a", "b", "c"].iter().for_each(|name| check(&tally, name, 5..40));
}

#[test]
fn first_fills_one_after_the_other() {
    let [a, b, c] = stays(["a", "b", "c"]);
    let setup = Setup::to([]).keys("balance = \"first\"").backend(a.place(), "max-sessions = 2");
    let running = setup.backend(b.place(), "max-sessions = 1").backend(c.place(), "weight = 1").ready();
    let sessions: Vec<_> = (0..5).map(|_| join(&running.place)).collect();
    let order: String = sessions.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(order, "aabcc");
}

#[test]
fn a_cap_queues_and_a_full_queue_closes() {
    let server = Server::start(&Place::any(), serve::stay("a"));
    let keys = "max-sessions-per-backend = 1\nqueue-length = 1\ntimeout = { queue = \"15s\" }";
    let mut running = Setup::to([server.place()]).keys(keys).ready();
    let (first, _) = join(&running.place);
    let waiting = running.connect();
    // Which of the two waits is decided by who is served first.
    let refused = running.connect();
    let session = running.wait_session("one is refused", |line| line["end"] == "queue-full");
    assert!(session["backend"].is_null() && session["by"] == "evenkeel", "{session}");
    let port = |peer: &Peer| format!("127.0.0.1:{}", peer.local().port());
    let waiting = if session["client"] == port(&waiting).as_str() { refused } else { waiting };
    drop(first);
    assert_eq!(waiting.receive(1).unwrap(), b"a");
    drop(waiting);
    let session = running.wait_session("the one that waited", |line| {
        line["queued_ms"].as_f64() > Some(0.0) && line["end"] == "ok"
    });
    assert_eq!(session["by"], "client");
}

/// Another client, that is in line as the one of this number.
fn wait_as(running: &Running, number: u64) -> Peer {
    let client = running.connect();
    eventually("it waits", || (running.look("/api/v1/pools/web")["waiting"] == number).then_some(()));
    client
}

#[test]
fn who_waited_for_a_seat_has_all_its_time_for_the_connect() {
    let server = Server::start(&Place::any(), serve::stay("a"));
    let keys = "max-sessions-per-backend = 1\ntimeout = { queue = \"15s\", connect = \"300ms\", connect-total = \"300ms\" }";
    let mut running = Setup::to([server.place()]).keys(keys).ready();
    let (first, _) = join(&running.place);
    let waiting = wait_as(&running, 1);
    std::thread::sleep(Duration::from_millis(400));
    drop(first);
    assert_eq!(waiting.receive(1).unwrap(), b"a");
    drop(waiting);
    running.wait_session("it waited for longer", |line| line["queued_ms"].as_f64() > Some(300.0));
}

#[test]
fn nobody_waits_behind_a_session_that_can_only_go_elsewhere() {
    let (place, b) = (Place::local(port::free()), Server::start(&Place::any(), serve::stay("b")));
    let keys = "balance = \"first\"\neject = \"off\"\nqueue-length = 9\ntimeout = { queue = \"15s\" }";
    let setup = Setup::to([]).top("workers = 4").keys(keys).backend(&place, "weight = 1");
    let running = setup.backend(b.place(), "max-sessions = 1").ready();
    let (holder, name) = join(&running.place);
    assert_eq!(name, "b", "the other one is not there yet");
    let waiting: Vec<Peer> = (1..=3).map(|number| wait_as(&running, number)).collect();
    let _a = Server::start(&place, serve::stay("a"));
    let served: Vec<_> = (0..4).map(|_| join(&running.place)).collect();
    assert!(served.iter().all(|(_, name)| name == "a"), "they have not tried it yet");
    drop(holder);
    // In order within a worker; of two workers whichever looks first.
    let is_served = |client: &&Peer| client.has_bytes();
    eventually("one of them gets the seat", || waiting.iter().find(is_served).map(drop));
    assert_eq!(waiting.iter().filter(is_served).count(), 1, "there is one seat");
}

#[test]
fn a_seat_goes_to_who_came_first_in_whichever_worker() {
    let server = Server::start(&Place::any(), serve::stay("a"));
    let keys = "max-sessions-per-backend = 1\nqueue-length = 99\ntimeout = { queue = \"15s\" }";
    let running = Setup::to([server.place()]).top("workers = 4").keys(keys).ready();
    let (holder, _) = join(&running.place);
    // Within some milliseconds whoever is in the worker where it is free may go first.
    let in_order = |number| {
        std::thread::sleep(Duration::from_millis(20));
        wait_as(&running, number)
    };
    let waiting: Vec<Peer> = (1..=12).map(in_order).collect();
    std::thread::sleep(Duration::from_millis(20));
    drop(holder);
    for (index, client) in waiting.iter().enumerate() {
        assert_eq!(client.receive(1).unwrap(), b"a");
        assert!(waiting[index + 1..].iter().all(|it| !it.has_bytes()), "{index}: others came later");
        // A newcomer waits behind those who are there.
        let newcomer = running.connect();
        client.finish();
        newcomer.reset();
    }
}

#[test]
fn backups_take_over_only_while_no_other_is_left() {
    let [mut a, b] = Server::hellos(["a", "b"]);
    let health =
        "health = { tcp = true, interval = \"50ms\", fast-interval = \"20ms\", timeout = \"1s\", fall = 1 }";
    let mut running = Setup::to([a.place()]).backend(b.place(), "backup = true").keys(health).ready();
    // The log is some milliseconds ahead of the traffic.
    let all_go_to = |running: &Running, name: &str| {
        eventually(name, || (running.tally(5) == [(name.into(), 5)].into()).then_some(()));
    };
    all_go_to(&running, "a");
    a.stop();
    running.wait_event("backups-in");
    all_go_to(&running, "b");
    a.restart();
    running.wait_event("backups-out");
    all_go_to(&running, "a");
}

#[test]
fn a_backend_that_comes_back_starts_slowly() {
    let [a, mut b] = Server::hellos(["a", "b"]);
    let keys =
        "health = { tcp = true, interval = \"50ms\", fast-interval = \"20ms\", timeout = \"1s\", fall = 1 }
        slow-start = { duration = \"6s\", from = \"1%\" }\nchoices = 1";
    let mut running = Setup::to([a.place(), b.place()]).keys(keys).ready();
    running.wait_backend("up", b.place());
    check(&running.tally(200), "b", 50..150);
    // While the whole pool is new, nobody starts slowly.
    std::thread::sleep(Duration::from_secs(6));
    b.stop();
    running.wait_backend("down", b.place());
    running.forget();
    b.restart();
    running.wait_backend("up", b.place());
    check(&running.tally(30), "b", 0..10);
    eventually("its full share", || (running.tally(100).get("b") > Some(&40)).then_some(()));
}

#[test]
fn a_client_that_does_not_wait_leaves_the_queue() {
    let server = Server::start(&Place::any(), serve::stay("a"));
    let keys = "max-sessions-per-backend = 1\ntimeout = { queue = \"15s\" }";
    let mut running = Setup::to([server.place()]).keys(keys).ready();
    let (first, _) = join(&running.place);
    running.connect().reset();
    running.wait_session("it left", |line| line["end"] == "client-left");
    drop(first);
    assert_eq!(join(&running.place).0.local().ip(), Ipv4Addr::LOCALHOST, "the seat is free");
    assert_eq!(server.accepted(), 2);
}

#[test]
fn a_cap_of_the_pool_is_never_exceeded_under_load() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let _ = peer.send(b"a");
        let _ = serve::read_away(peer);
    });
    let keys = "max-sessions-per-backend = 3\nqueue-length = 1000\ntimeout = { queue = \"15s\" }";
    let running = Setup::to([server.place()]).keys(keys).ready();
    let (place, served) = (&running.place, AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    let (client, _) = join(place);
                    assert!(served.fetch_add(1, SeqCst) < 3, "there are three seats");
                    served.fetch_sub(1, SeqCst);
                    client.finish();
                    assert_eq!(client.ending(), Ending::Fin);
                }
            });
        }
    });
    assert_eq!(server.accepted(), 200);
}
