//! What a user sees who types something: output, standard error and exit status of the real program.
#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

fn evenkeel(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(args).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Status, standard output and standard error of a command that ends by itself.
fn seen(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = evenkeel(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn case(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name);
    path.display().to_string()
}

#[test]
fn check_ends_with_the_status_that_scripts_expect() {
    let (status, out, err) = seen(&["check", &case("article.toml")]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("ok, 1 service\n"), "{out}");
    assert!(out.contains("web  :8080  -> 3 backends   random, checked by tcp"), "{out}");

    let (status, out, err) = seen(&["check", &case("mistakes.toml")]);
    assert_eq!((status, out.as_str()), (1, ""));
    assert!(err.contains("did you mean `listen`?"), "{err}");
    assert!(err.trim_end().ends_with("mistakes.toml"), "{err}");

    let (status, _, err) = seen(&["check", "/no/such/file.toml"]);
    assert_eq!(
        (status, err.as_str()),
        (66, "error: cannot read /no/such/file.toml: there is no such file\n")
    );
}

#[test]
fn a_socket_that_a_stranger_may_have_put_there_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(format!("evenkeel-{}", rustix::process::geteuid().as_raw()));
    std::fs::create_dir(&own).unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o777)).unwrap();
    let listener = UnixListener::bind(own.join("evenkeel.sock")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let _ = evenkeel(&["drain", "web"]).env("TMPDIR", folder.path()).output().unwrap();
    assert!(listener.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
}

#[test]
fn run_refuses_what_check_refuses() {
    let (status, _, err) = seen(&["run", "-c", &case("mistakes.toml")]);
    assert_eq!(status, 78);
    assert!(err.contains("did you mean `listen`?"), "{err}");
    let (status, _, err) = seen(&["run", "-c", "/no/such/file.toml"]);
    assert_eq!(
        (status, err.as_str()),
        (66, "error: cannot read /no/such/file.toml: there is no such file\n"),
        "no advice to do what was done"
    );
}

#[test]
fn run_says_whether_the_file_or_the_command_line_is_wrong() {
    let (right, wrong) = (case("article.toml"), case("mistakes.toml"));
    let (status, _, err) = seen(&["run", "-c", &right, "--workers", "0"]);
    assert_eq!(status, 2, "{err}");
    assert!(err.ends_with("error: 1 mistake in the command line\n"), "{err}");
    let (status, _, err) = seen(&["run", "-c", &wrong, "--workers", "0"]);
    assert_eq!(status, 78, "{err}");
    assert!(err.ends_with("mistakes.toml and the command line\n"), "{err}");
}

#[test]
fn a_wrong_command_line_is_pointed_at() {
    let (status, _, err) = seen(&["tcp", "8080", "5001", "--timeout.connect", "3"]);
    assert_eq!(status, 2);
    assert!(err.contains("evenkeel tcp 8080 5001 --timeout.connect 3s"), "{err}");
    let (status, _, err) = seen(&["tcp", "--balnce", "random"]);
    assert_eq!(status, 2);
    assert!(err.contains("--balance"), "{err}");
    let (status, _, err) = seen(&["tcp", "8080", "5001", "--servers", "5002"]);
    assert!(status == 2 && err.contains("a similar argument exists: '--to'"), "as others call it: {err}");
    let (status, _, err) = seen(&["tcp", "8080", "5001", "--geography=x"]);
    assert!(status == 2 && !err.contains("tip:"), "{err}");
    let (status, _, err) = seen(&["tcp", "8080"]);
    assert_eq!(status, 2);
    assert!(err.contains("has no `to`") && err.contains("add a flag such as: --to 127.0.0.1:5001"), "{err}");
    let (status, _, err) = seen(&["udp", "8080", "5001", "--acme.contact", "ops@example.org"]);
    assert!(status == 2 && err.contains("unexpected argument '--acme.contact'"), "{err}");
    let (status, _, err) = seen(&["run", "--log-to", "", "-c", &case("article.toml")]);
    assert!(status == 2 && !err.contains("./"), "{err}");
}

#[test]
fn what_is_wrong_with_a_command_is_told_before_anybody_is_asked() {
    for (time, what) in [("5", "it has no unit"), ("0s", "in less than 1s nobody could confirm it")] {
        let (status, _, err) = seen(&["apply", "--confirm", time, &case("article.toml")]);
        assert_eq!(status, 2, "{err}");
        assert!(err.contains("--confirm") && err.contains(what) && err.contains("30s"), "{err}");
        assert!(!err.contains("evenkeel check"), "{err}");
    }
    let (status, _, err) = seen(&["sessions", "--close"]);
    assert!(status == 2 && err.contains("`--all`"), "{err}");
    let (status, _, err) = seen(&["status", "--admin", "nope"]);
    assert!(status == 2 && err.contains("`nope` is no address to ask at"), "{err}");
    assert!(err.contains("`unix:/path`, `host:port` or `https://host:port`"), "{err}");
    let (status, _, err) = seen(&["status", "--admin", "unix:/nowhere/at.sock"]);
    assert_eq!(
        (status, err.as_str()),
        (69, "error: no evenkeel can be asked at unix:/nowhere/at.sock: there is no such file\n")
    );
}

#[test]
fn a_file_that_cannot_be_planned_is_told_of_as_check_does() {
    let (status, out, err) = seen(&["plan", "--json", "/no/such/file.toml"]);
    assert_eq!(
        (status, err.as_str()),
        (66, "error: cannot read /no/such/file.toml: there is no such file\n")
    );
    let (_, checked, _) = seen(&["check", "--json", "/no/such/file.toml"]);
    assert_eq!(out, checked);
}

#[test]
fn a_configuration_may_come_from_standard_input() {
    let mut child = evenkeel(&["check", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"[tcp.x]\nlisten = \":1\"\nto = \"2\"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn an_empty_variable_names_no_configuration() {
    let output = evenkeel(&["check"]).env("EVENKEEL_CONFIG", "").output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(!err.contains("a value is required"), "{err}");
    let output = evenkeel(&["check"]).env("EVENKEEL_CONFIG", case("article.toml")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_configuration_is_named_alike_for_all_who_read_one() {
    for command in ["run", "check", "doctor", "plan", "apply"] {
        for args in
            [&[command, "/nowhere"][..], &[command, "-c", "/nowhere"], &[command, "--config", "/nowhere"]]
        {
            let (status, _, err) = seen(args);
            assert!(status == 66 && err.contains("/nowhere"), "{args:?}: {status} {err}");
        }
    }
    let article = case("article.toml");
    for args in [&["check", &article][..], &["check", "-c", &article], &["check", "nothing", "-c", &article]]
    {
        let output = evenkeel(args).env("EVENKEEL_CONFIG", "/nowhere").output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
    }
    for args in [&["run", "/nowhere"][..], &["run", "-c", "/nowhere"], &["run", &article, "-c", "/nowhere"]] {
        let output = evenkeel(args).env("EVENKEEL_CONFIG", &article).output().unwrap();
        assert_eq!(output.status.code(), Some(66), "{args:?}: {output:?}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("/nowhere"), "{args:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    for args in [&["explain"][..], &["explain", "--markdown"], &["man"], &["completions", "zsh"]] {
        let mut child = evenkeel(args).spawn().unwrap();
        let mut first = [0];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?} {output:?}");
    }
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let broken = case("mistakes.toml");
    let escapes = |command: &mut Command| command.output().unwrap().stderr.contains(&0x1b);
    assert!(!escapes(&mut evenkeel(&["check", &broken])));
    assert!(escapes(&mut evenkeel(&["check", &broken, "--color", "always"])));
    assert!(escapes(evenkeel(&["check", &broken]).env("CLICOLOR_FORCE", "1")));
    assert!(!escapes(evenkeel(&["check", &broken]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1")));
    assert!(!escapes(evenkeel(&["check", &broken, "--color=never"]).env("CLICOLOR_FORCE", "1")));
}

#[test]
fn problems_can_be_read_by_programs() {
    let (status, out, _) = seen(&["check", "--json", &case("mistakes.toml")]);
    assert_eq!(status, 1);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let problem = &report["problems"][1];
    assert_eq!(report["ok"], false);
    assert_eq!(problem["what"], "unknown key `lisen` in [tcp.web]");
    assert_eq!((&problem["marks"][0]["line"], &problem["marks"][0]["column"]), (&3.into(), &1.into()));
    assert_eq!(problem["fix"]["text"], "listen");
}

#[test]
fn check_live_says_what_is_there_and_what_is_not() {
    let there = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (there, taken) = (there.local_addr().unwrap(), taken.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.toml");
    std::fs::write(&path, format!("[tcp.x]\nlisten = \"{taken}\"\nto = [\"{there}\", \"{gone}\"]\n"))
        .unwrap();
    let (status, out, err) = seen(&["check", "--live", &path.display().to_string()]);
    assert_eq!(status, 1, "{out}{err}");
    let line = |addr: &str| out.lines().find(|line| line.contains(addr) && !line.contains("->")).unwrap();
    assert!(line(&taken.to_string()).contains("in use"), "{out}");
    assert!(line(&there.to_string()).contains("up "), "{out}");
    assert!(line(&gone.to_string()).contains("connection refused"), "{out}");
    assert!(err.contains("2 things would not work now"), "{err}");
}

#[test]
fn check_live_asks_by_udp_what_health_says_and_nothing_else() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let taken = taken.local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("live.toml");
    let asked = "health = { udp = true, send = \"x\" }";
    let toml = format!(
        "[udp.x]\nlisten = \"{taken}\"\nto = \"{gone}\"\n{asked}\n\
         [udp.y]\nlisten = \"{free}\"\nto = \"192.0.2.1:9\"\n"
    );
    std::fs::write(&path, toml).unwrap();
    let (status, out, err) = seen(&["check", "--live", &path.display().to_string()]);
    assert_eq!(status, 1, "{out}{err}");
    let line = |addr: &str| out.lines().find(|line| line.contains(addr) && !line.contains("->")).unwrap();
    assert!(line(&taken.to_string()).contains("in use"), "{out}");
    assert!(line(&gone.to_string()).contains("connection refused"), "{out}");
    assert!(line("192.0.2.1:9").contains("not asked"), "{out}");
    assert!(err.contains("2 things would not work now"), "{err}");
}

#[test]
fn explain_answers_or_says_what_was_probably_meant() {
    let (status, out, _) = seen(&["explain", "timeout.connect"]);
    assert!(status == 0 && out.contains("default    1.5s") && out.contains("lost SYN"), "{out}");
    let (status, _, err) = seen(&["explain", "balanc"]);
    assert!(status == 1 && err.contains("did you mean `balance`?"), "{err}");
    let (status, out, _) = seen(&["explain", "max-sessions"]);
    assert!(status == 0 && out.contains("whole process") && out.contains("of the service"), "{out}");
    let (status, out, _) = seen(&["explain", "udp"]);
    assert!(status == 0 && out.starts_with("In [udp.NAME]:") && !out.contains("  tls "), "{out}");
    let (status, out, _) = seen(&["explain", "tcp.web.timeout.connect"]);
    assert!(status == 0 && out.starts_with("timeout.connect\n"), "{out}");
}

#[test]
fn help_version_and_pages_are_there() {
    for args in
        [&["--help"][..], &["help"], &["help", "tcp"], &["tcp", "--help"], &["--version"], &["version"]]
    {
        let (status, out, err) = seen(args);
        assert!(status == 0 && !out.is_empty() && err.is_empty(), "{args:?} {err}");
    }
    let (_, out, _) = seen(&["version", "--json"]);
    let version: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    let (status, out, _) = seen(&["man"]);
    assert!(status == 0 && out.contains("timeout.connect\\-total"), "{out}");
    let (status, _, err) = seen(&[]);
    assert!(status == 2 && err.contains("First time? Run `evenkeel demo`."), "{err}");
}
