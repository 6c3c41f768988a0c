//! What a service and a pool say about their sockets: seen from both ends, in networks of their own where it takes root.

mod datagrams;
mod firewall;

use crate::harness::{Setup, evenkeel};
use evenkeel_testkit::{Net, Pattern, Peer, Place, Process, Server, Signal, eventually};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

const BINARY: &str = env!("CARGO_BIN_EXE_evenkeel");

/// A server that tells each client where it comes from, by its address alone.
fn mirror(place: &Place) -> Server {
    Server::start(place, |peer: &Peer| {
        let addr = peer.socket().peer_addr().unwrap().as_socket().unwrap();
        let _ = peer.send(addr.ip().to_canonical().to_string().as_bytes());
    })
}

fn place(addr: &str) -> Place {
    addr.parse::<SocketAddr>().unwrap().into()
}

/// A client, a balancer and a backend, each with a network of its own, and the balancer between the others.
struct Lab {
    client: Net,
    balancer: Net,
    backend: Net,
}

impl Lab {
    fn new() -> Option<Self> {
        let [client, balancer, backend] = Net::several()?;
        client.cable("front", &["10.1.0.2/24", "fd01::2/64"], &balancer, &["10.1.0.1/24", "fd01::1/64"]);
        balancer.cable("back", &["10.2.0.1/24", "fd02::1/64"], &backend, &["10.2.0.2/24", "fd02::2/64"]);
        assert!(backend.run("ip route add default via 10.2.0.1; ip -6 route add default via fd02::1"));
        Some(Self { client, balancer, backend })
    }

    fn server(&self, addr: &str) -> Server {
        self.backend.within(|| mirror(&place(addr)))
    }

    /// What a client hears from `addr`.
    fn ask(&self, addr: &str) -> String {
        self.client.within(|| Peer::connect(&place(addr)).text())
    }

    fn run(&self, text: &str) -> Process {
        let mut running = self.balancer.start(BINARY).config(text).spawn();
        running.wait_event("ready");
        running
    }

    /// What the doctor says of this configuration where the balancer is: whether all is well, and the commands.
    fn doctor(&self, text: &str) -> (bool, Vec<String>) {
        let start = self.balancer.start(BINARY).args("doctor --json").with_file("evenkeel.toml", text);
        let file = start.file("evenkeel.toml");
        let (code, said, errors) = start.arg(&file).spawn().output();
        assert!(errors.is_empty() || code == 1, "{errors}");
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        let findings = said["findings"].as_array().unwrap().iter();
        let mut transparent = findings.filter(|it| it["subject"] == "transparent");
        let commands = transparent.next().unwrap()["commands"].as_array().unwrap();
        let commands = commands.iter().map(|it| it.as_str().unwrap().to_owned());
        (code == 0, commands.collect())
    }
}

const TRANSPARENT: &str = "workers = 2\n[defaults]\nhealth = \"off\"\ntransparent = true\n\
    [tcp.four]\nlisten = \"10.1.0.1:80\"\nto = \"10.2.0.2:8080\"\n\
    [tcp.six]\nlisten = \"[fd01::1]:80\"\nto = \"[fd02::2]:8080\"\n\
    [tcp.told]\nlisten = \"10.1.0.1:81\"\nto = \"10.2.0.2:8080\"\naccept-proxy = \"10.1.0.0/24\"\n\
    [tcp.mixed]\nlisten = \"10.1.0.1:82\"\nto = [\"[fd02::2]:8080\", \"10.2.0.2:8080\"]\nbalance = \"first\"\n";

