//! The admin API over TLS: who shows a certificate is known by it, and who shows none, or a wrong one, gets nothing.

use crate::ask::{Answer, exchange, request};
use crate::chain::Chain;
use crate::harness::{Running, Setup, evenkeel};
use crate::tls::replace;
use evenkeel_testkit::tls::client;
use evenkeel_testkit::{
    Authority, Credential, Peer, Place, Server, Signal, Start, TlsPeer, eventually, port,
};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TOKEN: &str = "0123456789abcdef";

/// Certificates for every part.
struct Scene {
    authority: Authority,
    shown: Credential,
    ops: Credential,
    stranger: Credential,
    server: Server,
    folder: tempfile::TempDir,
    port: u16,
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::new("x");
        Self {
            shown: authority.sign(&["lb.example", "127.0.0.1"]),
            ops: authority.sign(&["ops.example"]),
            stranger: Authority::new("y").sign(&["ops.example"]),
            authority,
            server: Server::echo(),
            folder: tempfile::tempdir().unwrap(),
            port: port::free(),
        }
    }

    fn files(&self, start: Start) -> Start {
        let ops = self.ops.pem();
        let start = start.with_file("admin.pem", &self.shown.pem()).with_file("ca.pem", self.authority.pem());
        let start = start.with_file("ops.pem", &ops).with_file("stranger.pem", &self.stranger.pem());
        start.with_file("token", TOKEN)
    }

    /// With these keys of `admin` beside where it listens.
    fn top(&self, keys: &str) -> String {
        let unix = self.socket().display().to_string();
        format!("admin = {{ listen = [\"127.0.0.1:{}\", \"unix:{unix}\"], {keys} }}\n", self.port)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    fn setup(&self, keys: &str) -> Setup {
        Setup::to([self.server.place()]).start(|start| self.files(start)).top(&self.top(keys))
    }

    fn place(&self) -> Place {
        Place::local(self.port)
    }

    /// Asks over TLS with this certificate; fails if that ends in an alert, before or after the request.
    fn ask(&self, shows: Option<&Credential>, path: &str, headers: &str) -> io::Result<Answer> {
        let config = Arc::new(client(Some(&self.authority), shows));
        let peer = TlsPeer::connect(&self.place(), &config, "lb.example")?;
        let method = if path.ends_with("reload") { "POST" } else { "GET" };
        peer.send(request(method, path, headers).as_bytes())?;
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        while let n @ 1.. = peer.read(&mut buffer)? {
            bytes.extend_from_slice(&buffer[..n]);
        }
        Ok(Answer::parse(&bytes))
    }

    fn status(&self, shows: Option<&Credential>, path: &str, headers: &str) -> u16 {
        self.ask(shows, path, headers).unwrap().status
    }

    /// Runs a command over TLS: exit code, standard output, standard error.
    fn command(&self, running: &Running, args: &str, shows: &str) -> (i32, String, String) {
        let file = |name: &str| running.file(name).display().to_string();
        let mut args = format!("{args} --admin https://127.0.0.1:{} --tls-ca {}", self.port, file("ca.pem"));
        if !shows.is_empty() {
            args += &format!(" --tls-cert {}", file(shows));
        }
        evenkeel().args(&args).spawn().output()
    }
}

const MUTUAL: &str = "tls = { cert = \"admin.pem\", client-ca = \"ca.pem\" }";

#[test]
fn who_shows_a_certificate_is_answered_and_the_log_knows_who_it_was() {
    let scene = Scene::new();
    let mut running = scene.setup(MUTUAL).ready();
    assert_eq!(scene.status(Some(&scene.ops), "/api/v1/status", "host: lb.example\r\n"), 200);
    assert_eq!(scene.status(Some(&scene.ops), "/api/v1/reload", "host: lb.example\r\n"), 200);
    let by = running.wait_event("ordered")["by"].as_str().unwrap().to_owned();
    assert!(by.starts_with("certificate \"ops.example\" (127.0.0.1:"), "{by}");
    let foreign = "host: lb.example\r\norigin: https://evil.example\r\n";
    assert_eq!(scene.status(Some(&scene.ops), "/api/v1/status", foreign), 403);
    running.end();
}

