//! Asking why: a backend that went out, a session that failed over, where a client's sessions went.

use crate::harness::Setup;
use evenkeel_testkit::{Peer, Place, Server, Silent, eventually, port};
use serde_json::{Value, json};

const HEALTH: &str =
    "health = { tcp = true, interval = \"60ms\", fast-interval = \"20ms\", timeout = \"1s\" }";

fn path(server: &Server) -> String {
    format!("/api/v1/pools/web/backends/{}/why", server.place())
}

fn last(list: &Value) -> &Value {
    list.as_array().unwrap().last().unwrap()
}

#[test]
fn a_backend_that_was_killed_says_that_its_checks_took_it_out_and_how_it_comes_back() {
    let [mut a, b] = Server::hellos(["a", "b"]);
    let mut running = Setup::to([a.place(), b.place()]).keys(HEALTH).ready();
    running.wait_backend("up", a.place());
    a.stop();
    running.wait_backend("down", a.place());
    let why = running.look(&path(&a));
    assert_eq!(
        (&why["state"], &why["pool"], &why["services"]),
        (&json!("down"), &json!("web"), &json!(["web"]))
    );
    let check = last(&why["checks"]);
    assert_eq!(
        (&check["passed"], &check["cause"], &check["errno"]),
        (&json!(false), &json!("connection refused"), &json!(111))
    );
    assert!(
        check["took_ms"].is_number() && check["at"].is_string() && check["ago_ms"].is_number(),
        "{check}"
    );
    let [up, down] = [&why["changes"][0], last(&why["changes"])];
    assert_eq!((&up["from"], &up["to"]), (&json!("checking"), &json!("up")));
    assert_eq!((&down["from"], &down["to"], &down["errno"]), (&json!("up"), &json!("down"), &json!(111)));
    assert_eq!(down["because"], "is down: connection refused (3 checks in a row failed)");
    let reason = &why["reasons"][0];
    assert_eq!(
        (&reason["reason"], &reason["says"]),
        (&json!("checks"), &json!("its checks fail: connection refused (errno 111)"))
    );
    assert!(reason["back"].as_str().unwrap().starts_with("2 checks in a row that pass, 0 have"), "{reason}");
    running.forget();
    a.restart();
    running.wait_backend("up", a.place());
    let back = running.look(&path(&a));
    assert_eq!((&back["state"], &back["reasons"]), (&json!("up"), &json!([])));
}

#[test]
fn live_failures_and_an_ejection_are_told_without_any_check() {
    let [mut a, b] = Server::hellos(["a", "b"]);
    a.stop();
    let keys = "balance = \"round-robin\"\neject = { failures = 3, time = \"30s\" }";
    let mut running = Setup::to([a.place(), b.place()]).keys(keys).ready();
    assert_eq!(running.tally(6), [("b".into(), 6)].into());
    running.wait_backend("ejected", a.place());
    let why = running.look(&path(&a));
    assert_eq!(
        (&why["state"], &why["check"], why["failures"].as_array().unwrap().len()),
        (&json!("ejected"), &json!(null), 3)
    );
    let failure = last(&why["failures"]);
    assert_eq!((&failure["failure"], &failure["errno"]), (&json!("refused"), &json!(111)));
    assert_eq!(why["connect_failures"], json!({"refused": 3}));
    let reason = &why["reasons"][0];
    assert_eq!(reason["says"], "live traffic failed: 3 connects in a row, connection refused (errno 111)");
    assert!(reason["back"].as_str().unwrap().starts_with("in "), "{reason}");
}

#[test]
fn orders_are_told_with_who_gave_them_and_one_that_left_is_still_known() {
    let [a, b] = Server::hellos(["a", "b"]);
    let running = Setup::to([a.place(), b.place()]).ready();
    assert_eq!(running.command(&format!("drain web {}", a.place())).0, 0);
    let why = running.look(&path(&a));
    assert_eq!((&why["state"], &why["reasons"][0]["reason"]), (&json!("drain"), &json!("order")));
    assert_eq!(why["reasons"][0]["back"], format!("`evenkeel enable web {}`", a.place()));
    let change = last(&why["changes"]);
    assert!(change["because"].as_str().unwrap().contains(&format!(": drain web {}", a.place())), "{change}");
    assert!(change["because"].as_str().unwrap().starts_with("order of uid "), "{change}");
    assert_eq!(running.command(&format!("remove web {}", a.place())).0, 0);
    let why = running.look(&path(&a));
    assert_eq!(
        (&why["state"], &why["takes_traffic"], &why["weight"]),
        (&json!("removed"), &json!(false), &json!(null))
    );
    assert_eq!(why["changes"].as_array().unwrap().len(), 2, "{why}");
    assert_eq!(running.command(&format!("add web {}", a.place())).0, 0);
    let why = running.look(&path(&a));
    assert_eq!((&why["state"], why["changes"].as_array().unwrap().len()), (&json!("up"), 3));
}

