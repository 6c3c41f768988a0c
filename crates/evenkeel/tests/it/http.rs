//! Requests balanced one by one, by the real binary: the article's walk with one word changed.

use crate::chain::Chain;
use crate::harness::Setup;
use evenkeel_testkit::web::{self, Message};
use evenkeel_testkit::{Authority, PATIENCE, Peer, Place, Server, Signal, TlsPeer, eventually, serve};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

const HEALTH: &str =
    "health = { tcp = true, interval = \"60ms\", fast-interval = \"20ms\", timeout = \"1s\" }";

fn named(name: &'static str) -> Server {
    Server::start(&Place::any(), web::serve(move |_| web::ok(name)))
}

/// A server that answers its first request. When the number is 1, it says `word` on that connection, which nobody has asked for,
/// closes it, and makes that 2.
fn closing_its_first(word: &'static str) -> (Server, Arc<AtomicU64>) {
    let (step, has_begun) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
    let steps = Arc::clone(&step);
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        if has_begun.swap(true, SeqCst) {
            return web::serve(|_| web::ok("again"))(peer);
        }
        let _ = web::read_request(peer).and_then(|_| peer.send(&web::ok("first")));
        eventually("the word", || (steps.load(SeqCst) == 1).then_some(()));
        let _ = peer.send(word.as_bytes());
        peer.finish();
        steps.store(2, SeqCst);
        let _ = peer.read_to_end();
    });
    (server, step)
}