#[test]
fn who_shows_none_or_another_gets_an_alert_and_nothing_else() {
    let scene = Scene::new();
    let running = scene.setup(MUTUAL).ready();
    for (shows, alert) in [(None, "CertificateRequired"), (Some(&scene.stranger), "UnknownCA")] {
        for path in ["/livez", "/api/v1/status", "/"] {
            let error = scene.ask(shows, path, "host: lb.example\r\n").err().unwrap().to_string();
            assert!(error.contains(alert), "{path}: {error}");
        }
    }
    let plain = Peer::connect(&scene.place());
    plain.send(request("GET", "/livez", "host: 127.0.0.1\r\n").as_bytes()).unwrap();
    let (came, _) = plain.read_to_end();
    assert!(came.len() <= 7 && !came.starts_with(b"HTTP"), "{came:?}");
    let unix = UnixStream::connect(scene.socket()).unwrap();
    let answer = exchange(unix, &request("GET", "/livez", "host: x\r\n"));
    assert_eq!(answer.status, 200, "the Unix socket is as it was");
    running.end();
}

#[test]
fn without_certificates_of_clients_the_token_alone_counts_and_with_them_both() {
    let scene = Scene::new();
    let bearer = format!("host: lb.example\r\nauthorization: Bearer {TOKEN}\r\n");
    let running = scene.setup("tls = \"admin.pem\", token-file = \"token\"").ready();
    assert_eq!(scene.status(None, "/api/v1/reload", &bearer), 200);
    assert_eq!(scene.status(None, "/api/v1/status", "host: lb.example\r\n"), 401);
    let token = running.file("token").display().to_string();
    assert_eq!(scene.command(&running, &format!("status --token-file {token}"), "").0, 0);
    drop(running);
    let running = scene.setup(&format!("{MUTUAL}, token-file = \"token\"")).ready();
    assert_eq!(scene.status(Some(&scene.ops), "/api/v1/reload", &bearer), 200);
    assert_eq!(scene.status(Some(&scene.ops), "/api/v1/status", "host: lb.example\r\n"), 401);
    assert!(scene.ask(None, "/api/v1/status", &bearer).is_err());
    drop(running);
}

#[test]
fn commands_speak_tls_and_say_what_to_do_when_it_fails() {
    let scene = Scene::new();
    let running = scene.setup(MUTUAL).ready();
    let (code, out, errors) = scene.command(&running, "status", "ops.pem");
    assert!(code == 0 && out.contains("web"), "{out} {errors}");
    assert_eq!(scene.command(&running, "reload --tls-name lb.example", "ops.pem").0, 0);
    let (code, _, errors) = scene.command(&running, "status", "");
    assert!(code == 77 && errors.contains("--tls-cert"), "{code} {errors}");
    let (code, _, errors) = scene.command(&running, "status", "stranger.pem");
    assert!(code == 77 && errors.contains("admin.tls.client-ca"), "{code} {errors}");
    let (code, _, errors) = scene.command(&running, "status --tls-name other.example", "ops.pem");
    assert!(code == 69 && errors.contains("--tls-name"), "{code} {errors}");
    let raw = |args: &str| evenkeel().args(args).spawn().output();
    let (at, ops) = (scene.place(), running.file("ops.pem").display().to_string());
    let (code, _, errors) = raw(&format!("status --admin https://{at} --tls-cert {ops} --tls-ca {ops}.none"));
    assert!(code == 66 && errors.contains("no such file"), "{code} {errors}");
    // That certificate was not signed by itself.
    let (code, _, errors) =
        raw(&format!("status --admin https://{at} --tls-ca {}", running.file("stranger.pem").display()));
    assert!(code == 69 && errors.contains("--tls-ca"), "{code} {errors}");
    let (code, _, errors) = raw(&format!("status --admin {at} --tls-cert {ops}"));
    assert!(code == 2 && errors.contains(&format!("https://{at}")), "{code} {errors}");
    // Said to a Unix socket it would have no effect; what the environment says is for others.
    let (code, _, errors) = raw(&format!("status --admin unix:/none.sock --tls-cert {ops}"));
    assert!(code == 2 && errors.contains("`--tls-…` goes only with TLS"), "{code} {errors}");
    let quiet = evenkeel().args("status --admin unix:/none.sock").env("EVENKEEL_TLS_CERT", &ops);
    assert_eq!(quiet.spawn().output().0, 69);
    let (code, _, errors) = raw(&format!("status --admin {at}"));
    assert!(code == 69 && errors.contains("https://"), "{code} {errors}");
    drop(running);
    let top = format!("admin.listen = \"{at}\"");
    let setup = Setup::to([scene.server.place()]).start(|start| scene.files(start));
    let running = setup.top(&top).ready();
    let (code, _, errors) = scene.command(&running, "status", "ops.pem");
    assert!(code == 69 && errors.contains("http://"), "{code} {errors}");
}

