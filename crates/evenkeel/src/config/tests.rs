//! The whole way from text to configuration: golden files, examples, round trips, and mutated files.

use super::keys::{Context, KEYS, Kind};
use super::problem::Severity;
use super::*;
use annotate_snippets::Renderer;
use evenkeel_core::dice::Dice;
use evenkeel_core::director::PoolConfig;
use evenkeel_core::name::PoolName;
use evenkeel_core::reception::Others;
use evenkeel_core::snapshot::{Listener, SendProxy, Tlvs};
use evenkeel_core::sockets::Inward;
use evenkeel_core::tls::{Trust, Version};
use std::fmt::Write;
use std::path::Path;

const WORLD: World<'static> = World {
    variable: &|name| match name {
        "PORT" => Some("8080".into()),
        "EMPTY" => Some(OsString::new()),
        _ => None,
    },
    resolve: &|host| match host {
        "localhost" => Ok(vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()]),
        _ => Err("no such host".into()),
    },
    read: &|path| match path.file_name().and_then(|name| name.to_str()) {
        Some("offices.txt") => Ok(b"# our own\n10.1.0.0/16\n2001:db8::/32 # v6\n".to_vec()),
        Some("bad.txt") => Ok(b"10.0.0.0/8\n10.0.0.1/8\nnobody\n".to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    },
    reads_keys: false,
};

/// Everything that a file means, or everything that is wrong with it.
fn view(loaded: &Result<Loaded, Problems>) -> String {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(problems) => return problems.render(&Renderer::plain()),
    };
    let mut view = String::new();
    let mut line = |text: String| writeln!(view, "{}", text.replace("4294967295", "MAX")).unwrap();
    for warning in &loaded.warnings {
        line(warning.render(&Renderer::plain()));
    }
    line(format!("{:?}", loaded.settings));
    for listener in &loaded.config.listeners {
        let name = &listener.name;
        let pool = listener.pool.as_ref().map_or("nowhere", PoolName::as_str);
        line(format!("\nlistener {} {} -> {pool}", name.service, name.addr));
        line(format!("  max_sessions {}  backlog {}", listener.max_sessions, listener.backlog));
        line(format!("  unix_mode {:o}", listener.unix_mode));
        line(format!("  {:?}", listener.socket));
        line(format!("  {:?}", listener.reception));
        if listener.inward != Inward::default() {
            line(format!("  {:?}", listener.inward));
        }
        if listener.is_for_flows() {
            line(format!("  {:?}", listener.flows));
        }
    }
    for pool in &loaded.config.pools {
        line(format!("\npool {}  {:?}  all_down {:?}", pool.name, pool.balance, pool.all_down));
        for member in &pool.members {
            line(format!("  {member:?}"));
        }
        line(format!("  {:?}", pool.limits));
        line(format!("  check {:?}", pool.check));
        line(format!("  ejection {:?}", pool.ejection));
        line(format!("  slow_start {:?}", pool.slow_start));
        line(format!("  on_down {:?}  on_remove {:?}", pool.on_down, pool.on_remove));
        let rules = &pool.rules;
        line(format!(
            "  {:?}\n  {:?}\n  {:?}\n  {:?}\n  send_proxy {:?}\n  to_tls {:?}",
            rules.connect, rules.queue, rules.session, rules.socket, rules.send_proxy, rules.tls
        ));
        if let Some(http2) = rules.http2 {
            line(format!("  to_http 2 {:?}", http2.pings));
        }
        if let Some(outward) = &rules.outward {
            line(format!("  {outward:?}"));
        }
    }
    view
}

/// Files in `dir` that end with `.toml`, in alphabetical order.
fn toml_files(dir: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    assert!(!files.is_empty(), "no file in {dir}");
    files
}

#[test]
fn every_case_reads_as_expected() {
    let mut stale = Vec::new();
    for path in toml_files("tests/cases") {
        let actual = view(&load_in(&Source::File(path.clone(), None), &WORLD));
        let golden = path.with_extension("expected");
        if std::env::var_os("EVENKEEL_BLESS").is_some() {
            std::fs::write(&golden, &actual).unwrap();
        }
        if std::fs::read_to_string(&golden).unwrap_or_default() != actual {
            stale.push(format!("{}\n{actual}", golden.display()));
        }
    }
    assert!(stale.is_empty(), "EVENKEEL_BLESS=1 accepts these:\n{}", stale.join("\n"));
}

