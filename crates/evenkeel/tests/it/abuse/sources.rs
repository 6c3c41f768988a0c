//! Floods from many addresses and from one, and clients that are not wanted.

use super::{check_served, check_sums, counts, ended, hello, named_echo, wait_ended, wait_open};
use crate::harness::{Running, Setup};
use evenkeel_testkit::{Ending, Peer, Place, Server, eventually, port};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A client at 127.`a`.`b`.`c`.
fn from(place: &Place, [a, b, c]: [u8; 3]) -> Peer {
    Peer::connect_from([127, a, b, c].into(), place)
}

/// Whether an echo answers; if not, it was a reset.
fn is_served(client: &Peer) -> bool {
    let served = client.send(b"hello").and_then(|()| client.receive(5));
    served.is_ok_and(|back| back == b"hello")
}

/// Sessions that were connected to any backend. What backends accept would say less: on a busy machine others may knock at
/// their ports.
fn connected(running: &Running) -> u64 {
    let answer = running.look("/api/v1/backends");
    let backends = answer["backends"].as_array().unwrap();
    backends.iter().map(|it| it["sessions"]["connected"].as_u64().unwrap()).sum()
}

#[test]
fn a_flood_from_many_sources_gets_its_limit_each_and_old_sessions_do_not_notice() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).keys("max-sessions-per-source = 3").ready();
    let old = from(&running.place, [9, 9, 9]);
    old.check_echo("before");
    let began = Instant::now();
    let mut inside = Vec::new();
    for source in 0..200 {
        for at in 0..5 {
            let client = from(&running.place, [7, source, 1]);
            let served = is_served(&client);
            assert_eq!(served, at < 3, "client {at} of source {source}");
            inside.extend(served.then_some(client));
        }
        old.check_echo("meanwhile");
    }
    eprintln!("1,000 clients of 200 sources in {:?}", began.elapsed());
    assert_eq!((ended(&running, "web", "source-sessions"), connected(&running)), (400, 601));
    drop(inside);
    wait_open(&running, "web", 1);
    assert!(is_served(&from(&running.place, [7, 0, 1])), "a place that was left is free");
    check_sums(&mut running, &["web"]);
}

/// Sources of a flood, each with one connection, and how long it may take.
const FLOOD: usize = 100_000;
const FLOOD_MAX: Duration = Duration::from_secs(10);

/// Connects from one address after the other, and says so in `come`; who is not served leaves at once.
fn flood(place: &Place, come: &AtomicUsize) {
    let began = Instant::now();
    for number in 0..FLOOD {
        let [.., b, c, d] = number.to_be_bytes();
        from(place, [64 + b, c, d]).reset();
        come.store(number + 1, Relaxed);
        if began.elapsed() > FLOOD_MAX {
            break;
        }
    }
}

#[test]
fn a_flood_of_new_sources_takes_no_more_memory_the_longer_it_is_and_others_are_served() {
    let server = named_echo("a");
    let keys = format!(
        "route = {{ \"a.example\" = \"{}\" }}\nmax-sessions-per-source = 3\n\
         max-rate-per-source = {{ rate = \"1/s\", burst = 5 }}",
        server.place()
    );
    // A hundred thousand lines of a log are not what is tested here.
    let mut running = Setup::to([server.place()]).top("log-to = \"/dev/null\"").keys(&keys).spawn();
    let old = eventually("it listens", || Peer::try_connect(&running.place).ok());
    check_served(&old, &hello("a.example"), "a");
    let (come, began) = (AtomicUsize::new(0), Instant::now());
    let (mut others, mut longest, mut early) = (0, Duration::ZERO, None);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&running.place, &come));
        while !flood.is_finished() {
            let at = Instant::now();
            old.check_echo("meanwhile");
            let [.., c, d] = usize::to_be_bytes(others);
            check_served(&from(&running.place, [9, c, d]), &hello("a.example"), "a");
            (others, longest) = (others + 1, longest.max(at.elapsed()));
            if come.load(Relaxed) > FLOOD / 10 {
                early.get_or_insert_with(|| running.resident_kib());
            }
        }
    });
    let (come, took) = (come.into_inner(), began.elapsed());
    eprintln!("{come} sources in {took:?}; meanwhile {others} others, the longest in {longest:?}");
    let grown = early.map_or(0, |early| running.resident_kib().saturating_sub(early));
    assert!(grown < 4_096, "{grown} KiB for all but the first of them");
    wait_open(&running, "web", 1);
    // The old one, and whoever saw that it listens, come from 127.0.0.1.
    assert_eq!(ended(&running, "web", "client-left"), come as u64);
    assert_eq!(ended(&running, "web", "source-rate") + ended(&running, "web", "source-sessions"), 0);
    let hammers = (0..20).filter(|_| {
        let client = from(&running.place, [8, 8, 8]);
        client.send(&hello("a.example")).is_ok() && client.receive(1).is_ok()
    });
    let began = Instant::now();
    let (served, seconds) = (hammers.count(), began.elapsed().as_secs());
    assert!((5..=6 + seconds as usize).contains(&served), "{served}: limits hold as before");
    check_sums(&mut running, &["web"]);
}