#[test]
fn a_session_that_failed_over_tells_the_attempt_that_failed() {
    let (dead, server) = (Place::local(port::free()), Server::echo());
    let keys = "balance = \"first\"\neject = \"off\"";
    let mut running = Setup::to([&dead, server.place()]).keys(keys).ready();
    let client = running.connect();
    client.check_echo("hello");
    let id = running.look("/api/v1/sessions")["sessions"][0]["id"].as_u64().unwrap();
    let check = |session: &Value| {
        let attempt = &session["attempts"][0];
        assert_eq!((&attempt["backend"], &attempt["failure"]), (&json!(dead.to_string()), &json!("refused")));
        assert_eq!((&attempt["errno"], &attempt["by"]), (&json!(111), &json!("backend")));
        assert_eq!(session["backend"], server.place().to_string());
        let outcomes: Vec<_> =
            session["candidates"].as_array().unwrap().iter().map(|it| &it["outcome"]).collect();
        assert_eq!(outcomes, ["failed", "chosen"]);
    };
    let open = running.look(&format!("/api/v1/sessions/{id}"));
    assert_eq!(
        (&open["state"], &open["stage"], &open["end"]),
        (&json!("open"), &json!("connected"), &json!(null))
    );
    check(&open);
    client.finish();
    running.wait_session("it has ended", |it| it["id"] == id);
    let ended = eventually("it is kept", || {
        Some(running.look(&format!("/api/v1/sessions/{id}"))).filter(|it| it["state"] == "ended")
    });
    assert_eq!(
        (&ended["end"], &ended["by"], &ended["to_client"]),
        (&json!("ok"), &json!("client"), &json!(5))
    );
    assert_eq!(ended["says"], "both sides closed in order, the client first");
    check(&ended);
}

#[test]
fn a_client_sees_its_sessions_and_where_its_address_sends_it() {
    let [a, b] = Server::hellos(["a", "b"]);
    let running = Setup::to([a.place(), b.place()]).keys("balance = \"maglev\"").ready();
    let tally = running.tally(3);
    assert_eq!(tally.len(), 1, "always the same: {tally:?}");
    let home = if tally.contains_key("a") { a.place() } else { b.place() };
    let client = eventually("all are kept", || {
        Some(running.look("/api/v1/clients/127.0.0.1")).filter(|it| it["ended"] == 3)
    });
    assert_eq!(
        client["goes_to"],
        json!([{"pool": "web", "services": ["web"], "balance": "maglev", "backend": home.to_string()}])
    );
    for session in client["sessions"].as_array().unwrap() {
        assert_eq!((&session["backend"], &session["end"]), (&json!(home.to_string()), &json!("ok")));
    }
    let limited = running.look("/api/v1/clients/::ffff:127.0.0.1?limit=1");
    assert_eq!(limited["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(limited["sessions"][0]["id"], client["sessions"][2]["id"], "the last one");
}

#[test]
fn without_a_log_what_failed_is_kept_all_the_same() {
    let dead = Place::local(port::free());
    let server = Server::hello("a");
    let running = Setup::to([&dead, server.place()])
        .top("log = \"off\"")
        .keys("balance = \"first\"\neject = \"off\"")
        .spawn();
    let count = || running.ask("GET", "/api/v1/clients/127.0.0.1");
    eventually("it listens", || Peer::try_connect(&running.place).ok());
    running.tally(1);
    let sessions = eventually("it is kept", || Some(count()).filter(|it| it.status == 200)).json();
    assert_eq!(sessions["sessions"][0]["attempts"][0]["failure"], "refused");
}

#[test]
fn who_asks_for_what_is_not_there_is_told_what_is() {
    let server = Server::hello("a");
    let running = Setup::to([server.place()]).ready();
    running.tally(1);
    let place = server.place().to_string();
    let error = |path: &str| {
        let answer = running.ask("GET", path);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        answer.json()["error"].as_str().unwrap().to_owned()
    };
    let one_off = format!("{}0", &place[..place.len() - 1]);
    if one_off != place {
        let wrong = error(&format!("/api/v1/pools/web/backends/{one_off}/why"));
        assert_eq!(
            wrong,
            format!("no backend of `web` is at {one_off}, now or lately; did you mean {place}?")
        );
    }
    assert_eq!(
        error(&format!("/api/v1/pools/wbe/backends/{place}/why")),
        "no pool is called `wbe`; did you mean web?"
    );
    eventually("its session is kept", || {
        error("/api/v1/sessions/4711").contains("are between ").then_some(())
    });
    assert!(error("/api/v1/clients/127.0.0.2").ends_with("; did you mean 127.0.0.1?"));
    assert_eq!(running.ask("GET", "/api/v1/sessions/x").status, 400);
    assert_eq!(running.ask("GET", "/api/v1/clients/x").status, 400);
}

#[test]
fn how_long_checks_took_is_counted_by_pool_and_result() {
    let (dead, server) = (Place::local(port::free()), Server::hello("a"));
    let mut running = Setup::to([&dead, server.place()]).keys(HEALTH).ready();
    running.wait_backend("up", server.place());
    running.wait_backend("down", &dead);
    let page = running.ask("GET", "/metrics").text;
    for result in ["passed", "failed"] {
        let count =
            format!("evenkeel_pool_check_duration_seconds_count{{pool=\"web\",result=\"{result}\"}} ");
        let value = page.lines().find_map(|it| it.strip_prefix(&count)?.parse::<u64>().ok());
        assert!(value.is_some_and(|it| it > 0), "{result}: {value:?}");
    }
}

#[test]
fn a_session_that_is_being_opened_says_what_it_waits_for() {
    let (server, silent) = (Server::echo(), Silent::start());
    let busy = Setup::to([]).backend(server.place(), "max-sessions = 1").ready();
    let first = busy.connect();
    first.check_echo("hello");
    let _second = busy.connect();
    let waiting = eventually("it waits", || {
        let sessions = busy.look("/api/v1/sessions")["sessions"].clone();
        let id = sessions.as_array()?.iter().find(|it| it["backend"].is_null())?["id"].clone();
        Some(busy.look(&format!("/api/v1/sessions/{id}"))).filter(|it| it["stage"] == "in-line")
    });
    assert_eq!(waiting["candidates"][0]["excluded_now"], "full");
    assert_eq!(busy.look(&path(&server))["reasons"][0]["reason"], "full");
    assert!(waiting["stage_ms"].as_f64() > Some(0.0), "{waiting}");

    let quiet = Setup::to([silent.place()]).keys("timeout = { connect = \"20s\" }").ready();
    let _client = quiet.connect();
    let connecting = eventually("it connects", || {
        let id = quiet.look("/api/v1/sessions")["sessions"][0]["id"].as_u64()?;
        Some(quiet.look(&format!("/api/v1/sessions/{id}"))).filter(|it| it["stage"] == "connecting")
    });
    assert_eq!(connecting["trying"], silent.place().to_string());
}

#[test]
fn commands_tell_people_the_same_in_eighty_columns() {
    let (dead, server) = (Place::local(port::free()), Server::hello("a"));
    let mut running = Setup::to([&dead, server.place()]).keys(HEALTH).keys("balance = \"first\"").ready();
    running.wait_backend("down", &dead);
    running.wait_backend("up", server.place());
    running.tally(1);
    let id = running.wait_session("the session", |_| true)["id"].clone();
    eventually("it is kept", || {
        (running.ask("GET", &format!("/api/v1/sessions/{id}")).status == 200).then_some(())
    });
    let told = |args: &str, parts: &[&str]| {
        let (code, out, errors) = running.command(args);
        assert_eq!((code, errors.as_str()), (0, ""), "{args}");
        for part in parts {
            assert!(out.contains(part), "{part} in {out}");
        }
        assert!(out.lines().all(|it| it.chars().count() <= 80 && !it.contains('\x1b')), "{out}");
    };
    let is_down = format!("web {dead} is down since ");
    told(&format!("why backend {dead}"), &[&is_down, "connection refused (errno 111)", "back when"]);
    told(&format!("why backend {dead} --pool web"), &[" failed in "]);
    told(
        &format!("why session {id}"),
        &[&format!("session {id} of web ended well"), &server.place().to_string(), "no: down"],
    );
    told("why client 127.0.0.1", &["1 that ended lately", &server.place().to_string()]);
    let (code, out, _) = running.command(&format!("why backend {dead} --json"));
    let json: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &json["state"]), (0, &json!("down")));
}

