//! TLS on one side of a session, on the other, on both; and how it ends.

use crate::rig::{Parts, Rig};
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::end::End;
use evenkeel_core::reception::{AcceptProxy, Others, Reception};
use evenkeel_core::rejection::Rejection;
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::{SendProxy, Tlvs};
use evenkeel_core::tls::{Certificate, Fault, Origination, Termination, Trust, Version};
use evenkeel_core::wire::{Parse, proxy, proxy_v2, tlv};
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::tls::{Valid, client, client_with};
use evenkeel_testkit::{
    Authority, Credential, Ending, PATIENCE, Peer, Place, Server, TlsPeer, eventually, serve,
};
use rustls::{ClientConfig, HandshakeKind, ServerConfig};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub const NAME: &str = "web.example";

/// Short, but longer than a busy machine makes a thread wait.
const SOON: Duration = Duration::from_millis(500);

/// Who signs for both sides.
pub struct Keys {
    pub authority: Authority,
    pub web: Credential,
}

impl Keys {
    pub fn new() -> Self {
        let authority = Authority::new("evenkeel tests");
        let web = authority.sign(&[NAME, "127.0.0.1"]);
        Self { authority, web }
    }

    /// A client that trusts the authority.
    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::new(client(Some(&self.authority), None))
    }

    pub fn server(&self) -> Arc<ServerConfig> {
        Arc::new(self.web.server(None))
    }
}

fn nowhere() -> Certificate {
    Certificate { chain: Path::new("/").into(), key: None, obtained_for: None }
}

/// Clients of these parts speak TLS.
pub fn terminate(parts: &mut Parts, config: ServerConfig, timeout: Duration) {
    let terms = Arc::new(Termination {
        certificates: [nowhere()].into(),
        alpn: [].into(),
        oldest: Version::Tls12,
        clients: None,
        timeout,
    });
    parts.keyring.add_server(Arc::clone(&terms), Arc::new(config), true);
    parts.reception = Reception { tls: Some(terms), ..Reception::default() };
}

/// Backends of these parts speak TLS.
pub fn originate(parts: &mut Parts, config: ClientConfig, server_name: Option<&str>) {
    let terms = Arc::new(Origination {
        trust: Trust::System,
        server_name: server_name.map(Into::into),
        certificate: None,
        alpn: [].into(),
    });
    parts.keyring.add_client(Arc::clone(&terms), Arc::new(config));
    parts.rules.tls = Some(terms);
}

/// A plane that ends TLS in front of `server`.
fn front(keys: &Keys, server: &Server) -> Rig {
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(None), PATIENCE);
    parts.start()
}

/// A backend that speaks TLS, and does `what` then.
pub fn tls_server(keys: &Keys, what: impl Fn(&TlsPeer) + Send + Sync + 'static) -> Server {
    Server::start(&Place::any(), serve::tls(keys.server(), what))
}

fn connect(rig: &Rig, keys: &Keys) -> TlsPeer {
    TlsPeer::connect(&rig.place, &keys.client(), NAME).unwrap()
}

#[test]
fn what_a_client_says_under_tls_reaches_the_backend_in_the_clear_and_back() {
    let (keys, server) = (Keys::new(), Server::echo());
    let mut rig = front(&keys, &server);
    let client = connect(&rig, &keys);
    client.check_echo("under TLS");
    client.finish();
    assert_eq!(client.read_to_end(), (vec![], Some(Ending::Fin)));
    let record = rig.record();
    assert_eq!((record.end, record.to_backend, record.to_client), (End::Closed(Side::Client), 9, 9));
    assert_eq!(record.server_name.as_deref(), Some(NAME));
    let agreed = record.tls.unwrap();
    assert_eq!((agreed.version, agreed.resumed), (Version::Tls13, false));
}

#[test]
fn what_is_said_in_the_clear_reaches_a_backend_under_tls_and_back() {
    let keys = Keys::new();
    let server = tls_server(&keys, serve::tls_echo);
    let mut parts = Parts::to(&[server.place()]);
    originate(&mut parts, client(Some(&keys.authority), None), None);
    let mut rig = parts.start();
    let client = rig.connect();
    client.check_echo("in the clear");
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    assert_eq!(rig.record().end, End::Closed(Side::Client));
}

