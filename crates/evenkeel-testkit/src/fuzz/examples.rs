//! Good bytes to begin from.

use crate::hello::Hello;
use evenkeel_core::wire::dns::Question;
use evenkeel_core::wire::proxy_header::{Origin, Transport};
use evenkeel_core::wire::proxy_v1;
use evenkeel_core::wire::proxy_v2::{self, Saying};
use evenkeel_core::wire::tlv::{Ssl, Tlvs};

/// Headers of a proxy, of both versions and every family.
pub fn headers() -> Vec<Vec<u8>> {
    let transport = Transport::Stream;
    let ipv4 = Origin::Ip {
        transport,
        source: ([192, 168, 0, 1], 56_324).into(),
        destination: ([192, 168, 0, 11], 443).into(),
    };
    let ipv6 = Origin::Ip {
        transport,
        source: ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 56_324).into(),
        destination: ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 2], 443).into(),
    };
    let unix = Origin::Unix { transport, source: b"\0name", destination: b"/run/web.sock" };
    let tls =
        Ssl { client: Ssl::TLS, version: Some(b"TLSv1.3"), common_name: Some(b"client"), ..Ssl::default() };
    let full = Saying {
        alpn: Some(b"h2"),
        authority: Some(b"www.example.com"),
        unique_id: Some(b"0123456789abcdef"),
        ssl: Some(tls),
        received: Tlvs::parse(b"\xe0\0\x03abc\x30\0\x03net").unwrap(),
        checksum: true,
    };
    let bare = Saying::default();
    let origins = [ipv4, ipv6, unix, Origin::Local, Origin::Unknown];
    let lines = origins.iter().map(|origin| written(|out| proxy_v1::write(origin, out)));
    let headers = origins
        .iter()
        .flat_map(|origin| [(origin, bare), (origin, full)])
        .map(|(origin, saying)| written(|out| proxy_v2::write(origin, &saying, out).unwrap()));
    lines.chain(headers).collect()
}

/// The same hello of a TLS client in one record and in more: with a name, protocols, versions and an extension that nobody
/// knows.
pub fn hellos() -> Vec<Vec<u8>> {
    let hello = Hello { session_id: Vec::new(), ..Hello::default() }
        .server_name("www.example.com")
        .with(0x4a4a, [0; 20])
        .alpn(&["h2", "http/1.1"])
        .versions(&[0x0304, 0x0303]);
    let all = hello.message().len();
    vec![hello.bytes(), hello.in_records(1), hello.in_records(50), hello.in_records(all - 1)]
}

/// Under which id the question of a name server is asked.
pub const DNS_ID: u16 = 0x1234;

/// What a name server is asked.
pub fn question() -> Question {
    Question::new("www.example.com", "MX").expect("a name and a type")
}

/// Answers of a name server: with records and a pointer into the name, truncated, and a refusal without the question.
pub fn dns_answers() -> Vec<Vec<u8>> {
    let mut query = written(|out| question().write(DNS_ID, out));
    query[2..4].copy_from_slice(&[0x81, 0x80]);
    let mut truncated = query.clone();
    truncated[2] |= 2;
    let mut full = query;
    // One record, none, one more: the latter is that of EDNS.
    full[7] = 1;
    full[11] = 1;
    full.extend(*b"\xc0\x0c\0\x0f\0\x01\0\0\x01\x2c\0\x09\0\x0a\x04mail\xc0\x10\0\0\x29\x04\xd0\0\0\0\0\0\0");
    let refusal = [&DNS_ID.to_be_bytes()[..], b"\x80\x05\0\0\0\0\0\0\0\0"].concat();
    vec![full, truncated, refusal]
}

/// Packets of QUIC: of a client that begins, of a server that answers, and of one whose keys are agreed upon.
pub fn packets() -> Vec<Vec<u8>> {
    let client = b"\xc0\0\0\0\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\0\0\x44\x9e".to_vec();
    let server = b"\xc1\0\0\0\x01\0\x08\xf0\x67\xa5\x50\x2a\x42\x62\xb5\0\x40\x74".to_vec();
    vec![client, server, b"\x4c\xfe\x41\x89\x65\x5e\x5c\xd5\x5c".to_vec()]
}

