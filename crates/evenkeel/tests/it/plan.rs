//! Another configuration: seen before it holds, and held on trial.

use crate::chain::Chain;
use crate::harness::{Running, Setup, evenkeel};
use evenkeel_testkit::{Place, Server, eventually, port, serve};
use serde_json::json;
use std::path::PathBuf;

/// A balancer in front of `a`, and the text of its file.
fn one(a: &Server) -> (Running, String) {
    let setup = Setup::to([a.place()]).keys("on-remove = \"drain(20s)\"");
    let text = setup.text();
    (setup.ready(), text)
}

/// `text` as a file beside that of `running`.
fn file(running: &Running, text: &str) -> PathBuf {
    let path = running.file("new.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn served_by(running: &Running, name: &str) {
    eventually(&format!("{name} serves"), || {
        (running.connect().receive(1).is_ok_and(|it| it == name.as_bytes())).then_some(())
    });
}

#[test]
fn a_plan_says_what_would_change_with_live_sessions_and_changes_nothing() {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let (running, text) = one(&a);
    let client = running.connect();
    assert_eq!(client.receive(1).unwrap(), b"a");
    let same = file(&running, &text);
    assert_eq!(
        running.command(&format!("plan {} --detailed-exitcode", same.display())),
        (0, "no change".into(), String::new())
    );

    let more = Place::local(port::free());
    let listen = format!("listen = [\"{}\", \"{more}\"]", running.place);
    let new = text.replace(&a.place().to_string(), &b.place().to_string());
    let new = new.replace(&format!("listen = \"{}\"", running.place), &listen) + "balance = \"first\"\n";
    let new = file(&running, &new);
    let (code, out, _) = running.command(&format!("plan {} --detailed-exitcode", new.display()));
    assert_eq!(code, 2);
    for line in [
        format!("  + listener web {more} opens"),
        "  ~ pool web: balance".to_owned(),
        format!("      - {}   1 session: drain(20s)", a.place()),
        format!("      + {}", b.place()),
        "sessions at backends that go: 0 kept, 1 drained, 0 cut".to_owned(),
    ] {
        assert!(out.lines().any(|it| it == line), "{line} in {out}");
    }
    let (code, out, _) = running.command(&format!("plan {} --json", new.display()));
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &plan["sessions"]), (0, &json!({"kept": 0, "drained": 1, "cut": 0})));
    served_by(&running, "a");

    let settings = file(
        &running,
        &format!(
            "drain = \"5s\"\nmax-sessions = 77\n{text}max-sessions-per-source = 9\nsend-proxy = \"v2\"\n"
        ),
    );
    let (code, out, _) = running.command(&format!("plan {} --detailed-exitcode", settings.display()));
    assert_eq!(code, 2);
    for line in [
        "  ~ drain".to_owned(),
        "  ~ max-sessions, from the next start or upgrade on".to_owned(),
        format!("  ~ listener web {} changes: who may connect", running.place),
        "  ~ pool web: send-proxy".to_owned(),
    ] {
        assert!(out.lines().any(|it| it == line), "{line} in {out}");
    }

    let bad = file(&running, &text.replace("listen", "lisen"));
    let (code, _, errors) = running.command(&format!("plan {}", bad.display()));
    assert!(code == 1 && errors.contains("lisen") && errors.contains("evenkeel check"), "{errors}");
    assert_eq!(evenkeel().args("plan /nonexistent.toml").spawn().output().0, 66);
}

#[test]
fn what_the_command_line_says_stands_above_a_file_that_is_planned_or_applied() {
    let a = Server::start(&Place::any(), serve::stay("a"));
    let flags = "--workers 1 --sandbox off --log json";
    let mut running = Setup::to([a.place()]).flags(flags).ready();
    let same = running.file("evenkeel.toml").display().to_string();
    let plan = format!("plan {same} --detailed-exitcode");
    assert_eq!(running.command(&plan), (0, "no change".into(), String::new()));
    assert_eq!(running.command(&format!("apply {same}")).0, 0);
    assert_eq!(running.command(&plan), (0, "no change".into(), String::new()));
    assert_eq!(running.count_events("warning"), 0, "nothing of it has to wait");
}