#[test]
fn every_example_is_accepted_without_a_warning() {
    for path in toml_files("../../examples") {
        match load_in(&Source::File(path.clone(), None), &WORLD) {
            Ok(loaded) => assert!(loaded.warnings.is_empty(), "{}: {:?}", path.display(), loaded.warnings),
            Err(problems) => unreachable!("{}", problems.render(&Renderer::plain())),
        }
    }
}

#[test]
fn the_full_example_has_every_key() {
    let path = Path::new("../../examples/full.toml");
    let text = std::fs::read_to_string(path).unwrap();
    for key in KEYS.iter().filter(|key| !matches!(key.kind, Kind::Group)) {
        let leaf = key.name.rsplit('.').next().unwrap_or(key.name);
        let is_there = |line: &str| {
            let mut words = line.split([' ', '{', ',', '[', ']', '.']).filter(|word| !word.is_empty());
            words.any(|word| word == leaf)
        };
        assert!(text.lines().any(is_there), "{} is missing", key.name);
    }
}

fn flag(key: &str, value: &str) -> flags::FlagValue {
    flags::FlagValue { key: key.into(), value: value.into(), positional: false }
}

/// Flags that make a service of which `key` is a part.
fn service_with(key: &keys::Key) -> Vec<flags::FlagValue> {
    let mut given = vec![flag(key.name, key.example)];
    for (name, value) in [("listen", ":8080"), ("to", "127.0.0.1:5001")] {
        if key.name != name {
            given.push(flag(name, value));
        }
    }
    match key.name {
        "timeout.ping" => given.push(flag("to-http", "2")),
        "hash-key" => given.push(flag("balance", "maglev")),
        "health.method" | "health.host" | "health.status" | "health.body" => {
            given.push(flag("health.http", "/healthz"));
        }
        "health.dns-type" | "health.dns-rcode" => given.push(flag("health.dns", "example.com")),
        "health.udp" => given.push(flag("health.send", "PING")),
        "hello" | "hello.timeout" | "hello.max-bytes" | "hello.else" => {
            given.push(flag("route", "{ \"www.example.com\" = \"127.0.0.1:5002\" }"));
        }
        "max-sessions-per-source.mode" => given.push(flag("max-sessions-per-source.limit", "9")),
        "affinity.cookie" => given.push(flag("affinity.key", "0123456789abcdef")),
        "max-bandwidth.mode" => given.push(flag("max-bandwidth.rate", "9MB/s")),
        "max-rate.burst" | "max-rate.mode" => given.push(flag("max-rate.rate", "9/s")),
        "max-rate-per-source.burst" | "max-rate-per-source.mode" => {
            given.push(flag("max-rate-per-source.rate", "9/s"));
        }
        "access-mode" => given.push(flag("deny", "10.0.0.0/8")),
        "to-tls.key" => given.push(flag("to-tls.cert", "/etc/evenkeel/client.pem")),
        "tls.cert" => {}
        name if name == "tls.acme" || name.starts_with("acme.") => {
            let all =
                [("tls.acme", "example.org"), ("acme.agree-to-terms", "true"), ("acme.challenge", "http-01")];
            let others = all.into_iter().filter(|(other, _)| *other != name);
            given.extend(others.map(|(other, value)| flag(other, value)));
        }
        "tls.client-auth" => {
            given.push(flag("tls.cert", "/etc/evenkeel/web.pem"));
            given.push(flag("tls.client-ca", "/etc/evenkeel/clients-ca.pem"));
        }
        name if name.starts_with("tls.") => given.push(flag("tls.cert", "/etc/evenkeel/web.pem")),
        "accept-proxy.mode" | "accept-proxy.timeout" => given.push(flag("accept-proxy.from", "10.0.0.0/8")),
        _ => {}
    }
    given
}

