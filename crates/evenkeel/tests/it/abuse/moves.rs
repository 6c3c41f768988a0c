//! Upgrades at the edge: what came by a proxy or by name moves as it is, and who is in the middle of a hello is served.

use super::{check_served, counts, hello, named_echo, wait_open};
use crate::chain::Chain;
use crate::harness::Setup;
use evenkeel_testkit::limits::Turn;
use evenkeel_testkit::{Ending, Peer, Place, Server, Signal, eventually, port};
use serde_json::Value;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

const HEADER: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n";

/// What must not change when a session moves.
fn known(session: &Value) -> Vec<Value> {
    ["id", "service", "listener", "client", "via", "pool", "backend"].map(|key| session[key].clone()).into()
}

fn sessions(chain: &Chain) -> Vec<Vec<Value>> {
    let answer = eventually("the sessions of the one in charge", || {
        let (code, answer, _) = chain.command("sessions --json");
        (code == 0).then(|| serde_json::from_str::<Value>(&answer).unwrap())
    });
    let mut known: Vec<_> = answer["sessions"].as_array().unwrap().iter().map(known).collect();
    known.sort_by_key(|it| it[0].as_u64());
    known
}

/// An edge that looks for proxies and for names, at which nothing that is being opened is waited for longer than a second.
fn edge(to: &Place) -> Setup {
    Setup::to([to]).keys(&format!(
        "route = {{ \"a.example\" = \"{to}\" }}\naccept-proxy = {{ from = \"127.0.0.0/8\", timeout = \"60s\" }}\n\
         hello = {{ timeout = \"60s\" }}\n\
         timeout = {{ connect = \"500ms\", connect-total = \"500ms\", queue = \"500ms\" }}"
    ))
}

#[test]
fn sessions_by_proxy_and_name_are_after_an_upgrade_what_they_were() {
    let server = named_echo("a");
    let mut chain = Chain::new(edge(server.place()));
    let clients: Vec<Peer> = (0..20)
        .map(|_| {
            let client = chain.connect();
            client.send(HEADER).unwrap();
            check_served(&client, &hello("a.example"), "a");
            client
        })
        .collect();
    let before = sessions(&chain);
    assert_eq!(before.len(), 20);
    assert_eq!(before[0][3..5], ["203.0.113.7:4711".into(), clients_via(&before[0])], "{:?}", before[0]);
    let told = chain.upgrade();
    assert_eq!((&told["sessions"], &told["left"]), (&20.into(), &0.into()), "{told}");
    clients.iter().for_each(|client| client.check_echo("as before"));
    chain.wait_alone();
    assert_eq!(sessions(&chain), before);
    drop(clients);
    for session in chain.wait_sessions(20) {
        assert_eq!((&session["sni"], &session["client"]), (&"a.example".into(), &"203.0.113.7:4711".into()));
    }
}

fn clients_via(session: &[Value]) -> Value {
    assert!(session[4].as_str().is_some_and(|via| via.starts_with("127.0.0.1:")), "{session:?}");
    session[4].clone()
}

#[test]
fn nobody_is_lost_who_is_in_the_middle_of_a_hello_during_an_upgrade() {
    let server = named_echo("a");
    let mut chain = Chain::new(edge(server.place()));
    let whole = [HEADER, &hello("a.example")].concat();
    // Some in the middle of a header, some of a hello.
    let cuts = [20, HEADER.len(), HEADER.len() + 30, whole.len() - 1];
    let clients: Vec<(Peer, usize)> = (0..100)
        .map(|at| {
            let (client, cut) = (chain.connect(), cuts[at % cuts.len()]);
            client.send(&whole[..cut]).unwrap();
            (client, cut)
        })
        .collect();
    eventually("all are accepted", || {
        (chain.look("/api/v1/status")["sessions"]["open"] == 100).then_some(())
    });
    let told = chain.upgrade();
    assert_eq!((&told["sessions"], &told["left"]), (&0.into(), &100.into()), "{told}");
    // The old process serves them, the new one whoever comes.
    let (finish, leave) = clients.split_at(80);
    for (client, cut) in finish {
        client.send(&whole[*cut..]).unwrap();
        let said = client.receive(1 + whole.len() - HEADER.len()).unwrap();
        assert!(said[1..] == whole[HEADER.len()..]);
        client.check_echo("and goes on");
    }
    let new = chain.connect();
    new.send(HEADER).unwrap();
    check_served(&new, &hello("a.example"), "a");
    for (client, _) in leave {
        client.finish();
        assert_eq!(client.ending(), Ending::Reset);
    }
    drop(clients);
    chain.wait_alone();
    eventually("it can be asked", || UnixStream::connect(chain.file("control.sock")).ok());
    // Those that stayed are over, and their ends counted where nobody asks any more: counters cannot go back.
    let counts = counts(&chain, "web");
    assert_eq!((&counts["sessions"]["accepted"], &counts["sessions"]["open"]), (&101.into(), &1.into()));
    assert_eq!(counts["ends"], serde_json::json!({}));
    drop(new);
    let sessions = chain.wait_sessions(101);
    let ended = |end: &str| sessions.iter().filter(|line| line["end"] == end).count();
    assert_eq!((ended("ok"), ended("client-left")), (81, 20));
}

#[test]
fn thousands_of_silent_clients_do_not_slow_an_upgrade_down() {
    let turn = Turn::wait();
    let silent = turn.connections(4_000, 1, 4_000);
    let server = Server::echo();
    let tls = Place::local(port::free());
    let keys = format!(
        "[tcp.tls]\nlisten = \"{tls}\"\nhealth = \"off\"\nhello = {{ timeout = \"60s\" }}\n\
         route = {{ \"a.example\" = \"{}\" }}",
        server.place()
    );
    let soon = "[defaults]\ntimeout = { connect = \"1s\", connect-total = \"1s\", queue = \"1s\" }";
    let setup = Setup::to([server.place()]).top("workers = 1").top(soon).keys(&keys);
    let mut chain = Chain::new(setup);
    let client = chain.connect();
    client.check_echo("before");
    let crowd: Vec<Peer> = (0..silent).map(|_| Peer::connect(&tls)).collect();
    wait_open(&chain, "tls", silent);
    chain.signal_newest(Signal::USR2);
    let (began, mut longest, mut exchanges) = (Instant::now(), Duration::ZERO, 0);
    while chain.count_events("upgraded") == 0 {
        let at = Instant::now();
        client.check_echo("meanwhile");
        longest = longest.max(at.elapsed());
        exchanges += 1;
    }
    let rate = f64::from(exchanges) / began.elapsed().as_secs_f64();
    eprintln!(
        "{rate:.0} exchanges a second, the longest {longest:?}, while {silent} silent ones were waited for"
    );
    let told = chain.wait_upgraded(1);
    assert_eq!((&told["sessions"], &told["left"]), (&1.into(), &silent.into()), "{told}");
    client.check_echo("after");
    drop((crowd, client));
    chain.wait_alone();
}
