//! Reloads and upgrades under load: no connect fails, no connection is reset, no byte is wrong.

use crate::chain::{Chain, has_ended, replace};
use crate::harness::Setup;
use crate::load::{Backend, LASTING, Progress, fits, under_load};
use evenkeel_testkit::{Peer, Place, eventually, port};
use serde_json::Value;

/// On a machine that is busy with other things a seat may take its time.
const PATIENT: &str = "timeout = { connect = \"60s\", queue = \"60s\" }";

/// Both ways of carrying bytes are in use: bulk goes through pipes, and all else through memory.
fn both_engines_run(chain: &Chain) {
    eventually("some go through kernel pipes", || {
        let metrics = chain.ask("GET", "/metrics").text;
        let pipes = metrics.lines().find_map(|line| line.strip_prefix("evenkeel_pipes_open "));
        (pipes.expect(&metrics).parse::<u64>().unwrap() > 0).then_some(())
    });
}

/// Nobody was turned away or cut, and nobody was connected twice.
fn check_log(chain: &mut Chain, backends: &[&Backend]) {
    let accepted = || backends.iter().map(|it| it.server.accepted()).sum::<u64>();
    eventually("all have ended", || backends.iter().all(|it| it.server.open() == 0).then_some(()));
    let sessions = chain.wait_sessions(accepted() as usize);
    for session in &sessions {
        let is_fine = session["end"] == "ok" && session["attempts"] == Value::Array(Vec::new());
        assert!(is_fine, "{session}");
    }
    let mut ids: Vec<_> = sessions.iter().map(|it| it["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), sessions.len());
    assert!(sessions.len() as u64 > LASTING + 100, "{}", sessions.len());
}

/// The `step`th of twenty configurations; each differs from the one before in something.
fn changed(step: usize, listen: [&Place; 2], backends: &[&Backend]) -> String {
    let [a, b, c] = [0, 1, 2].map(|index| backends[index].server.place());
    let listen = match step % 2 {
        0 => format!("\"{}\"", listen[0]),
        _ => format!("[\"{}\", \"{}\"]", listen[0], listen[1]),
    };
    let to = match step % 4 {
        0 => format!("\"{a}\", \"{b}\""),
        1 => format!("{{ addr = \"{a}\", weight = 3 }}, \"{b}\", \"{c}\""),
        2 => format!("\"{c}\", {{ addr = \"{b}\", weight = 5 }}"),
        _ => format!("\"{a}\", {{ addr = \"{b}\", backup = true }}, \"{c}\""),
    };
    let balance = ["random", "round-robin", "least-conn", "maglev", "first"][step % 5];
    format!(
        "workers = 2\n[tcp.web]\nlisten = {listen}\nto = [{to}]\nhealth = \"off\"\nbalance = \"{balance}\"\n\
         timeout = {{ connect = \"{}s\", queue = \"60s\", idle = \"{}m\" }}\nmax-sessions = {}\nuser-timeout = \"{}s\"\nbacklog = {}\n",
        20 + step,
        10 + step,
        4000 + step,
        60 + step,
        500 + step,
    )
}

#[test]
fn twenty_reloads_under_load_are_not_noticed() {
    if !fits() {
        return eprintln!("skipped: too few descriptors may be open here");
    }
    let backends = [Backend::start(), Backend::start(), Backend::start()];
    let backends: Vec<_> = backends.iter().collect();
    let mut chain =
        Chain::new(Setup::to([backends[0].server.place(), backends[1].server.place()]).keys(PATIENT));
    let (place, more, file) = (chain.place.clone(), Place::local(port::free()), chain.file("evenkeel.toml"));
    let mut kept = Vec::new();
    under_load(&place, &backends, |progress| {
        both_engines_run(&chain);
        for step in 1..=20 {
            std::fs::write(&file, changed(step, [&place, &more], &backends)).unwrap();
            let (code, _, errors) = chain.command("reload");
            assert_eq!(code, 0, "{errors}");
            if step % 2 == 1 {
                let client = Peer::connect(&more);
                client.send(b"E").unwrap();
                client.check_echo("at the listener that comes and goes");
                kept.push(client);
            }
            std::fs::write(&file, "[tcp.web]\nlisten = 1\n").unwrap();
            if step % 5 == 0 {
                assert_eq!(chain.command("reload").0, 1, "a broken file changes nothing");
            }
            progress.wait();
        }
        kept.iter().for_each(|client| client.check_echo("its listener is gone"));
        assert_eq!(chain.look("/api/v1/status")["config"]["reloads"], 20);
    });
    drop(kept);
    check_log(&mut chain, &backends);
}

/// One upgrade; waits until the old process is gone.
fn upgrade(chain: &mut Chain) {
    let old = *chain.pids.last().unwrap();
    let (code, out, errors) = chain.command("upgrade --json");
    assert_eq!(code, 0, "{errors}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["old_pid"], old);
    assert!(told["sessions"].as_u64().unwrap() >= LASTING, "{told}");
    chain.pids.push(u32::try_from(told["pid"].as_u64().unwrap()).unwrap());
    if chain.pids.len() == 2 {
        assert_eq!(chain.exit_code(), 0);
    }
    // Long before the time to drain is over: nothing is left there.
    eventually("the old process is gone", || has_ended(old).then_some(()));
}

/// What cannot work: a broken program, and a broken file.
fn fail_to_upgrade(chain: &Chain, progress: &Progress) {
    let elsewhere = tempfile::tempdir().unwrap();
    let broken = elsewhere.path().join("broken");
    replace(&broken, "#!/bin/sh\nexit 3\n");
    let (code, _, errors) = chain.command(&format!("upgrade --binary {}", broken.display()));
    assert!(code == 1 && errors.contains("exit status: 3"), "{errors}");
    progress.wait();
    let (file, good) = (chain.file("evenkeel.toml"), std::fs::read(chain.file("evenkeel.toml")).unwrap());
    std::fs::write(&file, "[tcp.web]\nlisten = 1\n").unwrap();
    assert_eq!((chain.command("upgrade").0, chain.command("reload").0), (1, 1));
    std::fs::write(&file, good).unwrap();
    progress.wait();
}

#[test]
fn five_upgrades_under_load_are_not_noticed() {
    if !fits() {
        return eprintln!("skipped: too few descriptors may be open here");
    }
    let backend = Backend::start();
    let mut chain = Chain::new(Setup::to([backend.server.place()]).keys(PATIENT));
    let place = chain.place.clone();
    under_load(&place, &[&backend], |progress| {
        for step in 0..5 {
            both_engines_run(&chain);
            if step == 2 {
                fail_to_upgrade(&chain, progress);
            }
            upgrade(&mut chain);
            progress.wait();
        }
    });
    check_log(&mut chain, &[&backend]);
}
