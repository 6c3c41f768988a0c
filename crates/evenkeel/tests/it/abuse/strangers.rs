//! Clients that never say what they want, or say it badly.

use super::{check_served, check_sums, counts, ended, hello, named_echo, wait_ended, wait_open};
use crate::harness::{Running, Setup};
use evenkeel_testkit::fuzz::{examples, mutate::mutated};
use evenkeel_testkit::hello::Hello;
use evenkeel_testkit::limits::Turn;
use evenkeel_testkit::{Dice, Ending, Peer, Place, Server, port, seed};
use std::thread;
use std::time::{Duration, Instant};

/// What a proxy in front says first.
const HEADER: &[u8] = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n";

/// Routes `a.example` to `server`, and believes proxies on this machine at `behind`; both wait so long.
fn edge(server: &Server, behind: &Place, timeout: &str) -> Setup {
    let to = server.place();
    Setup::to([to]).keys(&format!(
        "route = {{ \"a.example\" = \"{to}\" }}\nhello = {{ timeout = \"{timeout}\" }}\n\
         [tcp.behind]\nlisten = \"{behind}\"\nto = \"{to}\"\nhealth = \"off\"\n\
         accept-proxy = {{ from = \"127.0.0.0/8\", timeout = \"{timeout}\" }}"
    ))
}

fn somewhere() -> Place {
    Place::local(port::free())
}

#[test]
fn ten_thousand_silent_clients_end_in_time_and_others_are_served_meanwhile() {
    let (server, behind) = (named_echo("a"), somewhere());
    let mut running = edge(&server, &behind, "4s").ready();
    // At the ceiling nobody more is accepted, and the others need room as well.
    let room = running.wait_event("ready")["max_sessions"].as_u64().unwrap() - 100;
    let turn = Turn::wait();
    let silent = turn.connections(10_000, 1, room);
    let began = Instant::now();
    let clients: Vec<Peer> = (0..silent).map(|_| running.connect()).collect();
    let connected = began.elapsed();
    let mut longest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        check_served(&running.connect(), &hello("a.example"), "a");
        let client = Peer::connect(&behind);
        client.send(HEADER).unwrap();
        check_served(&client, b"hello", "a");
        longest = longest.max(began.elapsed());
    }
    let open = &counts(&running, "web")["sessions"]["open"];
    eprintln!("{silent} silent in {connected:?}, {open} of them open; others within {longest:?} for two");
    clients.iter().for_each(|client| assert_eq!(client.ending(), Ending::Reset));
    wait_ended(&running, "web", "silent", silent);
    wait_open(&running, "web", 0);
    check_sums(&mut running, &["web", "behind"]);
    let took = running.sessions().into_iter().filter(|line| line["end"] == "silent");
    let took: Vec<f64> = took.map(|line| line["ms"].as_f64().unwrap()).collect();
    assert!(took.iter().all(|ms| *ms >= 4000.0), "never before their time");
    eprintln!("the last was closed after {:.0} ms", took.iter().fold(0.0_f64, |one, other| one.max(*other)));
}

#[test]
fn silent_clients_that_take_all_places_give_them_back_in_time() {
    let (server, other) = (named_echo("a"), somewhere());
    let to = server.place();
    let keys = format!(
        "max-sessions = 20\nroute = {{ \"a.example\" = \"{to}\" }}\nhello = {{ timeout = \"2s\" }}\n\
         [tcp.other]\nlisten = \"{other}\"\nto = \"{to}\"\nhealth = \"off\""
    );
    let mut running = Setup::to([to]).keys(&keys).ready();
    let silent: Vec<Peer> = (0..20).map(|_| running.connect()).collect();
    let waiting = running.connect();
    waiting.send(&hello("a.example")).unwrap();
    running.wait_event("ceiling-reached");
    check_served(&Peer::connect(&other), b"hello", "a");
    assert_eq!(&waiting.receive(1).unwrap(), b"a");
    silent.iter().for_each(|client| assert_eq!(client.ending(), Ending::Reset));
    wait_ended(&running, "web", "silent", 20);
    check_sums(&mut running, &["web", "other"]);
}

