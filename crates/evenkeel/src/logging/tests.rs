//! Golden lines: what a person and a program read.

use super::combined::Combined;
use super::flood::LeftOut;
use super::outlet::Format;
use super::sink::{Sink, Stream};
use super::text::{Style, Text};
use super::*;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::{Attempt, ConnectFailure};
use evenkeel_core::director::{Cause, Event, EventKind};
use evenkeel_core::end::End;
use evenkeel_core::health::ProbeFailure;
use evenkeel_core::http::failing::Failing;
use evenkeel_core::http::grpc;
use evenkeel_core::http::outcome::Outcome;
use evenkeel_core::http::refusal::Refusal;
use evenkeel_core::http::version;
use evenkeel_core::name::{ListenerName, PoolName, Protocol, ServiceName};
use evenkeel_core::rejection::Rejection;
use evenkeel_core::side::Side;
use evenkeel_core::tls::{Agreed, Fault, Version};
use evenkeel_proxy::{Datagrams, RequestRecord, SessionRecord, Still, Who};
use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::time::UNIX_EPOCH;

fn at() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(1_795_356_131_031)
}

/// The local time of day of [`at`], as lines of text begin with it.
fn clock() -> String {
    let time = evenkeel_sys::clock::local_time(1_795_356_131).unwrap();
    format!("{:02}:{:02}:{:02}", time.hour, time.minute, time.second)
}

fn addr(text: &str) -> Addr {
    Addr::Ip(text.parse().unwrap())
}

fn socket(path: &str) -> Addr {
    Addr::Unix(std::path::Path::new(path).into())
}

/// A session that went well.
fn record() -> SessionRecord {
    SessionRecord {
        id: 7,
        accepted_at: at() - Duration::from_micros(1240),
        listener: ListenerName {
            service: ServiceName::new("web"),
            protocol: Protocol::Tcp,
            addr: addr("[::]:8080"),
        },
        client: addr("10.0.0.7:51822"),
        via: None,
        server_name: None,
        observed: Default::default(),
        tls: None,
        pool: Some(PoolName::new("web")),
        backend: Some(addr("127.0.0.1:5003")),
        failed_attempts: Vec::new(),
        queued: Duration::ZERO,
        connect: Some(Duration::from_micros(210)),
        first_byte: Some(Duration::from_micros(900)),
        duration: Duration::from_micros(1240),
        to_backend: 89,
        to_client: 412,
        datagrams: Datagrams::default(),
        end: End::Closed(Side::Client),
    }
}

#[test]
fn a_path_that_a_proxy_names_is_no_line_of_ours() {
    let client = Addr::Unix(std::path::Path::new("/a\n14:02:11  web  \x1b[2J").into());
    let record = SessionRecord { client, ..record() };
    let mut line = String::new();
    Text::new(Style::Plain).session(&mut line, &record);
    assert!(line.contains("unix:/a?14:02:11  web  ?[2J -> "), "{line}");
    assert_eq!(line.matches('\n').count(), 1);
}

/// A session that waited and then reached nobody.
fn failed_record() -> SessionRecord {
    let attempt = |backend, failure, millis| Attempt {
        backend: addr(backend),
        failure,
        took: Duration::from_millis(millis),
    };
    SessionRecord {
        backend: None,
        failed_attempts: vec![
            attempt("127.0.0.1:5001", ConnectFailure::TimedOut, 1500),
            attempt("127.0.0.1:5002", ConnectFailure::Other(95), 1),
        ],
        queued: Duration::from_millis(35),
        connect: None,
        first_byte: None,
        to_backend: 0,
        to_client: 0,
        datagrams: Datagrams::default(),
        end: End::NotConnected(ConnectFailure::Other(95)),
        ..record()
    }
}

fn down() -> Notice {
    let cause = Cause::Check(ProbeFailure::Connect(ConnectFailure::Refused));
    Notice::Pool(Event {
        pool: PoolName::new("web"),
        backend: Some(addr("127.0.0.1:5003")),
        kind: EventKind::Down { cause, failures: 3 },
    })
}

fn all_down() -> Notice {
    Notice::Pool(Event { pool: PoolName::new("web"), backend: None, kind: EventKind::AllDown })
}

