//! Looking into a running balancer: what it says is what happened, over the API and by the commands.

use crate::ask::ask_tcp;
use crate::harness::{Setup, evenkeel};
use evenkeel_testkit::{Peer, Place, Server, Signal, eventually, port};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

#[test]
fn services_pools_and_backends_are_seen_with_what_they_counted() {
    let (server, dead) = (Server::echo(), Place::local(port::free()));
    let running = Setup::to([&dead, server.place()]).keys("balance = \"round-robin\"").ready();
    let client = running.connect();
    client.check_echo("hello");
    let status = running.look("/api/v1/status");
    assert_eq!((&status["phase"], &status["workers"]), (&json!("running"), &json!(2)));
    assert_eq!(status["pid"], running.pid());
    let service = running.look("/api/v1/services/web");
    assert_eq!(service["sessions"]["open"], 1);
    assert_eq!(service["listeners"], json!([running.place.to_string()]));
    eventually("its bytes are counted", || {
        (running.look("/api/v1/services/web")["to_client"] == 5).then_some(())
    });
    client.finish();
    eventually("its end is counted", || {
        (running.look("/api/v1/services/web")["ends"]["ok"] == 1).then_some(())
    });

    let backends = running.look("/api/v1/backends?pool=web");
    let [refused, alive] = [&backends["backends"][0], &backends["backends"][1]];
    assert_eq!(
        (&refused["addr"], &alive["addr"]),
        (&json!(dead.to_string()), &json!(server.place().to_string()))
    );
    assert_eq!((&alive["state"], &alive["takes_traffic"]), (&json!("up"), &json!(true)));
    assert_eq!(alive["sessions"]["connected"], 1);
    assert_eq!(alive["connect_ms"]["buckets"], json!([[alive["connect_ms"]["p99"], 1]]));
    assert_eq!(refused["connect_failures"]["refused"], service["retries"]);
    assert_eq!(running.look("/api/v1/pools/web")["services"], json!(["web"]));
    assert_eq!(running.look("/api/v1/listeners")["listeners"][0]["bound"], running.place.to_string());
    assert_eq!(running.look("/api/v1/config")["pools"][0]["to"][1]["weight"], 1);
}

#[test]
fn what_is_not_there_is_404_and_what_makes_no_sense_400() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    for path in [
        "/index.html",
        "/dashboard/",
        "/dashboard/none.js",
        "/dashboard/..%2fstyle.css",
        "/api/v1",
        "/api/v1/services/x",
        "/api/v1/pools/x",
        "/readyz/x",
        "/api/v1/../../livez",
        "//livez",
    ] {
        let answer = running.ask("GET", path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.json()["error"].is_string(), "{path}");
    }
    for (filter, what) in [
        ("service=wbe", "no service is called `wbe`; did you mean web?".to_owned()),
        ("pool=tcp.web", "no pool is called `tcp.web`; did you mean web?".to_owned()),
        ("backend=unix:/x", format!("no backend is at unix:/x; there is {}", server.place())),
    ] {
        let answer = running.ask("GET", &format!("/api/v1/sessions?{filter}"));
        assert_eq!((answer.status, answer.json()["error"].as_str()), (404, Some(what.as_str())), "{filter}");
    }
    let close = running.tell("POST", "/api/v1/sessions/close", &json!({"service": "nope"}));
    assert_eq!(close.status, 404, "a slip closes nothing, and says so");
    assert_eq!(running.look("/api/v1/sessions?service=web")["matched"], 0, "there is none, and no slip");
    for path in ["/api/v1/sessions?limit=x", "/api/v1/sessions?clint=::1", "/api/v1/sessions?client=x"] {
        assert_eq!(running.ask("GET", path).status, 400, "{path}");
    }
    let wrong = running.ask("DELETE", "/api/v1/reload");
    assert_eq!(wrong.status, 405);
    assert!(wrong.head.contains("allow: post"), "{}", wrong.head);
    assert_eq!(running.tell("POST", "/api/v1/sessions/close", &json!({})).status, 400, "close which?");
    assert_eq!(running.tell("POST", "/api/v1/sessions/close", &json!([])).status, 400);
}

