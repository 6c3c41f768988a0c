//! Certificates that are obtained, as far as nobody has to sign them: the authority is away. `scripts/real-world acme` has one.

use crate::ask::ask_tcp;
use crate::chain::Chain;
use crate::harness::{Running, Setup};
use evenkeel_testkit::tls::client;
use evenkeel_testkit::{Authority, Server, Signal, TlsPeer, eventually, port};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const NAME: &str = "web.example";

/// An authority that is away, and what was kept of when it was there.
struct Away {
    state: TempDir,
    port: u16,
}

impl Away {
    fn new() -> Self {
        let away = Self { state: tempfile::tempdir().unwrap(), port: port::free() };
        fs::write(away.state.path().join("ca.pem"), Authority::new("directory").pem()).unwrap();
        away
    }

    /// Keeps a certificate for this name.
    fn keep(&self, name: &str, pem: &str) {
        let folder = self.state.path().join(format!("localhost_{}_dir/certificates", self.port));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.pem")), pem).unwrap();
    }

    /// A balancer that would obtain certificates there.
    fn setup(&self, server: &Server, tls: &str) -> Setup {
        let path = |name: &str| Path::join(self.state.path(), name).display().to_string();
        Setup::to([server.place()])
            .top("acme.agree-to-terms = true")
            .top(&format!("acme.directory = \"https://localhost:{}/dir\"", self.port))
            .top(&format!("acme.ca = {:?}\nacme.state = {:?}", path("ca.pem"), path("")))
            .keys(&format!("tls = {{ {tls} }}"))
    }
}

fn shown(running: &Running, name: &str) -> std::io::Result<Vec<u8>> {
    let peer = TlsPeer::connect(&running.place, &Arc::new(client(None, None)), name)?;
    Ok(peer.shown())
}

fn certificates(running: &Running) -> Vec<Value> {
    running.look("/api/v1/certificates")["certificates"].as_array().unwrap().clone()
}

#[test]
fn a_service_starts_without_its_certificate_and_says_so() {
    let (away, server) = (Away::new(), Server::echo());
    let mut running = away.setup(&server, "acme = \"web.example\"").ready();
    let failed = running.wait_event("certificate-not-obtained");
    assert!(failed["why"].as_str().unwrap().starts_with("no answer from localhost:"), "{failed}");
    assert!(failed["wait_ms"].as_f64().unwrap() > 290_000.0 && failed["name"].is_null(), "{failed}");

    assert!(shown(&running, NAME).is_err());
    let session = running.wait_session("the client", |it| it["end"] == "tls-handshake");
    let told = (&session["detail"], &session["by"]);
    assert_eq!(told, (&"there is no certificate yet".into(), &"evenkeel".into()));

    let ready = running.ask("GET", "/readyz?verbose");
    assert!(ready.status == 200 && ready.text.contains("none yet for web.example"), "{}", ready.text);
    assert_eq!(running.ask("GET", "/readyz/web").status, 503);
    let all = certificates(&running);
    assert_eq!((&all[0]["from"], &all[0]["expires"]), (&"acme".into(), &Value::Null));
    assert_eq!(all[0]["acme"]["problem"], failed["why"]);
    let metrics = running.ask("GET", "/metrics").text;
    assert!(metrics.contains("evenkeel_acme_certificates{name=\"web.example\"} 0\n"), "{metrics}");
    assert!(metrics.contains("evenkeel_acme_attempts_total{result=\"failed\"} 1\n"), "{metrics}");
    let (_, status, _) = running.command("status");
    assert!(status.contains("web.example  acme    none yet"), "{status}");
    running.end();
}

