//! Orders to a running balancer: they hold at once and over reloads, cut nobody who should stay, and are in the log.

use crate::harness::{Running, Setup, evenkeel};
use evenkeel_testkit::{Peer, Place, Server, eventually, port, serve};
use serde_json::json;
use std::io::ErrorKind;

/// Two backends that stay, and a balancer that takes turns.
fn two(keys: &str) -> (Server, Server, Running) {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let setup =
        Setup::to([a.place(), b.place()]).keys("balance = \"round-robin\"\nslow-start = \"off\"").keys(keys);
    let running = setup.ready();
    (a, b, running)
}

/// Who answers the next client, who stays.
fn next(running: &Running) -> (String, Peer) {
    let client = running.connect();
    (String::from_utf8(client.receive(1).unwrap()).unwrap(), client)
}

fn only(running: &Running, name: &str) {
    eventually(&format!("only {name} serves"), || (0..4).all(|_| next(running).0 == name).then_some(()));
}

fn ordered(running: &Running, args: &str) -> String {
    let (code, out, errors) = running.command(args);
    assert_eq!(code, 0, "{args}: {errors}");
    out
}

#[test]
fn a_backend_drains_is_disabled_and_comes_back() {
    let (a, b, mut running) = two("");
    let clients: Vec<_> = (0..4).map(|_| next(&running)).collect();
    assert_eq!(ordered(&running, &format!("drain web {}", b.place())), format!("drain web {}", b.place()));
    only(&running, "a");
    let backends = running.look("/api/v1/backends");
    assert_eq!(
        (&backends["backends"][1]["state"], &backends["backends"][1]["weight"]),
        (&json!("drain"), &json!(0))
    );
    assert_eq!(b.open(), 2, "open sessions go on");
    assert!(ordered(&running, "diff").contains(&format!("web  {}  drain", b.place())));
    assert_eq!(ordered(&running, "reload -q"), "");
    only(&running, "a");

    ordered(&running, &format!("disable web {}", b.place()));
    for (name, client) in &clients {
        if name == "b" {
            client.read_to_end();
        }
    }
    eventually("its sessions are closed", || (b.open() == 0).then_some(()));
    assert!(a.open() >= 2, "no others");
    ordered(&running, &format!("enable web {}", b.place()));
    eventually("it is back", || (next(&running).0 == "b").then_some(()));
    assert_eq!(ordered(&running, "diff"), "no change");
    assert!(running.wait_event("ordered")["by"].as_str().unwrap().contains("pid"));
}