#[test]
fn a_plan_says_which_address_is_taken_and_takes_none() {
    let a = Server::start(&Place::any(), serve::stay("a"));
    let (running, text) = one(&a);
    let (socket, taken) = Place::any().listen(1).unwrap();
    let listen = |more: &Place| format!("listen = [\"{}\", \"{more}\"]", running.place);
    let old = format!("listen = \"{}\"", running.place);
    let new = file(&running, &text.replace(&old, &listen(&taken)));
    let (code, out, errors) = running.command(&format!("plan {} --detailed-exitcode", new.display()));
    assert!(
        code == 1 && errors.contains("it would be refused") && errors.contains("in use"),
        "{code} {errors}"
    );
    assert!(out.contains(&format!("+ listener web {taken} opens")), "{out}");
    drop(socket);
    let unix = running.file("more.sock");
    for free in [taken, Place::Unix(unix.clone())] {
        let new = file(&running, &text.replace(&old, &listen(&free)));
        let (code, _, errors) = running.command(&format!("plan {} --detailed-exitcode", new.display()));
        assert_eq!(code, 2, "{errors}");
        assert!(free.listen(1).is_ok(), "it was let go again");
    }
    assert!(
        running
            .command(&format!("plan {} --json", file(&running, &text).display()))
            .1
            .contains("\"refused\": null")
    );
    let admin = format!("admin = {{ listen = \"{}\" }}\n{text}", a.place());
    let (code, _, errors) = running.command(&format!("plan {}", file(&running, &admin).display()));
    assert!(code == 1 && errors.contains("admin.listen"), "{errors}");
    running.command("status");
}

#[test]
fn a_plan_of_a_wrong_file_is_told_as_check_tells_it() {
    let (running, text) = one(&Server::echo());
    let wrong = file(&running, &text.replace("health", "heatlh"));
    let (code, out, errors) = running.command(&format!("plan --json {}", wrong.display()));
    let (_, checked, _) = evenkeel().args(&format!("check --json {}", wrong.display())).spawn().output();
    assert!(code == 1 && errors.contains("evenkeel check"), "{errors}");
    let both = [out, checked].map(|it| serde_json::from_str::<serde_json::Value>(&it).unwrap());
    assert_eq!(both[0], both[1]);
    let trial = running.tell("POST", "/api/v1/apply", &json!({"text": text, "confirm": "0s"}));
    let why = trial.json()["error"].as_str().unwrap().to_owned();
    assert!(trial.status == 400 && why.contains("in less than 1s nobody could confirm it"), "{why}");
}

#[test]
fn what_is_applied_on_trial_goes_back_by_itself_or_stays_when_confirmed() {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let (mut running, text) = one(&a);
    let new = file(&running, &text.replace(&a.place().to_string(), &b.place().to_string()));
    let (code, out, _) = running.command(&format!("apply {} --confirm 1s", new.display()));
    assert!(code == 0 && out.contains("goes back in 1.0 s"), "{out}");
    served_by(&running, "b");
    running.wait_event("went-back");
    served_by(&running, "a");
    assert_eq!(running.command("confirm").0, 1, "too late");

    running.forget();
    assert_eq!(running.command(&format!("apply {} --confirm 1m", new.display())).0, 0);
    let again = running.command(&format!("apply {}", new.display()));
    assert!(again.0 == 1 && again.2.contains("confirm"), "{}", again.2);
    assert!(running.look("/api/v1/status")["config"]["trial_s"].as_u64() <= Some(60));
    assert_eq!(running.command("confirm"), (0, "confirmed".into(), String::new()));
    served_by(&running, "b");
    assert_eq!(running.look("/api/v1/status")["config"]["trial_s"], json!(null));
    running.command("reload");
    served_by(&running, "a");
}

#[test]
fn a_trial_ends_at_once_when_connects_begin_to_fail() {
    let a = Server::start(&Place::any(), serve::stay("a"));
    let (mut running, text) = one(&a);
    let dead = Place::local(port::free());
    let new = file(&running, &text.replace(&a.place().to_string(), &dead.to_string()));
    assert_eq!(running.command(&format!("apply {} --confirm 10m", new.display())).0, 0);
    for _ in 0..6 {
        running.connect().read_to_end();
    }
    assert!(running.wait_event("went-back")["why"].as_str().unwrap().contains("fail"));
    served_by(&running, "a");
}

