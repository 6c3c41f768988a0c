//! `evenkeel upgrade`: what comes of it is told to whoever asked, by the old process, and then the new one can be asked.

use crate::ask::ask_tcp;
use crate::chain::{Chain, replace, replaceable};
use crate::harness::{Setup, evenkeel};
use evenkeel_testkit::{Peer, Place, Server, Signal, Start, eventually, port};
use serde_json::{Value, json};

#[test]
fn the_command_waits_for_the_new_process_and_tells_what_moved() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]));
    let client = chain.connect();
    client.check_echo("before");
    let old = chain.pid();
    let (code, out, errors) = chain.command("upgrade");
    assert!(code == 0 && errors.is_empty(), "{out} {errors}");
    let status = chain.look("/api/v1/status");
    let new = status["pid"].as_u64().unwrap();
    assert!(out.starts_with(&format!("upgraded: pid {old} is now {new}; 1 session moved in ")), "{out}");
    assert_eq!(status["sessions"]["open"], 1);
    assert!(chain.wait_event("ordered")["order"].as_str().unwrap().starts_with("upgrade"));
    chain.look_for_pids();

    let (code, out, _) = chain.command("upgrade --json");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &told["old_pid"], &told["sessions"]), (0, &json!(new), &json!(1)));
    assert_eq!(chain.look("/api/v1/status")["pid"], told["pid"]);
    chain.look_for_pids();
    assert_eq!(chain.command("upgrade -q"), (0, String::new(), String::new()));
    client.check_echo("after");
    chain.look_for_pids();
    chain.wait_alone();
}

#[test]
fn many_listeners_need_no_more_descriptors_to_move() {
    let server = Server::echo();
    let (first, count) = (port::free_range(60), 60);
    let last = first + count - 1;
    let range = format!(
        "[tcp.range]\nlisten = \"127.0.0.1:{first}-{last}\"\nto = \"{}\"\nhealth = \"off\"",
        server.place()
    );
    // Each worker has a socket for each of them: more than half of the descriptors that there are, or twice as many as there
    // may be at first.
    for limits in [|start: Start| start.nofile(200), |start: Start| start.nofile_soft(60)] {
        let mut chain = Chain::new(Setup::to([server.place()]).keys(&range).start(limits));
        let client = chain.connect();
        client.check_echo("before");
        let (code, _, errors) = chain.command("upgrade");
        assert_eq!(code, 0, "{errors}");
        client.check_echo("after");
        Peer::connect(&Place::local(last)).check_echo("a new one at the last port");
        chain.look_for_pids();
        chain.wait_alone();
    }
}

#[test]
fn another_program_may_be_named_and_is_the_one_from_then_on() {
    let server = Server::echo();
    let (folder, path, mut chain, client) = replaceable(&server, "");
    let (next, link) = (folder.path().join("evenkeel-next"), folder.path().join("current"));
    std::fs::rename(&path, &next).unwrap();
    std::os::unix::fs::symlink(&next, &link).unwrap();
    let running = |chain: &Chain| {
        let pid = chain.look("/api/v1/status")["pid"].as_u64().unwrap();
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .unwrap()
            .split('\0')
            .next()
            .unwrap()
            .to_owned()
    };
    let (code, _, errors) = chain.command(&format!("upgrade --binary {}", link.display()));
    assert_eq!(code, 0, "{errors}");
    assert_eq!(running(&chain), link.display().to_string());
    chain.look_for_pids();
    let (code, _, errors) = chain.command("upgrade");
    assert_eq!(code, 0, "{errors}");
    assert_eq!(running(&chain), link.display().to_string(), "it is the one now");
    client.check_echo("after");
    chain.look_for_pids();
    chain.wait_alone();
}

#[test]
fn what_cannot_be_run_is_refused_at_once_and_changes_nothing() {
    let server = Server::echo();
    let (folder, path, mut chain, client) = replaceable(&server, "upgrade-timeout = \"2s\"");
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "").unwrap();
    for (named, why) in [
        (folder.path().join("none"), "No such file"),
        (plain, "may not be executed"),
        (folder.path().to_owned(), "no file"),
    ] {
        let (code, out, errors) = chain.command(&format!("upgrade --binary {}", named.display()));
        assert!(code == 1 && out.is_empty() && errors.contains(why), "{code} {errors}");
    }
    let relative = chain.tell("POST", "/api/v1/upgrade", &json!({"binary": "evenkeel"}));
    assert_eq!(relative.status, 400, "{}", relative.text);
    assert_eq!(chain.count_events("upgrading"), 0, "nothing was begun");

    replace(&path, "#!/bin/sh\nexit 7\n");
    let (code, _, errors) = chain.command("upgrade");
    assert!(
        code == 1 && errors.contains("everything is as it was: ") && errors.contains("status: 7"),
        "{errors}"
    );
    replace(&path, "#!/bin/sh\nexec sleep 100\n");
    let (code, _, errors) = chain.command("upgrade");
    assert!(code == 1 && errors.contains("not ready after 2s"), "{errors}");
    client.check_echo("still here");
    chain.connect().check_echo("and accepting");
}

