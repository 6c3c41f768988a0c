//! What becomes of a request before any backend knows of it.

use crate::when;
use evenkeel_core::http::affinity::Affinity;
use evenkeel_core::http::edit::Edits;
use evenkeel_core::http::forwarded::Forwarded;
use evenkeel_core::http::forwarded::Origin;
use evenkeel_core::http::hash_by::HashBy;
use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::redirect::{Redirect, Rewrite};
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::request::Request;
use evenkeel_core::http::route::{Action, Answer, Routes, Then};
use evenkeel_core::http::rules::Steering;
use evenkeel_core::http::rules::{HttpRules, LinkRules, Timeouts, Trusted};
use evenkeel_core::http::split::Split;
use evenkeel_core::http::steer::{Destination, Steered, steer};
use evenkeel_core::http::template::Template;
use evenkeel_core::name::PoolName;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn rules(routes: Vec<(&str, Then)>) -> HttpRules {
    let routes = routes.into_iter().map(|(pattern, then)| (when(pattern), then)).collect();
    HttpRules {
        timeouts: Timeouts {
            head: SECOND,
            keep_alive: SECOND,
            request: None,
            response: SECOND,
            body: SECOND,
        },
        limits: HeadLimits { bytes: 8192, fields: 100, target: 8192 },
        body_max: None,
        forwarded: Forwarded { x: false, standard: false },
        trusted: Trusted { networks: Box::new(["10.0.0.0/8".parse().unwrap()]), unix: false },
        steering: Steering {
            routes: Routes::new(routes, Then::default()).unwrap(),
            affinity: Some(Affinity { cookie: "lb".into(), key: 1 }),
            hash_by: HashBy::Client,
        },
        links: LinkRules { idle_max: 1, idle_for: SECOND },
        tunnels: false,
        abort_on_close: false,
        via: None,
    }
}

/// What becomes of a request with these lines that comes from `peer`, and what a backend would get.
fn steered(rules: &HttpRules, peer: &str, lines: &[&str]) -> (Result<Steered, Refusal>, String) {
    let head = lines.join("\r\n") + "\r\n\r\n";
    let mut places = Vec::new();
    let request = Request::parse(head.as_bytes(), &rules.limits, &mut places).unwrap();
    let client = peer.parse().ok();
    let origin =
        Origin { client, is_tls: true, is_trusted: rules.trusts(client), id: 7, rules: rules.forwarded };
    let mut written = Vec::new();
    let steered = steer(rules, &request, &origin, &mut written);
    (steered, String::from_utf8(written).unwrap())
}

fn to_pool(name: &str) -> Then {
    Then { action: Action::Pool(PoolName::new(name)), ..Then::default() }
}

fn edits(set: &[(&str, &str)], remove: &[&str]) -> Edits {
    let set =
        set.iter().map(|(name, value)| (name.parse().unwrap(), Template::parse(value).unwrap())).collect();
    Edits { set, remove: remove.iter().map(|name| name.parse().unwrap()).collect(), ..Edits::default() }
}

#[test]
fn a_request_goes_to_the_pool_of_its_route_by_another_path_with_other_fields() {
    let then = Then {
        rewrite: Rewrite::new("/v2{rest}").ok(),
        to_backend: edits(&[("X-Who", "{client} {host}{path} {scheme}"), ("X-Env", "prod")], &["Cookie"]),
        to_client: edits(&[("X-Id", "{request-id}")], &[]),
        ..to_pool("api")
    };
    let rules = rules(vec![("/api/*", then)]);
    let request = [
        "GET /api/%61?q=/api HTTP/1.1",
        "Host: a.example:80",
        "x-env: evil",
        "Cookie: lb=0000000000000001",
        "Via: me",
    ];
    let (steered, written) = steered(&rules, "192.0.2.1", &request);
    let steered = steered.unwrap();
    assert_eq!(steered.to, Destination::Pool(PoolName::new("api")));
    assert_eq!((steered.route, steered.client), (Some(0), "192.0.2.1".parse().ok()));
    assert_eq!(steered.to_client, format!("X-Id: {:032x}\r\n", 7).into_bytes());
    assert!(steered.tag.is_some());
    let id = format!("X-Request-Id: {:032x}", 7);
    let expected = [
        "GET /v2/a?q=/api HTTP/1.1",
        "Host: a.example:80",
        "Via: me",
        "X-Who: 192.0.2.1 a.example/api/%61 https",
        "X-Env: prod",
        &id,
        "\r\n",
    ];
    assert_eq!(written, expected.join("\r\n"));
}

