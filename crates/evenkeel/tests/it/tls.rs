//! TLS with clients and with backends: certificates by name, swapped in when they change, and never half.

use crate::harness::{Running, Setup};
use evenkeel_testkit::tls::{Valid, client};
use evenkeel_testkit::{Authority, Credential, Ending, Place, Server, Signal, TlsPeer, eventually, serve};
use std::path::Path;
use std::sync::Arc;

/// A balancer that ends TLS with this certificate, as `web.pem`, in front of an echo.
pub fn ends_tls(server: &Server, credential: &Credential, keys: &str) -> Setup {
    let text = credential.pem();
    Setup::to([server.place()])
        .keys("tls = \"web.pem\"")
        .keys(keys)
        .start(|it| it.with_file("web.pem", &text))
}

fn connect(place: &Place, authority: &Authority, name: &str) -> std::io::Result<TlsPeer> {
    TlsPeer::connect(place, &Arc::new(client(Some(authority), None)), name)
}

/// The certificate that is shown for this name.
fn shown(running: &Running, name: &str) -> Vec<u8> {
    let peer = TlsPeer::connect(&running.place, &Arc::new(client(None, None)), name).unwrap();
    peer.shown()
}

/// Replaces a file as a whole, as those do that renew certificates.
pub fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// A backend that speaks TLS and sends back what comes.
fn tls_echo(credential: &Credential) -> Server {
    Server::start(&Place::any(), serve::tls(Arc::new(credential.server(None)), serve::tls_echo))
}