#[test]
fn a_second_one_is_refused_and_a_stop_is_told_to_who_waits() {
    let server = Server::echo();
    let (_folder, path, mut chain, _client) = replaceable(&server, "drain = \"1s\"");
    replace(&path, "#!/bin/sh\nexec sleep 100\n");
    let whom = format!("unix:{}", chain.file("control.sock").display());
    let waiting = evenkeel().args("upgrade --admin").arg(&whom).spawn();
    chain.wait_event("upgrading");
    let (code, _, errors) = chain.command("upgrade");
    assert!(code == 1 && errors.contains("under way"), "{errors}");
    let reload = chain.command("reload");
    assert!(reload.0 == 1 && reload.2.contains("under way"), "{}", reload.2);
    chain.signal(Signal::TERM);
    let (code, _, errors) = waiting.output();
    assert!(code == 1 && errors.contains("not upgraded"), "{errors}");
    assert_eq!(chain.exit_code(), 0);
}

#[test]
fn a_reload_that_comes_during_an_upgrade_that_fails_is_made_afterwards() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]).keys("timeout.idle = \"9s\""));
    // Not beside its socket, where it may write.
    let folder = tempfile::tempdir().unwrap();
    let [script, go] = ["slow", "go"].map(|name| folder.path().join(name));
    let text = format!("#!/bin/sh\nwhile [ ! -e {} ]; do sleep 0.02; done\nexit 3\n", go.display());
    replace(&script, text);
    let other = Place::local(port::free());
    let file = std::fs::read_to_string(chain.file("evenkeel.toml")).unwrap();
    let upgrade = Start::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(&format!(
            "upgrade --binary {} --admin unix:{}",
            script.display(),
            chain.file("control.sock").display()
        ))
        .spawn();
    chain.wait_event("upgrading");
    chain.reload(file.replace(&chain.place.to_string(), &other.to_string()));
    chain.wait_for("that it waits", |line| {
        line["event"] == "warning"
            && line["message"].as_str().is_some_and(|it| it.contains("when the upgrade is over"))
    });
    std::fs::write(&go, "").unwrap();
    assert_eq!(upgrade.output().0, 1);
    chain.wait_event("reloaded");
    Peer::connect(&other).check_echo("as the file says now");
}

#[test]
fn without_its_token_the_new_process_does_not_come_up() {
    let server = Server::echo();
    let setup = Setup::to([server.place()])
        .start(|start| start.with_file("token", "0123456789abcdef0123456789abcdef"));
    let chain = Chain::new(setup.top("admin = { token-file = \"token\" }"));
    let old = chain.pid();
    std::fs::remove_file(chain.file("token")).unwrap();
    let (code, _, errors) = chain.command("upgrade");
    assert!(code == 1 && errors.contains("admin.token-file"), "{code} {errors}");
    assert_eq!(chain.look("/api/v1/status")["pid"], old);
    chain.connect().check_echo("as before");
}

#[test]
fn over_tcp_the_token_upgrades_but_names_no_program() {
    const SECRET: &str = "0123456789abcdef";
    let server = Server::echo();
    let port = port::free();
    let mut setup = Setup::to([server.place()]);
    setup = setup.start(|start| start.with_file("token", SECRET));
    let setup = setup.top(&format!("admin = {{ listen = \"127.0.0.1:{port}\", token-file = \"token\" }}"));
    let mut chain = Chain::new(setup);
    let token = chain.file("token");
    let ask = |args: &str| {
        let args = format!("{args} --admin 127.0.0.1:{port} --token-file {}", token.display());
        evenkeel().args(&args).spawn().output()
    };
    let (code, _, errors) = ask("upgrade --binary /bin/true");
    assert!(code == 77 && errors.contains("at the Unix socket only"), "{code} {errors}");
    assert_eq!(chain.count_events("upgrading"), 0);
    assert_eq!(ask_tcp(port, "POST", "/api/v1/upgrade", "host: 127.0.0.1\r\n").status, 401);
    let (code, out, errors) = ask("upgrade");
    assert!(code == 0 && errors.is_empty() && out.contains("upgraded"), "{out} {errors}");
    chain.look_for_pids();
    let (code, _, errors) = ask("upgrade");
    assert_eq!(code, 0, "the new one listens there, too: {errors}");
    chain.look_for_pids();
    chain.wait_alone();
}

#[test]
fn who_follows_the_events_is_told_of_the_upgrade_and_then_let_go() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]));
    let whom = format!("unix:{}", chain.file("control.sock").display());
    let mut follower = evenkeel().args("events -f --json --admin").arg(&whom).spawn();
    follower.wait_event("ready");
    chain.upgrade();
    follower.wait_event("upgraded");
    assert_eq!(follower.exit_code(), 0);
    eventually("the new process is asked", || (chain.command("status").0 == 0).then_some(()));
    chain.wait_alone();
}

#[test]
fn reloads_right_after_an_upgrade_leave_the_admin_api_where_it_is() {
    let server = Server::echo();
    let mut chain = Chain::new(Setup::to([server.place()]));
    for count in 1..=3 {
        chain.upgrade();
        chain.signal_newest(Signal::HUP);
        eventually("the reload", || (chain.count_events("reloaded") == count).then_some(()));
        let pid = Value::from(*chain.pids.last().unwrap());
        eventually("it can be asked", || {
            let (code, out, _) = chain.command("status --json");
            (code == 0 && serde_json::from_str::<Value>(&out).unwrap()["pid"] == pid).then_some(())
        });
    }
    assert_eq!((chain.count_events("reload-refused"), chain.count_events("warning")), (0, 0));
    let folder = chain.file("control.sock").parent().unwrap().to_owned();
    let names = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|it| it.starts_with("control")).collect::<Vec<_>>(), ["control.sock"]);
    chain.wait_alone();
}