#[test]
fn what_is_kept_is_shown_though_the_authority_is_away() {
    let (away, server, authority) = (Away::new(), Server::echo(), Authority::new("x"));
    let kept = authority.sign(&[NAME]);
    away.keep(NAME, &kept.pem());
    away.keep("broken.example", "nothing");
    let mut running = away.setup(&server, "acme = [\"web.example\", \"broken.example\"]").ready();
    assert_eq!(shown(&running, NAME).unwrap(), kept.chain[0].to_vec());
    assert_eq!(shown(&running, "broken.example").unwrap(), kept.chain[0].to_vec(), "the first is for others");
    assert_eq!(running.ask("GET", "/readyz/web").status, 200);
    running.wait_event("certificate-not-obtained");
    let all = certificates(&running);
    assert_eq!((&all[0]["from"], &all[1]["names"][0]), (&"acme".into(), &"broken.example".into()));
    running.end();
}

#[test]
fn another_certificate_of_the_service_is_shown_meanwhile() {
    let (away, server, authority) = (Away::new(), Server::echo(), Authority::new("x"));
    let other = authority.sign(&["other.example"]);
    let pem = other.pem();
    let setup = away.setup(&server, "cert = \"web.pem\", acme = \"web.example\"");
    let running = setup.start(|it| it.with_file("web.pem", &pem)).ready();
    assert_eq!(shown(&running, NAME).unwrap(), other.chain[0].to_vec());
    assert_eq!(running.ask("GET", "/readyz/web").status, 200);
    running.end();
}

#[test]
fn a_reload_that_adds_a_name_keeps_the_others() {
    let (away, server, authority) = (Away::new(), Server::echo(), Authority::new("x"));
    let kept = authority.sign(&[NAME]);
    away.keep(NAME, &kept.pem());
    let setup = away.setup(&server, "acme = \"web.example\"");
    let text = setup.text();
    let mut running = setup.ready();
    fs::write(
        running.file("evenkeel.toml"),
        text.replace("\"web.example\"", "[\"web.example\", \"b.example\"]"),
    )
    .unwrap();
    running.signal(Signal::HUP);
    running.wait_event("reloaded");
    running.wait_event("certificate-not-obtained");
    assert_eq!(shown(&running, NAME).unwrap(), kept.chain[0].to_vec());
    eventually("both are known", || (certificates(&running).len() == 2).then_some(()));

    running.reload(text);
    eventually("one is left", || (certificates(&running).len() == 1).then_some(()));
    running.end();
}

#[test]
fn an_authority_that_asks_by_http_is_answered_at_a_listener_of_its_own() {
    let (away, server) = (Away::new(), Server::echo());
    let port = port::free();
    let running = away
        .setup(&server, "acme = \"web.example\"")
        .top(&format!(
            "acme.challenge = \"http-01\"\nacme.else = \"redirect\"\nacme.listen = \"127.0.0.1:{port}\""
        ))
        .ready();
    eventually("it listens", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
    let ask = |path| ask_tcp(port, "GET", path, "host: web.example\r\n");
    assert_eq!(ask("/.well-known/acme-challenge/x").status, 404, "nothing is asked for");
    let elsewhere = ask("/a?b");
    assert_eq!(elsewhere.status, 308);
    running.end();
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn after_an_upgrade_the_new_process_goes_on_with_it() {
    let (away, server, authority) = (Away::new(), Server::echo(), Authority::new("x"));
    let kept = authority.sign(&[NAME]);
    away.keep(NAME, &kept.pem());
    let mut chain = Chain::new(away.setup(&server, "acme = [\"web.example\", \"b.example\"]"));
    chain.wait_event("certificate-not-obtained");
    chain.upgrade();
    assert_eq!(shown(&chain, NAME).unwrap(), kept.chain[0].to_vec());
    let problem = eventually("the new one knows how it stands", || {
        let all = running_certificates(&chain)?;
        all.get(1)?["acme"]["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.starts_with("no answer from"), "remembered: {problem}");
    assert_eq!(chain.count_events("certificate-not-obtained"), 1, "the wait goes on, too");
}

/// Those that the process in charge knows, once it is asked.
fn running_certificates(chain: &Chain) -> Option<Vec<Value>> {
    let (code, text, _) = chain.command("status --json");
    let status: Value = serde_json::from_str(&text).ok().filter(|_| code == 0)?;
    let newest = u64::from(*chain.pids.last()?);
    (status["pid"] == newest).then(|| status["certificates"].as_array().cloned()).flatten()
}
