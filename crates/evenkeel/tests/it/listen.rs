//! Listening: IPv4, IPv6, Unix sockets, names, port ranges, a listener per worker, and what systemd passes and is told.

use crate::chain::Chain;
use crate::harness::{Setup, evenkeel};
use evenkeel_testkit::{PATIENCE, Peer, Place, Server, Signal, eventually, port, serve};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

#[test]
fn a_bare_port_takes_both_families() {
    let server = Server::echo();
    let port = port::free();
    let mut child = evenkeel().args(&format!("tcp {port} {} --health off", server.port())).spawn();
    child.wait_event("ready");
    Peer::connect(&Place::local(port)).check_echo("four");
    match Place::local6(0).listen(1) {
        Ok(_) => Peer::connect(&Place::local6(port)).check_echo("six"),
        Err(error) => eprintln!("IPv6 is not tested: {error}"),
    }
}

#[test]
fn ipv6_on_both_sides() {
    if let Err(error) = Place::local6(0).listen(1) {
        return eprintln!("IPv6 is not tested: {error}");
    }
    let server = Server::start(&Place::local6(0), serve::echo);
    let mut setup = Setup::to([server.place()]);
    setup.listen = Place::local6(port::free());
    let running = setup.ready();
    running.connect().check_echo("six to six");
}

#[test]
fn a_reload_changes_the_options_of_a_socket_that_is_bound_already() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("front.sock");
    let server = Server::echo();
    let mut setup = Setup::to([server.place()]).keys("unix-mode = \"0604\"");
    setup.listen = Place::Unix(path.clone());
    let text = setup.text();
    let running = setup.ready();
    running.reload(text.replace("0604", "0640"));
    eventually("the new mode", || {
        (std::fs::metadata(&path).unwrap().permissions().mode() & 0o777 == 0o640).then_some(())
    });
    running.connect().check_echo("the same socket");
}

#[test]
fn unix_sockets_on_both_sides_with_a_mode() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&Place::Unix(dir.path().join("backend")), serve::echo);
    let mut setup = Setup::to([server.place()]).keys("unix-mode = \"0604\"");
    let path = dir.path().join("front");
    setup.listen = Place::Unix(path.clone());
    let mut running = setup.ready();
    running.connect().check_echo("through files");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o604);
    let session = running.wait_session("the session", |_| true);
    assert_eq!(session["backend"], server.place().to_string());
}

#[test]
fn a_socket_file_left_by_a_killed_process_is_taken_over_but_a_living_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::echo();
    let start = || {
        let mut setup = Setup::to([server.place()]);
        setup.listen = Place::Unix(dir.path().join("front"));
        setup
    };
    let mut killed = start().ready();
    killed.signal(Signal::KILL);
    killed.exit_code();
    let running = start().ready();
    running.connect().check_echo("taken over");
    let (code, _, errors) = start().spawn().into_process().output();
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains("front"), "the address is named: {errors}");
    running.connect().check_echo("still there");
}

#[test]
fn a_file_that_is_no_socket_is_not_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::echo();
    let path = dir.path().join("precious");
    std::fs::write(&path, "kept").unwrap();
    let mut setup = Setup::to([server.place()]);
    setup.listen = Place::Unix(path.clone());
    let (code, _, errors) = setup.spawn().into_process().output();
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains("precious") && errors.contains("no socket"), "{errors}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept");
}

#[test]
fn a_range_of_ports() {
    let server = Server::echo();
    let first = port::free_range(3);
    let text = format!(
        "[tcp.web]\nlisten = \"127.0.0.1:{first}-{}\"\nto = \"{}\"\nhealth = \"off\"",
        first + 2,
        server.place()
    );
    let mut child = evenkeel().config(&text).spawn();
    child.wait_event("ready");
    for port in first..first + 3 {
        Peer::connect(&Place::local(port)).check_echo("one of three");
    }
}