#[test]
fn a_source_that_hammers_gets_its_rate_and_others_theirs() {
    let server = Server::echo();
    let rate = "max-rate-per-source = { rate = \"2/s\", burst = 5 }";
    let mut running = Setup::to([server.place()]).keys(rate).ready();
    let began = Instant::now();
    let served = (0..300).filter(|_| is_served(&from(&running.place, [7, 7, 7]))).count();
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("{served} of 300 were served in {seconds:.2} s");
    assert!(served >= 5 && served as f64 <= 5.0 + 2.0 * seconds + 1.0, "{served} in {seconds} s");
    assert!((1..=50).all(|source| is_served(&from(&running.place, [7, 8, source]))), "the others");
    assert_eq!(ended(&running, "web", "source-rate"), 300 - served as u64);
    check_sums(&mut running, &["web"]);
}

#[test]
fn a_source_that_hammers_takes_nothing_from_the_rate_of_all() {
    let server = Server::echo();
    let rates =
        "max-rate-per-source = { rate = \"1/s\", burst = 5 }\nmax-rate = { rate = \"1/s\", burst = 20 }";
    let mut running = Setup::to([server.place()]).keys(rates).ready();
    let served = (0..300).filter(|_| is_served(&from(&running.place, [7, 7, 7]))).count();
    assert!((1..=10).all(|source| is_served(&from(&running.place, [7, 8, source]))), "{served} before");
    // Many sources together are over it all the same.
    let more = (1..=200).filter(|source| is_served(&from(&running.place, [7, 9, *source]))).count();
    eprintln!("{served} of one source, 10 of others, then {more} of 200");
    assert!(more < 200 && ended(&running, "web", "rate") == 200 - more as u64);
    check_sums(&mut running, &["web"]);
}

#[test]
fn a_limit_that_a_reload_lowers_counts_those_who_are_there() {
    let server = Server::echo();
    let setup = Setup::to([server.place()]).keys("max-sessions-per-source = 6");
    let text = setup.text();
    let mut running = setup.ready();
    let mut inside: Vec<Peer> = (0..6).map(|_| from(&running.place, [7, 7, 7])).collect();
    assert!(inside.iter().all(is_served));
    std::fs::write(running.file("evenkeel.toml"), text.replace("-source = 6", "-source = 3")).unwrap();
    assert_eq!(running.command("reload").0, 0);
    assert!(inside.iter().all(is_served), "who is inside stays");
    for left in [5, 4, 3] {
        assert!(!is_served(&from(&running.place, [7, 7, 7])), "{} are inside", left + 1);
        inside.truncate(left);
        wait_open(&running, "web", left);
    }
    assert!(!is_served(&from(&running.place, [7, 7, 7])), "3 are inside");
    inside.truncate(2);
    wait_open(&running, "web", 2);
    assert!(is_served(&from(&running.place, [7, 7, 7])));
    check_sums(&mut running, &["web"]);
}

#[test]
fn from_the_answer_to_a_reload_on_its_list_holds() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("blocked.txt");
    std::fs::write(&list, "").unwrap();
    let server = Server::echo();
    let deny = format!("deny = \"file:{}\"", list.display());
    let running = Setup::to([server.place()]).keys(&deny).ready();
    for round in 0..100 {
        let is_denied = round % 2 == 0;
        std::fs::write(&list, if is_denied { "127.7.0.0/16\n" } else { "" }).unwrap();
        assert_eq!(running.tell("POST", "/api/v1/reload", &serde_json::json!({})).status, 200);
        // At both workers, most likely.
        for _ in 0..4 {
            assert_eq!(is_served(&from(&running.place, [7, 7, 7])), !is_denied, "round {round}");
        }
    }
}