/// Paths of requests, plain and in other ways to write them.
pub fn paths() -> Vec<Vec<u8>> {
    let paths = [
        "/",
        "/api/v1/users?id=1&x=/../y",
        "//a/./b/../c/%2e%2E/d",
        "/@scope%2fname/-/x.tgz",
        "/a;b=c/..;/d\\e%5Cf%3bg",
        "/caf%C3%A9/%00/%25%32%65",
    ];
    paths.map(|path| path.as_bytes().to_vec()).into()
}

/// Cookies of clients.
pub fn cookies() -> Vec<Vec<u8>> {
    [&b"lb=0123456789abcdef; a=b"[..], b"a=b; lb=\"x\"; lb=2", b" ;lb = 1;lb=;xlb=3,lb=4"]
        .map(<[u8]>::to_vec)
        .into()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

/// Heads of requests, with all that frames or forwards.
pub fn requests() -> Vec<Vec<u8>> {
    [
        "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "POST /a?b HTTP/1.1\r\nHost: a.test:80\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "PUT /a HTTP/1.1\r\nHost: [::1]\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nTrailer: X\r\n\r\n",
        "GET http://a.test/b HTTP/1.1\r\nhost: a.test\r\nX-Forwarded-For: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, X-A\r\nUpgrade: websocket\r\nX-A: b\r\nX_Forwarded_For: c\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\nX-Request-Id: 1\r\n\r\n",
    ]
    .map(|head| head.as_bytes().to_vec())
    .to_vec()
}

/// Heads of answers, with all that frames.
pub fn answers() -> Vec<Vec<u8>> {
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\nKeep-Alive: timeout=5\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: \"a\"\r\n\r\n",
        "HTTP/1.1 204 \r\nConnection: close, X-A\r\nX-A: b\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ]
    .map(|head| head.as_bytes().to_vec())
    .to_vec()
}

/// Bodies in chunks, with all that may stand around the data.
pub fn chunks() -> Vec<Vec<u8>> {
    [
        "5\r\nhello\r\n0\r\n\r\nGET",
        "A;a=\"b\"\r\n0123456789\r\n001\r\n!\r\n0;end\r\nX-A: b\r\nHost: c\r\n\r\n",
        "0\r\n\r\n",
    ]
    .map(|body| body.as_bytes().to_vec())
    .to_vec()
}

/// What clients of HTTP/2 say.
pub fn frames() -> Vec<Vec<u8>> {
    use crate::http2::raw::{self, kind};
    let ask = |flags| raw::frame(kind::HEADERS, flags, 1, &raw::get(&[("a", "b")]));
    let data = raw::frame(kind::DATA, 0x9, 1, &[3, b'x', 0, 0, 0]);
    let settings = raw::frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let more = raw::frame(kind::CONTINUATION, raw::END_HEADERS, 1, &raw::fields(&[("c", "d")]));
    let reset = raw::frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 8]);
    vec![[settings, ask(raw::END_HEADERS), data].concat(), [ask(0), more, reset].concat()]
}

/// Fields of HTTP/2, one behind the other: method, authority, path, names and values.
pub fn fields() -> Vec<Vec<u8>> {
    ["GET|web.test|/a?b|accept|*/*|cookie|a|cookie|b", "POST|web.test:80|/|content-length|12|host|web.test"]
        .map(|fields| fields.as_bytes().to_vec())
        .to_vec()
}

/// Compressed fields: packed or not, in the table or not, of a table whose size changes.
pub fn compressed() -> Vec<Vec<u8>> {
    let packed = b"\x3f\xe1\x01\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
    let plain = b"\x20\x3f\xe1\x1f\x88\x40\x03X-A\x01b\x7e\x01c\xbe\xbf\x0f\x0d\x0212\x1f\x11\x03a=1\x00\x01d\x00\x40\x7f\x01";
    let long = [plain, &[b'n'; 128][..], b"\x7f\x64", &[b'v'; 227][..], b"\xbe\xc0"].concat();
    vec![packed.to_vec(), long]
}