#[test]
fn both_sides_may_speak_tls_of_either_version() {
    let keys = Keys::new();
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let server = tls_server(&keys, serve::tls_echo);
        let mut parts = Parts::to(&[server.place()]);
        terminate(&mut parts, keys.web.server(None), PATIENCE);
        originate(&mut parts, client_with(versions, Some(&keys.authority), None), Some(NAME));
        let mut rig = parts.start();
        let config = Arc::new(client_with(versions, Some(&keys.authority), None));
        let client = TlsPeer::connect(&rig.place, &config, NAME).unwrap();
        client.check_echo("twice");
        client.finish();
        assert_eq!(client.read_to_end(), (vec![], Some(Ending::Fin)));
        assert_eq!(rig.record().end, End::Closed(Side::Client));
    }
}

#[test]
fn a_backend_that_speaks_first_is_heard() {
    let keys = Keys::new();
    let server = tls_server(&keys, |peer| {
        peer.send(b"220 hello").unwrap();
        peer.finish();
        let _ = peer.read_to_end();
    });
    let mut parts = Parts::to(&[server.place()]);
    originate(&mut parts, client(Some(&keys.authority), None), None);
    let mut rig = parts.start();
    let client = rig.connect();
    assert_eq!(client.read_to_end(), (b"220 hello".to_vec(), Ending::Fin));
    client.finish();
    assert_eq!(rig.record().end, End::Closed(Side::Backend));
}

#[test]
fn an_end_that_is_said_is_passed_on_without_waiting_for_a_fin() {
    let (keys, server) = (
        Keys::new(),
        Server::start(&Place::any(), |peer: &Peer| {
            let (bytes, ending) = peer.read_to_end();
            peer.send(format!("{} {ending:?}", bytes.len()).as_bytes()).unwrap();
        }),
    );
    let rig = front(&keys, &server);
    let client = connect(&rig, &keys);
    client.send(b"12345").unwrap();
    client.say_end().unwrap();
    assert_eq!(client.read_to_end(), (b"5 Fin".to_vec(), Some(Ending::Fin)));
}

#[test]
fn an_end_that_is_not_said_to_be_one_is_passed_on_as_such() {
    let keys = Keys::new();
    let server = tls_server(&keys, |peer| {
        let (bytes, ending) = peer.read_to_end();
        peer.send(format!("{} {ending:?}", bytes.len()).as_bytes()).unwrap();
        // No word of its end, either.
        peer.peer().finish();
    });
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(None), PATIENCE);
    originate(&mut parts, client(Some(&keys.authority), None), None);
    let rig = parts.start();
    let client = connect(&rig, &keys);
    client.send(b"12345").unwrap();
    client.peer().finish();
    assert_eq!(client.read_to_end(), (b"5 None".to_vec(), None));
}

#[test]
fn a_reset_is_passed_on_behind_what_came_before_it() {
    let keys = Keys::new();
    let server = tls_server(&keys, |peer| {
        peer.send(b"12345").unwrap();
        // Only once that has arrived is the reset behind it.
        assert_eq!(peer.receive(2).unwrap(), b"ok");
        peer.peer().reset_on_drop();
    });
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(None), PATIENCE);
    originate(&mut parts, client(Some(&keys.authority), None), None);
    let mut rig = parts.start();
    let client = connect(&rig, &keys);
    assert_eq!(client.receive(5).unwrap(), b"12345");
    client.send(b"ok").unwrap();
    assert_eq!(client.read_to_end(), (vec![], Some(Ending::Reset)));
    assert_eq!(rig.record().end, End::Reset(Side::Backend));
}

#[test]
fn bytes_that_cannot_be_read_end_the_session_and_the_other_side_is_reset() {
    let (keys, server) = (
        Keys::new(),
        Server::start(&Place::any(), |peer: &Peer| {
            peer.send(b"!").unwrap();
            assert_eq!(peer.read_to_end(), (b"before".to_vec(), Ending::Reset));
        }),
    );
    let mut rig = front(&keys, &server);
    let client = connect(&rig, &keys);
    assert_eq!(client.receive(1).unwrap(), b"!");
    client.send(b"before").unwrap();
    client
        .peer()
        .send(&[23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0])
        .unwrap();
    let error = client.receive(1).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "an alert says so: {error}");
    assert_eq!(rig.record().end, End::Garbled(Side::Client));
}