#[test]
fn a_weight_holds_until_the_file_says_another() {
    let (_a, b, running) = two("");
    let file = running.file("evenkeel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    ordered(&running, &format!("weight web {} 0", b.place()));
    only(&running, "a");
    std::fs::write(&file, text.clone() + "max-sessions = 1000\n").unwrap();
    ordered(&running, "reload");
    only(&running, "a");
    let entry = format!("{:?}", b.place().to_string());
    std::fs::write(&file, text.replace(&entry, &format!("{{ addr = {entry}, weight = 2 }}"))).unwrap();
    ordered(&running, "reload");
    eventually("the file is newer", || (next(&running).0 == "b").then_some(()));
}

#[test]
fn a_backend_is_added_and_removed_and_keeps_its_sessions() {
    let (_a, b, running) = two("");
    let c = Server::start(&Place::any(), serve::stay("c"));
    ordered(&running, &format!("add web {} --weight 2", c.place()));
    eventually("it serves", || (next(&running).0 == "c").then_some(()));
    let (code, _, errors) = running.command(&format!("add web {}", c.place()));
    assert!(code == 1 && errors.contains("already"), "{errors}");
    let kept = std::iter::repeat_with(|| next(&running)).find(|(name, _)| name == "b").unwrap().1;
    ordered(&running, &format!("remove web {}", b.place()));
    ordered(&running, "reload");
    eventually("it is gone", || (0..6).all(|_| next(&running).0 != "b").then_some(()));
    assert!(b.open() >= 1, "on-remove is keep");
    drop(kept);
    let diff = running.look("/api/v1/diff");
    let whats: Vec<_> = diff["differences"].as_array().unwrap().iter().map(|it| it["what"].clone()).collect();
    assert!(whats.contains(&json!("added")) && whats.contains(&json!("removed")), "{diff}");
}

#[test]
fn a_service_drains_and_counts_on_and_listens_again() {
    let (_a, _b, running) = two("");
    let (_, client) = next(&running);
    ordered(&running, "drain web");
    eventually("new clients are refused", || {
        let error = Peer::try_connect(&running.place).err()?;
        (error.kind() == ErrorKind::ConnectionRefused).then_some(())
    });
    let service = running.look("/api/v1/services/web");
    assert_eq!((&service["duty"], &service["sessions"]["open"]), (&json!("drain"), &json!(1)));
    assert_eq!(running.ask("GET", "/readyz/web").status, 503);
    let accepted = service["sessions"]["accepted"].as_u64().unwrap();
    ordered(&running, "reload");
    ordered(&running, "enable web");
    next(&running);
    assert!(running.look("/api/v1/services/web")["sessions"]["accepted"].as_u64().unwrap() > accepted);
    ordered(&running, "disable web");
    client.read_to_end();
}

#[test]
fn orders_that_make_no_sense_are_refused_with_the_right_status() {
    let (a, b, mut running) = two("");
    for (method, path, body, status) in [
        ("POST", "/api/v1/pools/x/backends/5001/drain", json!({}), 404),
        ("POST", "/api/v1/pools/web/backends/5001/drain", json!({}), 404),
        ("POST", "/api/v1/pools/web/backends/no%20address/drain", json!({}), 400),
        ("POST", "/api/v1/services/x/drain", json!({}), 404),
        ("POST", "/api/v1/pools/web/backends", json!({}), 400),
        ("POST", "/api/v1/pools/web/backends", json!({"addr": "name.example:80"}), 400),
        ("POST", "/api/v1/pools/web/backends", json!({"addr": "5001", "weight": 1001}), 400),
        ("POST", "/api/v1/pools/web/backends", json!({"addr": a.place().to_string()}), 409),
    ] {
        assert_eq!(running.tell(method, path, &body).status, status, "{method} {path} {body}");
    }
    for (order, what) in [
        ("drain tcp.web".to_owned(), "no service is called `tcp.web`; did you mean web?".to_owned()),
        (format!("weight wbe {} 2", a.place()), "no pool is called `wbe`; did you mean web?".to_owned()),
        (
            "remove web unix:/x".to_owned(),
            format!("no backend of `web` is at unix:/x; there is {}, {}", a.place(), b.place()),
        ),
    ] {
        let (code, _, errors) = running.command(&order);
        assert!(code == 1 && errors.contains(&what), "{order}: {errors}");
    }
    let path = format!("/api/v1/pools/web/backends/{}/weight", a.place());
    assert_eq!(running.tell("PUT", &path, &json!({})).status, 400);
    assert_eq!(running.tell("PUT", &path, &json!({"weight": "1"})).status, 400);
    assert_eq!(running.wait_event("order-refused")["level"], "warning");
}

#[test]
fn sessions_of_a_removed_backend_go_within_the_time_that_the_pool_gives_them() {
    let (_a, b, running) = two("on-remove = \"drain(600ms)\"");
    let clients: Vec<_> = (0..8).map(|_| next(&running)).collect();
    ordered(&running, &format!("remove web {}", b.place()));
    for (name, client) in &clients {
        if name == "b" {
            client.read_to_end();
        }
    }
    eventually("they are gone", || (b.open() == 0).then_some(()));
}

#[test]
fn sessions_of_a_backend_that_is_down_are_cut_if_the_pool_says_so() {
    let mut checked = Server::echo();
    let server = Server::echo();
    let keys = format!(
        "on-down = \"cut\"\nhealth = {{ tcp = true, port = {}, interval = \"50ms\", fast-interval = \"50ms\" }}",
        checked.place().to_string().rsplit(':').next().unwrap()
    );
    let mut running = Setup::to([server.place()]).keys(&keys).ready();
    running.wait_event("up");
    let client = running.connect();
    client.check_echo("hello");
    checked.stop();
    running.wait_event("down");
    client.read_to_end();
    assert_eq!(running.wait_session("the session", |_| true)["end"], "drain");
}

#[test]
fn what_was_ordered_is_saved_to_the_file_and_then_is_no_difference_any_more() {
    let (a, b, running) = two("");
    let c = Server::start(&Place::any(), serve::stay("c"));
    for order in [
        format!("weight web {} 3", a.place()),
        format!("remove web {}", b.place()),
        format!("add web {} --max-sessions 9", c.place()),
        "drain web".to_owned(),
    ] {
        ordered(&running, &order);
    }
    let file = running.file("evenkeel.toml");
    let save = format!("save {}", file.display());
    let (code, out, errors) = running.command(&save);
    assert!(code == 0 && out.starts_with("3 changes saved"), "{out} {errors}");
    assert!(errors.contains("not saved") && errors.contains("drain"), "{errors}");
    let text = std::fs::read_to_string(&file).unwrap();
    let entry = format!("{{ addr = \"{}\", weight = 3 }}", a.place());
    assert!(text.contains(&entry) && !text.contains(&b.place().to_string()), "{text}");
    ordered(&running, "enable web");
    assert!(ordered(&running, &save).starts_with("no change: "), "it is there");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    ordered(&running, &format!("weight web {} 7", c.place()));
    assert!(ordered(&running, "diff").contains(&format!("{}  added, weight 7, max-sessions 9", c.place())));
    assert!(ordered(&running, &save).starts_with("1 change saved"), "it is there with another weight");
    let entry = format!("{{ addr = \"{}\", max-sessions = 9, weight = 7 }}", c.place());
    assert!(std::fs::read_to_string(&file).unwrap().contains(&entry));
    ordered(&running, "reload");
    assert_eq!(ordered(&running, "diff"), "no change");
    eventually("the new one serves", || (next(&running).0 == "c").then_some(()));
}

#[test]
fn what_is_taken_back_after_it_was_saved_is_saved_as_well() {
    let (a, b, running) = two("");
    let c = Server::start(&Place::any(), serve::stay("c"));
    let file = running.file("evenkeel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let [a, b, c] = [&a, &b, &c].map(|it| it.place().to_string());
    for order in [format!("weight web {a} 3"), format!("remove web {b}"), format!("add web {c}")] {
        ordered(&running, &order);
    }
    assert!(ordered(&running, "save").starts_with("3 changes saved"));
    for order in [format!("weight web {a} 1"), format!("add web {b}"), format!("remove web {c}")] {
        ordered(&running, &order);
    }
    assert_eq!(ordered(&running, "diff"), "no change", "of the configuration in force");
    assert!(ordered(&running, "save").starts_with("3 changes saved"));
    let entry = format!("{{ addr = \"{a}\" }}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text.replace(&format!("\"{a}\""), &entry));
}

