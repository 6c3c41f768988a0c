//! Who is let in, and lists of networks that change while everything runs.

use crate::harness::Setup;
use evenkeel_testkit::{Ending, Server, eventually};

#[test]
fn a_list_that_changes_holds_from_then_on_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("blocked.txt");
    std::fs::write(&list, "192.0.2.0/24\n").unwrap();
    let server = Server::echo();
    let deny = format!("deny = \"file:{}\"", list.display());
    let mut running = Setup::to([server.place()]).keys(&deny).ready();
    let open = running.connect();
    open.check_echo("hello");

    std::fs::write(&list, "# everybody here\n127.0.0.0/8\n").unwrap();
    running.wait_event("reloaded");
    assert_eq!(running.connect().ending(), Ending::Reset);
    open.check_echo("a session keeps what it was born with");
    eventually("the refusal is counted", || {
        let (_, services, _) = running.command("status --json");
        services.contains("\"not-allowed\": 1").then_some(())
    });

    running.forget();
    std::fs::write(&list, "nobody\n").unwrap();
    let refused = running.wait_event("reload-refused");
    assert!(refused["message"].as_str().unwrap().contains("blocked.txt"), "{refused}");
    assert_eq!(running.connect().ending(), Ending::Reset);

    running.forget();
    std::fs::remove_file(&list).unwrap();
    running.wait_event("reload-refused");
    std::fs::write(&list, "").unwrap();
    running.wait_event("reloaded");
    running.connect().check_echo("and back");
}

#[test]
fn a_list_does_not_take_a_changed_configuration_along() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("blocked.txt");
    std::fs::write(&list, "").unwrap();
    let server = Server::echo();
    let setup = Setup::to([server.place()]).keys(&format!("deny = \"file:{}\"", list.display()));
    let text = setup.text();
    let mut running = setup.ready();
    std::fs::write(running.file("evenkeel.toml"), text + "max-sessions = 7\n").unwrap();
    std::fs::write(&list, "127.0.0.0/8\n").unwrap();
    let warning = running.wait_event("warning");
    assert!(warning["message"].as_str().unwrap().contains("evenkeel reload"), "{warning}");
    running.connect().check_echo("nothing was loaded");
    assert_eq!(running.command("reload").0, 0);
    assert_eq!(running.connect().ending(), Ending::Reset);
}