#[test]
fn sessions_are_taken_up_again_on_both_sides() {
    let keys = Keys::new();
    let server = tls_server(&keys, |peer| {
        let kind = peer.connection().handshake_kind();
        peer.send(format!("{kind:?}").as_bytes()).unwrap();
        peer.finish();
        let _ = peer.read_to_end();
    });
    let mut parts = Parts::to(&[server.place()]);
    let mut config = keys.web.server(None);
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
    terminate(&mut parts, config, PATIENCE);
    originate(&mut parts, client(Some(&keys.authority), None), None);
    let mut rig = parts.start();
    let config = keys.client();
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let client = TlsPeer::connect(&rig.place, &config, NAME).unwrap();
        let (told, _) = client.read_to_end();
        assert_eq!(String::from_utf8_lossy(&told), format!("Some({expected:?})"), "by the backend");
        assert_eq!(client.connection().handshake_kind(), Some(expected));
        client.finish();
        let record = rig.record();
        assert_eq!(record.tls.unwrap().resumed, expected == HandshakeKind::Resumed);
    }
    let sums = rig.plane().services().into_values().next().unwrap();
    assert_eq!((sums.tls_full, sums.tls_resumed), (1, 1));
}

/// What a client that sends this, and then `finish`es or not, is told, and how its session ends.
fn stranger(bytes: &[u8], finish: bool, timeout: Duration) -> End {
    let (keys, server) = (Keys::new(), Server::echo());
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(None), timeout);
    let mut rig = parts.start();
    let client = rig.connect();
    client.send(bytes).unwrap();
    if finish {
        client.finish();
    }
    let (_, ending) = client.read_to_end();
    let record = rig.record();
    let is_told = matches!(record.end, End::Rejected(Rejection::Tls(fault)) if fault.is_told());
    // What is not read of what it sent makes it a reset in any case.
    assert!(is_told || ending == Ending::Reset, "{:?}", record.end);
    assert_eq!(record.backend, None, "nobody was connected");
    record.end
}

#[test]
fn whoever_speaks_no_tls_is_told_apart() {
    let rejected = |fault| End::Rejected(Rejection::Tls(fault));
    let soon = Duration::from_millis(200);
    assert_eq!(stranger(b"GET / HTTP/1.1\r\n\r\n", false, PATIENCE), rejected(Fault::PlainHttp));
    assert_eq!(stranger(b"SSH-2.0-x\r\n", false, PATIENCE), rejected(Fault::NotTls));
    assert_eq!(stranger(b"", true, PATIENCE), End::ClientLeft);
    assert_eq!(stranger(&[22, 3, 1, 1, 0, 1, 0, 0], true, PATIENCE), rejected(Fault::Left));
    assert_eq!(stranger(&[22, 3, 1, 1, 0, 1, 0, 0], false, soon), rejected(Fault::TooLate));
    assert_eq!(stranger(b"", false, soon), rejected(Fault::TooLate));
    assert_eq!(stranger(&[22, 3, 1, 0, 4, 2, 0, 0, 0], false, PATIENCE), rejected(Fault::Misbehaved));
}

/// How the session of a client ends that cannot agree.
fn refused(keys: &Keys, config: ServerConfig, client: ClientConfig, name: &str) -> End {
    let server = Server::echo();
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, config, PATIENCE);
    let mut rig = parts.start();
    let result = TlsPeer::connect(&rig.place, &Arc::new(client), name).and_then(|peer| peer.receive(1));
    assert!(result.is_err(), "{}", keys.web.chain.len());
    rig.record().end
}

#[test]
fn a_handshake_that_fails_says_why() {
    let keys = Keys::new();
    let rejected = |fault| End::Rejected(Rejection::Tls(fault));
    let (other, plain) = (Authority::new("somebody else"), || client(Some(&keys.authority), None));
    let shows = |credential: &Credential| client(Some(&keys.authority), Some(credential));
    let asks = || keys.web.server(Some(&keys.authority));

    let distrusts = client(Some(&other), None);
    assert_eq!(refused(&keys, keys.web.server(None), distrusts, NAME), rejected(Fault::Alert(48)));
    assert_eq!(refused(&keys, keys.web.server(None), plain(), "other.example"), rejected(Fault::Alert(42)));
    assert_eq!(refused(&keys, asks(), plain(), NAME), rejected(Fault::NoCertificate));
    assert_eq!(refused(&keys, asks(), shows(&other.sign(&["me"])), NAME), rejected(Fault::UnknownIssuer));
    let expired = keys.authority.sign_for(&["me"], Valid::Past);
    assert_eq!(refused(&keys, asks(), shows(&expired), NAME), rejected(Fault::Expired));
    let future = keys.authority.sign_for(&["me"], Valid::Future);
    assert_eq!(refused(&keys, asks(), shows(&future), NAME), rejected(Fault::NotYetValid));

    let (mut h2, mut h3) = (keys.web.server(None), plain());
    (h2.alpn_protocols, h3.alpn_protocols) = (vec![b"h2".to_vec()], vec![b"h3".to_vec()]);
    assert_eq!(refused(&keys, h2, h3, NAME), rejected(Fault::Protocol));

    let old = client_with(&[&rustls::version::TLS12], Some(&keys.authority), None);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let only_new = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(keys.web.chain.clone(), keys.web.key.clone_key())
        .unwrap();
    assert_eq!(refused(&keys, only_new, old, NAME), rejected(Fault::Version));
}

