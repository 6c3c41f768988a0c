//! The command line: what is refused and with which status, what is printed, and the demo as a new user walks it.

use crate::harness::{Setup, evenkeel, tally};
use evenkeel_testkit::{Peer, Place, Server, Signal, eventually, port};

/// Runs it to its end: status, standard output, standard error.
fn run(args: &str) -> (i32, String, String) {
    evenkeel().args(args).spawn().output()
}

const BROKEN: &str = "[tcp.web]\nlisen = \":8080\"\nto = [\"127.0.0.1:5001\"]\nbalance = \"randon\"\n";

#[test]
fn a_bad_configuration_ends_run_with_78_and_check_with_1_and_both_show_every_mistake() {
    let start = || evenkeel().with_file("broken.toml", BROKEN);
    for (command, status) in [("run -c", 78), ("check", 1)] {
        let start = start();
        let file = start.file("broken.toml");
        let (code, _, errors) = start.args(command).arg(&file).spawn().output();
        assert_eq!(code, status, "{command}: {errors}");
        for part in ["broken.toml:2:1", "lisen", "listen", "broken.toml:4:", "randon", "random"] {
            assert!(errors.contains(part), "{command}: {part} in {errors}");
        }
        assert!(!errors.contains('\x1b'), "no colours off a terminal");
    }
}

#[test]
fn a_good_configuration_passes_check_and_says_what_it_does() {
    let server = Server::echo();
    let text = Setup::to([server.place()]).text();
    let start = evenkeel().with_file("good.toml", &text);
    let file = start.file("good.toml");
    let (code, out, errors) = start.args("check").arg(&file).spawn().output();
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(out.contains("ok") && out.contains("web"), "{out}");
}

#[test]
fn check_live_dials_every_backend() {
    let (alive, mut dead) = (Server::echo(), Server::echo());
    dead.stop();
    let text = Setup::to([alive.place(), dead.place()]).text();
    let start = evenkeel().with_file("live.toml", &text);
    let file = start.file("live.toml");
    let (_, out, errors) = start.args("check --live").arg(&file).spawn().output();
    let said = out + &errors;
    assert!(said.contains(&dead.place().to_string()) && said.contains("refused"), "{said}");
    // The connect was there before the server took it.
    eventually("it was dialled", || (alive.accepted() >= 1).then_some(()));
}

#[test]
fn a_missing_file_is_66_and_a_wrong_command_line_2() {
    let (code, _, errors) = run("run -c /nonexistent/evenkeel.toml");
    assert_eq!(code, 66);
    assert!(errors.contains("/nonexistent/evenkeel.toml"), "{errors}");
    let (code, _, errors) = run("tcp 8080 5001 --balanc random");
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("--balance"), "did you mean: {errors}");
}

#[test]
fn a_port_in_use_is_69_and_is_named_with_who_has_it() {
    let (_socket, taken) = Place::any().listen(1).unwrap();
    let server = Server::echo();
    let (code, _, errors) = run(&format!("tcp {taken} {}", server.place()));
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains(&taken.to_string()), "the address: {errors}");
    assert!(errors.contains(&format!("pid {}", std::process::id())), "who has it, us: {errors}");
}

#[test]
fn a_name_that_cannot_be_resolved_does_not_stop_the_start() {
    let server = Server::hello("a");
    let setup = Setup::to([server.place()]).backend(server.place(), "weight = 1");
    let text = setup.text().replacen(&server.place().to_string(), "no-such-host.invalid:80", 1);
    let mut child = evenkeel().config(&text).spawn();
    child.wait_event("ready");
    let unresolved = child.wait_event("unresolved");
    assert_eq!(unresolved["host"], "no-such-host.invalid");
    assert_eq!(tally(&setup.listen, 5), [("a".into(), 5)].into());
}

#[test]
fn a_name_that_can_be_resolved_is_a_backend() {
    let server = Server::hello("a");
    let port = port::free();
    let mut child = evenkeel().args(&format!("tcp 127.0.0.1:{port} localhost:{}", server.port())).spawn();
    child.wait_event("ready");
    eventually("it is served", || tally(&Place::local(port), 1).contains_key("a").then_some(()));
}

#[test]
fn print_config_prints_the_file_that_does_the_same() {
    let server = Server::hello("a");
    let port = port::free();
    let flags =
        format!("tcp 127.0.0.1:{port} {} --balance maglev --timeout.connect 3s --health off", server.place());
    let (code, text, errors) = run(&format!("{flags} --print-config"));
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(text.contains("maglev") && text.contains("3s"), "{text}");
    let mut child = evenkeel().config(&text).spawn();
    assert_eq!(child.wait_event("listening")["balance"], "maglev");
    child.wait_event("ready");
    assert_eq!(Peer::connect(&Place::local(port)).text(), "a");
}