fn as_text(style: Style, item: Item) -> String {
    written(Format::Text(Text::new(style)), [item])
}

fn as_json(item: Item) -> String {
    written(Format::Json, [item])
}

/// What is written for these items.
fn written(format: Format, items: impl IntoIterator<Item = Item>) -> String {
    let (paper, written) = paper(usize::MAX, 0);
    write_to(outlet(format, paper), items);
    written.text()
}

/// Something to write to that has so much room and fails so many times at first, and what is written there.
pub fn paper(room: usize, failures: u32) -> (Paper, Written) {
    let (sender, bytes) = channel();
    let room = Arc::new(AtomicUsize::new(room));
    (Paper { room: Arc::clone(&room), failures, sender }, Written { room, bytes })
}

pub struct Paper {
    room: Arc<AtomicUsize>,
    failures: u32,
    sender: Sender<Vec<u8>>,
}

pub struct Written {
    pub room: Arc<AtomicUsize>,
    bytes: Receiver<Vec<u8>>,
}

impl Written {
    /// What was written since the last time.
    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.try_iter().flatten().collect()).unwrap()
    }
}

impl io::Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room.load(Relaxed)).min(100);
        if self.failures > 0 || count == 0 {
            self.failures = self.failures.saturating_sub(1);
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room.fetch_sub(count, Relaxed);
        // Nobody may want to know.
        let _ = self.sender.send(bytes[..count].to_vec());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn outlet(format: Format, out: Paper) -> Outlet {
    Outlet::new(format, Sink::Stream(Stream::new(out)), None)
}

fn write_to(outlet: Outlet, items: impl IntoIterator<Item = Item>) -> Arc<Tally> {
    let (sender, receiver) = channel();
    items.into_iter().for_each(|item| sender.send(item).unwrap());
    drop(sender);
    let tally = Arc::<Tally>::default();
    Writer::new(outlet, drop, Arc::clone(&tally)).run(&receiver);
    tally
}

fn sessions(ended: Vec<SessionRecord>) -> Item {
    records(ended_only(ended))
}

fn ended_only(ended: Vec<SessionRecord>) -> Records {
    Records { ended, ..Records::default() }
}

fn records(records: Records) -> Item {
    Item::Sessions(records, place())
}

fn place() -> Place {
    Place::take(&Arc::default(), 1).unwrap()
}

/// The session of [`record`] while it is open.
fn open(still: Still) -> Item {
    let SessionRecord { id, accepted_at, listener, client, pool, backend, connect, .. } = record();
    let open = SessionRecord {
        id,
        accepted_at,
        listener,
        client,
        via: None,
        server_name: None,
        tls: None,
        observed: Default::default(),
        pool,
        backend,
        failed_attempts: Vec::new(),
        queued: Duration::ZERO,
        connect,
        first_byte: None,
        duration: Duration::from_micros(1240),
        to_backend: 89,
        to_client: 412,
        datagrams: Datagrams::default(),
        end: still,
    };
    records(Records { open: vec![open], ..Records::default() })
}

fn event(notice: Notice) -> Item {
    Item::Notice(at(), notice, place())
}

#[test]
fn a_session_that_went_well_is_one_short_line() {
    let expected = format!(
        "{}  web  10.0.0.7:51822 -> 127.0.0.1:5003  89 B to backend  412 B to client  1.2 ms  ok\n",
        clock()
    );
    assert_eq!(as_text(Style::Plain, sessions(vec![record()])), expected);
}

#[test]
fn a_session_that_failed_says_whose_fault_and_what_was_tried() {
    let expected = "<4>web  10.0.0.7:51822 -> nobody  0 B to backend  0 B to client  1.2 ms  connect-failed  (by \
        backend; queued 35 ms; 127.0.0.1:5001 no answer in time after 1.5 s; 127.0.0.1:5002 errno 95 after 1.0 ms)\n";
    assert_eq!(as_text(Style::Journal, sessions(vec![failed_record()])), expected);
}

#[test]
fn a_session_is_one_json_object_with_every_field() {
    let expected =
        r#"{"ts":"2026-11-22T14:02:11.031Z","kind":"end","id":7,"service":"web","listener":"[::]:8080","#
            .to_owned()
            + r#""client":"10.0.0.7:51822","via":null,"sni":null,"pool":"web","backend":"127.0.0.1:5003","attempts":[],"observed":[],"queued_ms":0.000,"#
            + r#""connect_ms":0.210,"first_byte_ms":0.900,"ms":1.240,"to_backend":89,"to_client":412,"end":"ok","#
            + "\"by\":\"client\"}\n";
    assert_eq!(as_json(sessions(vec![record()])), expected);
}

#[test]
fn what_was_agreed_upon_by_tls_is_in_json_and_why_nothing_was() {
    let agreed =
        Agreed { version: Version::Tls13, alpn: Some("h2".into()), resumed: true, client_certificate: false };
    let tls =
        SessionRecord { server_name: Some("a.example".into()), tls: Some(Box::new(agreed)), ..record() };
    let line = as_json(sessions(vec![tls]));
    let expected =
        r#""sni":"a.example","tls":"1.3","alpn":"h2","tls_resumed":true,"client_certificate":false,"#;
    assert!(line.contains(expected), "{line}");
    let end = End::Rejected(Rejection::Tls(Fault::PlainHttp));
    let line = as_json(sessions(vec![SessionRecord { end, ..record() }]));
    assert!(line.contains(r#""end":"tls-handshake","detail":"it speaks plain HTTP""#), "{line}");
    let attempt = Attempt {
        backend: addr("127.0.0.1:5001"),
        failure: ConnectFailure::Tls(Fault::Expired),
        took: Duration::from_millis(2),
    };
    let line = as_json(sessions(vec![SessionRecord { failed_attempts: vec![attempt], ..record() }]));
    assert!(line.contains(r#""failure":"tls","detail":"its certificate has expired""#), "{line}");
}

#[test]
fn a_failed_session_in_json_holds_its_attempts() {
    let line = as_json(sessions(vec![failed_record()]));
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["backend"], serde_json::Value::Null);
    assert_eq!(value["connect_ms"], serde_json::Value::Null);
    assert_eq!(value["attempts"][0]["failure"], "connect-timeout");
    assert_eq!(value["attempts"][0]["ms"], 1500.0);
    assert_eq!(value["attempts"][1]["errno"], 95);
    assert_eq!((&value["end"], &value["by"]), (&"connect-failed".into(), &"backend".into()));
}

#[test]
fn an_event_names_its_backend_and_cause() {
    let expected =
        format!("{}  web  127.0.0.1:5003 is down: connection refused (3 checks in a row failed)\n", clock());
    assert_eq!(as_text(Style::Plain, event(down())), expected);
    assert_eq!(as_text(Style::Journal, event(all_down())), "<3>web  has no backend left\n");
    let expected = r#"{"ts":"2026-11-22T14:02:11.031Z","event":"down","level":"warning","pool":"web","#
        .to_owned()
        + r#""backend":"127.0.0.1:5003","cause":"connection refused","failures":3,"#
        + "\"message\":\"is down: connection refused (3 checks in a row failed)\"}\n";
    assert_eq!(as_json(event(down())), expected);
}

/// One of each kind that is about certificates.
fn notices_of_certificates() -> Vec<Notice> {
    vec![
        Notice::CertificatesRenewed { files: vec!["/etc/a.pem".into(), "/etc/b.pem".into()] },
        Notice::CertificateObtained {
            name: "a.example".into(),
            until: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        },
        Notice::CertificateNotObtained {
            name: Some("a.example".into()),
            why: "the authority says: connection refused (connection)".into(),
            wait: Duration::from_secs(330),
        },
        Notice::CertificateNotObtained {
            name: None,
            why: "no answer from acme.example: connection refused".into(),
            wait: Duration::from_secs(600),
        },
        Notice::CertificateRefused { why: "cannot read /etc/a.pem: permission denied".to_owned() },
        Notice::CertificateExpires {
            file: "/etc/a.pem".into(),
            names: vec!["a.example".to_owned()],
            days: 14,
        },
        Notice::CertificateExpires { file: "/etc/a.pem".into(), names: Vec::new(), days: 0 },
    ]
}

/// One of each kind.
fn all_notices() -> Vec<Notice> {
    let listener = record().listener;
    let others = vec![
        Notice::Listening(Listening {
            service: ServiceName::new("web"),
            listeners: (8000..8006).map(|port| addr(&format!("[::]:{port}"))).collect(),
            pool: PoolName::new("shared"),
            backends: 1,
            names: 2,
            balance: "random",
        }),
        Notice::Ready {
            took: Duration::from_micros(6120),
            workers: 2,
            max_sessions: 524_011,
            descriptors: 1_048_576,
        },
        down(),
        all_down(),
        Notice::CeilingReached { service: None, sessions: 1000 },
        Notice::CeilingLeft { service: None },
        Notice::AcceptFailed { listener, errno: 24 },
        Notice::PortsScarce { backend: addr("10.0.0.7:80"), sessions: 19_770, ports: 28_232 },
        Notice::Panicked { message: "index out of bounds".to_owned() },
        Notice::SignalIgnored { signal: "SIGUSR2", why: "no reason" },
        Notice::Reloaded { listeners: 1, backends: 3 },
        Notice::ReloadRefused { why: "a mistake".to_owned() },
        Notice::Admin { addr: addr("127.0.0.1:9900"), is_tls: false, is_default: false },
        Notice::Admin { addr: addr("[::]:9900"), is_tls: true, is_default: false },
        Notice::Admin { addr: socket("/run/evenkeel/control.sock"), is_tls: false, is_default: true },
        Notice::Admin { addr: socket("/run/evenkeel/control-7.sock"), is_tls: false, is_default: false },
        Notice::Ordered { what: "reload".to_owned(), by: "uid 0 (pid 7)".to_owned() },
        Notice::Trial { time: Duration::from_secs(60) },
        Notice::WentBack { why: "nobody confirmed it in time" },
        Notice::OrderRefused {
            what: "drain x".to_owned(),
            by: "uid 0".to_owned(),
            why: "no pool is called `x`".to_owned(),
        },
        Notice::LameDuck { signal: "SIGTERM", time: Duration::from_secs(15) },
        Notice::Draining { window: Duration::from_secs(30), open: 12 },
        Notice::CallRefused { calls: 2, last: 59 },
        Notice::LinesDropped { lines: 1 },
        Notice::LeftOut(LeftOut {
            service: ServiceName::new("web"),
            what: "ended well",
            failed: false,
            lines: 12_345,
        }),
        Notice::LogTo { to: "syslog at /dev/log".to_owned() },
        Notice::LogReopened { to: "/var/log/evenkeel.log".to_owned() },
        Notice::LogNotReopened { why: "no such folder".to_owned() },
        Notice::Warning("look at this".to_owned()),
        Notice::Stopped(Stopped { why: "drained", sessions: 6689, cut: 2, lines_dropped: 1 }),
    ];
    others.into_iter().chain(notices_of_certificates()).collect()
}

#[test]
fn every_event_is_one_line_for_people() {
    let lines: String = all_notices().into_iter().map(|n| as_text(Style::Journal, event(n))).collect();
    let expected = "\
<6>web  listens on [::]:8000, [::]:8001, [::]:8002, [::]:8003 and 2 more: 1 backend and 2 names, random, pool shared
<6>ready in 6.1 ms: 2 workers, at most 524,011 sessions (1,048,576 descriptors)
<4>web  127.0.0.1:5003 is down: connection refused (3 checks in a row failed)
<3>web  has no backend left
<4>1,000 sessions are open, as many as there may be: new ones wait until one ends
<6>new sessions are accepted again
<4>web  cannot accept on [::]:8080: Too many open files (os error 24); trying again
<4>10.0.0.7:80 is short of source ports: 19,770 of 28,232 are taken
<3>a session ended by a defect of evenkeel, please report it: index out of bounds
<6>SIGUSR2 ignored: no reason
<6>reloaded: 1 listener, 3 backends
<3>reload refused, everything stays as it was: a mistake
<6>can be asked at 127.0.0.1:9900: a dashboard at http://127.0.0.1:9900/
<6>can be asked at [::]:9900: a dashboard at https://localhost:9900/
<6>can be asked at unix:/run/evenkeel/control.sock: `evenkeel status`
<6>can be asked at unix:/run/evenkeel/control-7.sock: `evenkeel status --admin unix:/run/evenkeel/control-7.sock`
<6>order of uid 0 (pid 7): reload
<6>on trial: goes back in 1m00s unless confirmed
<4>back to the configuration before: nobody confirmed it in time
<4>order of uid 0 refused: drain x: no pool is called `x`
<6>SIGTERM: will stop, but goes on accepting for 15 s
<6>accepts no more; 12 open sessions may end within 30 s
<3>the sandbox refused 2 system calls, the last one number 59: a defect of evenkeel, or somebody who has broken in
<4>1 line of this log dropped: it is read too slowly, or cannot be written
<6>web  … and 12,345 more ended well
<6>the log goes on in syslog at /dev/log
<6>the log goes on in /var/log/evenkeel.log, opened again
<3>the log goes on where it was: no such folder
<4>look at this
<6>stopped, drained: 6,689 sessions in all, 2 cut, 1 line of the log dropped
<6>new certificates are shown: /etc/a.pem, /etc/b.pem
<6>obtained a certificate for a.example, valid until 2027-01-15T08:00:00.000Z
<4>no certificate obtained for a.example: the authority says: connection refused (connection); tried again in 5m30s
<4>no certificates can be obtained: no answer from acme.example: connection refused; tried again in 10m00s
<3>cannot read /etc/a.pem: permission denied; what it was before stays
<4>the certificate in /etc/a.pem expires within 14 days
<3>the certificate in /etc/a.pem has expired
";
    assert_eq!(lines, expected);
}

#[test]
fn every_event_is_valid_json_under_its_word_and_is_documented() {
    let documented = include_str!("../../../../docs/operating.md");
    for notice in all_notices() {
        let word = notice.word();
        let line = as_json(event(notice));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["event"], word);
        assert!(value["message"].is_string() && value["level"].is_string(), "{line}");
        assert!(documented.contains(&format!("`{word}`")), "{word} is not in docs/operating.md");
    }
}

#[test]
fn every_way_to_end_is_documented() {
    let documented = include_str!("../../../../docs/operating.md");
    for word in End::words() {
        assert!(documented.contains(&format!("`{word}`")), "{word} is not in docs/operating.md");
    }
}

#[test]
fn every_outcome_of_a_request_is_documented() {
    let documented = include_str!("../../../../docs/operating.md");
    for word in Outcome::words() {
        assert!(documented.contains(&format!("`{word}`")), "{word} is not in docs/operating.md");
    }
}

/// A request that went well, at the second backend.
fn request_record() -> RequestRecord {
    let SessionRecord { id, listener, client, pool, backend, .. } = record();
    let head = "GET /a?b HTTP/1.1\r\nHost: a.example\r\nUser-Agent: \"x\"\r\nX-Request-Id: abc\r\n\r\n";
    RequestRecord {
        session: id,
        number: 2,
        began_at: at() - Duration::from_micros(1240),
        listener,
        client: Who::At(client),
        via: None,
        head: head.as_bytes().into(),
        asked: None,
        route: None,
        version: version::Version::Http11,
        pool,
        backend,
        failed_attempts: vec![Attempt {
            backend: addr("127.0.0.1:5002"),
            failure: ConnectFailure::NoAnswer(Failing::Closed),
            took: Duration::from_micros(300),
        }],
        head_took: Duration::from_micros(50),
        queued: Duration::ZERO,
        connect: None,
        sent: Some(Duration::from_micros(80)),
        first_byte: Some(Duration::from_micros(900)),
        duration: Duration::from_micros(1240),
        status: Some(200),
        grpc: None,
        to_backend: 89,
        to_client: 412,
        head_to_client: 100,
        outcome: Outcome::Answered,
    }
}

fn requests(requests: Vec<RequestRecord>) -> Item {
    records(Records { requests, ..Records::default() })
}

#[test]
fn a_request_is_one_line() {
    let line = as_text(Style::Bare, requests(vec![request_record()]));
    assert_eq!(
        line,
        "web  10.0.0.7:51822 GET a.example/a?b -> 127.0.0.1:5003  412 B to client  1.2 ms  200  \
         (127.0.0.1:5002 closed before it answered after 0.3 ms)\n"
    );
    let line: serde_json::Value = serde_json::from_str(&as_json(requests(vec![request_record()]))).unwrap();
    assert_eq!(
        (&line["kind"], &line["id"], &line["user_agent"]),
        (&"request".into(), &"abc".into(), &"\"x\"".into())
    );
    assert_eq!(
        (&line["method"], &line["host"], &line["target"]),
        (&"GET".into(), &"a.example".into(), &"/a?b".into())
    );
    assert_eq!((&line["attempts"][0]["detail"], &line["status"]), (&"backend-closed".into(), &200.into()));
    assert_eq!((&line["connect_ms"], &line["by"]), (&serde_json::Value::Null, &"backend".into()));
}

#[test]
fn a_call_of_grpc_says_how_it_has_ended() {
    let with = |grpc| RequestRecord { grpc, failed_attempts: Vec::new(), ..request_record() };
    let gone = with(Some(grpc::Status::Unavailable));
    let line = as_text(Style::Colour, requests(vec![gone.clone()]));
    assert!(line.ends_with("  \x1b[33m200\x1b[0m \x1b[33mUNAVAILABLE\x1b[0m\n"), "{line:?}");
    let line = as_text(Style::Bare, requests(vec![with(Some(grpc::Status::Ok))]));
    assert!(line.ends_with("1.2 ms  200 OK\n"), "{line}");
    let status = |record| {
        let line: serde_json::Value = serde_json::from_str(&as_json(requests(vec![record]))).unwrap();
        line.get("grpc_status").cloned()
    };
    assert_eq!((status(gone), status(with(None))), (Some(14.into()), None));
}

/// Its line in the combined format, without the time.
fn combined(record: &RequestRecord) -> String {
    let mut line = String::new();
    Combined::default().request(&mut line, record);
    let (before, (time, behind)) =
        line.split_once('[').and_then(|(before, rest)| Some((before, rest.split_once(']')?))).unwrap();
    assert_eq!(time.len(), "22/Nov/2026:14:02:11 +0000".len(), "{time}");
    format!("{before}[]{behind}")
}

#[test]
fn a_request_in_the_combined_format_is_as_apache_writes_it() {
    let record = request_record();
    assert_eq!(combined(&record), "10.0.0.7 - - [] \"GET /a?b HTTP/1.1\" 200 312 \"-\" \"\\\"x\\\"\"\n");
    let head = b"GET /%22 HTTP/1.0\r\nHost: a\r\nReferer: http://b/\xc3\xa9\\\r\n\r\n".as_slice().into();
    let client = Who::Named("2001:db8::1".parse().unwrap());
    let named = RequestRecord { head, client, to_client: 100, ..record.clone() };
    let line = combined(&named);
    assert_eq!(line, "2001:db8::1 - - [] \"GET /%22 HTTP/1.1\" 200 - \"http://b/\\xc3\\xa9\\\\\" \"-\"\n");
    let head = b"\x16\x03\n1 - - [\"".as_slice().into();
    let (outcome, status) = (Outcome::Refused(Refusal::NotHttp), Some(400));
    let refused = RequestRecord { head, outcome, status, ..record.clone() };
    assert_eq!(combined(&refused), "10.0.0.7 - - [] \"\\x16\\x03\\n1 - - [\\\"\" 400 312 \"-\" \"-\"\n");
    let unix = Who::At(Addr::Unix(Arc::from(std::path::Path::new("/run/x"))));
    let left = RequestRecord { client: unix, status: None, outcome: Outcome::ClientLeft, ..record };
    assert!(combined(&left).starts_with("- - - [] \"GET /a?b HTTP/1.1\" 499 312 "));
}

#[test]
fn a_request_has_its_route_and_what_the_client_asked_for() {
    let asked = Some(b"/v1/a?b"[..].into());
    let routed =
        RequestRecord { asked, route: Some("/v1/*".into()), failed_attempts: Vec::new(), ..request_record() };
    let line = as_text(Style::Bare, requests(vec![routed.clone()]));
    assert!(line.contains(" GET a.example/v1/a?b -> 127.0.0.1:5003 "), "{line}");
    let json: serde_json::Value = serde_json::from_str(&as_json(requests(vec![routed.clone()]))).unwrap();
    assert_eq!((&json["route"], &json["target"]), (&"/v1/*".into(), &"/v1/a?b".into()));
    let ruled = RequestRecord { backend: None, outcome: Outcome::Ruled, ..routed };
    let line = as_text(Style::Bare, requests(vec![ruled]));
    assert!(line.contains("/v1/a?b -> the route /v1/*  412 B to client"), "{line}");
}

#[test]
fn a_request_that_was_refused_cannot_make_a_line_of_ours() {
    let outcome = Outcome::Refused(Refusal::NotHttp);
    let head = b"\x16\x03\n14:02:11  web\x1b[2J\"".as_slice().into();
    let refused = RequestRecord {
        head,
        outcome,
        status: Some(400),
        backend: None,
        failed_attempts: Vec::new(),
        ..request_record()
    };
    let line = as_text(Style::Bare, requests(vec![refused.clone()]));
    assert_eq!(line.matches('\n').count(), 1);
    assert!(line.contains("??") && line.ends_with("400  (not-http by client)\n"), "{line:?}");
    let line = as_json(requests(vec![refused]));
    assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
}

#[test]
fn colours_only_where_they_were_asked_for() {
    let line = as_text(Style::Colour, event(down()));
    assert_eq!(
        line,
        format!(
            "\x1b[2m{}\x1b[0m  web  127.0.0.1:5003 \x1b[31mis down: connection refused (3 checks in a row \
             failed)\x1b[0m\n",
            clock()
        )
    );
    assert!(!as_text(Style::Plain, event(down())).contains('\x1b'));
}

#[test]
fn text_from_outside_cannot_break_a_json_line() {
    let line = as_json(event(Notice::Panicked { message: "a \"b\"\n\\c\u{1}\u{1b}é".to_owned() }));
    assert_eq!(line.matches('\n').count(), 1);
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(value["message"].as_str().unwrap().ends_with(": a \"b\"\n\\c\u{1}\u{1b}é"));
}

#[test]
fn text_from_outside_cannot_break_a_line_of_text() {
    let line =
        as_text(Style::Plain, event(Notice::Panicked { message: "a\n14:02:11  \x1b[2Jfake".to_owned() }));
    assert_eq!(line.matches('\n').count(), 1, "{line:?}");
    assert!(!line.contains('\x1b'), "{line:?}");
}

#[test]
fn equal_failures_beyond_twenty_a_second_become_one_line() {
    let format = Format::Text(Text::new(Style::Journal));
    let text = written(format, [sessions(vec![failed_record(); 332]), sessions(vec![record(); 30])]);
    assert_eq!(text.matches("connect-failed  (").count(), 20);
    assert_eq!(text.matches("  ok\n").count(), 30, "what went well is never left out");
    assert!(text.ends_with("<4>web  … and 312 more: connect-failed\n"), "{text}");
    assert_eq!(written(Format::Json, [sessions(vec![failed_record(); 332])]).lines().count(), 332);
}

#[test]
fn an_output_that_fails_loses_lines_and_tells_how_many() {
    let (out, written) = paper(usize::MAX, 2);
    let items = [sessions(vec![record(); 3]), sessions(vec![record(); 2]), event(down())];
    let tally = write_to(outlet(Format::Json, out), items);
    let text = written.text();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0]["event"], "down");
    assert_eq!((&lines[1]["event"], &lines[1]["lines"]), (&"lines-dropped".into(), &5.into()));
    assert_eq!(tally.lost.load(Relaxed), 5);
}

#[test]
fn what_comes_after_a_turn_goes_elsewhere_and_nothing_twice() {
    let ((before, written_before), (after, written_after)) = (paper(usize::MAX, 0), paper(usize::MAX, 0));
    let turn = Item::Turn(Box::new(outlet(Format::Json, after)), Arc::default());
    let items = [sessions(vec![record(); 3]), event(down()), turn, sessions(vec![record(); 2])];
    write_to(outlet(Format::Json, before), items);
    assert_eq!((written_before.text().lines().count(), written_after.text().lines().count()), (4, 2));
}

#[test]
fn what_goes_well_beyond_the_rate_is_left_out_and_every_failure_stays() {
    let (out, written) = paper(usize::MAX, 0);
    let outlet = Outlet::new(Format::Json, Sink::Stream(Stream::new(out)), Some(10));
    let mixed = (0..1000).map(|index| if index % 10 == 0 { failed_record() } else { record() }).collect();
    let tally = write_to(outlet, [sessions(mixed)]);
    let text = written.text();
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |end: &str| lines.iter().filter(|line| line["end"] == end).count() as u64;
    assert_eq!(count("connect-failed"), 100);
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["service"]), (&"left-out".into(), &"web".into()));
    assert_eq!(last["lines"], 900 - count("ok"));
    assert!((10..30).contains(&count("ok")), "{}", count("ok"));
    assert_eq!(tally.left_out.load(Relaxed), 900 - count("ok"));
}