#[test]
fn every_key_as_a_flag_means_the_same_as_in_the_file_that_it_prints() {
    let plain = Flags::new("tcp", [flag("listen", ":8080"), flag("to", "127.0.0.1:5001")]);
    let plain = load_in(&Source::Flags(plain), &WORLD).unwrap();
    let process = flags::PROCESS_KEYS.map(|name| keys::find(Context::Top, name).unwrap());
    let of = |table, context| keys::in_context(context).map(move |key| (table, key));
    let http = of("http", Context::Http).filter(|(_, key)| key.scope == keys::Scope::Http);
    let udp = of("udp", Context::Udp).filter(|(_, key)| key.scope == keys::Scope::Flows);
    let tcp = of("tcp", Context::Service).chain(process.map(|key| ("tcp", key)));
    for (table, key) in tcp.chain(http).chain(udp) {
        // Where connections are balanced it means nothing, and there is a warning.
        let table = if ["to-http", "timeout.ping"].contains(&key.name) { "http" } else { table };
        let flags = Flags::new(table, service_with(key));
        let toml = flags.to_toml();
        let by_flags = view(&load_in(&Source::Flags(flags), &WORLD));
        let by_file = view(&load_in(&Source::Text(toml.clone()), &WORLD));
        assert!(by_flags.starts_with("Settings"), "{}: {by_flags}", key.name);
        assert_eq!(by_flags, by_file, "{}: {toml}", key.name);
        let same = ["listen", "drain", "health.tcp", "speaks-first"].contains(&key.name);
        assert_eq!(view(&Ok(plain_again(&plain))) == by_flags, same, "does {} matter?", key.name);
    }
}

fn plain_again(loaded: &Loaded) -> Loaded {
    Loaded {
        settings: loaded.settings.clone(),
        config: loaded.config.clone(),
        material: Material::default(),
        warnings: Vec::new(),
        files: WatchedFiles::default(),
    }
}

