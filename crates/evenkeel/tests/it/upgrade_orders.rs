//! What operators want goes along in an upgrade: orders, what is on trial, and sessions that are to be closed.

use crate::chain::Chain;
use crate::harness::Setup;
use evenkeel_testkit::{Peer, Place, Server, eventually, port, serve};
use serde_json::json;
use std::io::ErrorKind;

/// So many servers that say their number at once, and stay.
fn servers<const N: usize>(names: [&str; N]) -> [Server; N] {
    names.map(|name| Server::start(&Place::any(), serve::stay(name)))
}

fn chain(servers: &[Server], keys: &str) -> Chain {
    let setup = Setup::to(servers.iter().map(Server::place));
    Chain::new(setup.keys("balance = \"round-robin\"\nslow-start = \"off\"").keys(keys))
}

fn done(chain: &mut Chain, args: &str) -> String {
    let (code, out, errors) = chain.command(args);
    assert_eq!(code, 0, "{args}: {errors}");
    chain.look_for_pids();
    out
}

/// Who answers so many clients, sorted.
fn answers(chain: &Chain, clients: usize) -> String {
    let mut names: Vec<_> = (0..clients).map(|_| chain.connect().receive(1).unwrap()).collect();
    names.sort();
    String::from_utf8(names.concat()).unwrap()
}

#[test]
fn orders_hold_after_an_upgrade_as_before() {
    let all = servers(["a", "b", "c", "d"]);
    let [a, b, c, d] = &all;
    let mut chain = chain(&all[..3], "");
    for order in [
        format!("drain web {}", a.place()),
        format!("weight web {} 3", b.place()),
        format!("remove web {}", c.place()),
        format!("add web {} --weight 2 --max-sessions 100", d.place()),
    ] {
        done(&mut chain, &order);
    }
    let before = done(&mut chain, "diff");
    eventually("it holds", || (answers(&chain, 5) == "bbbdd").then_some(()));
    for _ in 0..2 {
        done(&mut chain, "upgrade");
        assert_eq!(done(&mut chain, "diff"), before);
        assert_eq!(answers(&chain, 10), "bbbbbbdddd", "and from the first session on");
    }
    done(&mut chain, "reload");
    assert_eq!(done(&mut chain, "diff"), before, "the file says nothing newer");
    done(&mut chain, &format!("enable web {}", a.place()));
    done(&mut chain, &format!("remove web {}", d.place()));
    done(&mut chain, &format!("add web {}", c.place()));
    eventually("each can be undone", || (answers(&chain, 5) == "abbbc").then_some(()));

    // The new process reads a file that was changed meanwhile: newer than the order.
    let file = chain.file("evenkeel.toml");
    let (text, entry) = (std::fs::read_to_string(&file).unwrap(), format!("{:?}", b.place().to_string()));
    std::fs::write(&file, text.replace(&entry, &format!("{{ addr = {entry}, weight = 2 }}"))).unwrap();
    done(&mut chain, "upgrade");
    assert_eq!(answers(&chain, 8), "aabbbbcc");
    assert_eq!(done(&mut chain, "diff"), "no change");
    chain.wait_alone();
}

#[test]
fn a_service_that_drains_stays_closed_and_its_sessions_move() {
    let all = servers(["a"]);
    let mut chain = chain(&all, "");
    let client = chain.connect();
    assert_eq!(client.receive(1).unwrap(), b"a");
    done(&mut chain, "drain web");
    let refused = |chain: &Chain| {
        eventually("new clients are refused", || {
            let error = Peer::try_connect(&chain.place).err()?;
            (error.kind() == ErrorKind::ConnectionRefused).then_some(())
        });
    };
    refused(&chain);
    done(&mut chain, "upgrade");
    refused(&chain);
    let service = chain.look("/api/v1/services/web");
    assert_eq!((&service["duty"], &service["sessions"]["open"]), (&json!("drain"), &json!(1)));
    // Somebody else may take the address meanwhile, as soon as nobody is half connected, and that is no reason to fail.
    let (_taken, _) = eventually("the address is free", || chain.place.listen(1).ok());
    done(&mut chain, "upgrade");
    drop(_taken);
    done(&mut chain, "enable web");
    assert_eq!(answers(&chain, 1), "a");
    drop(client);
    chain.wait_alone();
}