#[test]
fn a_certificate_that_counts_lets_a_client_in() {
    let (keys, server) = (Keys::new(), Server::echo());
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(Some(&keys.authority)), PATIENCE);
    let mut rig = parts.start();
    let me = keys.authority.sign(&["me"]);
    let config = Arc::new(client(Some(&keys.authority), Some(&me)));
    let client = TlsPeer::connect(&rig.place, &config, NAME).unwrap();
    client.check_echo("it is me");
    drop(client);
    assert!(rig.record().tls.unwrap().client_certificate);
}

/// How the connect to a backend like this fails, and how often that was tried.
fn unreachable(server: &Server, config: ClientConfig, timeout: Duration) -> (End, usize) {
    let mut parts = Parts::to(&[server.place()]);
    originate(&mut parts, config, Some(NAME));
    parts.rules.connect.timeout = timeout;
    let mut rig = parts.start();
    let client = rig.connect();
    assert_eq!(client.ending(), Ending::Reset);
    let record = rig.record();
    (record.end, record.failed_attempts.len())
}

#[test]
fn a_backend_that_is_not_who_it_should_be_is_not_connected() {
    let keys = Keys::new();
    let failed = |fault| (End::NotConnected(ConnectFailure::Tls(fault)), 1);
    let config = || client(Some(&keys.authority), None);
    let shows = |credential: Credential| {
        let keys = Keys { web: credential, ..Keys::new() };
        tls_server(&keys, serve::tls_echo)
    };
    let server = shows(Authority::new("somebody else").sign(&[NAME]));
    assert_eq!(unreachable(&server, config(), PATIENCE), failed(Fault::UnknownIssuer));
    let server = shows(keys.authority.sign(&["other.example"]));
    assert_eq!(unreachable(&server, config(), PATIENCE), failed(Fault::WrongName));
    let server = shows(keys.authority.sign_for(&[NAME], Valid::Past));
    assert_eq!(unreachable(&server, config(), PATIENCE), failed(Fault::Expired));
    let server = Server::start(&Place::any(), serve::hello("220 plain\r\n"));
    assert_eq!(unreachable(&server, config(), PATIENCE), failed(Fault::NotTls));
    let server = Server::start(&Place::any(), serve::close);
    assert_eq!(unreachable(&server, config(), PATIENCE), failed(Fault::Left));
    let server = Server::start(&Place::any(), serve::stay(""));
    assert_eq!(unreachable(&server, config(), SOON), failed(Fault::TooLate));
}

#[test]
fn another_backend_is_tried_when_no_tls_comes_about_with_one() {
    let keys = Keys::new();
    let (bad, good) = (Server::start(&Place::any(), serve::close), tls_server(&keys, serve::tls_echo));
    let mut parts = Parts::to(&[bad.place(), good.place()]);
    originate(&mut parts, client(Some(&keys.authority), None), None);
    let mut rig = parts.start();
    let clients = [rig.connect(), rig.connect()];
    clients.iter().for_each(|client| client.check_echo("somebody"));
    drop(clients);
    let failed: Vec<_> = [rig.record(), rig.record()].into_iter().flat_map(|it| it.failed_attempts).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].failure, ConnectFailure::Tls(Fault::Left));
}

#[test]
fn sessions_under_tls_stay_where_they_are() {
    let (keys, server) = (Keys::new(), Server::echo());
    let mut rig = front(&keys, &server);
    let client = connect(&rig, &keys);
    client.check_echo("before");
    let helm = rig.plane().helm();
    assert_eq!(crate::handover::move_all(&helm), 0);
    client.check_echo("after");
    client.finish();
    assert_eq!(client.read_to_end(), (vec![], Some(Ending::Fin)));
    assert_eq!(rig.record().end, End::Closed(Side::Client));
}