#[test]
fn rules_that_observe_let_everybody_in_and_count_exactly() {
    let server = Server::echo();
    let keys = "deny = \"127.7.0.0/16\"\naccess-mode = \"observe\"\n\
                max-sessions-per-source = { limit = 2, mode = \"observe\" }";
    let mut running = Setup::to([server.place()]).keys(keys).ready();
    let clients: Vec<Peer> = (0..10).map(|_| from(&running.place, [7, 7, 7])).collect();
    clients.iter().for_each(|client| client.check_echo("let in"));
    let metrics = running.ask("GET", "/metrics").text;
    for (rule, count) in [("not-allowed", 10), ("source-sessions", 8), ("source-rate", 0)] {
        let line = metrics.lines().find(|line| {
            line.starts_with("evenkeel_service_observed_total{") && line.contains(&format!("\"{rule}\""))
        });
        assert!(line.is_some_and(|line| line.ends_with(&format!(" {count}"))), "{rule}: {line:?}");
    }
    check_sums(&mut running, &["web"]);
}

/// Denied clients that keep connecting and stay silent; how long 300 of them took.
fn check_denied_cost_nothing(running: &Running, service: &str, place: &Place) -> Duration {
    let before = (ended(running, service, "not-allowed"), connected(running));
    let began = Instant::now();
    for _ in 0..300 {
        assert_eq!(from(place, [7, 7, 7]).ending(), Ending::Reset);
    }
    let took = began.elapsed();
    assert_eq!((ended(running, service, "not-allowed"), connected(running)), (before.0 + 300, before.1));
    assert_eq!(counts(running, service)["sessions"]["open"], 0);
    took
}

#[test]
fn the_denied_cost_no_session_however_silent_they_are() {
    let (server, mixed) = (named_echo("a"), Place::local(port::free()));
    let to = server.place();
    // With as few sessions as that, one of them that is kept would be felt at once.
    let gate = "deny = \"127.7.0.0/16\"\nmax-sessions = 2";
    let keys = format!(
        "{gate}\nroute = {{ \"a.example\" = \"{to}\" }}\nhello = {{ timeout = \"60s\" }}\n\
         [tcp.mixed]\nlisten = \"{mixed}\"\nto = \"{to}\"\nhealth = \"off\"\n{gate}\n\
         accept-proxy = {{ from = \"192.0.2.0/24\", mode = \"mixed\", timeout = \"60s\" }}"
    );
    let mut running = Setup::to([to]).keys(&keys).ready();
    let web = check_denied_cost_nothing(&running, "web", &running.place);
    // Nobody has to say anything to be denied where a proxy could speak, but does not.
    let behind = check_denied_cost_nothing(&running, "mixed", &mixed);
    eprintln!("300 denied in {web:?}, and in {behind:?} where proxies may come");
    check_served(&running.connect(), &hello("a.example"), "a");
    check_served(&Peer::connect(&mixed), b"hello", "a");
    check_sums(&mut running, &["web", "mixed"]);
}

#[test]
fn silent_clients_count_among_those_of_their_source() {
    let (server, mixed) = (Server::echo(), Place::local(port::free()));
    let to = server.place();
    let keys = format!(
        "max-sessions-per-source = 5\nroute = {{ \"a.example\" = \"{to}\" }}\nhello = {{ timeout = \"60s\" }}\n\
         [tcp.mixed]\nlisten = \"{mixed}\"\nto = \"{to}\"\nhealth = \"off\"\nmax-sessions-per-source = 5\n\
         accept-proxy = {{ from = \"192.0.2.0/24\", mode = \"mixed\", timeout = \"60s\" }}"
    );
    let mut running = Setup::to([to]).keys(&keys).ready();
    for (service, place) in [("web", running.place.clone()), ("mixed", mixed)] {
        let silent: Vec<Peer> = (0..50).map(|_| from(&place, [7, 7, 7])).collect();
        wait_ended(&running, service, "source-sessions", 45);
        wait_open(&running, service, 5);
        assert!(place == running.place || is_served(&from(&place, [7, 7, 8])), "another source");
        drop(silent);
        wait_open(&running, service, 0);
    }
    check_sums(&mut running, &["web", "mixed"]);
}