#[test]
fn a_backend_sees_its_clients_with_the_routes_that_the_doctor_prints() {
    let Some(lab) = Lab::new() else { return };
    let _servers = [lab.server("10.2.0.2:8080"), lab.server("[fd02::2]:8080")];
    let (well, commands) = lab.doctor(TRANSPARENT);
    assert!(!well && commands.len() == 4, "{commands:?}");
    for command in &commands {
        assert!(lab.balancer.run(command), "{command}");
    }
    assert_eq!(lab.doctor(TRANSPARENT), (true, Vec::new()));
    let mut running = lab.run(TRANSPARENT);
    assert_eq!(lab.ask("10.1.0.1:80"), "10.1.0.2");
    assert_eq!(lab.ask("[fd01::1]:80"), "fd01::2");

    // Who comes by a proxy is whom the proxy speaks for; this one is routed to the client's network.
    assert!(lab.client.run("ip address add 10.1.0.77/32 dev lo"));
    assert!(lab.balancer.run("ip route add 10.1.0.77/32 via 10.1.0.2"));
    let spoken_for = |header: &str| {
        lab.client.within(|| {
            let peer = Peer::connect(&place("10.1.0.1:81"));
            peer.send(header.as_bytes()).unwrap();
            peer.read_to_end().0
        })
    };
    assert_eq!(spoken_for("PROXY TCP4 10.1.0.77 10.1.0.1 999 81\r\n"), b"10.1.0.77");

    // With no address at all the balancer would be taken for the client.
    assert_eq!(spoken_for("PROXY TCP4 0.0.0.0 10.1.0.1 999 81\r\n"), b"");
    running.wait_session("the one from nowhere", |it| it["end"] == "no-backend");

    // A backend of another family is passed over, and that is no failure.
    assert_eq!(lab.ask("10.1.0.1:82"), "10.1.0.2");
    let session = running.wait_session("that one", |it| it["service"] == "mixed");
    assert_eq!(session["attempts"], serde_json::json!([]));
}

#[test]
fn a_client_whose_answers_get_lost_does_not_have_the_backend_ejected() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.server("10.2.0.2:8080");
    let text = "[tcp.web]\nlisten = \"10.1.0.1:80\"\nto = [\"10.2.0.2:8080\", \"10.2.0.3:8080\"]\nhealth = \"off\"\n\
                transparent = true\ntimeout = { connect = \"50ms\" }\neject = { failures = 1 }\n";
    let mut running = lab.run(text);
    // Nobody has laid the way back.
    (0..4).for_each(|_| assert_eq!(lab.ask("10.1.0.1:80"), ""));
    running.wait_session("one of them", |it| it["end"] == "connect-timeout");
    assert_eq!(running.log().iter().filter(|line| line["event"] == "ejected").count(), 0);
}

#[test]
fn a_backend_on_the_balancers_own_machine_sees_its_clients_too() {
    let Some(lab) = Lab::new() else { return };
    let text = "[tcp.web]\nlisten = \"10.1.0.1:80\"\nto = \"127.0.0.1:8080\"\nhealth = \"off\"\ntransparent = true\n";
    let _server = lab.balancer.within(|| mirror(&place("127.0.0.1:8080")));
    let (_, commands) = lab.doctor(text);
    commands.iter().for_each(|command| assert!(lab.balancer.run(command), "{command}"));
    let _running = lab.run(text);
    assert_eq!(lab.ask("10.1.0.1:80"), "10.1.0.2");
}

#[test]
fn without_the_capability_a_transparent_pool_is_refused_as_a_whole_with_what_to_do() {
    let Some(lab) = Lab::new() else { return };
    let text = "[tcp.web]\nlisten = \"10.1.0.1:8000\"\nto = \"10.2.0.2:8080\"\nmark = 7\n";
    let server = lab.server("10.2.0.2:8080");
    let stripped = |program: &str| {
        let start = lab.balancer.start("setpriv");
        start.args("--bounding-set=-net_admin,-net_raw --inh-caps=-net_admin,-net_raw").arg(program)
    };
    let (code, _, errors) = stripped(BINARY).config(text).spawn().output();
    assert_eq!(code, 77, "{errors}");
    assert!(errors.contains("cannot have `mark` for `web`: permission denied"), "{errors}");
    assert!(errors.contains("AmbientCapabilities=CAP_NET_ADMIN"), "{errors}");

    // At a reload nothing changes, and the reason is told.
    let plain = text.replace("mark = 7", "health = \"off\"");
    let mut running = stripped(BINARY).config(&plain).spawn();
    running.wait_event("ready");
    running.reload(format!("{plain}transparent = true\n"));
    let refused = running.wait_event("reload-refused").to_string();
    assert!(refused.contains("cannot have `transparent` for `web`"), "{refused}");
    assert_eq!(lab.ask("10.1.0.1:8000"), "10.2.0.1");
    drop(server);
}

