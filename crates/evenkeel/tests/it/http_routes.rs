//! Where requests go by what they ask for, and what is done to them on the way.

use crate::harness::{Running, Setup};
use evenkeel_testkit::web::{self, Message};
use evenkeel_testkit::{Peer, Place, Server, eventually};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// A backend that answers with its name and the head that it got.
fn telling(name: &'static str) -> Server {
    let answer = move |asked: &Message| {
        let body = format!("{name}\n{}", asked.head);
        format!("HTTP/1.1 200 OK\r\nServer: secret\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            .into_bytes()
    };
    Server::start(&Place::any(), web::serve(answer))
}

/// A service with these routes, in front of one backend called `main`.
fn routes(lines: &str, keys: &str, pools: &str) -> (Running, Server) {
    let main = telling("main");
    let running =
        Setup::to([main.place()]).http().top(pools).keys(keys).keys(&format!("[http.web.route]\n{lines}"));
    (running.ready(), main)
}

/// The answer to a request of these lines.
fn ask(running: &Running, lines: &str) -> Message {
    let client = running.connect();
    client.send(&web::request(lines, "")).unwrap();
    match lines.starts_with("HEAD") {
        true => Message { head: web::read_head(&client).unwrap(), body: Vec::new() },
        false => web::read_answer(&client).unwrap(),
    }
}

/// The answer to a `GET` of this path of `web.test`.
fn get(running: &Running, path: &str) -> Message {
    ask(running, &format!("GET {path} HTTP/1.1\nHost: web.test"))
}

/// Which backend answered.
fn who(answer: &Message) -> String {
    answer.text().lines().next().unwrap_or_default().to_owned()
}

/// The value of a field that the backend got.
fn got(answer: &Message, field: &str) -> Option<String> {
    let text = answer.text();
    let head = text.split_once('\n').map_or("", |(_, head)| head).to_owned();
    Message { head, body: Vec::new() }.field(field).map(str::to_owned)
}

#[test]
fn each_route_is_counted_by_its_name_and_shown() {
    let lines = "\"/fine/*\" = { answer = \"fine\" }\n\"/gone\" = { answer = 410 }";
    let (running, _main) = routes(lines, "", "");
    for path in ["/fine/1", "/fine/2", "/gone", "/else"] {
        get(&running, path);
    }
    // It is counted when its answer is sent.
    let page = eventually("the last one is counted", || {
        let page = running.ask("GET", "/metrics").text;
        page.contains("evenkeel_service_requests_total{service=\"web\",status=\"2xx\"} 3\n").then_some(page)
    });
    for line in [
        "evenkeel_route_requests_total{service=\"web\",route=\"/fine/*\",status=\"2xx\"} 2\n",
        "evenkeel_route_requests_total{service=\"web\",route=\"/gone\",status=\"4xx\"} 1\n",
        "evenkeel_route_request_duration_seconds_count{service=\"web\",route=\"/fine/*\"} 2\n",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    let told = &running.look("/api/v1/services/web")["requests"];
    assert_eq!((&told["total"], &told["routes"][1]["route"]), (&json!(4), &json!("/gone")), "{told}");
    assert_eq!(told["routes"][1]["answers"], json!({"4xx": 1}));
    let (_, shown, _) = running.command("status");
    let row = |first: &str| {
        shown
            .lines()
            .find(|line| line.contains(first))
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
    };
    assert_eq!(row(" all ").unwrap()[..5], ["web", "all", "4", "3", "0"], "{shown}");
    assert_eq!(row(" /gone ").unwrap()[..5], ["/gone", "1", "0", "0", "1"], "{shown}");
}

#[test]
fn requests_go_by_host_path_method_and_field_over_one_connection() {
    let (api, shop) = (telling("api"), telling("shop"));
    let lines = format!(
        "\"/api/*\" = \"{0}\"\n\"shop.test\" = \"{1}\"\n\"shop.test/api/*\" = {{ to = \"{0}\", methods = [\"PUT\"] }}\n\
         \"/x\" = {{ to = \"{1}\", fields = {{ X-Env = \"test\" }} }}",
        api.place(),
        shop.place()
    );
    let (running, _main) = routes(&lines, "", "");
    let client = running.connect();
    for (request, expected) in [
        ("GET / HTTP/1.1\nHost: web.test", "main"),
        ("GET /api/v1 HTTP/1.1\nHost: web.test:80", "api"),
        ("GET //%61pi HTTP/1.1\nHost: web.test", "api"),
        ("GET /apis HTTP/1.1\nHost: web.test", "main"),
        ("GET /api HTTP/1.1\nHost: SHOP.test.", "shop"),
        ("PUT /api HTTP/1.1\nHost: shop.test", "api"),
        ("GET /x HTTP/1.1\nHost: web.test\nX-Env: test", "shop"),
        ("GET /x HTTP/1.1\nHost: web.test\nX-Env: prod", "main"),
    ] {
        client.send(&web::request(request, "")).unwrap();
        let answer = web::read_answer(&client).unwrap();
        assert_eq!(who(&answer), expected, "{request}");
    }
    drop(client);
    running.end();
}

#[test]
fn no_way_to_write_a_path_leads_past_a_route() {
    let (running, _main) = routes("\"/admin/*\" = { answer = 403 }", "", "");
    for (path, status) in [
        ("/", 200),
        ("/adminx", 200),
        ("/a%2fb;c", 200),
        ("/admin", 403),
        ("//admin/x", 403),
        ("/x/../admin", 403),
        ("/%61dmin?a", 403),
        ("/x/..%2fadmin", 400),
        ("/admin;x", 400),
        ("/%", 400),
        ("/../admin", 400),
    ] {
        assert_eq!(get(&running, path).status(), status, "{path}");
    }
    running.end();
}

#[test]
fn answers_and_redirects_leave_the_connection_open_unless_a_body_is_left() {
    let lines = "\"/health\" = { answer = \"fine\\n\" }\n\"/old/*\" = { redirect = \"https://{host}:8443/new{rest}\" }";
    let (running, _main) = routes(lines, "response-fields.set = { X-From = \"{client} {scheme}\" }", "");
    let client = running.connect();
    let answer = web::get(&client, "/health").unwrap();
    assert_eq!((answer.status(), answer.text().as_str()), (200, "fine\n"));
    assert_eq!(answer.field("x-from"), Some("127.0.0.1 http"));
    let answer = web::get(&client, "/old/a?b=c").unwrap();
    assert_eq!((answer.status(), answer.field("location")), (307, Some("https://web.test:8443/new/a?b=c")));
    client.send(&web::request("HEAD /health HTTP/1.1\nHost: web.test", "")).unwrap();
    assert!(web::read_head(&client).unwrap().contains("Content-Length: 5\r\n"));
    client.send(&web::request("POST /health HTTP/1.1\nHost: web.test\nContent-Length: 5", "he")).unwrap();
    let answer = web::read_answer(&client).unwrap();
    assert_eq!((answer.status(), answer.field("connection")), (200, Some("close")));
    assert_eq!(client.read_to_end().0, b"");
    running.end();
}

#[test]
fn a_service_without_a_place_to_send_to_says_so() {
    let place = Place::local(evenkeel_testkit::port::free());
    let text = format!("[http.web]\nlisten = \"{place}\"\nroute = {{ \"a.test\" = {{ answer = \"a\" }} }}\n");
    let mut process = crate::harness::evenkeel().config(&text).spawn();
    process.wait_event("ready");
    let client = Peer::connect(&place);
    assert_eq!(web::get(&client, "/").unwrap().text(), "404 Not Found\n");
    client.send(&web::request("GET / HTTP/1.1\nHost: a.test", "")).unwrap();
    assert_eq!(web::read_answer(&client).unwrap().text(), "a");
}

#[test]
fn fields_and_paths_are_changed_on_the_way() {
    let api = telling("api");
    let lines = format!(
        "\"/api/*\" = {{ to = \"{}\", rewrite = \"{{rest}}\", request-fields.set = {{ X-Env = \"api\" }} }}",
        api.place()
    );
    let keys = "request-fields = { set = { X-Env = \"main\", X-Who = \"{client}\" }, add = { Via = \"us\" }, remove = [\"Cookie\"] }\n\
                response-fields = { remove = [\"Server\"], set = { X-Path = \"{path}\" } }";
    let (running, _main) = routes(&lines, keys, "");
    let head = "HTTP/1.1\nHost: web.test\nX-Env: evil\nx-who: evil\nVia: them\nCookie: a=b";
    let answer = ask(&running, &format!("GET /api/v1//x?y=/api {head}"));
    assert!(answer.text().starts_with("api\nGET /v1/x?y=/api HTTP/1.1\r\n"), "{}", answer.text());
    assert_eq!(got(&answer, "x-env").as_deref(), Some("api"));
    assert_eq!(got(&answer, "x-who").as_deref(), Some("127.0.0.1"));
    assert!(answer.text().contains("Via: them\r\n") && answer.text().contains("Via: us\r\n"));
    assert!(!answer.text().contains("evil") && got(&answer, "cookie").is_none());
    assert_eq!((answer.field("server"), answer.field("x-path")), (None, Some("/api/v1//x")));
    let answer = ask(&running, &format!("GET /api {head}"));
    assert!(answer.text().starts_with("api\nGET / HTTP/1.1\r\n"), "{}", answer.text());
    let answer = ask(&running, &format!("GET //%61?b {head}"));
    assert!(answer.text().starts_with("main\nGET //%61?b HTTP/1.1\r\n"), "{}", answer.text());
    running.end();
}

#[test]
fn who_comes_through_a_proxy_is_believed_only_from_there() {
    let lines = "\"/admin\" = [{ from = \"192.0.2.0/24\", answer = \"in\" }, { answer = 403 }]";
    let said = |running: &Running, forwarded: &str| {
        ask(running, &format!("GET /admin HTTP/1.1\nHost: web.test\nX-Forwarded-For: {forwarded}")).status()
    };
    let (stranger, _main) = routes(lines, "", "");
    assert_eq!(said(&stranger, "192.0.2.1"), 403);
    let (trusting, _main) = routes(lines, "trust = \"127.0.0.1\"", "");
    assert_eq!(said(&trusting, "192.0.2.1"), 200);
    assert_eq!(said(&trusting, "192.0.2.1, 198.51.100.1"), 403);
    assert_eq!(said(&trusting, "198.51.100.1, 192.0.2.1, 127.0.0.1"), 200);
    stranger.end();
    trusting.end();
    let folder = tempfile::tempdir().unwrap();
    for (trust, status) in
        [("", 403), ("trust = \"127.0.0.1\"", 403), ("trust = [\"unix\", \"127.0.0.1\"]", 200)]
    {
        let main = telling("main");
        let mut setup =
            Setup::to([main.place()]).http().keys(trust).keys(&format!("[http.web.route]\n{lines}"));
        setup.listen = Place::Unix(folder.path().join("socket"));
        let running = setup.ready();
        assert_eq!(said(&running, "192.0.2.1"), status, "by a Unix socket: {trust:?}");
        running.end();
    }
}

#[test]
fn a_client_stays_with_its_backend_by_a_cookie_until_that_is_gone() {
    let mut servers = [telling("a"), telling("b"), telling("c")];
    let keys = "affinity = { cookie = \"lb\", key = \"0123456789abcdef\" }\nbalance = \"round-robin\"\nslow-start = \"off\"\n\
                health = { tcp = true, interval = \"60ms\", fast-interval = \"20ms\", timeout = \"1s\" }";
    let mut running = Setup::to(servers.each_ref().map(|it| it.place())).http().keys(keys).ready();
    // Those that are up take traffic as soon as the workers know.
    eventually("all take traffic", || {
        let names: BTreeSet<_> = (0..3).map(|_| who(&get(&running, "/"))).collect();
        (names.len() == 3).then_some(())
    });
    let with = |running: &Running, cookie: &str| {
        ask(running, &format!("GET / HTTP/1.1\nHost: web.test\nCookie: x=y; {cookie}"))
    };
    let first = get(&running, "/");
    let cookie = first.field("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("lb=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    let pair = cookie.split(';').next().unwrap().to_owned();
    for round in 0..10 {
        let answer = with(&running, &pair);
        assert_eq!((who(&answer), answer.field("set-cookie")), (who(&first), None), "round {round}");
    }
    let made_up: BTreeSet<_> = (0..3).map(|_| who(&with(&running, "lb=0000000000000000"))).collect();
    assert_eq!(made_up.len(), 3);
    let index = "abc".find(&who(&first)).unwrap();
    servers[index].stop();
    running.wait_backend("down", servers[index].place());
    let moved = with(&running, &pair);
    let renamed = moved.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_ne!((who(&moved), &renamed), (who(&first), &pair));
    assert_eq!(who(&with(&running, &renamed)), who(&moved));
    // Another process that knows the key understands it.
    let again = Setup::to(servers.each_ref().map(|it| it.place())).http().keys(keys).ready();
    eventually("the same backend", || (who(&with(&again, &renamed)) == who(&moved)).then_some(()));
    running.end();
    again.end();
}

#[test]
fn a_canary_has_its_share_of_clients_and_keeps_them() {
    let canary = telling("canary");
    let web = telling("web");
    let pools = format!("[pool]\nold = \"{}\"\nnew = \"{}\"", web.place(), canary.place());
    let lines = "\"*\" = { split = { old = 1, new = 1 } }";
    let (running, _main) = routes(lines, "hash-by = \"field:X-User\"", &pools);
    let of = |user: u32| who(&ask(&running, &format!("GET / HTTP/1.1\nHost: web.test\nX-User: {user}")));
    let first: Vec<_> = (0..40).map(of).collect();
    let canaries = first.iter().filter(|name| *name == "canary").count();
    assert!((8..32).contains(&canaries), "{canaries}");
    assert_eq!((0..40).map(of).collect::<Vec<_>>(), first);
    let strangers: BTreeSet<_> = (0..10).map(|_| who(&get(&running, "/"))).collect();
    assert_eq!(strangers.len(), 1);
    running.end();
}

#[test]
fn maglev_goes_by_what_a_client_says() {
    let servers = [telling("a"), telling("b"), telling("c")];
    let keys = "balance = \"maglev\"\nhash-by = \"cookie:user\"";
    let running = Setup::to(servers.each_ref().map(|it| it.place())).http().keys(keys).ready();
    let of =
        |user: &str| who(&ask(&running, &format!("GET / HTTP/1.1\nHost: web.test\nCookie: user={user}")));
    let users: Vec<String> = (0..30).map(|user| user.to_string()).collect();
    let first: Vec<_> = users.iter().map(|user| of(user)).collect();
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(users.iter().map(|user| of(user)).collect::<Vec<_>>(), first);
    running.end();
}

#[test]
fn what_a_service_says_of_its_backends_holds_by_every_route() {
    let other = telling("other");
    let pools = format!("[pool]\nother = \"{}\"", other.place());
    let lines = "\"/shared\" = \"pool:other\"\n\"/split\" = { split = { other = 1 } }";
    let (running, _main) = routes(lines, "send-proxy = \"v1\"", &pools);
    for (path, backend) in [("/", "main"), ("/shared", "other"), ("/split", "other")] {
        let answer = get(&running, path);
        assert_eq!(who(&answer), backend);
        assert!(answer.text().contains("\nPROXY TCP4 127.0.0.1 "), "{path}: {}", answer.text());
    }
    running.end();
}

#[test]
fn who_waits_for_the_pool_of_a_route_gets_the_place_of_a_session_that_is_closed() {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let few = Server::start(&Place::any(), move |peer| {
        while web::read_request(peer).is_ok() {
            // The first is never answered.
            if count.fetch_add(1, SeqCst) > 0 {
                let _ = peer.send(&web::ok("few"));
            }
        }
    });
    let lines = format!("\"/few\" = {{ to = \"{}\", max-sessions-per-backend = 1 }}", few.place());
    let (running, _main) = routes(&lines, "", "");
    let [first, second] = [(); 2].map(|()| running.connect());
    first.send(&web::request("GET /few HTTP/1.1\nHost: web.test", "")).unwrap();
    eventually("it is asked", || (asked.load(SeqCst) == 1).then_some(()));
    second.send(&web::request("GET /few HTTP/1.1\nHost: web.test", "")).unwrap();
    eventually("the other one waits", || {
        let pools = running.ask("GET", "/api/v1/pools").json();
        pools["pools"].as_array()?.iter().any(|pool| pool["waiting"] == 1).then_some(())
    });
    let open = running.ask("GET", "/api/v1/sessions").json();
    let served = open["sessions"].as_array().unwrap().iter().find(|it| it["backend"].is_string()).unwrap();
    let closed = running.tell("POST", "/api/v1/sessions/close", &json!({ "id": served["id"] }));
    assert_eq!(closed.status, 200);
    assert_eq!(web::read_answer(&second).unwrap().text(), "few");
}

#[test]
fn curl_follows_a_redirect_with_its_method() {
    if Command::new("curl").arg("--version").output().is_err() {
        println!("skipped: there is no curl");
        return;
    }
    let (running, _main) = routes("\"/old/*\" = { redirect = \"/new{rest}\" }", "", "");
    let url = format!("http://{}/old/a?b", running.place);
    let output = Command::new("curl").args(["-sSL", "-X", "PUT", "-d", "hello", &url]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("main\nPUT /new/a?b HTTP/1.1\r\n"), "{text}");
    running.end();
}