#[test]
fn an_open_session_has_the_same_fields_but_no_end() {
    let plain = |still| as_text(Style::Bare, open(still));
    let line = "web  10.0.0.7:51822 -> 127.0.0.1:5003  89 B to backend  412 B to client  1.2 ms  ";
    assert_eq!(plain(Still::Opened), format!("{line}open\n"));
    assert_eq!(plain(Still::Alive), format!("{line}alive\n"));
    let keys = |line: String| -> Vec<String> {
        serde_json::from_str::<serde_json::Map<_, _>>(&line)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    };
    let mut ended = keys(as_json(sessions(vec![record()])));
    ended.retain(|key| key != "end" && key != "by");
    assert_eq!(keys(as_json(open(Still::Alive))), ended);
    assert!(as_json(open(Still::Alive)).contains(r#""kind":"alive","id":7,"#));
}

#[test]
fn records_are_handed_on_in_order_once_they_are_written_and_the_log_ends_behind_them() {
    let ((out, written), (keep, kept)) = (paper(usize::MAX, 0), channel());
    let keep = move |it: Records| keep.send((it.len(), written.text().lines().count())).unwrap();
    let log = Log::start(outlet(Format::Json, out), keep).unwrap();
    let take = log.recorder();
    (1..=50).for_each(|length| assert!(take(ended_only(vec![record(); length]))));
    drop(take);
    log.end(down());
    let expected: Vec<_> = (1..=50).map(|length| (length, length)).collect();
    assert_eq!(kept.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_writer_that_waits_is_woken_by_whatever_comes_and_by_the_end() {
    let (sender, kept) = channel();
    let keep = move |records: Records| sender.send(records.len()).unwrap();
    let log = Log::start(outlet(Format::Json, paper(usize::MAX, 0).0), keep).unwrap();
    let take = log.recorder();
    for length in 1..=100 {
        assert!(take(ended_only(vec![record(); length])));
        assert_eq!(kept.recv_timeout(10 * PATIENCE), Ok(length));
    }
    drop((log, take));
    assert_eq!(kept.recv_timeout(10 * PATIENCE), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn records_that_nobody_writes_are_refused_until_there_is_room_again() {
    let (log, received) = stuck();
    let take = log.recorder();
    let taken = (0..BATCHES_MAX + 3).filter(|_| take(ended_only(vec![record()]))).count();
    assert_eq!(taken, BATCHES_MAX);
    drop(received.recv());
    assert!(take(ended_only(vec![record()])));
    assert!(!take(ended_only(vec![record()])));
}

/// A log of which nobody writes a line, and what waits for that.
fn stuck() -> (Log, Receiver<Item>) {
    let (items, received) = channel();
    let log = Log {
        inlet: Inlet::new(items, thread::current()),
        waiting: Arc::default(),
        written: sync_channel(0).1,
        dropped: 0,
        turns: Arc::default(),
        tally: Arc::default(),
        events: Events::default(),
    };
    (log, received)
}

#[test]
fn events_that_nobody_writes_are_dropped_and_counted() {
    let (mut log, received) = stuck();
    (0..WAITING_MAX + 3).for_each(|_| log.tell(down()));
    assert_eq!(log.dropped(), 3);
    assert_eq!(received.try_iter().count(), WAITING_MAX);
    log.tell(down());
    assert_eq!(log.dropped(), 3, "there is room again");
}

#[test]
fn files_that_nobody_comes_to_write_to_are_not_opened_without_end() {
    let (log, received) = stuck();
    let mut opened = 0;
    while !log.is_stuck() {
        log.turn_to(outlet(Format::Json, paper(usize::MAX, 0).0));
        opened += 1;
    }
    assert_eq!(opened, TURNS_MAX);
    drop(received.recv());
    assert!(!log.is_stuck(), "there is room again");
}
