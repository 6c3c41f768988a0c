//! Everything changes while clients are in the middle of what they say first.

use super::{check_served, check_sums, hello, named_echo, wait_ended, wait_open};
use crate::harness::{Running, Setup};
use evenkeel_testkit::{Ending, Peer, Place, Server, Signal, eventually, port};
use std::time::Instant;

const HEADER: &[u8] = b"PROXY TCP4 127.7.7.7 127.0.0.1 4711 443\r\n";

/// A half and the rest of it.
fn halves(whole: &[u8]) -> (&[u8], &[u8]) {
    whole.split_at(whole.len() / 2)
}

/// So many clients that have said the first half.
fn in_the_middle(place: &Place, whole: &[u8], clients: usize) -> Vec<Peer> {
    let connect = |_| {
        let client = Peer::connect(place);
        client.send(halves(whole).0).unwrap();
        client
    };
    (0..clients).map(connect).collect()
}

/// Says the rest, and hears what comes of it: the name of who answered, or nothing at a reset.
fn rest(client: &Peer, whole: &[u8]) -> String {
    // It may be closed already.
    if client.send(halves(whole).1).is_err() {
        return String::new();
    }
    let mut name = [0; 1];
    match client.read(&mut name) {
        Ok(1) => String::from_utf8_lossy(&name).into_owned(),
        _ => String::new(),
    }
}

/// Two hosts at `web`; the same at `quiet`, where nobody is waited for long; and `behind`, where a proxy says where its
/// clients are.
struct Edge {
    servers: [Server; 2],
    quiet: Place,
    behind: Place,
    folder: tempfile::TempDir,
    text: String,
    running: Running,
}

fn edge() -> Edge {
    let servers = ["a", "b"].map(named_echo);
    let [a, b] = servers.each_ref().map(Server::place);
    let [quiet, behind] = [(); 2].map(|()| Place::local(port::free()));
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("blocked.txt");
    std::fs::write(&list, "192.0.2.0/24\n").unwrap();
    let deny = format!("deny = \"file:{}\"", list.display());
    let route = format!("route = {{ \"a.example\" = \"{a}\", \"b.example\" = \"{b}\" }}\n{deny}");
    let setup = Setup::to([a]).keys(&format!(
        "{route}\nhello = {{ timeout = \"60s\" }}\n\
         [tcp.quiet]\nlisten = \"{quiet}\"\nto = \"{a}\"\nhealth = \"off\"\n{route}\n\
         hello = {{ timeout = \"3s\" }}\n\
         [tcp.behind]\nlisten = \"{behind}\"\nto = \"{a}\"\nhealth = \"off\"\n{deny}\n\
         accept-proxy = {{ from = \"127.0.0.0/8\", timeout = \"60s\" }}"
    ));
    let text = setup.text();
    Edge { running: setup.ready(), servers, quiet, behind, folder, text }
}

#[test]
fn a_reload_of_everything_leaves_nobody_hanging_who_is_in_the_middle() {
    let Edge { servers, quiet, behind, folder, text, mut running } = edge();
    let (to_a, to_b) = (hello("a.example"), hello("b.example"));
    let for_a = in_the_middle(&running.place, &to_a, 100);
    let for_b = in_the_middle(&running.place, &to_b, 100);
    let headers = in_the_middle(&behind, HEADER, 100);
    let silent: Vec<Peer> = (0..100).map(|_| Peer::connect(&quiet)).collect();
    wait_open(&running, "web", 200);
    wait_open(&running, "behind", 100);
    // a.example is at b now, b.example is gone, all of the list is new, and there are no proxies any more.
    let [a, b] = servers.each_ref().map(Server::place);
    let routes = format!("\"a.example\" = \"{a}\", \"b.example\" = \"{b}\"");
    let text = text.replace(&routes, &format!("\"a.example\" = \"{b}\""));
    let text = text.replace("accept-proxy = {", "# accept-proxy = {");
    std::fs::write(running.file("evenkeel.toml"), text).unwrap();
    std::fs::write(folder.path().join("blocked.txt"), "127.7.0.0/16\n").unwrap();
    assert_eq!(running.command("reload").0, 0);
    let began = Instant::now();
    for client in &for_a {
        assert_eq!(rest(client, &to_a), "b", "its route leads where it leads now");
    }
    for client in &for_b {
        assert_eq!(rest(client, &to_b), "", "where its route led is gone");
    }
    for client in &headers {
        assert_eq!(rest(client, HEADER), "a", "it is asked what it was to be asked when it came");
    }
    eprintln!("300 in the middle of a reload had their answer within {:?}", began.elapsed());
    silent.iter().for_each(|client| assert_eq!(client.ending(), Ending::Reset));
    wait_ended(&running, "web", "no-route", 100);
    wait_ended(&running, "quiet", "silent", 100);
    // And who comes now is treated as it says now.
    let client = Peer::connect(&behind);
    check_served(&client, HEADER, "a");
    drop((for_a, for_b, headers, client));
    wait_open(&running, "web", 0);
    check_sums(&mut running, &["web", "quiet", "behind"]);
}