#[test]
fn a_printed_file_keeps_texts_that_look_like_variables() {
    let given = [flag("listen", ":8080"), flag("to", "5001"), flag("health.expect", "${PORT} \"x\"\r\n")];
    let toml = Flags::new("tcp", given).to_toml();
    let loaded = view(&load_in(&Source::Text(toml.clone()), &WORLD));
    assert!(toml.contains(r#"health.expect = "$${PORT} \"x\"\r\n""#), "{toml}");
    assert!(loaded.contains("Exchange"), "{loaded}");
}

#[test]
fn a_printed_file_keeps_inline_tables_with_escapes() {
    let health = r#"{ send = "PING\r\n", expect = "it's", rise = 3, tcp = false }"#;
    let given =
        [flag("listen", ":8080"), flag("health", health), flag("to", r#"["5001", { addr = "5002" }]"#)];
    let flags = Flags::new("tcp", given);
    let toml = flags.to_toml();
    assert!(toml.contains(&format!("health = {health}")), "{toml}");
    let by_flags = view(&load_in(&Source::Flags(flags), &WORLD));
    assert_eq!(by_flags, view(&load_in(&Source::Text(toml), &WORLD)));
    assert!(by_flags.starts_with("Settings"), "{by_flags}");
}

#[test]
fn backends_come_in_any_order_and_spelling() {
    let plain = [flag("to", "5001"), flag("to", "5002"), flag("to", "5003")];
    let mixed = [flag("to", r#"{ addr = "5001" }"#), flag("to", "5002"), flag("to", r#"["5003"]"#)];
    let lists = [flag("to", r#"["5001", "5002"]"#), flag("to", r#"["5003"]"#)];
    let view_of = |to: &[flags::FlagValue]| {
        let flags = Flags::new("tcp", [&[flag("listen", ":8080")], to].concat());
        let by_file = view(&load_in(&Source::Text(flags.to_toml()), &WORLD));
        assert_eq!(view(&load_in(&Source::Flags(flags), &WORLD)), by_file);
        by_file
    };
    let expected = view_of(&plain);
    assert!(expected.contains(":5003"), "{expected}");
    assert_eq!(view_of(&mixed), expected);
    assert_eq!(view_of(&lists), expected);
}

#[test]
fn a_list_of_backends_holds_no_lists() {
    for to in ["[[]]", r#"[["5001", "5002"], "5003"]"#] {
        let toml = format!("[tcp.x]\nlisten = \":1\"\nto = {to}");
        let problems = load_in(&Source::Text(toml), &WORLD).unwrap_err();
        assert_eq!(problems.list[0].what, "an address cannot be a list", "{to}");
    }
}

#[test]
fn a_short_form_next_to_its_long_form_is_told_what_to_write() {
    let given =
        [flag("listen", ":8080"), flag("to", "5001"), flag("health", "/up"), flag("health.port", "9000")];
    let problems = load_in(&Source::Flags(Flags::new("tcp", given)), &WORLD).unwrap_err();
    let said = problems.render(&Renderer::plain());
    assert!(said.contains("`--health` cannot stand next to `--health.…`"), "{said}");
    assert!(said.contains("`--health.http`"), "{said}");
}

#[test]
fn an_ipv6_address_without_a_port_is_no_list() {
    let given = [flag("listen", ":8080"), flag("to", "[::1]")];
    let problems = load_in(&Source::Flags(Flags::new("tcp", given)), &WORLD).unwrap_err();
    let said = problems.render(&Renderer::plain());
    assert!(said.contains("it has no port") && said.contains("[::1]:80"), "{said}");
}

#[test]
fn a_mistake_behind_an_escape_is_pointed_at() {
    let given =
        [flag("listen", ":8080"), flag("to", "5001"), flag("health", "{ send = \"\\r\\n\t\", rise = 0 }")];
    let problems = load_in(&Source::Flags(Flags::new("tcp", given)), &WORLD).unwrap_err();
    assert_eq!(problems.list[0].marks[0].place.written(), "0");
}

/// The names of the pools of `toml`, and what is in force in each by `of`.
fn pools<T>(toml: &str, of: impl Fn(&PoolConfig) -> T) -> Vec<(String, T)> {
    let loaded = load_in(&Source::Text(toml.to_owned()), &WORLD);
    let loaded = loaded.unwrap_or_else(|problems| unreachable!("{}", problems.render(&Renderer::plain())));
    loaded.config.pools.iter().map(|pool| (pool.name.to_string(), of(pool))).collect()
}

#[test]
fn a_key_of_a_service_holds_wherever_it_sends() {
    let toml = |to: &str| {
        format!(
            "[pool]\na = '1'\nb = '2'\n[http.x]\nlisten = ':80'\nto-tls = {{ ca = '/ca.pem' }}\nto-http = '2'\n{to}\n\
             [http.x.route]\n'/a' = 'pool:a'\n'/b' = 'pool:b'\n'/split' = {{ split = {{ a = 1, b = 1 }} }}\n\
             '/own' = '3'\n'/near' = {{ to = 'pool:a', max-sessions-per-backend = 9 }}\n\
             '/both' = {{ split = {{ a = 1 }}, to-tls = 'off', balance = 'first' }}"
        )
    };
    let how = |pool: &PoolConfig| (pool.rules.tls.is_some(), pool.rules.http2.is_some());
    let of = |name: &str, tls| (name.to_owned(), (tls, true));
    let by_route = [of("b@x", true), of("x//own", true), of("x//near", true), of("a@x//both", false)];
    let expected = [&[of("a@x", true)], &by_route[..]].concat();
    assert_eq!(pools(&toml(""), how), expected);
    // What is its own pool by default is so by route.
    let expected = [&[of("x", true)], &by_route[..]].concat();
    assert_eq!(pools(&toml("to = 'pool:a'"), how), expected);
}

#[test]
fn a_service_shares_a_pool_whatever_it_says_of_its_clients() {
    for (table, key) in [
        ("udp", "timeout.flow = '30s'"),
        ("udp", "timeout.unanswered = '5s'"),
        ("http", "timeout = { head = '5s', keep-alive = '5s', body = '5s', request = '9s' }"),
        ("http", "timeout.response = '9s'"),
        ("tcp", "max-sessions = 9"),
    ] {
        let toml = format!("[pool]\np = '1'\n[{table}.x]\nlisten = ':80'\nto = 'pool:p'\n{key}");
        assert_eq!(pools(&toml, |_| ()), [("p".to_owned(), ())], "{key}");
    }
}

const TABLES_OF_DEFAULTS: &str = r#"
[defaults]
tls          = { cert = "/d.pem", key = "/d.key", min-version = "1.3", client-ca = "/ca.pem" }
accept-proxy = { from = "10.0.0.0/8", mode = "mixed" }
to-tls       = { cert = "/to.pem", key = "/to.key", ca = "/backends.pem" }
send-proxy   = { tlvs = ["alpn"] }
affinity.key = "0123456789abcdef"
max-rate     = { rate = "9/s", burst = 99 }
[http.x]
listen = ":80"
to     = "127.0.0.1:5001"
"#;

/// What there is of the service `x` with these lines, beside those above.
fn beside_defaults(lines: &str) -> (Arc<Listener>, PoolConfig) {
    let loaded = load_in(&Source::Text(format!("{TABLES_OF_DEFAULTS}{lines}")), &WORLD);
    let mut loaded =
        loaded.unwrap_or_else(|problems| unreachable!("{}", problems.render(&Renderer::plain())));
    (loaded.config.listeners.remove(0), loaded.config.pools.remove(0))
}

#[test]
fn a_table_holds_key_by_key_wherever_its_keys_are() {
    let near = "tls = '/own.pem'\naccept-proxy.timeout = '9s'\nto-tls.cert = '/other.pem'\nsend-proxy = 'v2'\naffinity = 'lb'";
    let (listener, pool) = beside_defaults(near);
    let tls = listener.reception.tls.as_ref().unwrap();
    assert_eq!((tls.oldest, tls.clients.is_some()), (Version::Tls13, true));
    let proxy = listener.reception.accept_proxy.as_ref().unwrap();
    assert_eq!((proxy.from.len(), proxy.others, proxy.timeout.as_secs()), (1, Others::Direct, 9));
    let origination = pool.rules.tls.as_ref().unwrap();
    assert_eq!(origination.trust, Trust::File(Path::new("/backends.pem").into()));
    assert_eq!(pool.rules.send_proxy, Some(SendProxy::V2(Tlvs { alpn: true, ..Tlvs::default() })));
    let affinity = listener.reception.http.as_ref().unwrap().steering.affinity.as_ref().unwrap();
    assert_eq!(&*affinity.cookie, "lb");
    // The key of another certificate would not fit.
    let own = [tls.certificates[0].key.as_ref(), origination.certificate.as_ref().unwrap().key.as_ref()];
    assert_eq!(own, [None, None]);
}

#[test]
fn what_a_farther_table_says_can_be_taken_back() {
    let off = "tls = 'off'\naccept-proxy = 'off'\nto-tls = 'off'\nsend-proxy = 'off'";
    let (listener, pool) = beside_defaults(off);
    let reception = &listener.reception;
    assert!(reception.tls.is_none() && reception.accept_proxy.is_none());
    assert!(pool.rules.tls.is_none() && pool.rules.send_proxy.is_none());
    let (listener, pool) = beside_defaults("tls.client-auth = 'off'\nsend-proxy = 'v1'\nmax-rate = '3/s'");
    assert!(listener.reception.tls.as_ref().unwrap().clients.is_none());
    assert_eq!(pool.rules.send_proxy, Some(SendProxy::V1));
    // A limit is taken whole: what is a burst to one is none to another.
    assert_eq!(listener.reception.gate.rate.map(|rule| rule.limit.burst), Some(3));
}

/// What is wrong with `toml`, in short.
fn mistakes(toml: &str) -> Vec<String> {
    match load_in(&Source::Text(toml.to_owned()), &WORLD) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            let errors = problems.list.into_iter().filter(|problem| problem.severity == Severity::Error);
            errors.map(|problem| problem.what).collect()
        }
    }
}

#[test]
fn a_token_that_run_would_refuse_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let world = World { reads_keys: true, ..WORLD };
    let wrong = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let toml = format!(
            "admin.token-file = '{}'\n[tcp.x]\nlisten = ':80'\nto = '1'",
            path.parent().unwrap().join(name).display()
        );
        let loaded = load_in(&Source::Text(toml), &world);
        loaded.err().map(|problems| problems.list[0].marks[0].label.clone())
    };
    let no_secret = Some("not a secret of at least 16 letters, digits and signs".to_owned());
    assert_eq!(wrong("good", "0123456789abcdef\n"), None);
    assert_eq!(wrong("short", "0123456789abcde"), no_secret);
    assert_eq!(wrong("lines", "0123456789abcdef\n0123456789abcdef\n"), no_secret);
    let missing =
        load_in(&Source::Text("admin.token-file = '/no/such.token'".to_owned()), &world).unwrap_err();
    assert!(missing.list.iter().any(|it| it.what == "cannot use `admin.token-file` /no/such.token"));
}

#[test]
fn whoever_listens_for_connections_listens_alone() {
    const SERVICE: &str = "[tcp.x]\nlisten = '0.0.0.0:80'\nto = '1'\n[udp.y]\nlisten = ':9900'\nto = '2'\n";
    let admin = |listen: &str| mistakes(&format!("admin.listen = [{listen}]\n{SERVICE}"));
    assert_eq!(admin("'127.0.0.1:9900', '[::1]:80'"), [""; 0]);
    assert_eq!(
        admin("'127.0.0.1:80'"),
        ["the service `x` listens on 0.0.0.0:80, which overlaps 127.0.0.1:80"]
    );
    assert_eq!(admin("'127.0.0.1:99', '127.0.0.1:99'"), ["127.0.0.1:99 is named twice"]);
    let acme = |listen: &str| {
        let top = "acme = { agree-to-terms = true, challenge = 'http-01'";
        mistakes(&format!(
            "admin.listen = '127.0.0.1:81'\n{top}, listen = [{listen}] }}\n{SERVICE}[tcp.z]\nlisten = ':443'\nto = '3'\ntls.acme = 'a.example'"
        ))
    };
    assert_eq!(acme("'[::1]:80'"), [""; 0]);
    assert_eq!(acme("':80'"), ["the service `x` listens on 0.0.0.0:80, which overlaps [::]:80"]);
    assert_eq!(
        acme("'127.0.0.1:81', '[::1]:82', '[::1]:82'"),
        ["`admin` listens on 127.0.0.1:81, too", "[::1]:82 is named twice"]
    );
}

#[test]
fn what_an_agent_says_elsewhere_does_not_say_that_backends_speak_first() {
    let of = |lines: &str| {
        let toml = format!("[tcp.x]\nlisten = ':443'\nroute = {{ 'a.example' = '10.0.0.1:443' }}\n{lines}");
        mistakes(&toml)
    };
    let waits = ["client and backend of `x/a.example` would wait for each other"];
    assert_eq!(of("health = { expect = 'up' }"), waits);
    assert_eq!(of("health = { expect = 'up' }\nspeaks-first = false"), [""; 0]);
    assert_eq!(of("speaks-first = true"), waits);
    for elsewhere in ["port = 9000", "addr = '10.0.0.9'"] {
        assert_eq!(of(&format!("health = {{ expect = 'up', {elsewhere} }}")), [""; 0], "{elsewhere}");
        assert_eq!(of(&format!("health = {{ expect = 'up', {elsewhere} }}\nspeaks-first = true")), waits);
    }
}

#[test]
fn a_key_of_a_balance_in_defaults_is_for_those_that_have_it() {
    let of = |defaults: &str, plain: &str| {
        mistakes(&format!(
            "[defaults]\n{defaults}\n[tcp.x]\nlisten = ':80'\nto = '1'\nbalance = 'maglev'\n[tcp.y]\nlisten = ':81'\nto = '2'\n{plain}"
        ))
    };
    assert_eq!(of("hash-key = 'blue'", ""), [""; 0]);
    assert_eq!(of("hash-key = 'blue'", "balance = 'first'"), [""; 0]);
    assert_eq!(of("", "hash-key = 'blue'"), ["`hash-key` goes only with `balance = \"maglev\"`"]);
}

#[test]
fn a_weight_of_a_split_may_be_a_variable() {
    let of = |weight: &str| {
        mistakes(&format!(
            "[pool]\na = '1'\n[http.x]\nlisten = ':80'\nroute = {{ '*' = {{ split = {{ a = {weight} }} }} }}"
        ))
    };
    assert_eq!(of("'${NONE:-5}'"), [""; 0]);
    assert_eq!(of("'5'"), ["`split` cannot be `5`"]);
    assert_eq!(of("'${PORT}000'"), ["`split` cannot be `8080000`"]);
}

#[test]
fn an_empty_list_is_refused_where_it_would_let_everybody_in() {
    let route = |line: &str| {
        mistakes(&format!("[http.x]\nlisten = ':80'\nroute = {{ '/admin/*' = {{ to = '1', {line} }} }}"))
    };
    assert_eq!(route("from = []"), ["a route for nobody: without `from` it is for everybody"]);
    assert_eq!(route("methods = []"), ["a route for nobody: without `methods` it is for everybody"]);
    for line in ["tls = []", "tls.cert = []", "tls.acme = []"] {
        let toml = format!("[tcp.x]\nlisten = ':443'\nto = '1'\n{line}");
        assert!(mistakes(&toml)[0].ends_with("names no certificate"), "{line}: {:?}", mistakes(&toml));
    }
}

#[test]
fn a_check_asks_for_what_a_request_can_carry() {
    let of = |path: &str| mistakes(&format!("[tcp.x]\nlisten = ':80'\nto = '1'\nhealth = '{path}'"));
    for path in ["/", "/ready?a=b&c=%22", "//x", "http://:8008", "http://a.example/x?y", "/a{b}|c"] {
        assert_eq!(of(path), [""; 0], "{path}");
    }
    let long = format!("/{}", "x".repeat(66_000));
    for path in [
        "/a<b",
        "/a`",
        "/ready?q=up{job=\"a\"}",
        "/a#b",
        "/#",
        "http://:8008/a>b",
        "http://a.example/#x",
        &long,
    ] {
        assert_eq!(of(path), ["not something to ask by HTTP"], "{path}");
    }
}

#[test]
fn what_is_no_switch_cannot_be_off() {
    let toml = |line: &str| format!("[http.x]\nlisten = ':80'\nroute = {{ '/a' = {{ {line} }} }}");
    assert_eq!(mistakes(&toml("answer = false")), ["`answer.status` cannot be `false`"]);
    assert_eq!(mistakes(&toml("redirect = 'off'")), ["`off` is nowhere to redirect to"]);
    let answers = view(&load_in(&Source::Text(toml("answer = 'off'")), &WORLD));
    assert!(answers.contains("body: [111, 102, 102]"), "{answers}");
}

#[test]
fn a_field_is_set_once_however_it_is_spelled() {
    let of = |fields: &str| {
        mistakes(&format!("[http.x]\nlisten = ':80'\nto = '1'\nrequest-fields = {{ {fields} }}"))
    };
    assert_eq!(of("set = { X-A = 'a', x-a = 'b' }"), ["the field `x-a` is set twice"]);
    assert_eq!(of("set = { X-A = 'a', X_A = 'b' }"), ["the field `X_A` is set twice"]);
    assert_eq!(of("add = { X-A = 'a', x-a = 'b' }, set = { X-B = 'a' }"), [""; 0]);
}

#[test]
fn a_limit_of_a_service_is_told_by_the_name_that_it_has_elsewhere() {
    for place in [
        "[pool.p]\nto = '1'\nmax-sessions = 9",
        "[http.x]\nlisten = ':80'\nroute.'*' = { to = '1', max-sessions = 9 }",
    ] {
        let problems = load_in(&Source::Text(place.to_owned()), &WORLD).unwrap_err();
        let told = problems.render(&Renderer::plain());
        assert!(told.contains("did you mean `max-sessions-per-backend`?"), "{told}");
    }
}

#[test]
fn a_variable_in_a_key_is_told_as_such() {
    for table in ["tcp", "http"] {
        let toml = format!("[{table}.x]\nlisten = ':80'\nroute.'${{HOST}}' = '1'");
        let problems = load_in(&Source::Text(toml), &WORLD).unwrap_err();
        let help = problems.list[0].help.as_deref();
        assert_eq!(help, Some("variables are replaced in values, not in keys"), "{table}");
    }
}

#[test]
fn examples_of_keys_are_accepted_where_the_reference_shows_them() {
    for key in KEYS.iter().filter(|key| key.scope.contexts()[0] == Context::Backend) {
        let value = match key.kind {
            Kind::Backend | Kind::Ip => format!("\"{}\"", key.example),
            _ => key.example.to_owned(),
        };
        let name = key.name.trim_start_matches("to.");
        let addr = if name == "addr" { "" } else { "addr = \"a:1\", " };
        let toml = format!("[tcp.x]\nlisten = \":1\"\nto = [{{ {addr}{name} = {value} }}, \"b:1\"]");
        let loaded = load_in(&Source::Text(toml.clone()), &WORLD);
        assert!(loaded.is_ok(), "{toml}\n{}", view(&loaded));
    }
}

#[test]
fn one_unreadable_file_is_one_problem_and_says_so() {
    let problems = load_in(&Source::File("no/such/file.toml".into(), None), &WORLD).unwrap_err();
    assert!(problems.unreadable);
    assert_eq!(problems.list[0].what, "cannot read no/such/file.toml: there is no such file");
}

#[test]
fn a_file_that_is_no_configuration_at_all_is_refused_soon_and_briefly() {
    let garbage = "no toml, line after line\n".repeat(20_000);
    let problems = load_in(&Source::Text(garbage), &WORLD).unwrap_err();
    assert!(problems.list.len() <= 101, "{}", problems.list.len());
    let ports: Vec<_> = (0..1_000).map(|port| format!("\"10.0.0.256:{port}\"")).collect();
    let many = format!("[tcp.x]\nlisten = \":1\"\nto = [{}]", ports.join(",\n"));
    let problems = load_in(&Source::Text(many), &WORLD).unwrap_err();
    assert!(problems.render(&Renderer::plain()).ends_with("… and 900 more\n"));
}

#[test]
fn flags_stand_above_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.toml");
    std::fs::write(&path, "workers = 7\nlog = \"text\"\n[tcp.x]\nlisten = \":1\"\nto = \"2\"").unwrap();
    let flags = Flags::new("run", [flag("workers", "3")]);
    let loaded = load_in(&Source::File(path, Some(flags)), &WORLD).unwrap();
    assert_eq!((loaded.settings.workers, loaded.settings.log.format), (Some(3), LogFormat::Text));
}

/// Changes `bytes` at up to four places: takes away, doubles, or writes something that means something to TOML.
fn mutate(dice: &mut Dice, bytes: &mut Vec<u8>) {
    const SPICE: [&[u8]; 16] = [
        b"\"",
        b"[",
        b"]",
        b"{",
        b"}",
        b"=",
        b".",
        b",",
        b"\n",
        b"-1",
        b"99999999999999999999",
        b"${",
        b"\xc3\xbc",
        b"\0",
        b"\"\"\"",
        b"nan",
    ];
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() as u64 + 1) as usize;
        let end = (at + dice.below(12) as usize).min(bytes.len());
        match dice.below(3) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let spice = SPICE[dice.below(SPICE.len() as u64) as usize];
                bytes.splice(at..end, spice.iter().copied());
            }
        }
    }
}