#[test]
fn save_writes_the_file_that_is_read_unless_told_and_warns_of_another() {
    let (a, _b, running) = two("");
    let file = running.file("evenkeel.toml");
    let told = running.look("/api/v1/status")["config"]["file"].clone();
    assert_eq!(told, json!(std::path::absolute(&file).unwrap().display().to_string()));
    let other = running.file("other.toml");
    std::fs::copy(&file, &other).unwrap();
    ordered(&running, &format!("weight web {} 3", a.place()));
    let (code, out, errors) = running.command(&format!("save {}", other.display()));
    assert!(code == 0 && out.starts_with("1 change saved"), "{out} {errors}");
    assert!(errors.starts_with("warning: ") && errors.contains(told.as_str().unwrap()), "{errors}");
    let (code, out, errors) = running.command("save");
    assert_eq!((code, out, errors), (0, format!("1 change saved to {}", told.as_str().unwrap()), "".into()));
    let (_, out, errors) = running.command(&format!("save {}", file.display()));
    assert_eq!((out.starts_with("no change: "), errors.as_str()), (true, ""));
}

#[test]
fn save_needs_a_file_where_none_is_read() {
    let server = Server::echo();
    let place = Place::local(port::free());
    let mut running = evenkeel().args(&format!("tcp {place} {}", server.place())).spawn();
    running.wait_event("ready");
    let socket = format!("unix:{}", running.file("control.sock").display());
    let (code, _, errors) = evenkeel().args("save --admin").arg(&socket).spawn().output();
    assert_eq!(code, 2, "{errors}");
    assert!(errors.contains("has no config file") && errors.contains("save FILE"), "{errors}");
}

#[test]
fn what_belongs_to_a_name_is_not_saved_and_the_name_is_told() {
    let server = Server::echo();
    let port = server.port();
    let running = Setup::to([]).by_name(port).ready();
    let file = running.file("evenkeel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let remove = format!("remove web {}", server.place());
    eventually("the name is known", || (running.command(&remove).0 == 0).then_some(()));
    let diff = ordered(&running, "diff");
    assert!(diff.contains(&format!("removed, of the name localhost:{port}")), "{diff}");
    let (code, _, errors) = running.command(&format!("save {}", file.display()));
    assert!(code == 1 && errors.contains(&format!("it belongs to the name localhost:{port}")), "{errors}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn orders_about_the_pool_of_a_route_are_saved_with_those_of_its_service() {
    let [a, b] = ["a", "b"].map(|name| Server::start(&Place::any(), serve::stay(name)));
    let keys = format!("[http.web.route]\n\"/x/*\" = \"{}\" # the route", b.place());
    let running = Setup::to([a.place()]).http().keys(&keys).ready();
    ordered(&running, &format!("weight web//x/* {} 4", b.place()));
    ordered(&running, &format!("weight web {} 8", a.place()));
    let file = running.file("evenkeel.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(ordered(&running, &format!("save {}", file.display())).starts_with("2 changes saved"));
    let entry = |place: &Place, weight| format!("{{ addr = \"{place}\", weight = {weight} }}");
    let expected = text
        .replace(&format!("\"{}\"", a.place()), &entry(a.place(), 8))
        .replace(&format!("\"{}\"", b.place()), &entry(b.place(), 4));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
    ordered(&running, "reload");
    assert_eq!(ordered(&running, "diff"), "no change");
}