#[test]
fn commands_about_what_is_not_there_say_how_to_find_it() {
    let server = Server::hello("a");
    let place = server.place();
    let more = format!(
        "[pool.twin]\nto = [\"{place}\"]\nhealth = \"off\"\n[tcp.twin]\nlisten = \"127.0.0.1:{}\"\nto = \"pool:twin\"",
        port::free()
    );
    let running = Setup::to([place]).top(&more).ready();
    let wrong = |args: &str| {
        let (code, out, errors) = running.command(args);
        assert_eq!(out, "", "{args}");
        (code, errors)
    };
    let (code, errors) = wrong(&format!("why backend {place}"));
    assert!(code == 2 && errors.contains("--pool twin") && errors.contains("--pool web"), "{errors}");
    let (code, errors) = wrong("why backend 127.0.0.1:1");
    assert!(code == 1 && errors.contains("no pool has a backend at 127.0.0.1:1"), "{errors}");
    let (code, errors) = wrong("why backend db:80");
    assert!(code == 1 && errors.contains("is a name"), "{errors}");
    let (code, errors) = wrong("why session 4711");
    assert!(code == 1 && errors.contains("`evenkeel sessions`"), "{errors}");
    let (code, errors) = wrong("why client 192.0.2.1");
    assert!(code == 1 && errors.contains("no session of 192.0.2.1 is open"), "{errors}");
    assert_eq!(wrong("why client x").0, 2);
    assert_eq!(running.command(&format!("remove twin {place}")).0, 0);
    assert_eq!(running.command(&format!("remove web {place}")).0, 0);
    let (code, out, _) = running.command(&format!("why backend {place} --pool web"));
    assert!(code == 0 && out.contains("is removed since") && out.contains("`evenkeel add web "), "{out}");
}