#[test]
fn sessions_are_listed_and_closed_and_it_is_told_who_did_that() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).ready();
    let clients: Vec<_> = (0..3).map(|_| running.connect()).collect();
    clients.iter().for_each(|client| client.check_echo("hello"));
    let sessions = running.look("/api/v1/sessions?limit=2");
    assert_eq!((&sessions["matched"], sessions["sessions"].as_array().unwrap().len()), (&json!(3), 2));
    let first = &sessions["sessions"][0];
    assert_eq!((&first["service"], &first["to_backend"]), (&json!("web"), &json!(5)));
    let id = first["id"].as_u64().unwrap();
    let closed = running.tell("POST", "/api/v1/sessions/close", &json!({"id": id}));
    assert_eq!(closed.json(), json!({"closed": 1}));
    assert_eq!(running.wait_session("the one", |it| it["id"] == id)["end"], "order");
    let order = running.wait_event("ordered");
    assert!(order["by"].as_str().unwrap().starts_with("uid "), "{order}");
    assert_eq!(order["order"], format!("close sessions with id {id}"));

    let (code, out, _) = running.command("sessions --client 127.0.0.1");
    assert!(code == 0 && out.ends_with("2 sessions"), "{out}");
    let (code, out, _) = running.command("sessions --close --service web");
    assert_eq!((code, out.as_str()), (0, "2 sessions closed"));
}

#[test]
fn it_is_ready_until_it_stops() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).top("lame-duck = \"5s\"").ready();
    let client = running.connect();
    client.check_echo("hello");
    for path in ["/livez", "/healthz", "/readyz", "/readyz/web"] {
        assert_eq!(running.ask("GET", path).status, 200, "{path}");
    }
    assert_eq!(running.command("status --ready -q"), (0, String::new(), String::new()));
    running.signal(Signal::TERM);
    eventually("not ready any more", || (running.ask("GET", "/readyz").status == 503).then_some(()));
    let verbose = running.ask("GET", "/readyz?verbose");
    assert_eq!(verbose.text, "[-] takes-traffic lame-duck\n[+] first-checks\nnot ready\n");
    assert_eq!(running.ask("GET", "/livez").status, 200);
    assert_eq!(running.command("status --ready -q").0, 1);
    running.connect().check_echo("a lame duck still serves");
}

#[test]
fn a_service_without_a_backend_is_not_ready_but_evenkeel_is() {
    let dead = Place::local(port::free());
    let mut running = Setup::to([&dead]).keys("health = \"tcp\"").ready();
    running.wait_event("all-down");
    eventually("it is published", || (running.ask("GET", "/readyz/web").status == 503).then_some(()));
    assert_eq!(running.ask("GET", "/readyz").status, 200);
    let down = running.look("/api/v1/backends")["backends"][0].clone();
    assert_eq!(
        (&down["state"], &down["checks"]["last"]["cause"]),
        (&json!("down"), &json!("connection refused"))
    );
}

#[test]
fn reload_waits_for_what_comes_of_it_and_says_why_not() {
    let server = Server::echo();
    let setup = Setup::to([server.place()]);
    let text = setup.text();
    let running = setup.ready();
    let (code, out, _) = running.command("reload --wait");
    assert_eq!((code, out.as_str()), (0, "reloaded: 1 listener, 1 backend"));
    std::fs::write(running.file("evenkeel.toml"), text.replace("listen", "lisen")).unwrap();
    let (code, out, errors) = running.command("reload");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(errors.starts_with("error: reload refused: ") && errors.contains("lisen"), "{errors}");
    let config = running.look("/api/v1/status")["config"].clone();
    assert_eq!((&config["reloads"], &config["refused"]), (&json!(1), &json!(1)));
    running.connect().check_echo("as before");
}