#[test]
fn a_connection_that_ended_while_it_waited_costs_no_request() {
    let timeout = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    for (word, asked) in [
        (timeout, web::request("GET / HTTP/1.1\nHost: a", "")),
        ("", web::request("GET / HTTP/1.1\nHost: a", "")),
        ("", web::request("PUT / HTTP/1.1\nHost: a\nContent-Length: 5", "hello")),
        ("", web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 5", "hello")),
    ] {
        let (server, step) = closing_its_first(word);
        let keys = "health = \"off\"";
        let mut running = Setup::to([server.place()]).http().keys(keys).top("workers = 1").ready();
        let client = Peer::connect(&running.place);
        assert_eq!(web::get(&client, "/").unwrap().text(), "first");
        // The request is there before the end of the connection, and before that is seen.
        running.pause();
        client.send(&asked).unwrap();
        step.store(1, SeqCst);
        eventually("its end", || (step.load(SeqCst) == 2).then_some(()));
        running.signal(Signal::CONT);
        assert_eq!(web::read_answer(&client).unwrap().text(), "again", "{word:?}");
        let line = running.wait_for("it", |line| line["kind"] == "request" && line["number"] == 2);
        assert!(line.get("failed_attempts").is_none(), "{line}");
    }
}

#[test]
fn each_request_goes_to_the_next_server_and_has_its_line() {
    let servers = [named("a"), named("b"), named("c")];
    let places = servers.each_ref().map(|server| server.place());
    let mut running = Setup::to(places).http().keys("balance = \"round-robin\"").top("workers = 1").ready();
    let client = Peer::connect(&running.place);
    let said: String = (0..6).map(|_| web::get(&client, "/x?y").unwrap().text()).collect();
    assert_eq!(said, "abcabc");
    for number in 1..=6 {
        let line =
            running.wait_for("a request", |line| line["kind"] == "request" && line["number"] == number);
        assert_eq!((&line["method"], &line["target"]), (&"GET".into(), &"/x?y".into()), "{line}");
        assert_eq!((&line["host"], &line["status"]), (&"web.test".into(), &200.into()), "{line}");
        assert_eq!((&line["outcome"], line["id"].as_str().map(str::len)), (&"ok".into(), Some(32)), "{line}");
    }
    let page = running.ask("GET", "/metrics").text;
    assert!(page.contains("evenkeel_service_requests_total{service=\"web\",status=\"2xx\"} 6\n"), "{page}");
    assert!(page.contains("evenkeel_service_request_outcomes_total{service=\"web\",outcome=\"ok\"} 6\n"));
    let service = running.ask("GET", "/api/v1/services/web").json();
    assert_eq!(service["requests"]["answers"]["2xx"], 6, "{service}");
    drop(client);
    running.end();
}

/// Clients that ask again and again over connections that they keep; how many answers they did not get.
fn load(place: &Place, stop: &AtomicBool, asked: &AtomicU64) -> u64 {
    std::thread::scope(|scope| {
        let client = || {
            let (client, mut failed) = (Peer::connect(place), 0);
            while !stop.load(SeqCst) {
                failed += u64::from(!web::get(&client, "/").is_ok_and(|it: Message| it.status() == 200));
                asked.fetch_add(1, SeqCst);
            }
            failed
        };
        let clients: Vec<_> = (0..6).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    })
}

#[test]
fn one_of_three_is_killed_under_load_and_no_request_fails() {
    let mut servers = [named("a"), named("b"), named("c")];
    let places = servers.each_ref().map(|server| server.place());
    let mut running = Setup::to(places).http().keys(HEALTH).ready();
    let (stop, asked, place) = (AtomicBool::new(false), AtomicU64::new(0), running.place.clone());
    let failed = std::thread::scope(|scope| {
        let clients = scope.spawn(|| load(&place, &stop, &asked));
        let wait = |more: u64| {
            let until = asked.load(SeqCst) + more;
            eventually("more requests", || (asked.load(SeqCst) >= until).then_some(()));
        };
        wait(200);
        servers[1].stop();
        wait(200);
        running.wait_backend("down", servers[1].place());
        servers[1].restart();
        running.wait_backend("up", servers[1].place());
        wait(200);
        stop.store(true, SeqCst);
        clients.join().unwrap()
    });
    assert_eq!(failed, 0);
    running.end();
}

#[test]
fn a_reload_moves_kept_connections_to_what_holds_now() {
    let [a, b] = [named("a"), named("b")];
    let mut running = Setup::to([a.place()]).http().ready();
    let client = Peer::connect(&running.place);
    assert_eq!(web::get(&client, "/").unwrap().text(), "a");
    let path = running.file("evenkeel.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    running.reload(text.replace(&a.place().to_string(), &b.place().to_string()));
    running.wait_event("reloaded");
    assert_eq!(web::get(&client, "/").unwrap().text(), "b", "the same connection");
    eventually("what waited is closed", || (a.open() == 0).then_some(()));
    drop(client);
    running.end();
}

#[test]
fn an_upgrade_lets_requests_come_to_their_end_and_connections_that_wait_come_back() {
    let ((asks, asked), open) = (mpsc::channel(), Arc::new(AtomicBool::new(false)));
    let gate = Arc::clone(&open);
    let server = Server::start(
        &Place::any(),
        web::serve(move |request| {
            if request.head.starts_with("GET /slow ") {
                asks.send(()).unwrap();
                eventually("it may answer", || gate.load(SeqCst).then_some(()));
            }
            web::ok("done")
        }),
    );
    let mut chain = Chain::new(Setup::to([server.place()]).http());
    let (busy, idle) = (Peer::connect(&chain.place), Peer::connect(&chain.place));
    assert_eq!(web::get(&idle, "/").unwrap().text(), "done");
    busy.send(&web::request("GET /slow HTTP/1.1\nHost: a", "")).unwrap();
    asked.recv_timeout(PATIENCE).expect("it is asked");
    chain.upgrade();
    assert_eq!(idle.text(), "", "closed in order");
    assert_eq!(web::get(&Peer::connect(&chain.place), "/").unwrap().text(), "done", "the new process");
    open.store(true, SeqCst);
    let answer = web::read_answer(&busy).unwrap();
    assert_eq!((answer.text().as_str(), answer.field("connection")), ("done", Some("close")));
    assert_eq!(busy.text(), "");
    chain.wait_alone();
}

/// The status of the answer to one more request.
fn status(client: &Peer) -> u16 {
    web::get(client, "/").unwrap().status()
}

#[test]
fn a_connection_that_was_made_in_the_clear_is_not_used_when_tls_is_asked_for() {
    let server = named("in the clear");
    let setup = Setup::to([server.place()]).http().top("workers = 1");
    let text = setup.text();
    let mut running = setup.ready();
    let client = running.connect();
    assert_eq!((status(&client), status(&client), server.accepted()), (200, 200, 1));
    // What says nothing of connections leaves them as they are.
    running.reload(format!("{text}timeout.idle = \"20m\"\n"));
    running.wait_event("reloaded");
    assert_eq!((status(&client), server.accepted()), (200, 1));
    running.forget();
    running.reload(format!("{text}to-tls = {{ verify = \"off\" }}\n"));
    running.wait_event("reloaded");
    assert_eq!(status(&client), 502, "it does not speak TLS");
    running.end();
}

#[test]
fn a_connection_is_not_used_when_its_backend_has_to_show_another_certificate() {
    let authorities = [Authority::new("a"), Authority::new("b")];
    let answer = |peer: &TlsPeer| {
        let mut heard = Vec::new();
        while let Ok(byte) = peer.receive(1) {
            heard.extend(byte);
            if heard.ends_with(b"\r\n\r\n") && peer.send(&web::ok("hello")).is_err() {
                return;
            }
        }
    };
    let config = Arc::new(authorities[0].sign(&["127.0.0.1"]).server(None));
    let server = Server::start(&Place::any(), serve::tls(config, answer));
    let setup = Setup::to([server.place()]).http().top("workers = 1").keys("to-tls = { ca = \"ca.pem\" }");
    let setup = setup.start(|it| it.with_file("ca.pem", authorities[0].pem()));
    let text = setup.text();
    let mut running = setup.ready();
    let client = running.connect();
    assert_eq!((status(&client), status(&client), server.accepted()), (200, 200, 1));
    std::fs::write(running.file("other.pem"), authorities[1].pem()).unwrap();
    running.reload(text.replace("ca.pem", "other.pem"));
    running.wait_event("reloaded");
    assert_eq!(status(&client), 502, "it is signed by another one");
    running.forget();
    running.reload(&text);
    running.wait_event("reloaded");
    assert_eq!(status(&client), 200);
    // Of the same file, but not of the same text.
    crate::tls::replace(&running.file("ca.pem"), authorities[1].pem());
    running.forget();
    running.reload(&text);
    running.wait_event("reloaded");
    assert_eq!(status(&client), 502, "and again");
    running.end();
}

/// A server that answers when so many requests have come.
fn answering_at_once(count: &Arc<AtomicU64>) -> Server {
    let (count, come) = (Arc::clone(count), AtomicU64::new(0));
    Server::start(
        &Place::any(),
        web::serve(move |_| {
            come.fetch_add(1, SeqCst);
            eventually("all have come", || (come.load(SeqCst) >= count.load(SeqCst)).then_some(()));
            web::ok("all")
        }),
    )
}

#[test]
fn connections_that_wait_give_way_when_descriptors_are_short() {
    let count = Arc::new(AtomicU64::new(u64::MAX));
    let [a, b] = [(); 2].map(|()| answering_at_once(&count));
    let route = format!("[http.web.route]\n\"/b\" = {{ to = \"{}\", health = \"off\" }}", b.place());
    let keys = "reuse = 1000\ntimeout.reuse = \"60s\"\ntimeout.connect = \"1s\"";
    let setup = Setup::to([a.place()]).http().top("workers = 1").keys(keys).keys(&route);
    let mut running = setup.start(|it| it.nofile(300)).spawn();
    let most = running.wait_event("ready")["max_sessions"].as_u64().unwrap();
    count.store(most, SeqCst);
    let clients: Vec<_> = (0..most).map(|_| running.connect()).collect();
    for path in ["/a", "/b"] {
        let lines = format!("GET {path} HTTP/1.1\nHost: web.test");
        clients.iter().for_each(|client| client.send(&web::request(&lines, "")).unwrap());
        let statuses = clients.iter().map(|client| web::read_answer(client).unwrap().status());
        assert_eq!(statuses.filter(|status| *status == 200).count() as u64, most, "{path}");
    }
    assert!(a.open() < most, "some have given way");
    drop(clients);
    running.end();
}