#[test]
fn sources_take_turns_and_an_address_that_leaves_is_our_fault() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.server("10.2.0.2:8080");
    assert!(lab.balancer.run("ip address add 10.2.0.11/24 dev back; ip address add 10.2.0.12/24 dev back"));
    let text = "workers = 1\n[tcp.web]\nlisten = \"10.1.0.1:80\"\nto = \"10.2.0.2:8080\"\n\
                source = [\"10.2.0.1\", \"10.2.0.11-10.2.0.12\"]\nhealth = { interval = \"20ms\", fast-interval = \"20ms\" }\n";
    let mut running = lab.run(text);
    running.wait_backend("up", &"10.2.0.2:8080");
    let heard: Vec<String> = (0..6).map(|_| lab.ask("10.1.0.1:80")).collect();
    assert_eq!(heard, ["10.2.0.1", "10.2.0.11", "10.2.0.12", "10.2.0.1", "10.2.0.11", "10.2.0.12"]);

    assert!(lab.balancer.run("ip address del 10.2.0.12/24 dev back"));
    let heard: BTreeSet<String> = (0..12).map(|_| lab.ask("10.1.0.1:80")).collect();
    assert_eq!(heard, BTreeSet::from(["".into(), "10.2.0.1".into(), "10.2.0.11".into()]));
    let session = running.wait_session("one without a source", |it| it["end"] == "unprepared");
    assert_eq!((&session["by"], &session["attempts"][0]["errno"]), (&"evenkeel".into(), &99.into()));
    let log = running.log();
    assert!(log.iter().all(|line| line["event"] != "ejected" && line["event"] != "down"), "{log:?}");
}

#[test]
fn a_source_without_a_port_left_is_passed_over() {
    let Some(lab) = Lab::new() else { return };
    let server = lab.backend.within(|| Server::start(&place("10.2.0.2:8080"), evenkeel_testkit::serve::echo));
    assert!(lab.balancer.run(
        "ip address add 10.2.0.11/24 dev back; echo 40000 40001 > /proc/sys/net/ipv4/ip_local_port_range"
    ));
    let text = "workers = 1\n[tcp.web]\nlisten = \"10.1.0.1:80\"\nto = \"10.2.0.2:8080\"\nhealth = \"off\"\n\
                retry = \"off\"\nsource = [\"10.2.0.1\", \"10.2.0.11\"]\n";
    let mut running = lab.run(text);
    let connect = || lab.client.within(|| Peer::connect(&place("10.1.0.1:80")));
    let mut peers: Vec<Peer> = (0..4).map(|_| connect()).collect();
    peers.iter().for_each(|peer| peer.check_echo("each source has two ports"));
    // The next turn is of 10.2.0.1, which is full; one port of the other becomes free. A reset leaves nothing behind.
    peers.remove(1).reset();
    eventually("a free port", || (server.open() == 3).then_some(()));
    connect().check_echo("by the other one");
    running.wait_session("the last", |it| it["end"] == "ok" && it["attempts"] == serde_json::json!([]));
}

#[test]
fn a_source_that_this_machine_does_not_have_is_refused() {
    let server = Server::echo();
    let (code, _, errors) =
        Setup::to([server.place()]).keys("source = \"192.0.2.1\"").spawn().into_process().output();
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains("cannot have `source` 192.0.2.1 for `web`"), "{errors}");
    assert!(errors.contains("ip address add 192.0.2.1 dev"), "{errors}");
}

#[test]
fn checks_come_from_the_source_as_well() {
    let server = Server::echo();
    let from = |net: &str| net.parse::<IpAddr>().unwrap();
    let (seen, sightings) = std::sync::mpsc::channel();
    let looking = Server::start(&Place::any(), move |peer: &Peer| {
        let _ = seen.send(peer.socket().peer_addr().unwrap().as_socket().unwrap().ip());
    });
    let running = Setup::to([looking.place()]).keys("source = \"127.0.0.9\"\nhealth = \"tcp\"").ready();
    assert_eq!(sightings.recv_timeout(evenkeel_testkit::PATIENCE).unwrap(), from("127.0.0.9"));
    running.end();
    drop(server);
}

#[test]
fn packets_to_both_sides_carry_the_mark() {
    let Some(lab) = Lab::new() else { return };
    let _server = lab.server("10.2.0.2:8080");
    let text = "[tcp.web]\nlisten = \"10.1.0.1:80\"\nto = \"10.2.0.2:8080\"\nhealth = \"off\"\n";
    let only_marked = |to: &str, dev: &str| {
        let commands = format!("ip route add {to} dev {dev} table 77; ip rule add pref 20 to {to} prohibit");
        assert!(lab.balancer.run(&commands), "{commands}");
    };
    assert!(lab.balancer.run("ip rule add pref 10 fwmark 0x1234 lookup 77"));
    only_marked("10.2.0.2", "back");
    let mut plain = lab.run(text);
    assert_eq!(lab.ask("10.1.0.1:80"), "", "there is no way without it");
    plain.signal(Signal::KILL);
    plain.exit_code();
    only_marked("10.1.0.2", "front");
    let _running = lab.run(&format!("{text}mark = 0x1234\n"));
    assert_eq!(lab.ask("10.1.0.1:80"), "10.2.0.1");
}