#[test]
fn events_are_kept_and_followed_without_a_gap() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    let events = running.look("/api/v1/events");
    let events = events["events"].as_array().unwrap();
    assert!(events.iter().any(|it| it["event"] == "ready"), "{events:?}");
    let last = events.last().unwrap()["id"].as_u64().unwrap();

    let mut stream = running.admin();
    write!(stream, "GET /api/v1/events?follow&after={last} HTTP/1.0\r\nhost: x\r\n\r\n").unwrap();
    assert_eq!(running.ask("POST", "/api/v1/reload").status, 200);
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut data = || lines.find_map(|it| it.strip_prefix("data: ").map(str::to_owned)).unwrap();
    let [ordered, reloaded] =
        [data(), data()].map(|it| serde_json::from_str::<serde_json::Value>(&it).unwrap());
    assert_eq!((&ordered["id"], &ordered["event"]), (&json!(last + 1), &json!("ordered")));
    assert_eq!((&reloaded["id"], &reloaded["event"]), (&json!(last + 2), &json!("reloaded")));
    let (code, out, _) = running.command("events");
    assert!(code == 0 && out.contains("  ready in ") && out.contains("order of uid "), "{out}");
}

#[test]
fn status_is_for_people_and_for_programs() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    running.connect().check_echo("hello");
    let (code, out, _) = running.command("status");
    assert_eq!(code, 0);
    for part in ["SERVICE", "web", &running.place.to_string(), &server.place().to_string(), "not checked"] {
        assert!(out.contains(part), "{part} in {out}");
    }
    let (_, out, _) = running.command("status --json");
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status["services"][0]["name"], "web");
}

#[test]
fn whoever_runs_alone_is_found_and_of_two_one_is_to_be_named() {
    let server = Server::echo();
    let first = Setup::to([server.place()]).ready();
    let folder = first.file("");
    let sh = |args: &str| {
        let binary = env!("CARGO_BIN_EXE_evenkeel");
        let script = format!("RUNTIME_DIRECTORY={} exec {binary} {args}", folder.display());
        evenkeel_testkit::Start::new("sh").args("-c").arg(&script)
    };
    let listen = port::free();
    let mut second = sh(&format!("tcp 127.0.0.1:{listen} {}", server.place())).spawn();
    let said = second.wait_event("admin");
    let path = folder.join(format!("control-{}.sock", second.pid()));
    assert_eq!(said["listener"], format!("unix:{}", path.display()));
    let command = format!("`evenkeel status --admin unix:{}`", path.display());
    assert!(said["message"].as_str().unwrap().ends_with(&command), "{said}");
    let (code, _, errors) = sh("status").spawn().output();
    assert!(code == 2 && errors.contains(&format!("--admin unix:{}", path.display())), "{errors}");
    second.signal(Signal::TERM);
    assert_eq!(second.exit_code(), 0);
    assert!(!path.exists(), "no file is left behind");
}

#[test]
fn nobody_to_ask_is_69() {
    let (code, _, errors) = evenkeel().args("status --admin unix:/nonexistent/control.sock").spawn().output();
    assert!(code == 69 && errors.contains("/nonexistent/control.sock"), "{errors}");
}

#[test]
fn turned_off_there_is_nothing() {
    let server = Server::echo();
    let mut running = Setup::to([server.place()]).top("admin = \"off\"").ready();
    assert!(!running.file("control.sock").exists());
    assert_eq!(running.count_events("admin"), 0);
}

#[test]
fn an_address_that_was_asked_for_and_cannot_be_had_ends_the_start() {
    let server = Server::echo();
    let (_taken, taken) = Place::any().listen(1).unwrap();
    let setup = Setup::to([server.place()]).top(&format!("admin.listen = \"{taken}\""));
    let (code, _, errors) = setup.spawn().into_process().output();
    assert!(code == 69 && errors.contains(&taken.to_string()), "{errors}");
}