#[test]
fn slow_handshakes_hold_nobody_until_they_are_too_many_and_are_given_up() {
    let scene = Scene::new();
    let running = scene.setup(MUTUAL).ready();
    let mut slow: Vec<_> = (0..31).map(|_| Peer::connect(&scene.place())).collect();
    slow[0].send(b"\x16\x03\x01").unwrap();
    let began = Instant::now();
    assert_eq!(scene.status(Some(&scene.ops), "/livez", "host: lb.example\r\n"), 200);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    slow.push(Peer::connect(&scene.place()));
    assert_eq!(
        scene.status(Some(&scene.ops), "/livez", "host: lb.example\r\n"),
        200,
        "once one was given up"
    );
    let waited = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(20)).contains(&waited), "{waited:?}");
    running.connect().check_echo("traffic never noticed");
}

/// The certificate that is shown now.
fn shown(scene: &Scene) -> Vec<u8> {
    let peer = TlsPeer::connect(&scene.place(), &Arc::new(client(None, Some(&scene.ops))), "x").unwrap();
    peer.shown()
}

#[test]
fn a_reload_takes_other_tls_or_nothing_changes() {
    let scene = Scene::new();
    let setup = scene.setup(MUTUAL);
    let text = setup.text();
    let mut running = setup.ready();
    let path = running.file("evenkeel.toml");
    for bad in ["token", "ca.pem", "none.pem"] {
        std::fs::write(&path, text.replace("admin.pem", bad)).unwrap();
        let (code, _, errors) = scene.command(&running, "reload", "ops.pem");
        assert!(code == 1 && errors.contains(bad), "{errors}");
        assert_eq!(shown(&scene), scene.shown.chain[0].to_vec());
    }
    // Strangers count now, and those from before do not.
    std::fs::write(&path, text.replace("ca.pem", "stranger.pem")).unwrap();
    assert_eq!(scene.command(&running, "reload", "ops.pem").0, 0);
    assert_eq!(scene.command(&running, "status", "stranger.pem").0, 0);
    assert_eq!(scene.command(&running, "status", "ops.pem").0, 77);
    std::fs::write(&path, &text).unwrap();
    running.signal(Signal::HUP);
    eventually("they are back", || (scene.command(&running, "status", "ops.pem").0 == 0).then_some(()));
    assert_eq!(running.count_events("reload-refused"), 3);
}

#[test]
fn a_certificate_that_is_renewed_is_shown_without_a_reload() {
    let scene = Scene::new();
    let mut running = scene.setup(MUTUAL).ready();
    let renewed = scene.authority.sign(&["lb.example", "127.0.0.1"]);
    replace(&running.file("admin.pem"), &renewed.pem());
    running.wait_event("certificates-renewed");
    assert_eq!(shown(&scene), renewed.chain[0].to_vec());
    replace(&running.file("admin.pem"), "nothing");
    running.wait_event("certificate-refused");
    assert_eq!(shown(&scene), renewed.chain[0].to_vec());
}

#[test]
fn an_upgrade_goes_on_with_it() {
    let scene = Scene::new();
    let mut chain = Chain::new(scene.setup(MUTUAL));
    let (ca, ops) = (chain.file("ca.pem"), chain.file("ops.pem"));
    let whom = format!("--admin https://127.0.0.1:{} --tls-ca {}", scene.port, ca.display());
    let upgrade = format!("upgrade {whom} --tls-cert {}", ops.display());
    let (code, out, errors) = evenkeel().args(&upgrade).spawn().output();
    assert!(code == 0 && errors.is_empty() && out.contains("upgraded"), "{out} {errors}");
    chain.look_for_pids();
    assert_eq!(scene.status(Some(&scene.ops), "/api/v1/status", "host: lb.example\r\n"), 200);
    assert!(scene.ask(None, "/livez", "host: lb.example\r\n").is_err());
    chain.wait_alone();
}