#[test]
fn whoever_drips_has_no_more_time_than_others() {
    let (server, behind) = (named_echo("a"), somewhere());
    let mut running = edge(&server, &behind, "2s").ready();
    let long = Hello::default().with(0xfafa, vec![0; 2000]).bytes();
    let padded = [HEADER.strip_suffix(b"\r\n").unwrap(), &[b' '; 40]].concat();
    let drips: Vec<(Peer, &[u8])> = (0..50)
        .flat_map(|_| [(running.connect(), &long[..]), (Peer::connect(&behind), &padded[..])])
        .collect();
    // A byte every 100 ms is what they do; a timeout that began anew with each would never be over.
    let mut dripped = 0;
    while drips.iter().filter(|(client, bytes)| client.send(&bytes[dripped..=dripped]).is_ok()).count() > 0 {
        dripped += 1;
        check_served(&running.connect(), &hello("a.example"), "a");
        thread::sleep(Duration::from_millis(100));
    }
    eprintln!("all were closed after {dripped} bytes");
    wait_ended(&running, "web", "hello-late", 50);
    wait_ended(&running, "behind", "header-late", 50);
    check_sums(&mut running, &["web", "behind"]);
}

#[test]
fn giants_take_no_more_memory_than_hellos_may_have() {
    let giants = 300;
    let (server, behind) = (named_echo("a"), somewhere());
    let mut running = edge(&server, &behind, "60s").ready();
    // One extension cannot hold more than 64 KiB, nor can a hello here.
    let giant = Hello::default().server_name("a.example").with(0xfafa, vec![0; 65_300]).in_records(16_384);
    assert!(giant.len() <= 65_536 && giant.len() > 65_300);
    let (last, most) = giant.split_last().unwrap();
    let before = running.resident_kib();
    let clients: Vec<Peer> = (0..giants).map(|_| running.connect()).collect();
    clients.iter().for_each(|client| client.send(most).unwrap());
    for _ in 0..10 {
        check_served(&running.connect(), &hello("a.example"), "a");
    }
    let grown = running.resident_kib().saturating_sub(before);
    eprintln!("{} KiB for each of {giants} hellos of 64 KiB", grown / giants);
    assert!(grown < giants * 80 + 8_192, "{grown} KiB for {giants} hellos of 64 KiB");
    // All of it was kept, and arrives.
    for client in &clients[..20] {
        client.send(&[*last]).unwrap();
        assert!(client.receive(1 + giant.len()).unwrap()[1..] == giant);
    }
    drop(clients);
    wait_ended(&running, "web", "client-left", giants as usize - 20);
    check_sums(&mut running, &["web"]);
}

#[test]
fn giants_beyond_the_room_for_early_bytes_are_refused_and_others_served() {
    let (server, behind) = (named_echo("a"), somewhere());
    let mut running = edge(&server, &behind, "60s").top("max-early-bytes = 4_194_304").ready();
    let giant = Hello::default().server_name("a.example").with(0xfafa, vec![0; 65_000]).in_records(16_384);
    let half = &giant[..giant.len() - 1000];
    let giants: Vec<Peer> = (0..300).map(|_| running.connect()).collect();
    // Those that are refused may be gone before all of this is sent.
    giants.iter().for_each(|client| drop(client.send(half)));
    // Half of 4 MiB, and each takes 64 KiB.
    wait_ended(&running, "web", "early-bytes", 300 - 32);
    let began = Instant::now();
    for _ in 0..50 {
        check_served(&running.connect(), &hello("a.example"), "a");
        let client = Peer::connect(&behind);
        client.send(HEADER).unwrap();
        check_served(&client, b"hello", "a");
    }
    eprintln!("100 others were served in {:?} meanwhile", began.elapsed());
    let metrics = running.ask("GET", "/metrics").text;
    for line in ["evenkeel_early_bytes 2097152", "evenkeel_early_bytes_max 4194304"] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    drop(giants);
    wait_ended(&running, "web", "client-left", 32);
    check_sums(&mut running, &["web", "behind"]);
}