#[test]
fn a_client_speaks_tls_and_the_log_says_which() {
    let (authority, server) = (Authority::new("x"), Server::echo());
    let mut running = ends_tls(&server, &authority.sign(&["web.example"]), "").ready();
    let client = connect(&running.place, &authority, "web.example").unwrap();
    client.check_echo("hello");
    client.finish();
    assert_eq!(client.read_to_end(), (vec![], Some(Ending::Fin)));
    let line = running.wait_session("it", |line| line["end"] == "ok");
    assert_eq!((&line["sni"], &line["tls"]), (&"web.example".into(), &"1.3".into()));
    let plain = running.connect();
    plain.send(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let line = running.wait_session("the stranger", |line| line["end"] == "tls-handshake");
    assert_eq!((&line["detail"], &line["by"]), (&"it speaks plain HTTP".into(), &"client".into()));
    running.end();
}

#[test]
fn a_client_sees_the_certificate_for_the_name_that_it_asks_for() {
    let (authority, server) = (Authority::new("x"), Server::echo());
    let [first, other, wild] =
        [&["first.example"], &["other.example"], &["*.wild.example"]].map(|names| authority.sign(names));
    let setup = Setup::to([server.place()]).keys("tls = [\"1.pem\", \"2.crt\", \"3.pem\"]");
    let running = setup
        .start(|it| {
            it.with_file("1.pem", &first.pem())
                .with_file("2.crt", &other.certificate_pem)
                .with_file("2.key", &other.key_pem)
                .with_file("3.pem", &wild.pem())
        })
        .ready();
    for (name, expected) in [
        ("other.example", &other),
        ("A.Wild.example", &wild),
        ("first.example", &first),
        ("unknown.example", &first),
    ] {
        assert_eq!(shown(&running, name), expected.chain[0].to_vec(), "{name}");
    }
    running.end();
}

#[test]
fn a_certificate_that_changes_is_shown_unless_it_is_no_good() {
    let (authority, server) = (Authority::new("x"), Server::echo());
    let [old, new] = [(); 2].map(|()| authority.sign(&["web.example"]));
    let mut running = ends_tls(&server, &old, "").ready();
    let file = running.file("web.pem");
    let open = connect(&running.place, &authority, "web.example").unwrap();
    open.check_echo("before");

    replace(&file, &format!("{}{}", new.certificate_pem, old.key_pem));
    let refused = running.wait_event("certificate-refused");
    assert!(refused["message"].as_str().unwrap().contains("is not that of the certificate"), "{refused}");
    assert_eq!(shown(&running, "web.example"), old.chain[0].to_vec());
    // Twice the time between two looks at a file is longer than the server's patience.
    open.check_echo("meanwhile");

    replace(&file, &new.pem());
    running.wait_event("certificates-renewed");
    let page = running.ask("GET", "/metrics").text;
    let expiry = |it: &&str| it.starts_with("evenkeel_tls_certificate_expiry_timestamp_seconds{");
    let sample = page.lines().find(expiry).expect("when it expires");
    assert!(sample.contains("name=\"web.example\"") && sample.ends_with(" 4733510400"), "{sample}");
    let full = "evenkeel_service_tls_handshakes_total{service=\"web\",kind=\"full\"}";
    assert!(page.lines().any(|it| it.starts_with(full) && !it.ends_with(" 0")), "{page}");
    assert_eq!(shown(&running, "web.example"), new.chain[0].to_vec());
    open.check_echo("an open session has what it had");
    drop(open);
    running.end();
}

#[test]
fn a_reload_with_a_bad_certificate_changes_nothing() {
    let (authority, server) = (Authority::new("x"), Server::echo());
    let old = authority.sign(&["web.example"]);
    let mut running = ends_tls(&server, &old, "").ready();
    replace(&running.file("web.pem"), "nothing");
    running.signal(Signal::HUP);
    let refused = running.wait_event("reload-refused");
    assert!(refused["message"].as_str().unwrap().contains("no certificate in"), "{refused}");
    assert_eq!(shown(&running, "web.example"), old.chain[0].to_vec());
    let new = authority.sign(&["web.example"]);
    replace(&running.file("web.pem"), &new.pem());
    running.signal(Signal::HUP);
    running.wait_event("reloaded");
    assert_eq!(shown(&running, "web.example"), new.chain[0].to_vec());
    running.end();
}

#[test]
fn an_expired_certificate_is_told_and_shown_all_the_same() {
    let (authority, server) = (Authority::new("x"), Server::echo());
    let mut running = ends_tls(&server, &authority.sign_for(&["web.example"], Valid::Past), "").ready();
    let told = running.wait_event("certificate-expires");
    assert_eq!((&told["days"], &told["names"]), (&0.into(), &"web.example".into()));
    let error = connect(&running.place, &authority, "web.example").err().unwrap();
    assert!(error.to_string().contains("expired"), "{error}");
    running.end();
}

#[test]
fn check_tells_everything_that_is_wrong_with_files() {
    let (authority, server) = (Authority::new("x"), Server::echo());
    let [one, other] = [(); 2].map(|()| authority.sign(&["web.example"]));
    let setup = Setup::to([server.place()])
        .keys("tls = { cert = [\"no.pem\", \"mixed.pem\", \"empty\"], client-ca = \"no-ca.pem\" }");
    let mixed = format!("{}{}", one.certificate_pem, other.key_pem);
    let start = crate::harness::evenkeel().with_file("mixed.pem", &mixed).with_file("x.toml", &setup.text());
    let file = start.file("x.toml");
    std::fs::create_dir(Path::new(&file).with_file_name("empty")).unwrap();
    let (status, _, errors) = start.args("check").arg(&file).spawn().output();
    assert_eq!(status, 1, "{errors}");
    for expected in [
        "/no.pem: there is no such file",
        "/mixed.pem is not that of the certificate in ",
        "/empty\n",
        "/no-ca.pem: there is no such file",
    ] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
}

#[test]
fn a_backend_that_was_found_by_name_is_asked_by_it_from_the_first_check_on() {
    let authority = Authority::new("x");
    let server = tls_echo(&authority.sign(&["localhost"]));
    let mut running = Setup::to([])
        .by_name(server.port())
        .keys("to-tls = { ca = \"ca.pem\" }")
        .keys("health = { tcp = true, interval = \"100ms\", fast-interval = \"50ms\" }")
        .start(|it| it.with_file("ca.pem", authority.pem()))
        .ready();
    eventually("a check", || {
        let page = running.ask("GET", "/metrics").text;
        let passed =
            |line: &&str| line.starts_with("evenkeel_backend_checks_total{") && line.contains("\"passed\"");
        page.lines().find(passed).filter(|line| !line.ends_with(" 0")).map(drop)
    });
    running.connect().check_echo("through");
    assert_eq!((running.count_events("down"), running.count_events("all-down")), (0, 0));
    running.end();
}

#[test]
fn backends_under_tls_are_checked_and_connected() {
    let authority = Authority::new("x");
    let good = tls_echo(&authority.sign(&["db.example"]));
    let stranger = tls_echo(&Authority::new("y").sign(&["db.example"]));
    let plain = Server::start(&Place::any(), serve::hello("plain"));
    let mut running = Setup::to([good.place(), stranger.place(), plain.place()])
        .keys("to-tls = { ca = \"ca.pem\", server-name = \"db.example\" }")
        .keys("health = { tcp = true, interval = \"100ms\", fast-interval = \"50ms\" }")
        .start(|it| it.with_file("ca.pem", authority.pem()))
        .ready();
    running.wait_backend("up", good.place());
    let down = running.wait_backend("down", stranger.place());
    assert_eq!(down["cause"], "no TLS: its certificate has an unknown issuer");
    assert_eq!(running.wait_backend("down", plain.place())["cause"], "no TLS: it does not speak TLS");
    for _ in 0..3 {
        running.connect().check_echo("through");
    }
    running.end();
}