#[test]
fn a_trial_ends_at_once_when_sessions_find_nobody() {
    let a = Server::start(&Place::any(), serve::stay("a"));
    let (mut running, text) = one(&a);
    // Under another name the pool is a new one, which has nobody that could stay.
    let new =
        text.replace(&a.place().to_string(), "no-such-host.invalid:80").replace("[tcp.web]", "[tcp.new]");
    let new = file(&running, &new);
    let (code, out, _) = running.command(&format!("apply {} --confirm 10m", new.display()));
    assert!(code == 0 && out.contains("no address as yet: no-such-host.invalid"), "{out}");
    for _ in 0..6 {
        running.connect().read_to_end();
    }
    assert!(running.wait_event("went-back")["why"].as_str().unwrap().contains("fail"));
    served_by(&running, "a");
}

#[test]
fn a_new_name_cuts_nobody_while_nobody_knows_what_it_stands_for() {
    let a = Server::start(&Place::any(), serve::stay("a"));
    let setup = Setup::to([a.place()]);
    let text = setup.text();
    let mut running = Chain::new(setup);
    let wrong = text.replace(&a.place().to_string(), "no-such-host.invalid:80");
    std::fs::write(running.file("evenkeel.toml"), &wrong).unwrap();
    let (code, out, _) = running.command("reload");
    assert!(code == 0 && out.contains("no address as yet: no-such-host.invalid"), "{out}");
    served_by(&running, "a");
    running.wait_event("unresolved");
    served_by(&running, "a");
    assert_eq!(running.look("/api/v1/pools/web")["unresolved"], json!(["no-such-host.invalid"]));
    let (_, status, _) = running.command("status");
    assert!(status.contains("web: no address as yet for no-such-host.invalid"), "{status}");
    running.command("upgrade");
    served_by(&running, "a");

    let b = Server::start(&Place::local(port::free()), serve::stay("b"));
    let by_name = b.place().to_string().replace("127.0.0.1", "localhost");
    std::fs::write(running.file("evenkeel.toml"), text.replace(&a.place().to_string(), &by_name)).unwrap();
    running.command("reload");
    served_by(&running, "b");
    eventually("the name is known", || {
        (running.look("/api/v1/pools/web")["unresolved"] == json!([])).then_some(())
    });
}

#[test]
fn a_stop_ends_a_trial() {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let (mut running, text) = one(&a);
    let text = format!("drain = \"8s\"\n{text}");
    let new = file(&running, &text.replace(&a.place().to_string(), &b.place().to_string()));
    assert_eq!(running.command(&format!("apply {} --confirm 3s", new.display())).0, 0);
    let client = running.connect();
    assert_eq!(client.receive(1).unwrap(), b"b");
    running.signal(evenkeel_testkit::Signal::TERM);
    client.read_to_end();
    assert_eq!(running.exit_code(), 0);
    assert_eq!((running.count_events("went-back"), running.count_events("warning")), (0, 0));
}

#[test]
fn a_list_that_changes_is_read_again_and_what_is_applied_goes_on_to_hold() {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let setup = Setup::to([a.place()]).keys("deny = [\"file:first.txt\"]");
    let text = setup.text();
    let setup = setup
        .start(|start| start.with_file("first.txt", "192.0.2.1\n").with_file("other.txt", "192.0.2.1\n"));
    let mut running = setup.ready();
    let applied = text.replace(&a.place().to_string(), &b.place().to_string()).replace("first", "other");
    let applied = file(&running, &applied);
    for confirm in ["", " --confirm 10m"] {
        assert_eq!(running.command(&format!("apply {}{confirm}", applied.display())).0, 0);
        served_by(&running, "b");
        running.forget();
        std::fs::write(running.file("other.txt"), "127.0.0.0/8\n").unwrap();
        running.wait_event("reloaded");
        assert!(running.connect().receive(1).is_err(), "the list of what is applied counts");
        running.forget();
        std::fs::write(running.file("other.txt"), "192.0.2.22\n").unwrap();
        running.wait_event("reloaded");
        served_by(&running, "b");
    }
    assert_eq!(running.command("confirm").0, 0);
    served_by(&running, "b");
}

#[test]
fn a_reload_ends_a_trial() {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let (mut running, text) = one(&a);
    let new = file(&running, &text.replace(&a.place().to_string(), &b.place().to_string()));
    assert_eq!(running.command(&format!("apply {} --confirm 10m", new.display())).0, 0);
    assert_eq!(running.command("reload").0, 0);
    served_by(&running, "a");
    assert_eq!(running.command("confirm").0, 1);
    assert_eq!(running.count_events("went-back"), 0);
}
