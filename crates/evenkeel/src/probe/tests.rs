//! Probes against real listeners on the loopback interface.

use super::*;
use evenkeel_core::health::{DnsCheck, ExchangeCheck, HttpCheck};
use evenkeel_core::snapshot::Tlvs;
use evenkeel_core::sockets::{Outward, Source, Sources};
use evenkeel_core::tls::Trust;
use evenkeel_core::wire::dns::{Question, Rcode};
use evenkeel_testkit::tls::client;
use evenkeel_testkit::{Authority, Ending, Peer, TlsPeer};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket, UnixListener};

/// How a backend of these tests answers.
#[derive(Clone, Copy)]
enum Answer {
    /// These bytes, then a close in order.
    Bytes(&'static [u8]),
    /// The first bytes, then one more of the second every 20 ms, for ever.
    Drip(&'static [u8], u8),
    /// The first bytes, then the second over and over, as fast as they are taken.
    Flood(&'static [u8], u8),
    /// Nothing, for ever.
    Silence,
}

impl Answer {
    async fn give(self, mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) {
        let (head, again, pause, count) = match self {
            Self::Bytes(bytes) => (bytes, 0, 0, 0),
            Self::Drip(head, byte) => (head, byte, 20, 1),
            Self::Flood(head, byte) => (head, byte, 0, 16 * 1024),
            Self::Silence => return std::future::pending().await,
        };
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let mut result = stream.write_all(head).await;
        while count > 0 && result.is_ok() {
            sleep(Duration::from_millis(pause)).await;
            result = stream.write_all(&vec![again; count]).await;
        }
    }
}

fn check(kind: CheckKind) -> Check {
    Check {
        kind,
        addr: None,
        port: None,
        interval: Duration::from_secs(2),
        fast_interval: Duration::from_millis(500),
        timeout: Duration::from_secs(20),
        rise: 2,
        fall: 3,
        introduce: None,
        outward: None,
        tls: None,
    }
}

fn http(body: Option<&str>) -> Check {
    check(CheckKind::Http(HttpCheck {
        method: "GET".into(),
        path: "/healthz?full".into(),
        host: None,
        status: [(200, 399)].into(),
        body: body.map(Into::into),
    }))
}

fn exchange(send: &[u8], expect: &[u8]) -> Check {
    check(CheckKind::Exchange(ExchangeCheck { send: send.into(), expect: expect.into() }))
}

/// What `check` says of a backend that answers like this.
async fn verdict(answer: Answer, check: Check) -> Verdict {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Addr::Ip(listener.local_addr().unwrap());
    let backend = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        answer.give(stream).await;
    });
    let verdict = run(&target, &target, &check, None).await;
    backend.abort();
    verdict
}

async fn failure(answer: Answer, check: Check) -> ProbeFailure {
    match verdict(answer, check).await {
        Verdict::Fail(failure) => failure,
        Verdict::Pass(took) => panic!("passed in {took:?}"),
    }
}

async fn passes(answer: Answer, check: Check) -> bool {
    matches!(verdict(answer, check).await, Verdict::Pass(_))
}

#[tokio::test]
async fn a_listener_that_never_accepts_passes_the_tcp_check() {
    assert!(passes(Answer::Silence, check(CheckKind::Tcp)).await);
}

#[tokio::test]
async fn a_tcp_check_ends_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Addr::Ip(listener.local_addr().unwrap());
    run(&target, &target, &check(CheckKind::Tcp), None).await;
    let (mut stream, _) = listener.accept().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "not a reset, which servers would log");
}

#[tokio::test]
async fn a_closed_port_is_refused_in_every_kind_of_check() {
    for check in [check(CheckKind::Tcp), http(None), exchange(b"", b"")] {
        let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let verdict = run(&Addr::Ip(addr), &Addr::Ip(addr), &check, None).await;
        assert_eq!(verdict, Verdict::Fail(ProbeFailure::Connect(ConnectFailure::Refused)));
    }
}

#[tokio::test]
async fn unix_sockets_are_probed_too() {
    let folder = tempfile::tempdir().unwrap();
    let path: Arc<std::path::Path> = folder.path().join("app.sock").into();
    let target = Addr::Unix(Arc::clone(&path));
    let missing = run(&target, &target, &http(None), None).await;
    assert_eq!(missing, Verdict::Fail(ProbeFailure::Connect(ConnectFailure::NoSuchSocket)));

    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        Answer::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n").give(stream).await;
    });
    assert!(matches!(run(&target, &target, &http(None), None).await, Verdict::Pass(_)));
}