#[test]
fn a_client_that_says_nothing_is_no_session_where_accepts_are_deferred() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).top("workers = 1").keys("defer-accept = \"30s\"").ready();
    let silent = running.connect();
    running.connect().check_echo("says something");
    running.wait_session("that one", |it| it["to_backend"] == 14);
    assert_eq!(server.accepted(), 1, "the silent one came first");
    silent.check_echo("now, too");
    drop(silent);
    running.wait_session("the other", |it| it["to_backend"] == 8);

    // A reload takes it back: then even who says nothing reaches the backend.
    let path = running.file("evenkeel.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    running.reload(text.replace("30s", "off"));
    running.wait_event("reloaded");
    let _silent = running.connect();
    eventually("a silent session", || (server.accepted() == 3).then_some(()));
}

/// The algorithm of congestion control at the other end of `client`, as ss(8) tells.
fn congestion_of(port: u16) -> String {
    let output = std::process::Command::new("ss").args(["-tinH", &format!("sport = :{port}")]).output();
    output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default()
}

#[test]
fn both_sides_use_the_congestion_control_that_was_asked_for() {
    let known = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_available_congestion_control").unwrap();
    let usual = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control").unwrap();
    // Nobody is asked to pace what stays within the machine.
    let unasked = if usual.starts_with("bbr") { "reno" } else { usual.trim() };
    let Some(other) = known.split_whitespace().find(|it| *it != unasked) else {
        return eprintln!("not tested, there is only {known}");
    };
    if std::process::Command::new("ss").arg("-V").output().is_err() {
        return eprintln!("not tested, there is no ss(8)");
    }
    let (seen, sockets) = std::sync::mpsc::channel();
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        let _ = seen.send(peer.socket().peer_addr().unwrap().as_socket().unwrap().port());
        let _ = peer.read_to_end();
    });
    let mut running = Setup::to([server.place()]).keys(&format!("congestion = \"{other}\"")).ready();
    let _client = running.connect();
    let outward = sockets.recv_timeout(evenkeel_testkit::PATIENCE).unwrap();
    for port in [outward, running.place.port()] {
        let told = congestion_of(port);
        assert!(told.split_whitespace().any(|word| word == other), "{port}: {told}");
    }
    // What is taken out of the file is as if nobody had asked.
    let path = running.file("evenkeel.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    running.reload(text.replace(&format!("congestion = \"{other}\""), ""));
    running.wait_event("reloaded");
    eventually("a worker that knows", || {
        let _later = running.connect();
        let outward = sockets.recv_timeout(evenkeel_testkit::PATIENCE).unwrap();
        let uses = |port| congestion_of(port).split_whitespace().any(|word| word == unasked);
        (uses(outward) && uses(running.place.port())).then_some(())
    });
}

#[test]
fn an_unknown_congestion_control_is_refused_at_the_start() {
    let server = Server::echo();
    let (code, _, errors) =
        Setup::to([server.place()]).keys("congestion = \"no-such\"").spawn().into_process().output();
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains("cannot have `congestion` for `web`: the kernel does not have it"), "{errors}");
}

#[test]
fn multipath_clients_and_others_are_served_and_bulk_is_carried() {
    let server = Server::start(&Place::any(), evenkeel_testkit::serve::echo);
    let mut running = Setup::to([server.place()]).keys("mptcp = true").ready();
    running.connect().check_echo("by TCP");
    match Peer::connect_multipath(&running.place) {
        Ok(client) => {
            client.check_echo("by Multipath TCP");
            let pattern = Pattern::new(7);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    client.send_pattern(&pattern, 0, 8 << 20).unwrap();
                    client.finish();
                });
                assert_eq!(client.check_pattern(&pattern).0, 8 << 20);
            });
        }
        Err(error) => eprintln!("Multipath TCP is not tested: {error}"),
    }
    assert_eq!(running.count_events("warning"), 0);
}

