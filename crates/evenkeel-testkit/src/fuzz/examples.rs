//! Good bytes to begin from.

use evenkeel_core::wire::proxy::{Origin, Transport};
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

/// The same hello of a TLS client in one record and in more.
pub fn hellos() -> Vec<Vec<u8>> {
    let message = message(&hello_body());
    let in_records = |size| message.chunks(size).flat_map(record).collect();
    vec![record(&message), in_records(1), in_records(50), in_records(message.len() - 1)]
}

/// A handshake record.
pub fn record(payload: &[u8]) -> Vec<u8> {
    [&[22, 3, 1], &sized16(payload)[..]].concat()
}

/// A hello with this body.
pub fn message(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1], &length[1..], body].concat()
}

/// With a name, protocols, versions and an extension that nobody knows.
fn hello_body() -> Vec<u8> {
    let name = [&[0], &sized16(b"www.example.com")[..]].concat();
    let extension = |kind: u16, value: &[u8]| [&kind.to_be_bytes(), &sized16(value)[..]].concat();
    let extensions = [
        extension(0, &sized16(&name)),
        extension(0x4a4a, &[0; 20]),
        extension(16, &sized16(b"\x02h2\x08http/1.1")),
        extension(43, &[4, 3, 4, 3, 3]),
    ];
    let fixed = [&[3, 3], &[7; 32][..], &[0], &[0, 2, 0x13, 1], &[1, 0]].concat();
    [fixed, sized16(&extensions.concat())].concat()
}

fn sized16(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}