#[tokio::test]
async fn the_request_names_host_path_and_who_asks() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (target, check) = (Addr::Ip(addr), http(None));
    let (_, request) = tokio::join!(run(&target, &target, &check, None), async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 1024];
        let count = stream.read(&mut request).await.unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    assert!(request.starts_with("GET /healthz?full HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: {addr}\r\n")), "{request}");
    assert!(request.contains("user-agent: evenkeel/"), "{request}");
    assert!(request.contains("connection: close\r\n"), "{request}");
}

#[tokio::test]
async fn an_expected_status_passes_without_waiting_for_the_body() {
    assert!(
        passes(Answer::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b'x'), http(None)).await
    );
}

#[tokio::test]
async fn another_status_fails_and_is_named() {
    let answer = Answer::Bytes(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(failure(answer, http(None)).await, ProbeFailure::Status(503));
}

#[tokio::test]
async fn the_body_must_hold_the_expected_text() {
    let answer = Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nI am fine");
    assert!(passes(answer, http(Some("am fi"))).await);
    assert_eq!(failure(answer, http(Some("am ill"))).await, ProbeFailure::Unexpected);
}

#[tokio::test]
async fn an_answer_cut_in_the_middle_fails_as_cut() {
    for bytes in
        [&b"HTTP/1.1 200 OK\r\ncontent-le"[..], b"", b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nI am"]
    {
        assert_eq!(failure(Answer::Bytes(bytes), http(Some("fine"))).await, ProbeFailure::Cut);
    }
    assert_eq!(failure(Answer::Bytes(b""), exchange(b"PING\r\n", b"+PONG")).await, ProbeFailure::Cut);
}

#[tokio::test]
async fn what_is_no_http_is_malformed() {
    let answer = Answer::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
    assert!(matches!(failure(answer, http(None)).await, ProbeFailure::Malformed(_)));
}

#[tokio::test]
async fn silence_and_slow_drips_end_at_the_timeout() {
    let slow_body = Answer::Drip(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", b'x');
    for (answer, mut check) in [
        (Answer::Silence, http(None)),
        (Answer::Drip(b"HTTP/1.1 200 OK\r\nx-a: ", b'a'), http(None)),
        (slow_body, http(Some("fine"))),
        (Answer::Silence, exchange(b"PING\r\n", b"+PONG")),
        (Answer::Drip(b"", b'x'), exchange(b"PING\r\n", b"+PONG")),
    ] {
        check.timeout = Duration::from_millis(300);
        assert_eq!(failure(answer, check).await, ProbeFailure::Timeout);
    }
}

#[tokio::test]
async fn endless_answers_are_given_up_after_64_kib() {
    let endless_body = Answer::Flood(b"HTTP/1.1 200 OK\r\n\r\n", b'x');
    assert_eq!(failure(endless_body, http(Some("fine"))).await, ProbeFailure::Unexpected);
    let endless_head = Answer::Flood(b"HTTP/1.1 200 OK\r\nx-a: ", b'a');
    assert!(matches!(failure(endless_head, http(None)).await, ProbeFailure::Malformed(_)));
    assert_eq!(failure(Answer::Flood(b"", b'x'), exchange(b"y", b"fine")).await, ProbeFailure::Unexpected);
}

#[tokio::test]
async fn an_exchange_finds_its_answer_across_pieces() {
    assert!(passes(Answer::Bytes(b"-ERR no\r\n+PONG\r\n"), exchange(b"PING\r\n", b"+PONG")).await);
    assert!(passes(Answer::Bytes(b"anything"), exchange(b"x", b"")).await);
    assert_eq!(
        failure(Answer::Bytes(b"-ERR\r\n"), exchange(b"PING\r\n", b"+PONG")).await,
        ProbeFailure::Unexpected
    );
}

#[tokio::test]
async fn a_datagram_that_holds_what_is_expected_passes() {
    let expects = |expect: &[u8]| datagram(b"PING", expect);
    assert!(matches!(answered(&[b"+PONG\r\n"], expects(b"PONG")).await, Verdict::Pass(_)));
    assert!(matches!(answered(&[b""], expects(b"")).await, Verdict::Pass(_)), "an empty one is an answer");
    assert!(matches!(answered(&[b"-BUSY", b"+PONG"], expects(b"PONG")).await, Verdict::Pass(_)));
}

#[tokio::test]
async fn datagrams_without_what_is_expected_are_told_of_when_nothing_better_came() {
    let mut check = datagram(b"PING", b"PONG");
    check.timeout = Duration::from_millis(300);
    let verdict = answered(&[b"PO", b"NG", b""], check).await;
    assert_eq!(verdict, Verdict::Fail(ProbeFailure::Unexpected));
}

#[tokio::test]
async fn silence_by_udp_ends_at_the_timeout_and_what_others_say_is_not_heard() {
    let backend = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = Addr::Ip(backend.local_addr().unwrap());
    let mut check = datagram(b"PING", b"");
    check.timeout = Duration::from_millis(300);
    let (verdict, ()) = tokio::join!(run(&target, &target, &check, None), async {
        let (_, client) = backend.recv_from(&mut [0; 16]).await.unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        other.send_to(b"PONG", client).await.unwrap();
    });
    assert_eq!(verdict, Verdict::Fail(ProbeFailure::Timeout));
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_known_by_icmp() {
    for check in [datagram(b"PING", b""), dns()] {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(any).await else { return eprintln!("skipped: no IPv6 here") };
            let target = Addr::Ip(socket.local_addr().unwrap());
            drop(socket);
            let verdict = run(&target, &target, &check, None).await;
            assert_eq!(verdict, Verdict::Fail(ProbeFailure::Connect(ConnectFailure::Refused)));
        }
    }
}

#[tokio::test]
async fn no_unix_socket_speaks_udp() {
    let target = Addr::Unix(std::path::Path::new("/nowhere.sock").into());
    let verdict = run(&target, &target, &dns(), None).await;
    assert_eq!(verdict, Verdict::Fail(ProbeFailure::Connect(ConnectFailure::NoSuchSocket)));
}

#[tokio::test]
async fn a_datagram_introduces_itself_where_a_session_would() {
    let backend = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = Addr::Ip(backend.local_addr().unwrap());
    let introduce = Some(SendProxy::V2(Tlvs::default()));
    let check = Check { introduce, ..datagram(b"PING", b"") };
    let (verdict, seen) = tokio::join!(run(&target, &target, &check, None), async {
        let mut seen = vec![0; 64];
        let (length, client) = backend.recv_from(&mut seen).await.unwrap();
        backend.send_to(b"PONG", client).await.unwrap();
        seen.truncate(length);
        seen
    });
    assert!(matches!(verdict, Verdict::Pass(_)));
    assert!(seen.starts_with(b"\r\n\r\n\0\r\nQUIT\n\x20") && seen.ends_with(b"PING"), "{seen:x?}");
}

#[tokio::test]
async fn a_datagram_comes_from_where_a_session_would() {
    let backend = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = Addr::Ip(backend.local_addr().unwrap());
    let source = |text: &str| Source::Turns(Arc::new(Sources::new([text.parse().unwrap()])));
    let from = |text| Outward { source: source(text), ..Outward::default() };
    let check = |text| Check { outward: Some(from(text).into()), ..datagram(b"PING", b"") };
    let ours = check("127.0.0.9");
    let (verdict, came_from) = tokio::join!(run(&target, &target, &ours, None), async {
        let (_, client) = backend.recv_from(&mut [0; 16]).await.unwrap();
        backend.send_to(b"PONG", client).await.unwrap();
        client.ip().to_string()
    });
    assert!(matches!(verdict, Verdict::Pass(_)));
    assert_eq!(came_from, "127.0.0.9");
    let verdict = run(&target, &target, &check("192.0.2.1"), None).await;
    let Verdict::Fail(ProbeFailure::Connect(failure)) = verdict else { panic!("{verdict:?}") };
    assert!(matches!(failure, ConnectFailure::Unprepared(_)), "{failure:?}");
}

#[tokio::test]
async fn an_answer_of_a_name_server_passes_by_its_code() {
    let with = |rcode| dns_answer(move |bytes| bytes[3] |= rcode);
    assert!(matches!(with(0).await, Verdict::Pass(_)));
    assert!(matches!(with(3).await, Verdict::Pass(_)), "that there is no such name is an answer");
    let Verdict::Fail(failure) = with(2).await else { panic!("passed") };
    assert_eq!(failure.to_string(), "answered SERVFAIL");
}

#[tokio::test]
async fn what_is_no_answer_of_a_name_server_says_why() {
    type Change = fn(&mut Vec<u8>);
    let changes: [(Change, &str); 4] = [
        (|bytes| bytes[0] ^= 1, "its id is not that of the question"),
        (|bytes| bytes[2] &= 0x7f, "it is a query itself"),
        (|bytes| bytes[13] = b'x', "it answers another question"),
        (|bytes| bytes.truncate(20), "it answers another question"),
    ];
    for (change, why) in changes {
        let Verdict::Fail(failure) = dns_answer(change).await else { panic!("passed") };
        assert_eq!(failure.to_string(), format!("not a valid answer: {why}"));
    }
}

fn datagram(send: &[u8], expect: &[u8]) -> Check {
    check(CheckKind::Datagram(ExchangeCheck { send: send.into(), expect: expect.into() }))
}

fn dns() -> Check {
    let question = Question::new("example.com", "A").unwrap();
    let rcodes = ["noerror", "nxdomain"].map(|word| Rcode::named(word).unwrap()).into();
    check(CheckKind::Dns(DnsCheck { question, rcodes }))
}

/// What `check` says of a backend that answers with these datagrams.
async fn answered(answers: &[&[u8]], check: Check) -> Verdict {
    let backend = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = Addr::Ip(backend.local_addr().unwrap());
    let (verdict, ()) = tokio::join!(run(&target, &target, &check, None), async {
        let (_, client) = backend.recv_from(&mut [0; 512]).await.unwrap();
        for answer in answers {
            backend.send_to(answer, client).await.unwrap();
        }
    });
    verdict
}

/// What the DNS check says of a server whose answer, the query with the bit that makes it one, was changed so.
async fn dns_answer(change: impl Fn(&mut Vec<u8>)) -> Verdict {
    let backend = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = Addr::Ip(backend.local_addr().unwrap());
    let check = Check { timeout: Duration::from_millis(300), ..dns() };
    let (verdict, ()) = tokio::join!(run(&target, &target, &check, None), async {
        let mut bytes = vec![0; 512];
        let (length, client) = backend.recv_from(&mut bytes).await.unwrap();
        bytes.truncate(length);
        bytes[2] |= 0x80;
        change(&mut bytes);
        backend.send_to(&bytes, client).await.unwrap();
    });
    verdict
}

#[test]
fn the_finder_sees_bytes_that_arrive_one_by_one() {
    let mut finder = Finder::new(b"abac");
    let found: Vec<_> = b"ababacx".chunks(1).map(|piece| finder.found_with(piece)).collect();
    assert_eq!(found, [false, false, false, false, false, true, false]);
}

#[tokio::test]
async fn a_check_of_a_backend_under_tls_shakes_hands_and_ends_in_order() {
    let authority = Authority::new("x");
    let config = Arc::new(authority.sign(&["db.example"]).server(None));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Addr::Ip(listener.local_addr().unwrap());
    let backend = std::thread::spawn(move || {
        let peer = Peer::new(listener.accept().unwrap().0.into());
        TlsPeer::accept(peer, &config).unwrap().read_to_end()
    });
    let terms = Origination { trust: Trust::System, server_name: None, certificate: None, alpn: [].into() };
    let check = Check { tls: Some(Arc::new(terms)), ..check(CheckKind::Tcp) };
    let config = Arc::new(client(Some(&authority), None));
    let tls = || Some((Some(Arc::clone(&config)), Some("db.example".into())));
    assert!(matches!(run(&target, &target, &check, tls()).await, Verdict::Pass(_)));
    assert_eq!(backend.join().unwrap(), (vec![], Some(Ending::Fin)));
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = Addr::Ip(elsewhere.local_addr().unwrap());
    let verdict = run(&target, &other, &check, tls()).await;
    assert!(matches!(verdict, Verdict::Pass(_)), "another port is asked in the clear: {verdict:?}");
}

/// A check of a server that says this when it is asked for TLS, and then speaks it, if it does, as `db.example`.
async fn postgres(says: &'static [u8], to_tls: bool) -> Verdict {
    let authority = Authority::new("x");
    let config = Arc::new(authority.sign(&["db.example"]).server(None));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let target = Addr::Ip(listener.local_addr().unwrap());
    let backend = std::thread::spawn(move || {
        let peer = Peer::new(listener.accept().unwrap().0.into());
        assert_eq!(peer.receive(8).unwrap(), [0, 0, 0, 8, 4, 210, 22, 47]);
        peer.send(says).unwrap();
        if to_tls && says == b"S" {
            assert!(TlsPeer::accept(peer, &config).unwrap().read_to_end().0.is_empty());
        } else {
            assert!(peer.read_to_end().0.is_empty(), "nothing else is said in the clear");
        }
    });
    let terms = Origination { trust: Trust::System, server_name: None, certificate: None, alpn: [].into() };
    let tls = to_tls.then(|| Arc::new(terms));
    let config = Arc::new(client(Some(&authority), None));
    let known = Some((Some(config), Some("db.example".into())));
    let verdict = run(&target, &target, &Check { tls, ..check(CheckKind::Postgres) }, known).await;
    backend.join().unwrap();
    verdict
}

#[tokio::test]
async fn a_postgresql_server_is_asked_for_tls_before_it_is_spoken() {
    assert!(matches!(postgres(b"S", true).await, Verdict::Pass(_)));
    for says in [b"S", b"N"] {
        assert!(matches!(postgres(says, false).await, Verdict::Pass(_)), "any answer shows that it is there");
    }
    let no_tls = ProbeFailure::Connect(ConnectFailure::NoTls);
    assert_eq!(postgres(b"N", true).await, Verdict::Fail(no_tls));
    for (says, to_tls) in [(b"H", true), (b"H", false)] {
        assert!(matches!(postgres(says, to_tls).await, Verdict::Fail(ProbeFailure::Malformed(_))));
    }
}