#[test]
fn what_is_on_trial_goes_back_by_itself_in_the_new_process() {
    let all = servers(["a", "b"]);
    let [a, b] = &all;
    let mut chain = chain(&all[..1], "");
    let (text, more) =
        (std::fs::read_to_string(chain.file("evenkeel.toml")).unwrap(), Place::local(port::free()));
    let new = text.replace(&a.place().to_string(), &b.place().to_string());
    let new = new.replace(&format!("\"{}\"", chain.place), &format!("[\"{}\", \"{more}\"]", chain.place));
    let (path, admin) = (chain.file("new.toml"), port::free());
    let unix = chain.file("control.sock").display().to_string();
    let new = format!("admin = {{ listen = [\"unix:{unix}\", \"127.0.0.1:{admin}\"] }}\n{new}");
    std::fs::write(&path, new).unwrap();
    let also = || std::net::TcpStream::connect(("127.0.0.1", admin)).is_ok();
    done(&mut chain, &format!("apply {} --confirm 4s", path.display()));
    done(&mut chain, "upgrade");
    assert!(also(), "where it can be asked is on trial, too");
    assert!(chain.look("/api/v1/status")["config"]["trial_s"].as_u64() < Some(4), "its time goes on");
    assert_eq!(
        (answers(&chain, 2), Peer::connect(&more).receive(1).unwrap()),
        ("bb".to_owned(), b"b".to_vec())
    );
    let why = chain.wait_event("went-back")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("confirmed"), "{why}");
    eventually("the one before holds", || (answers(&chain, 2) == "aa").then_some(()));
    eventually("nobody listens there any more", || Peer::try_connect(&more).err());
    eventually("nor can it be asked there", || (!also()).then_some(()));

    // Confirmed after an upgrade, it stays.
    done(&mut chain, &format!("apply {} --confirm 1m", path.display()));
    done(&mut chain, "upgrade");
    assert_eq!(done(&mut chain, "confirm"), "confirmed");
    assert_eq!(chain.look("/api/v1/status")["config"]["trial_s"], json!(null));
    assert_eq!(answers(&chain, 2), "bb");
    assert_eq!(chain.count_events("went-back"), 1);
    chain.wait_alone();
}

#[test]
fn a_trial_that_fails_after_an_upgrade_goes_back_at_once() {
    let all = servers(["a"]);
    let mut chain = chain(&all, "");
    let text = std::fs::read_to_string(chain.file("evenkeel.toml")).unwrap();
    let path = chain.file("new.toml");
    let nobody = Place::local(port::free()).to_string();
    std::fs::write(&path, text.replace(&all[0].place().to_string(), &nobody)).unwrap();
    done(&mut chain, &format!("apply {} --confirm 10m", path.display()));
    done(&mut chain, "upgrade");
    (0..6).for_each(|_| drop(chain.connect().read_to_end()));
    let why = chain.wait_event("went-back")["why"].as_str().unwrap().to_owned();
    assert!(why.contains("fail"), "{why}");
    eventually("the one before holds", || (answers(&chain, 2) == "aa").then_some(()));
    chain.wait_alone();
}

#[test]
fn sessions_that_are_being_closed_are_so_by_the_new_process() {
    let all = servers(["a", "b"]);
    let mut chain = chain(&all, "on-remove = \"drain(3s)\"");
    let clients: Vec<_> = (0..20).map(|_| chain.connect()).collect();
    let names: Vec<_> = clients.iter().map(|client| client.receive(1).unwrap()).collect();
    done(&mut chain, &format!("remove web {}", all[1].place()));
    done(&mut chain, "upgrade");
    for (client, name) in clients.iter().zip(&names) {
        if name == b"b" {
            client.read_to_end();
        }
    }
    eventually("they are gone", || (all[1].open() == 0).then_some(()));
    assert_eq!(all[0].open(), 10, "and no others");
    let sessions = chain.wait_sessions(10);
    assert!(sessions.iter().all(|line| line["end"] == "drain"), "{sessions:?}");
    let told = chain.wait_event("upgraded");
    assert!(told["sessions"].as_u64() > Some(10), "they moved first: {told}");
    drop(clients);
    chain.wait_alone();
}
