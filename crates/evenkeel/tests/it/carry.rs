//! Carrying: every byte both ways until the end, ends as they are, and no memory for slow readers.

use crate::harness::Setup;
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::{Ending, Peer, Place, Server, Signal, eventually, serve};
use std::time::{Duration, Instant};

const GIB: u64 = 1 << 30;

#[test]
fn a_gibibyte_each_way_at_once_arrives_as_it_was_sent() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        std::thread::scope(|scope| {
            let read = scope.spawn(|| peer.check_pattern(&Pattern::new(1)));
            peer.send_pattern(&Pattern::new(2), 0, GIB).unwrap();
            peer.finish();
            assert_eq!(read.join().unwrap(), (GIB, Ending::Fin));
        });
    });
    let mut running = Setup::to([server.place()]).ready();
    let client = running.connect();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let read = scope.spawn(|| client.check_pattern(&Pattern::new(2)));
        client.send_pattern(&Pattern::new(1), 0, GIB).unwrap();
        client.finish();
        assert_eq!(read.join().unwrap(), (GIB, Ending::Fin));
    });
    eprintln!("2 GiB in {:.1?}", began.elapsed());
    let session = running.wait_session("the session", |_| true);
    assert_eq!((&session["to_backend"], &session["to_client"]), (&GIB.into(), &GIB.into()));
    assert_eq!(session["end"], "ok");
}

#[test]
fn a_client_that_has_sent_everything_still_gets_its_answer() {
    let server = Server::start(&Place::any(), serve::sink(Pattern::new(1)));
    let mut running = Setup::to([server.place()]).ready();
    let client = running.connect();
    client.send_pattern(&Pattern::new(1), 0, 3_000_000).unwrap();
    client.finish();
    assert_eq!(client.text(), "3000000 Fin");
    assert_eq!(running.wait_session("the session", |_| true)["by"], "client");
}

#[test]
fn a_backend_that_has_sent_everything_still_gets_the_rest() {
    let (sender, received) = std::sync::mpsc::channel();
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        peer.send(b"that is all").unwrap();
        peer.finish();
        sender.send(peer.check_pattern(&Pattern::new(1))).unwrap();
    });
    let mut running = Setup::to([server.place()]).ready();
    let client = running.connect();
    assert_eq!(client.read_to_end(), (b"that is all".to_vec(), Ending::Fin));
    client.send_pattern(&Pattern::new(1), 0, 3_000_000).unwrap();
    client.finish();
    assert_eq!(received.recv().unwrap(), (3_000_000, Ending::Fin));
    assert_eq!(running.wait_session("the session", |_| true)["by"], "backend");
}

#[test]
fn a_reset_is_passed_on_as_a_reset_both_ways() {
    let (sender, ended) = std::sync::mpsc::channel();
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        let _ = peer.send(b"hello");
        let _ = sender.send(serve::read_away(peer).unwrap());
    });
    let mut running = Setup::to([server.place()]).ready();
    let client = running.connect();
    client.receive(5).unwrap();
    client.reset();
    assert_eq!(ended.recv().unwrap(), Ending::Reset);
    assert_eq!(running.wait_session("the session", |_| true)["end"], "client-reset");

    let resets = Server::start(&Place::any(), serve::reset_after(1));
    let mut running = Setup::to([resets.place()]).ready();
    let client = running.connect();
    client.send(b"x").unwrap();
    assert_eq!(client.ending(), Ending::Reset);
    assert_eq!(running.wait_session("the session", |_| true)["end"], "backend-reset");
}

#[test]
fn a_reset_does_not_overtake_what_was_sent_before_it() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        peer.send_pattern(&Pattern::new(1), 0, 50_000).unwrap();
        // The client says that it has it: what the kernel has not sent yet would be lost with the reset.
        let _ = peer.receive(1);
        peer.reset_on_drop();
    });
    let running = Setup::to([server.place()]).ready();
    let client = running.connect();
    let bytes = client.receive(50_000).unwrap();
    Pattern::new(1).check(0, &bytes);
    client.send(b"x").unwrap();
    assert_eq!(client.ending(), Ending::Reset);
}

#[test]
fn a_reset_that_comes_with_the_fin_is_passed_on_as_well() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let _ = peer.send(b"hello");
        assert_eq!(peer.receive(3).unwrap(), b"bye");
        // It has nothing to say, so no write of ours tells that nobody is there any more.
        eventually("the reset", || peer.socket().take_error().unwrap());
    });
    let mut running = Setup::to([server.place()]).ready();
    let client = running.connect();
    client.receive(5).unwrap();
    // All of it is there before any of it is seen.
    running.pause();
    client.send(b"bye").unwrap();
    client.finish();
    client.reset();
    running.signal(Signal::CONT);
    assert_eq!(running.wait_session("the session", |_| true)["end"], "client-reset");
}