#[test]
fn the_configuration_can_come_from_standard_input_and_from_the_environment() {
    let server = Server::echo();
    let text = Setup::to([server.place()]).text();
    let start = evenkeel().with_file("here.toml", &text);
    let file = start.file("here.toml");
    let mut child = start.env("EVENKEEL_CONFIG", &file).args("run").spawn();
    child.wait_event("ready");
    drop(child);
    let binary = env!("CARGO_BIN_EXE_evenkeel");
    let mut child = evenkeel_testkit::Start::new("sh")
        .arg("-c")
        .arg(&format!("printf '%s' \"$CONFIG\" | {binary} run -c -"))
        .env("CONFIG", &text)
        .spawn();
    let ready = child.wait_event("ready");
    let pid = rustix::process::Pid::from_raw(ready["pid"].as_i64().unwrap() as i32).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(child.exit_code(), 0);
}

#[test]
fn help_version_completions_and_man_say_something_and_survive_a_closed_pipe() {
    let (code, out, _) = run("--version");
    assert_eq!((code, out.as_str()), (0, concat!("evenkeel ", env!("CARGO_PKG_VERSION"))));
    for args in [
        "--help",
        "tcp --help",
        "explain",
        "explain timeout.connect",
        "completions bash",
        "man",
        "version --json",
    ] {
        let (code, out, errors) = run(args);
        assert!(code == 0 && out.len() > 30 && errors.is_empty(), "{args}: {code} {out} {errors}");
        let mut child = evenkeel().args(args).hold_stdout().spawn();
        child.close_stdout();
        let (_, _, errors) = child.output();
        assert!(!errors.contains("panicked"), "{args}: {errors}");
    }
}

#[test]
fn the_demo_serves_survives_a_stopped_server_and_sighup_and_ends_at_ctrl_c() {
    let first = port::free_range(4);
    let ports = format!("{},{},{},{}", first, first + 1, first + 2, first + 3);
    let mut demo = evenkeel().args(&format!("demo --ports {ports}")).spawn();
    let place = Place::local(first);
    demo.wait_line("what to try", |line| line.contains(&format!("localhost:{first}")).then_some(()));
    let get = || {
        let client = Peer::try_connect(&place).ok()?;
        client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        Some(client.text())
    };
    eventually("it listens", || get().filter(|page| page.starts_with("HTTP/1.1 200")));
    eventually("every server has answered", || {
        let pages: String = (0..12).map(|_| get().unwrap()).collect();
        (first + 1..first + 4).all(|port| pages.contains(&port.to_string())).then_some(())
    });
    let (code, _, errors) = run(&format!("demo stop {}", first + 1));
    assert_eq!(code, 0, "{errors}");
    for _ in 0..30 {
        let page = get().unwrap();
        assert!(page.starts_with("HTTP/1.1 200") && !page.contains(&(first + 1).to_string()), "{page}");
    }
    let (code, tally, errors) = run(&format!("demo load {first}"));
    assert_eq!(code, 0, "{errors}");
    assert!(tally.contains(" requests in ") && tally.contains(", none failed\n"), "{tally}");
    assert!(!tally.contains(&format!(":{}", first + 1)), "{tally}");
    let (code, _, errors) = run(&format!("demo start {}", first + 1));
    assert_eq!(code, 0, "{errors}");
    eventually("it is back", || get().filter(|page| page.contains(&(first + 1).to_string())));
    demo.signal(Signal::USR1);
    demo.wait_line("SIGUSR1 does nothing", |line| line.contains("SIGUSR1 ignored").then_some(()));
    demo.signal(Signal::HUP);
    demo.wait_line("SIGHUP does nothing", |line| line.contains("SIGHUP ignored").then_some(()));
    assert!(get().is_some());
    demo.signal(Signal::INT);
    assert_eq!(demo.exit_code(), 0);
}

#[test]
fn the_demo_names_a_port_that_is_taken() {
    let (_socket, taken) = Place::any().listen(1).unwrap();
    let first = port::free_range(3);
    let (code, _, errors) =
        run(&format!("demo --ports {first},{},{},{}", first + 1, taken.port(), first + 2));
    assert_eq!(code, 69, "{errors}");
    assert!(errors.contains(&taken.port().to_string()) && errors.contains("--ports"), "{errors}");
}