#[test]
fn no_file_whatever_is_in_it_makes_us_panic() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("SEED={seed}");
    let mut dice = Dice::new(seed);
    let sources = [toml_files("tests/cases"), toml_files("../../examples")].concat();
    let texts: Vec<_> = sources.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let (mut good, mut bad) = (0, 0);
    for _ in 0..2_000 {
        let mut bytes = texts[dice.below(texts.len() as u64) as usize].clone();
        mutate(&mut dice, &mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let loaded = load_in(&Source::Text(text), &WORLD);
        if let Err(problems) = &loaded {
            assert!(problems.errors() > 0, "refused without a reason");
            problems.list.iter().for_each(|problem| drop(problem.to_json()));
            bad += 1;
        } else {
            good += 1;
        }
        assert!(!view(&loaded).is_empty());
    }
    assert!(good > 100 && bad > 100, "{good} good and {bad} bad files show little");
}

#[test]
fn no_flag_whatever_its_value_makes_us_panic() {
    const VALUES: [&str; 18] = [
        "",
        "'",
        "\"",
        "{",
        "[",
        "{ a = 1 }",
        "{ addr = 1 }",
        "[[]]",
        "[{}]",
        "\0\u{85}",
        "ü",
        "${X}",
        "off",
        "-1",
        "1e9",
        "99999999999999999999",
        "1970-01-01",
        "{ a = \"\\u0000\", b = [1, 2.5, nan, 1970-01-01] }",
    ];
    for key in keys::in_context(Context::Service) {
        for value in VALUES {
            let given =
                [flag("listen", ":8080"), flag(key.name, value), flag("to", "5001"), flag(key.name, "x")];
            let flags = Flags::new("tcp", given);
            let toml = flags.to_toml();
            assert!(!view(&load_in(&Source::Flags(flags), &WORLD)).is_empty());
            assert!(!view(&load_in(&Source::Text(toml), &WORLD)).is_empty());
        }
    }
}
