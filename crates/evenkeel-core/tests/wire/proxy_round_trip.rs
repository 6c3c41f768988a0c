//! What is written is read, and whatever is made of it does no harm.

use crate::piecemeal::{complete, is_steady};
use evenkeel_core::wire::proxy::{LONGEST, parse};
use evenkeel_core::wire::proxy_header::{Origin, Transport};
use evenkeel_core::wire::proxy_v2::Saying;
use evenkeel_core::wire::tlv::{Ssl, Tlvs, kind};
use evenkeel_core::wire::{Parse, proxy_v1, proxy_v2};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::net::{IpAddr, SocketAddr};

type Text = Option<Vec<u8>>;

#[derive(Clone, Debug)]
struct Words {
    alpn: Text,
    authority: Text,
    unique_id: Text,
    tls: Option<(u8, u32, Text, Text)>,
    received: Vec<u8>,
    checksum: bool,
}

impl Words {
    fn saying(&self) -> Saying<'_> {
        let ssl = self.tls.as_ref().map(|(client, verify, version, common_name)| Ssl {
            client: *client,
            verify: *verify,
            version: version.as_deref(),
            common_name: common_name.as_deref(),
            ..Ssl::default()
        });
        Saying {
            alpn: self.alpn.as_deref(),
            authority: self.authority.as_deref(),
            unique_id: self.unique_id.as_deref(),
            ssl,
            received: Tlvs::parse(&self.received).unwrap(),
            checksum: self.checksum,
        }
    }
}

proptest! {
    #[test]
    fn a_line_says_what_was_written(origin in ip()) {
        let mut line = Vec::new();
        proxy_v1::write(&origin, &mut line);
        prop_assert!(line.len() <= proxy_v1::LONGEST);
        prop_assert_eq!(complete(&line, |bytes| parse(bytes, LONGEST)).origin, origin);
    }

    #[test]
    fn a_header_says_what_was_written(origin in prop_oneof![ip(), Just(Origin::Local)], words in words()) {
        let (saying, mut bytes) = (words.saying(), Vec::new());
        proxy_v2::write(&origin, &saying, &mut bytes).unwrap();
        let header = complete(&bytes, |bytes| parse(bytes, LONGEST));
        prop_assert_eq!(header.origin, origin);
        prop_assert_eq!(header.tlvs.find(kind::ALPN), saying.alpn);
        prop_assert_eq!(header.tlvs.find(kind::AUTHORITY), saying.authority);
        prop_assert_eq!(header.tlvs.find(kind::UNIQUE_ID), saying.unique_id);
        prop_assert_eq!(header.tlvs.ssl(), saying.ssl);
        prop_assert_eq!(header.tlvs.find(0xe0), saying.received.find(0xe0));
        prop_assert_eq!(header.tlvs.find(kind::CRC32C).is_some(), words.checksum);
    }

    #[test]
    fn a_changed_byte_does_no_harm(origin in ip(), words in words(), at: prop::sample::Index, byte: u8) {
        let (mut line, mut header) = (Vec::new(), Vec::new());
        proxy_v1::write(&origin, &mut line);
        proxy_v2::write(&origin, &words.saying(), &mut header).unwrap();
        for mut bytes in [line, header] {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            is_steady(&bytes, |bytes| parse(bytes, LONGEST));
            if let Ok(Parse::Complete { length, .. }) = parse(&bytes, LONGEST) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}

fn ip() -> impl Strategy<Value = Origin<'static>> {
    // Not mixed, and none that is IPv4 in disguise: those are written in another way.
    let transport = Just(Transport::Stream);
    (any::<bool>(), any::<[u128; 2]>(), any::<[u16; 2]>(), transport).prop_map(
        |(is_ipv4, ips, ports, transport)| {
            let addr = |at: usize| {
                let ip: IpAddr = if is_ipv4 {
                    IpAddr::V4((ips[at] as u32).into())
                } else {
                    IpAddr::V6((ips[at] | 1 << 127).into())
                };
                SocketAddr::new(ip, ports[at])
            };
            Origin::Ip { transport, source: addr(0), destination: addr(1) }
        },
    )
}

fn words() -> impl Strategy<Value = Words> {
    let text = || option::of(vec(any::<u8>(), 0..40));
    let tls = option::of((any::<u8>(), any::<u32>(), text(), text()));
    let received = vec(any::<u8>(), 0..40);
    (text(), text(), text(), tls, received, any::<bool>()).prop_map(
        |(alpn, authority, unique_id, tls, received, checksum)| {
            let received = [&[0xe0, 0, received.len() as u8], &received[..]].concat();
            Words { alpn, authority, unique_id, tls, received, checksum }
        },
    )
}
