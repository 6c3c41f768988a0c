//! What a service manager is told, sd_notify(3), and when: this test is the manager.

use crate::chain::Chain;
use crate::harness::{Running, Setup};
use evenkeel_sys::clock;
use evenkeel_testkit::{PATIENCE, Server, Signal};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// Where a service says how it does.
struct Manager {
    socket: UnixDatagram,
    _folder: tempfile::TempDir,
    path: String,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify").display().to_string();
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { socket, _folder: folder, path }
    }

    /// A service in front of `server` that is under this manager.
    fn service(&self, server: &Server) -> Setup {
        Setup::to([server.place()]).start(|start| start.env("NOTIFY_SOCKET", &self.path))
    }

    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).expect("the service says something in time");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// The next message, but for those that feed the watchdog.
    fn told(&self) -> String {
        std::iter::repeat_with(|| self.next()).find(|it| it.trim() != "WATCHDOG=1").unwrap()
    }

    /// Nothing but such was said until now.
    fn nothing(&self) {
        self.socket.set_nonblocking(true).unwrap();
        let mut bytes = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut bytes) {
            assert_eq!(&bytes[..length], b"WATCHDOG=1\n");
        }
        self.socket.set_nonblocking(false).unwrap();
    }
}

fn has(message: &str, line: &str) -> bool {
    message.lines().any(|it| it == line)
}

/// It says that it loads its file again, at a time between these two, and that it takes traffic.
fn reloaded(manager: &Manager, began: Duration) -> String {
    let told = manager.told();
    assert!(has(&told, "RELOADING=1"), "{told}");
    let at = told.lines().find_map(|it| it.strip_prefix("MONOTONIC_USEC=")).unwrap();
    let at = Duration::from_micros(at.parse().unwrap());
    // It is told in whole microseconds.
    assert!(began - Duration::from_micros(1) <= at && at <= clock::monotonic(), "{began:?} {at:?}");
    let told = manager.told();
    assert!(has(&told, "READY=1"), "{told}");
    told
}

#[test]
fn it_is_ready_when_it_takes_traffic_and_says_what_becomes_of_a_reload() {
    let (manager, server) = (Manager::new(), Server::echo());
    let mut running: Running = manager.service(&server).spawn();
    let told = manager.told();
    assert!(has(&told, "READY=1") && has(&told, "STATUS=1 listener, 1 backend"), "{told}");
    running.connect().check_echo("at once");
    let began = clock::monotonic();
    running.signal(Signal::HUP);
    assert!(has(&reloaded(&manager, began), "STATUS=reloaded"));
    let began = clock::monotonic();
    std::fs::write(running.file("evenkeel.toml"), "nonsense").unwrap();
    assert_eq!(running.command("reload").0, 1);
    assert!(reloaded(&manager, began).contains("STATUS=reload refused"));
    let client = running.connect();
    client.check_echo("still");
    running.signal(Signal::TERM);
    let told = manager.told();
    assert!(has(&told, "STOPPING=1"), "{told}");
    client.check_echo("while it drains");
    running.signal(Signal::HUP);
    running.wait_event("signal-ignored");
    drop(client);
    assert_eq!(running.exit_code(), 0);
    manager.nothing();
}

#[test]
fn after_an_upgrade_the_new_process_is_the_main_one_and_speaks_for_itself() {
    let (manager, server) = (Manager::new(), Server::echo());
    let setup = manager.service(&server).top("upgrade-timeout = \"20s\"");
    let mut chain = Chain::new(setup.start(|start| start.env("WATCHDOG_USEC", "200000")));
    assert!(has(&manager.told(), "READY=1"));
    let client = chain.connect();
    client.check_echo("before");
    for _ in 0..2 {
        let told = chain.upgrade();
        let main = manager.told();
        assert_eq!(main.trim(), format!("MAINPID={}", told["pid"]), "before the new one speaks");
        let ready = manager.told();
        assert!(has(&ready, "READY=1") && has(&ready, "STATUS=took over"), "{ready}");
    }
    chain.wait_alone();
    manager.nothing();
    assert_eq!(manager.next().trim(), "WATCHDOG=1", "the new one feeds the watchdog");

    let file = chain.file("evenkeel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "nonsense").unwrap();
    assert_eq!(chain.command("upgrade").0, 1);
    manager.nothing();
    std::fs::write(&file, text).unwrap();
    let began = clock::monotonic();
    chain.signal_newest(Signal::HUP);
    reloaded(&manager, began);
    chain.signal_newest(Signal::TERM);
    assert!(has(&manager.told(), "STOPPING=1"));
    client.check_echo("while it drains");
}
