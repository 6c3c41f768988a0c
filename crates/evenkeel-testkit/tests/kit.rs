//! The kit keeps its own promises: what a test relies on is tested here, without a balancer between.

use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::{Ending, Peer, Place, Server, Signal, Silent, Start, eventually, port, serve};

use std::io::ErrorKind;
use std::time::Duration;

#[test]
fn a_stopped_server_resets_its_sessions_refuses_new_ones_and_comes_back_on_its_port() {
    let mut server = Server::echo();
    let client = Peer::connect(server.place());
    client.check_echo("hello");
    server.stop();
    assert_eq!(client.ending(), Ending::Reset);
    assert_eq!(Peer::try_connect(server.place()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    server.restart();
    Peer::connect(server.place()).check_echo("again");
    eventually("the end of the session", || (server.open() == 0).then_some(()));
    assert_eq!(server.accepted(), 2);
}

#[test]
fn a_unix_server_is_a_file_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place::Unix(dir.path().join("s"));
    let mut server = Server::start(&place, serve::hello("a"));
    assert_eq!(Peer::connect(&place).text(), "a");
    server.stop();
    assert_eq!(Peer::try_connect(&place).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_server_that_is_stuck_in_a_write_can_be_stopped() {
    let mut server = Server::start(&Place::any(), serve::source(Pattern::new(1), 1 << 30));
    let client = Peer::connect(server.place());
    client.receive(1).unwrap();
    server.stop();
    client.read_to_end();
}

#[test]
fn a_silent_place_never_answers() {
    let silent = Silent::start();
    let socket = silent.place().socket().unwrap();
    let error = socket.connect_timeout(&silent.place().sock_addr(), Duration::from_millis(300)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}

#[test]
fn the_sink_says_how_much_came_and_how_it_ended() {
    let sink = Server::start(&Place::any(), serve::sink(Pattern::new(3)));
    let client = Peer::connect(sink.place());
    client.send_pattern(&Pattern::new(3), 0, 5_000_000).unwrap();
    client.finish();
    assert_eq!(client.text(), "5000000 Fin");
}

#[test]
fn free_ports_are_given_once() {
    let first = port::free_range(3);
    let next = port::free();
    assert!(!(first..first + 3).contains(&next));
}

#[test]
fn a_child_is_read_signalled_and_gone_at_the_end() {
    let script = r#"echo oops >&2; echo '{"event":"ready","limit":'$(ulimit -n)'}'; read wait </dev/zero"#;
    let mut child = Start::new("sh").arg("-c").arg(script).nofile(77).spawn();
    assert_eq!(child.wait_event("ready")["limit"], 77);
    child.signal(Signal::TERM);
    assert_eq!(child.exit_code(), -15);
    let (_, out, err) = child.output();
    assert_eq!((out.as_str(), err.as_str()), (r#"{"event":"ready","limit":77}"#, "oops\n"));
}

#[test]
fn a_socket_is_passed_as_descriptor_three() {
    let (socket, place) = Place::any().listen(1).unwrap();
    let mut child = Start::new("sh")
        .arg("-c")
        .arg("echo $LISTEN_FDS $(readlink /proc/self/fd/3)")
        .listen_fd(socket)
        .spawn();
    let line = child.wait_line("what descriptor 3 is", |line| Some(line.to_owned()));
    assert!(line.starts_with("1 socket:"), "{line}");
    assert_eq!(child.exit_code(), 0);
    // Another test's child may hold a copy between its fork and its exec.
    eventually("the socket to go with the child", || Peer::try_connect(&place).is_err().then_some(()));
}