#[test]
fn who_cannot_be_believed_is_the_client_itself() {
    let rules = rules(vec![("/admin - - 172.16.0.0/12", to_pool("admin"))]);
    let request = |forwarded: &'static str| ["GET /admin HTTP/1.1", "Host: a.example", forwarded];
    let route = |peer, forwarded| steered(&rules, peer, &request(forwarded)).0.unwrap().route;
    assert_eq!(route("192.0.2.1", "X-Forwarded-For: 172.16.0.1"), None);
    assert_eq!(route("10.0.0.1", "X-Forwarded-For: 172.16.0.1"), Some(0));
    assert_eq!(route("10.0.0.1", "X-Forwarded-For: 172.16.0.1, 192.0.2.1"), None);
    assert_eq!(route("10.0.0.1", "X-Forwarded-For: 192.0.2.1, 172.16.0.1, 10.0.0.2"), Some(0));
}

#[test]
fn a_client_is_sent_elsewhere() {
    let redirect = Then {
        action: Action::Redirect(Redirect::new(308, "http://{host}{path}").unwrap()),
        ..Then::default()
    };
    let rules = rules(vec![("/a", redirect)]);
    let request = |host: &'static str| ["GET /a?b HTTP/1.1", host];
    let Destination::Back(said) = steered(&rules, "192.0.2.1", &request("Host: a.example:443")).0.unwrap().to
    else {
        panic!("it goes on")
    };
    assert_eq!(said.status, 308);
    assert_eq!(said.fields, b"Content-Type: text/plain\r\nLocation: http://a.example/a?b\r\n");
    assert_eq!(*said.body, *b"308 Permanent Redirect\n");
    let odd = steered(&rules, "192.0.2.1", &request("Host: a;b%0d"));
    assert_eq!(odd.0, Err(Refusal::Host));
}

#[test]
fn what_has_no_route_goes_where_the_service_sends_and_an_odd_path_nowhere() {
    let answer = Answer { status: 403, content_type: "text/html".into(), body: Box::new(*b"no") };
    let rules = rules(vec![("/admin/*", Then { action: Action::Answer(answer), ..Then::default() })]);
    let to = |path: &str| {
        let line = format!("GET {path} HTTP/1.1");
        steered(&rules, "192.0.2.1", &[&line, "Host: a"]).0.map(|steered| steered.to)
    };
    assert_eq!(to("/"), Ok(Destination::Default));
    assert!(
        matches!(to("//admin/x"), Ok(Destination::Back(said)) if said.status == 403 && *said.body == *b"no")
    );
    assert_eq!(to("/x/..%2fadmin"), Err(Refusal::Path));
    assert_eq!(to("/%"), Err(Refusal::Path));
}

#[test]
fn a_client_stays_on_its_side_of_a_split() {
    let pools = vec![(PoolName::new("web"), 1), (PoolName::new("canary"), 1)];
    let split = Then { action: Action::Split(Split::new(pools).unwrap()), ..Then::default() };
    let mut rules = rules(vec![("*", split)]);
    let pool = |rules: &HttpRules, peer: &str, field: &str| match steered(
        rules,
        peer,
        &["GET / HTTP/1.1", "Host: a", field],
    ) {
        (Ok(Steered { to: Destination::Pool(pool), .. }), _) => pool,
        other => panic!("{other:?}"),
    };
    let peers: Vec<String> = (0..100).map(|number| format!("192.0.2.{number}")).collect();
    let pools: Vec<_> = peers.iter().map(|peer| pool(&rules, peer, "A: b")).collect();
    let canaries = pools.iter().filter(|pool| pool.as_str() == "canary").count();
    assert!((30..70).contains(&canaries), "{canaries}");
    assert!(peers.iter().zip(&pools).all(|(peer, known)| pool(&rules, peer, "A: c") == *known));
    rules.steering.hash_by = "field:x-user".parse().unwrap();
    let of_anna: Vec<_> = peers.iter().map(|peer| pool(&rules, peer, "X-User: anna")).collect();
    assert!(of_anna.windows(2).all(|pair| pair[0] == pair[1]));
}