#[test]
fn a_quiet_session_that_is_drained_ends_in_order() {
    let (keys, server) = (Keys::new(), Server::echo());
    let mut rig = front(&keys, &server);
    let client = connect(&rig, &keys);
    client.check_echo("before");
    std::thread::sleep(Duration::from_millis(1_100));
    rig.plane().drain(Duration::ZERO);
    assert_eq!(client.read_to_end(), (vec![], Some(Ending::Fin)));
    assert_eq!(rig.record().end, End::Drained);
    eventually("it is over", || (rig.plane().totals().open == 0).then_some(()));
}

#[test]
fn a_header_tells_a_backend_of_the_tls_that_ended_here() {
    let keys = Keys::new();
    let server = Server::start(&Place::any(), |peer: &Peer| {
        let mut seen = Vec::new();
        while !seen.ends_with(b"hello") {
            seen.extend(peer.receive(1).unwrap());
        }
        peer.send(&seen).unwrap();
    });
    let mut parts = Parts::to(&[server.place()]);
    let mut config = keys.web.server(Some(&keys.authority));
    config.alpn_protocols = vec![b"h2".to_vec()];
    terminate(&mut parts, config, PATIENCE);
    let all = Tlvs { alpn: true, authority: true, ssl: true, ..Tlvs::default() };
    parts.rules.send_proxy = Some(SendProxy::V2(all));
    let rig = parts.start();
    let me = keys.authority.sign(&["me"]);
    let mut config = client(Some(&keys.authority), Some(&me));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let client = TlsPeer::connect(&rig.place, &Arc::new(config), NAME).unwrap();
    client.send(b"hello").unwrap();
    let (seen, _) = client.read_to_end();
    let Ok(Parse::Complete { value, .. }) = proxy_v2::parse(&seen, proxy::LONGEST) else {
        panic!("no header: {seen:?}")
    };
    assert_eq!(value.tlvs.find(tlv::kind::ALPN), Some(&b"h2"[..]));
    assert_eq!(value.tlvs.find(tlv::kind::AUTHORITY), Some(NAME.as_bytes()));
    let ssl = value.tlvs.ssl().unwrap();
    assert_eq!((ssl.version, ssl.verify), (Some(&b"TLSv1.3"[..]), 0));
    assert_eq!(ssl.client, tlv::Ssl::TLS | tlv::Ssl::CERTIFICATE_NOW | tlv::Ssl::CERTIFICATE_IN_SESSION);
}

#[test]
fn a_client_that_reads_slowly_holds_up_its_own_session_only_and_little_memory() {
    let (keys, pattern) = (Keys::new(), Pattern::new(7));
    let len = 64 * 1024 * 1024;
    let server = Server::start(&Place::any(), serve::source(pattern.clone(), len));
    let rig = front(&keys, &server);
    let slow = connect(&rig, &keys);
    let mut last = (0, 0);
    eventually("everything is full", || {
        let now = rig.plane.as_ref().unwrap().services().into_values().next().unwrap().to_client;
        let settled = now > 0 && now == last.0;
        last = (now, if settled { last.1 + 1 } else { 0 });
        (last.1 > 20).then_some(())
    });
    assert!(last.0 < len / 2, "{} bytes are on their way to a client that reads none", last.0);
    let other = connect(&rig, &keys);
    assert!(!other.receive(1000).unwrap().is_empty());
    let (mut at, mut buffer) = (0, vec![0; 100_000]);
    while at < 4 * 1024 * 1024 {
        let n = slow.read(&mut buffer).unwrap();
        pattern.check(at, &buffer[..n]);
        at += n as u64;
    }
}

#[test]
fn keys_that_a_client_renews_are_renewed_both_ways() {
    let (keys, server) = (Keys::new(), Server::echo());
    let rig = front(&keys, &server);
    let client = connect(&rig, &keys);
    for round in 0..20 {
        client.connection().refresh_traffic_keys().unwrap();
        client.check_echo(&format!("round {round}"));
    }
}

#[test]
fn a_proxy_in_front_says_who_the_client_is_before_it_speaks_tls() {
    let (keys, server) = (Keys::new(), Server::echo());
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(None), PATIENCE);
    let from = ["127.0.0.0/8".parse().unwrap()].into();
    parts.reception.accept_proxy = Some(AcceptProxy { from, others: Others::Refused, timeout: PATIENCE });
    let mut rig = parts.start();
    let peer = rig.connect();
    peer.send(b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n").unwrap();
    let client = TlsPeer::over(peer, &keys.client(), NAME).unwrap();
    client.check_echo("both");
    drop(client);
    let record = rig.record();
    assert_eq!(record.client, "203.0.113.7:4711".parse::<std::net::SocketAddr>().unwrap().into());
    assert!(record.tls.is_some());
}