#[test]
fn where_multipath_is_off_everybody_is_served_by_tcp_and_that_is_told() {
    let Some(lab) = Lab::new() else { return };
    if !lab.balancer.run("echo 0 > /proc/sys/net/mptcp/enabled") {
        return eprintln!("not tested, the kernel has no Multipath TCP");
    }
    let _server = lab.server("10.2.0.2:8080");
    let mut running = lab
        .run("[tcp.web]\nlisten = \"10.1.0.1:80\"\nto = \"10.2.0.2:8080\"\nhealth = \"off\"\nmptcp = true\n");
    let warning = running.wait_event("warning").to_string();
    assert!(warning.contains("takes TCP only") && warning.contains("net.mptcp.enabled=1"), "{warning}");
    assert_eq!(lab.ask("10.1.0.1:80"), "10.2.0.1");
}

#[test]
fn two_services_share_an_address_at_two_interfaces() {
    let Some(lab) = Lab::new() else { return };
    let _servers = [lab.server("10.2.0.2:8080"), lab.server("10.2.0.2:8081")];
    let text = "[defaults]\nhealth = \"off\"\n\
                [tcp.front]\nlisten = \"10.1.0.1:80\"\nto = \"10.2.0.2:8080\"\ninterface = \"front\"\n\
                [tcp.back]\nlisten = \"10.1.0.1:80\"\nto = \"10.2.0.2:8081\"\ninterface = \"back\"\n";
    let mut running = lab.run(text);
    assert_eq!(lab.ask("10.1.0.1:80"), "10.2.0.1");
    let from_behind = lab.backend.within(|| Peer::connect(&place("10.1.0.1:80")).text());
    assert_eq!(from_behind, "10.2.0.1");
    let service = |name: &'static str| move |it: &serde_json::Value| it["service"] == name;
    running.wait_session("by the front", service("front"));
    running.wait_session("by the back", service("back"));

    // What a reload cannot change on bound sockets is told; what cannot be at all is refused.
    running.reload(text.replace("\"back\"\n", "\"lo\"\nmptcp = true\n"));
    for wish in
        ["`mptcp` of `back` holds from the next start", "`interface` of `back` holds from the next start"]
    {
        running.wait_for(wish, |line| line["message"].as_str().is_some_and(|it| it.contains(wish)));
    }
    let gone = text.replace("\"back\"\n", "\"gone\"\n");
    running.reload(&gone);
    running.wait_event("reload-refused");

    let (code, _, errors) = lab.balancer.start(BINARY).config(&gone).spawn().output();
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains("cannot have `interface` for `back`: there is no such interface"), "{errors}");
}

#[test]
fn the_first_bytes_go_with_the_first_packet_once_a_backend_has_allowed_it() {
    let Some(lab) = Lab::new() else { return };
    for net in [&lab.client, &lab.balancer, &lab.backend] {
        assert!(net.run("echo 3 > /proc/sys/net/ipv4/tcp_fastopen"));
    }
    let _server =
        lab.backend.within(|| Server::start(&place("10.2.0.2:8080"), evenkeel_testkit::serve::echo));
    // One service is the backend of the other: it is what allows it.
    let text = "[defaults]\nhealth = \"off\"\n\
                [tcp.one]\nlisten = \"10.1.0.1:80\"\nto = \"10.1.0.1:81\"\nfast-open-connect = true\n\
                [tcp.two]\nlisten = \"10.1.0.1:81\"\nto = \"10.2.0.2:8080\"\nfast-open = 16\n";
    let _running = lab.run(text);
    let active = || {
        let counters = lab.balancer.output("cat /proc/net/netstat");
        let lines: Vec<Vec<&str>> = counters
            .lines()
            .filter(|it| it.starts_with("TcpExt:"))
            .map(|it| it.split(' ').collect())
            .collect();
        let at = lines[0].iter().position(|it| *it == "TCPFastOpenActive").unwrap();
        lines[1][at].parse::<u64>().unwrap()
    };
    for text in ["asks for a cookie", "goes with the first packet", "and again"] {
        lab.client.within(|| Peer::connect(&place("10.1.0.1:80")).check_echo(text));
    }
    assert_eq!(active(), 2);
}

#[test]
fn the_doctor_without_a_file_looks_at_this_host_and_with_a_bad_one_shows_the_mistakes() {
    let (_, text, _) = evenkeel().args("doctor").spawn().output();
    for subject in ["descriptors", "backlog", "source ports", "clock"] {
        assert!(text.contains(subject), "{text}");
    }
    let start = evenkeel().with_file("bad.toml", "[tcp.web]\nlisten = \":1\"\n");
    let file = start.file("bad.toml");
    let (code, _, errors) = start.arg("doctor").arg(&file).spawn().output();
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("has no `to`"), "{errors}");
}