#[test]
fn what_says_that_it_will_be_too_long_is_not_waited_for() {
    let (server, behind) = (named_echo("a"), somewhere());
    let mut running = edge(&server, &behind, "60s").ready();
    let v2 = |length: [u8; 2]| [b"\r\n\r\n\0\r\nQUIT\n\x21\x11", &length[..]].concat();
    for first in [v2([0xff, 0xff]), v2([0x10, 0]), [&b"PROXY UNKNOWN"[..], &[b' '; 100]].concat()] {
        let client = Peer::connect(&behind);
        client.send(&first).unwrap();
        assert_eq!(client.ending(), Ending::Reset);
    }
    wait_ended(&running, "behind", "header-too-long", 3);
    let sixteen_mebibytes = [22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    let bytes_one_by_one = Hello::default().with(0xfafa, vec![0; 20_000]).in_records(1);
    for first in [&sixteen_mebibytes[..], &bytes_one_by_one] {
        let client = running.connect();
        // It may be gone before all of this is.
        let _ = client.send(first);
        assert_eq!(client.ending(), Ending::Reset);
    }
    wait_ended(&running, "web", "hello-too-long", 2);
    check_sums(&mut running, &["web", "behind"]);
}

/// Sends `bytes` and a FIN, and waits for the end, whatever it is.
fn shout(place: &Place, bytes: &[u8]) {
    let client = Peer::connect(place);
    let _ = client.send(bytes);
    client.finish();
    client.read_to_end();
}

#[test]
fn garbage_ends_in_words_and_nothing_else_does() {
    let (server, behind, mixed) = (named_echo("a"), somewhere(), somewhere());
    let more = format!(
        "[tcp.mixed]\nlisten = \"{mixed}\"\nto = \"{}\"\nhealth = \"off\"\n\
         accept-proxy = {{ from = \"192.0.2.0/24\", mode = \"mixed\" }}",
        server.place()
    );
    let mut running = edge(&server, &behind, "60s").keys(&more).ready();
    let mut dice = Dice::new(seed());
    let good = [examples::hellos(), examples::headers()].concat();
    for _ in 0..200 {
        let bytes = mutated(&good[dice.below(good.len() as u64) as usize], &mut dice);
        for place in [&running.place, &behind, &mixed] {
            shout(place, &bytes);
        }
    }
    check_served(&running.connect(), &hello("a.example"), "a");
    check_sums(&mut running, &["web", "behind", "mixed"]);
    let words = |service: &str| {
        let ends = counts(&running, service)["ends"].clone();
        eprintln!("{service}: {ends}");
        ends.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    for (service, known) in [
        ("web", &["client-left", "hello-malformed", "hello-too-long", "not-tls", "no-route"][..]),
        ("behind", &["client-left", "header-missing", "header-malformed", "header-too-long"]),
        ("mixed", &["client-left", "header-forbidden"]),
    ] {
        let is_known =
            |word: &String| word == "ok" || word == "client-reset" || known.contains(&word.as_str());
        assert!(words(service).iter().all(is_known), "{:?}", words(service));
    }
}

/// What comes of it when the first bytes of `whole`, up to every few of them, are followed by `end`.
fn cut(running: &Running, place: &Place, whole: &[u8], service: &str, end: impl Fn(Peer)) {
    let before = ended(running, service, "client-left");
    let cuts: Vec<_> = (0..whole.len()).step_by(7).collect();
    for at in &cuts {
        let client = Peer::connect(place);
        client.send(&whole[..*at]).unwrap();
        end(client);
    }
    wait_ended(running, service, "client-left", before as usize + cuts.len());
}

#[test]
fn who_leaves_in_the_middle_has_left_and_who_has_said_all_is_answered() {
    let (server, behind) = (named_echo("a"), somewhere());
    let mut running = edge(&server, &behind, "60s").ready();
    let hello = hello("a.example");
    for (place, whole, service) in [(&running.place, &hello[..], "web"), (&behind, HEADER, "behind")] {
        cut(&running, place, whole, service, |client| {
            client.finish();
            assert_eq!(client.ending(), Ending::Reset, "an end in order would look like an answer");
        });
        cut(&running, place, whole, service, Peer::reset);
        let client = Peer::connect(place);
        client.send(whole).unwrap();
        client.finish();
        let (bytes, ending) = client.read_to_end();
        assert_eq!((&bytes[..1], ending), (&b"a"[..], Ending::Fin), "a request and a FIN is a request");
    }
    check_sums(&mut running, &["web", "behind"]);
}