#[test]
fn a_name_to_listen_on() {
    let server = Server::echo();
    let port = port::free();
    let mut child = evenkeel().args(&format!("tcp localhost:{port} {} --health off", server.port())).spawn();
    let ready = child.wait_event("listening");
    let addr = ready["listeners"][0].as_str().unwrap();
    Peer::connect(&addr.parse::<std::net::SocketAddr>().unwrap().into()).check_echo("by name");
}

#[test]
fn every_worker_has_its_own_listener() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    let listening = format!("0100007F:{:04X} 00000000:0000 0A", running.place.port());
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    assert_eq!(sockets.lines().filter(|line| line.contains(&listening)).count(), 2, "two workers");
}

#[test]
fn a_socket_passed_by_systemd_keeps_who_came_before_the_start() {
    let server = Server::echo();
    let (socket, place) = Place::any().listen(16).unwrap();
    let early = Peer::connect(&place);
    let mut setup = Setup::to([server.place()]).start(|start| start.listen_fd(socket));
    setup.listen = place;
    let running = setup.ready();
    early.check_echo("early");
    running.connect().check_echo("late");
}

#[test]
fn a_passed_socket_is_there_whenever_its_service_is() {
    let server = Server::echo();
    let (socket, place) = Place::any().listen(16).unwrap();
    // Somebody else has it, too, so that nobody can bind the address.
    let _held = socket.try_clone().unwrap();
    let mut setup = Setup::to([server.place()]).start(|start| start.listen_fd(socket));
    setup.listen = place.clone();
    let (with, other) = (setup.text(), Place::local(port::free()));
    let without = with.replace(&place.to_string(), &other.to_string());
    let running = Chain::new(setup);
    let command = |what: &str| {
        let (code, _, errors) = running.command(what);
        assert_eq!(code, 0, "{what}: {errors}");
    };
    let serves = || Peer::connect(&place).check_echo("served");
    command("drain web");
    command("enable web");
    serves();
    for text in [&without, &with] {
        std::fs::write(running.file("evenkeel.toml"), text).unwrap();
        command("reload");
    }
    serves();
    for what in ["drain web", "upgrade", "enable web"] {
        command(what);
    }
    serves();
    // The one of before may only just be left.
    let another = with.replace(&place.to_string(), &Place::local(port::free()).to_string());
    std::fs::write(running.file("evenkeel.toml"), another).unwrap();
    command("upgrade");
    std::fs::write(running.file("evenkeel.toml"), &with).unwrap();
    command("reload");
    serves();
}

#[test]
fn a_passed_socket_that_nobody_wants_is_told() {
    let server = Server::echo();
    let (socket, place) = Place::any().listen(16).unwrap();
    let mut running = Setup::to([server.place()]).start(|start| start.listen_fd(socket)).ready();
    running.wait_for("a warning that names it", |line| {
        line["event"] == "warning" && line["message"].as_str().unwrap().contains(&place.to_string())
    });
}

#[test]
fn systemd_is_told_ready_and_stopping_and_the_watchdog_is_fed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let notify = UnixDatagram::bind(&path).unwrap();
    notify.set_read_timeout(Some(PATIENCE)).unwrap();
    let server = Server::echo();
    let environment = |start: evenkeel_testkit::Start| {
        start.env("NOTIFY_SOCKET", path.to_str().unwrap()).env("WATCHDOG_USEC", "200000")
    };
    let running = Setup::to([server.place()]).start(environment).ready();
    let session = running.connect();
    session.check_echo("keeps it from ending at once");
    let wait = |word: &str| {
        let mut buffer = [0; 4096];
        eventually(word, || {
            let len = notify.recv(&mut buffer).unwrap();
            String::from_utf8_lossy(&buffer[..len]).contains(word).then_some(())
        });
    };
    wait("READY=1");
    wait("WATCHDOG=1");
    running.signal(Signal::TERM);
    wait("STOPPING=1");
}

#[test]
fn two_balancers_never_share_a_port_by_accident() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    let (code, _, errors) =
        evenkeel().args(&format!("tcp {} {}", running.place, server.place())).spawn().output();
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains(&format!("pid {}", running.pid())), "who has it: {errors}");
}