#[test]
fn a_service_that_goes_leaves_nobody_hanging_either() {
    let Edge { servers, behind, folder: _folder, text, mut running, .. } = edge();
    let to_a = hello("a.example");
    let (headers, hellos) = (in_the_middle(&behind, HEADER, 100), in_the_middle(&running.place, &to_a, 100));
    wait_open(&running, "web", 100);
    wait_open(&running, "behind", 100);
    let new = Place::local(port::free());
    let text = text.split("[tcp.web]").next().unwrap().to_owned()
        + &format!("[tcp.new]\nlisten = \"{new}\"\nto = \"{}\"\nhealth = \"off\"\n", servers[0].place());
    std::fs::write(running.file("evenkeel.toml"), text).unwrap();
    assert_eq!(running.command("reload").0, 0);
    // Those without routes had their pool when they were accepted; the others look for it now.
    assert!(headers.iter().all(|client| rest(client, HEADER) == "a"));
    assert!(hellos.iter().all(|client| rest(client, &to_a).is_empty()));
    drop((headers, hellos));
    eventually("all have ended", || (running.look("/api/v1/status")["sessions"]["open"] == 0).then_some(()));
    let ends = running.wait_sessions(200);
    assert_eq!(ends.iter().filter(|line| line["end"] == "no-route").count(), 100);
    running.end();
}

#[test]
fn what_becomes_of_sessions_of_a_route_that_goes_is_what_it_says() {
    let [a, b, c] = ["a", "b", "c"].map(named_echo);
    let (pb, pc) = (b.place(), c.place());
    let gone = format!(
        "\"b.example\" = {{ to = \"{pb}\", on-remove = \"cut\" }}, \"c.example\" = {{ to = \"{pc}\", on-remove = \"keep\" }}, "
    );
    let setup =
        Setup::to([a.place()]).keys(&format!("route = {{ {gone}\"a.example\" = \"{}\" }}", a.place()));
    let text = setup.text();
    let mut running = setup.ready();
    let clients = ["a", "b", "c"].map(|name| {
        let client = running.connect();
        check_served(&client, &hello(&format!("{name}.example")), name);
        client
    });
    std::fs::write(running.file("evenkeel.toml"), text.replace(&gone, "")).unwrap();
    assert_eq!(running.command("reload").0, 0);
    clients[1].ending();
    clients[0].check_echo("its route is still there");
    clients[2].check_echo("its route is gone, and it stays");
    drop(clients);
    wait_open(&running, "web", 0);
    wait_ended(&running, "web", "drain", 1);
    check_sums(&mut running, &["web"]);
}

fn stop_amid_hellos(timeout: &str, drain: &str) -> (Server, Running, Vec<Peer>) {
    let server = named_echo("a");
    let keys = format!(
        "route = {{ \"a.example\" = \"{}\" }}\nhello = {{ timeout = \"{timeout}\" }}",
        server.place()
    );
    let running = Setup::to([server.place()]).top(&format!("drain = \"{drain}\"")).keys(&keys).ready();
    let clients = in_the_middle(&running.place, &hello("a.example"), 100);
    wait_open(&running, "web", 100);
    (server, running, clients)
}

#[test]
fn a_stop_lets_hellos_be_finished_and_answers_them() {
    let (_server, mut running, clients) = stop_amid_hellos("5s", "30s");
    running.signal(Signal::TERM);
    running.wait_event("draining");
    for client in &clients[..50] {
        assert_eq!(rest(client, &hello("a.example")), "a");
    }
    drop(clients.into_iter().take(50).collect::<Vec<_>>());
    assert_eq!(running.exit_code(), 0);
    let stopped = running.wait_event("stopped");
    assert_eq!((&stopped["sessions"], &stopped["cut"]), (&100.into(), &0.into()), "{stopped}");
}

#[test]
fn a_stop_does_not_wait_longer_for_hellos_than_for_anything_else() {
    let (_server, mut running, clients) = stop_amid_hellos("60s", "1s");
    let began = Instant::now();
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), 0);
    eprintln!("ended after {:?}, with a second to drain", began.elapsed());
    clients.iter().for_each(|client| assert_eq!(client.ending(), Ending::Reset));
    let stopped = running.wait_event("stopped");
    assert_eq!((&stopped["sessions"], &stopped["cut"]), (&100.into(), &100.into()), "{stopped}");
    assert_eq!(running.wait_sessions(100).iter().filter(|line| line["end"] == "drain").count(), 100);
}