#[test]
fn over_tcp_this_machine_looks_and_who_has_the_token_may_all() {
    let server = Server::echo();
    let plain = port::free();
    let running = Setup::to([server.place()]).top(&format!("admin.listen = \"127.0.0.1:{plain}\"")).ready();
    let host = format!("host: 127.0.0.1:{plain}\r\n");
    assert_eq!(ask_tcp(plain, "GET", "/api/v1/status", &host).status, 200);
    assert_eq!(ask_tcp(plain, "POST", "/api/v1/reload", &host).status, 403);
    assert_eq!(ask_tcp(plain, "GET", "/api/v1/status", "host: rebound.example\r\n").status, 403);
    let foreign = format!("{host}origin: http://evil.example\r\n");
    assert_eq!(ask_tcp(plain, "GET", "/api/v1/status", &foreign).status, 403);
    assert_eq!(
        ask_tcp(plain, "GET", "/readyz", "host: probe\r\n").status,
        200,
        "a probe has no address to name"
    );
    drop(running);

    let guarded = port::free();
    let setup = Setup::to([server.place()])
        .start(|start| start.with_file("token", "0123456789abcdef\n"))
        .top(&format!("admin = {{ listen = \"127.0.0.1:{guarded}\", token-file = \"token\" }}"));
    let running = setup.ready();
    let without = ask_tcp(guarded, "GET", "/metrics", "host: x\r\n");
    assert!(without.status == 401 && without.head.contains("www-authenticate: bearer"), "{}", without.head);
    let auth = "host: x\r\nauthorization: bearer 0123456789abcdef\r\n";
    assert_eq!(ask_tcp(guarded, "POST", "/api/v1/reload", auth).status, 200);
    let token = running.file("token").display().to_string();
    let whom = format!("status --ready --admin 127.0.0.1:{guarded} --token-file {token}");
    assert_eq!(evenkeel().args(&whom).spawn().output().0, 0);
    let without = format!("sessions --admin 127.0.0.1:{guarded}");
    assert_eq!(evenkeel().args(&without).spawn().output().0, 77);
}

#[test]
fn open_to_strangers_is_refused() {
    let server = Server::echo();
    let text = Setup::to([server.place()]).top("admin.listen = \":9900\"").text();
    let start = evenkeel().with_file("open.toml", &text);
    let file = start.file("open.toml");
    let (code, _, errors) = start.args("check").arg(&file).spawn().output();
    assert!(code == 1 && errors.contains("admin.token-file"), "{errors}");
}

#[test]
fn metrics_are_all_there_from_the_start_and_count() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).ready();
    let page = running.ask("GET", "/metrics");
    assert!(page.head.contains("text/plain; version=0.0.4"), "{}", page.head);
    let backend = server.place().to_string();
    for line in [
        "evenkeel_sessions_open 0",
        "evenkeel_service_session_ends_total{service=\"web\",end=\"idle\"} 0",
        "evenkeel_config_reloads_total{result=\"refused\"} 0",
        "evenkeel_pool_backends{pool=\"web\",state=\"up\"} 1",
        &format!(
            "evenkeel_backend_connect_failures_total{{pool=\"web\",backend=\"{backend}\",reason=\"refused\"}} 0"
        ),
        &format!(
            "evenkeel_backend_connect_duration_seconds_bucket{{pool=\"web\",backend=\"{backend}\",le=\"+Inf\"}} 0"
        ),
    ] {
        assert!(page.text.lines().any(|it| it == line), "{line} in {}", page.text);
    }
    for metric in evenkeel_core_metrics(&page.text) {
        assert!(page.text.contains(&format!("\n# TYPE {metric} ")), "{metric}");
    }
    running.connect().check_echo("hello");
    let count = format!("evenkeel_backend_sessions_total{{pool=\"web\",backend=\"{backend}\"}} 1");
    eventually("it is counted", || {
        running.ask("GET", "/metrics").text.lines().any(|it| it == count).then_some(())
    });
    let opened = page.text.lines().find_map(|it| it.strip_prefix("process_open_fds ")?.parse::<f64>().ok());
    assert!(opened.is_some_and(|it| it > 5.0), "{opened:?}");
}