#[test]
fn urgent_data_is_not_the_end_of_a_bulk_transfer() {
    let server = Server::start(&Place::any(), serve::sink(Pattern::new(1)));
    let running = Setup::to([server.place()]).ready();
    let client = running.connect();
    client.send_pattern(&Pattern::new(1), 0, 3_000_000).unwrap();
    client.socket().send_out_of_band(b"!").unwrap();
    client.send_pattern(&Pattern::new(1), 3_000_000, 3_000_000).unwrap();
    client.finish();
    assert_eq!(client.text(), "6000000 Fin");
}

#[test]
fn a_few_bytes_behind_urgent_data_arrive_without_more_behind_them() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    let client = running.connect();
    client.check_echo("hello");
    // All of it is there before the first of it is read.
    running.pause();
    client.send(b"before").unwrap();
    client.socket().send_out_of_band(b"!").unwrap();
    client.send(b"behind").unwrap();
    running.signal(Signal::CONT);
    assert_eq!(client.receive(12).unwrap(), b"beforebehind");
}

#[test]
fn what_came_in_time_while_the_process_was_stopped_counts() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).keys("timeout.idle = \"1s\"").ready();
    let clients: Vec<Peer> = (0..8).map(|_| running.connect()).collect();
    clients.iter().for_each(|client| client.check_echo("before"));
    running.pause();
    clients.iter().for_each(|client| client.send(b"in time").unwrap());
    std::thread::sleep(Duration::from_secs(3));
    running.signal(Signal::CONT);
    clients.iter().for_each(|client| assert_eq!(client.receive(7).unwrap(), b"in time"));
}

#[test]
fn a_server_may_speak_first() {
    let server = Server::hello("220 ready\r\n");
    assert_eq!(Setup::to([server.place()]).ready().connect().text(), "220 ready\r\n");
}

#[test]
fn slow_readers_cost_no_memory_and_lose_nothing() {
    const SESSIONS: u64 = 60;
    const EACH: u64 = 64 << 20;
    let server = Server::start(&Place::any(), serve::source(Pattern::new(1), EACH));
    let running = Setup::to([server.place()]).ready();
    let before = running.resident_kib();
    let clients: Vec<Peer> = (0..SESSIONS).map(|_| running.connect()).collect();
    // The first bytes of every session have come, so all backends are sending as fast as they may.
    clients.iter().for_each(|client| Pattern::new(1).check(0, &client.receive(100_000).unwrap()));
    eventually("waiting costs no CPU", || {
        let cpu = running.cpu_time();
        std::thread::sleep(Duration::from_millis(300));
        (running.cpu_time() - cpu < Duration::from_millis(60)).then_some(())
    });
    let grown = running.resident_kib().saturating_sub(before);
    assert!(grown < SESSIONS * 80, "{grown} KiB for {SESSIONS} blocked sessions");
    let client = clients.into_iter().next().unwrap();
    let mut at = 100_000;
    while at < EACH {
        let bytes = client.receive(100_000.min(EACH - at) as usize).unwrap();
        Pattern::new(1).check(at, &bytes);
        at += bytes.len() as u64;
    }
    assert_eq!(client.ending(), Ending::Fin);
}

#[test]
fn small_messages_go_at_once() {
    let server = Server::start(&Place::any(), |peer: &Peer| {
        peer.socket().set_tcp_nodelay(true).unwrap();
        // An answer in two writes: the second waits for an acknowledgement wherever Nagle's algorithm is on.
        while let Ok(question) = peer.receive(64) {
            if peer.send(&question[..32]).and_then(|()| peer.send(&question[32..])).is_err() {
                return;
            }
        }
    });
    let running = Setup::to([server.place()]).ready();
    let client = running.connect();
    client.socket().set_tcp_nodelay(true).unwrap();
    let began = Instant::now();
    for _ in 0..200 {
        client.send(&[7; 32]).unwrap();
        client.send(&[8; 32]).unwrap();
        client.receive(64).unwrap();
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "200 round trips in {took:?}: 40 ms each is Nagle's delay");
}

#[test]
fn silence_half_closes_and_lifetimes_have_their_limits() {
    for (timeout, end) in [("idle", "idle"), ("half-close", "half-close"), ("lifetime", "lifetime")] {
        let server = Server::start(&Place::any(), |peer: &Peer| {
            let _ = peer.send(b"a");
            let _ = serve::read_away(peer);
            let _ = peer.socket().peer_addr().map(|_| std::thread::sleep(Duration::from_secs(1)));
        });
        let keys = format!("timeout = {{ {timeout} = \"400ms\" }}");
        let mut running = Setup::to([server.place()]).keys(&keys).ready();
        let client = running.connect();
        client.receive(1).unwrap();
        if end == "half-close" {
            client.finish();
        }
        client.read_to_end();
        let session = running.wait_session("the session", |_| true);
        assert_eq!((&session["end"], &session["by"]), (&end.into(), &"evenkeel".into()), "{session}");
        assert!(session["ms"].as_f64() >= Some(400.0), "{session}");
    }
}
