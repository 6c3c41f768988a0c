//! Where the admin API is, and its token, change by a reload: whole or not at all, and nobody who asks is cut.

use crate::ask::ask_tcp;
use crate::harness::{Running, Setup, evenkeel};
use evenkeel_testkit::{Server, port};
use std::net::TcpStream;

const TOKEN: &str = "0123456789abcdef";
const OTHER: &str = "fedcba9876543210";

struct Case {
    running: Running,
    text: String,
}

impl Case {
    /// Asked at the default socket, with these lines at the top of the file.
    fn new(server: &Server, top: &str) -> Self {
        let setup = Setup::to([server.place()]).start(|start| start.with_file("token", TOKEN));
        let text = setup.text();
        Self { running: setup.top(top).ready(), text }
    }

    /// Loads the file with another top, asking at `whom`: status and what it complains about.
    fn reload(&self, top: &str, whom: &str) -> (i32, String) {
        std::fs::write(self.running.file("evenkeel.toml"), format!("{top}\n{}", self.text)).unwrap();
        let token = self.running.file("token").display().to_string();
        let (code, _, errors) =
            evenkeel().args(&format!("reload --admin {whom} --token-file {token}")).spawn().output();
        (code, errors)
    }

    fn socket(&self) -> String {
        format!("unix:{}", self.running.file("control.sock").display())
    }
}

fn status(port: u16) -> u16 {
    ask_tcp(port, "GET", "/api/v1/status", &format!("host: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\n"))
        .status
}

#[test]
fn it_moves_from_address_to_address() {
    let server = Server::echo();
    let mut case = Case::new(&server, "");
    let (one, two) = (port::free(), port::free());
    let socket = case.socket();
    let tcp = |ports: &[u16]| {
        let listen: Vec<_> = ports.iter().map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        format!("admin = {{ listen = [{}], token-file = \"token\" }}", listen.join(", "))
    };
    assert_eq!(
        case.reload(&tcp(&[one]), &socket),
        (0, String::new()),
        "who asked is answered at the old place"
    );
    assert_eq!(status(one), 200);
    assert!(!case.running.file("control.sock").exists(), "the old place is left");
    let idle = TcpStream::connect(("127.0.0.1", one)).unwrap();
    let whom = format!("127.0.0.1:{one}");
    assert_eq!(case.reload(&tcp(&[two, one]), &whom), (0, String::new()));
    assert_eq!((status(one), status(two)), (200, 200), "one stays, and one comes");
    assert_eq!(case.reload(&tcp(&[two]), &whom), (0, String::new()));
    assert_eq!(status(two), 200);
    assert!(TcpStream::connect(("127.0.0.1", one)).is_err());
    drop(idle);

    // An address that is taken, or a token that is none: everything stays, services as well.
    let (_taken, taken) = evenkeel_testkit::Place::any().listen(1).unwrap();
    let whom = format!("127.0.0.1:{two}");
    let (code, errors) = case.reload(&tcp(&[taken.port()]), &whom);
    assert!(code == 1 && errors.contains("address in use"), "{errors}");
    let (code, errors) = case.reload(&tcp(&[two]).replace("token\"", "nothing\""), &whom);
    assert!(code == 1 && errors.contains("token-file"), "{errors}");
    assert_eq!(status(two), 200);

    assert_eq!(case.reload("", &whom), (0, String::new()));
    assert_eq!(case.running.ask("GET", "/livez").status, 200, "back at the default socket");
    assert!(TcpStream::connect(("127.0.0.1", two)).is_err());
    let named = format!("admin = {{ listen = \"{socket}\" }}");
    for top in [&named, "", &named] {
        assert_eq!(case.reload(top, &socket), (0, String::new()), "the very same place, by its name");
        assert_eq!(case.running.ask("GET", "/livez").status, 200);
    }
    assert_eq!(case.reload("admin = \"off\"", &socket), (0, String::new()));
    assert!(!case.running.file("control.sock").exists());
    case.running.connect().check_echo("traffic does not mind");
    assert_eq!(case.running.count_events("warning"), 0);
    assert_eq!(case.running.count_events("admin"), 6, "each place is told");
}

#[test]
fn a_token_is_exchanged_and_who_follows_is_let_go_only_then() {
    let server = Server::echo();
    let port = port::free();
    let top = format!("admin = {{ listen = \"127.0.0.1:{port}\", token-file = \"token\" }}");
    let case = Case::new(&server, &top);
    let whom = format!("127.0.0.1:{port}");
    let token = case.running.file("token");
    let mut follower =
        evenkeel().args(&format!("events -f --json --admin {whom} --token-file {}", token.display())).spawn();
    follower.wait_event("ready");
    assert_eq!(case.reload(&top, &whom), (0, String::new()));
    follower.wait_event("reloaded");
    follower.check_alive();
    std::fs::write(&token, OTHER).unwrap();
    assert_eq!(case.reload(&top, &whom).0, 77, "it is not known as yet");
    case.running.signal(evenkeel_testkit::Signal::HUP);
    assert_eq!(follower.exit_code(), 0);
    assert_eq!(status(port), 401);
    assert_eq!(case.reload(&top, &whom), (0, String::new()));
}