#[test]
fn metrics_have_no_series_of_what_cannot_happen() {
    let server = Server::echo();
    let running = Setup::to([server.place()]).keys("health = \"off\"").ready();
    let page = running.ask("GET", "/metrics").text;
    for absent in ["_check", "_tls_", "_datagrams", "_requests"] {
        assert!(!page.lines().any(|it| it.starts_with("evenkeel_") && it.contains(absent)), "{absent}");
    }
    let checked = Setup::to([server.place()]).keys("health = \"tcp\"").ready();
    let page = checked.ask("GET", "/metrics").text;
    for family in ["evenkeel_pool_check_duration_seconds_count", "evenkeel_backend_checks_total"] {
        assert!(page.lines().any(|it| it.starts_with(family)), "{family}");
    }
}

#[test]
fn how_workers_wait_is_told_and_can_be_changed() {
    let server = Server::echo();
    let setup = Setup::to([server.place()]).top("workers = 1");
    let text = setup.text();
    let running = setup.ready();
    let client = running.connect();
    for (how, number) in [("50us", 1), ("off", 0), ("2ms", 1), ("auto", 0)] {
        std::fs::write(running.file("evenkeel.toml"), format!("busy-poll = \"{how}\"\n{text}")).unwrap();
        assert_eq!(running.command("reload").0, 0, "{how}");
        let line = format!("evenkeel_workers_busy_polling {number}");
        eventually("a turn that waits so is over", || {
            client.check_echo("hello");
            running.ask("GET", "/metrics").text.lines().any(|it| it == line).then_some(())
        });
    }
}

#[test]
fn a_session_failed_if_that_was_neither_the_clients_doing_nor_wanted() {
    let (server, nowhere, denied) = (Server::echo(), Place::local(port::free()), Place::local(port::free()));
    let running = Setup::to([server.place()])
        .keys(&format!(
            "[tcp.dead]\nlisten = \"{nowhere}\"\nto = \"127.0.0.1:1\"\nhealth = \"off\"\n\
             [tcp.denied]\nlisten = \"{denied}\"\nto = \"{}\"\nhealth = \"off\"\ndeny = \"127.0.0.0/8\"",
            server.place()
        ))
        .ready();
    let client = running.connect();
    client.check_echo("who then leaves by a reset");
    client.reset();
    for place in [&nowhere, &nowhere, &denied] {
        Peer::connect(place).ending();
    }
    for (service, failed) in [("web", 0), ("dead", 2), ("denied", 0)] {
        eventually("all have ended", || {
            let sessions = &running.look(&format!("/api/v1/services/{service}"))["sessions"];
            (sessions["open"] == 0 && sessions["accepted"].as_u64() > Some(0)).then(|| {
                assert_eq!(sessions["failed"], failed, "{service}");
            })
        });
        let line = format!("evenkeel_service_sessions_failed_total{{service=\"{service}\"}} {failed}");
        let metrics = running.ask("GET", "/metrics").text;
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
}

/// The families of a page; each has at least one sample.
fn evenkeel_core_metrics(page: &str) -> Vec<&str> {
    let names = page.lines().filter_map(|it| it.strip_prefix("# HELP ")?.split(' ').next());
    let names: Vec<_> = names.collect();
    for name in &names {
        let is_sample = |it: &&str| it.starts_with(*name) && !it.starts_with('#');
        assert!(page.lines().any(|it| is_sample(&it)), "{name} has no sample");
    }
    names
}

#[test]
fn a_scrape_of_many_backends_is_quick_and_traffic_goes_on() {
    let server = Server::echo();
    let many: Vec<String> = (0..2000).map(|it| format!("\"10.{}.{}.1:80\"", it / 250, it % 250)).collect();
    let list = many.join(", ");
    let running = Setup::to([server.place()])
        .top(&format!("[pool.big]\nto = [{list}]\nhealth = \"off\"\n[tcp.big]\nlisten = \"127.0.0.1:{}\"\nto = \"pool:big\"", port::free()))
        .ready();
    let client = running.connect();
    let began = std::time::Instant::now();
    let page = running.ask("GET", "/metrics");
    assert!(page.text.len() > 1 << 20, "{}", page.text.len());
    client.check_echo("hello");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}
