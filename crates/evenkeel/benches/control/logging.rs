//! The line of a session that has ended.

#[path = "../../src/logging/entry.rs"]
mod entry;
#[path = "../../src/logging/flood.rs"]
mod flood;
#[path = "../../src/logging/json.rs"]
mod json;
#[path = "../../src/logging/line.rs"]
mod line;
#[path = "../../src/logging/notice.rs"]
mod notice;
#[path = "../../src/logging/object.rs"]
mod object;
#[path = "../../src/logging/text.rs"]
mod text;
#[path = "../../src/logging/units.rs"]
mod units;

use crate::timing::Bench;
use evenkeel_core::addr::Addr;
use evenkeel_core::end::End;
use evenkeel_core::name::{ListenerName, PoolName, Protocol, ServiceName};
use evenkeel_core::side::Side;
use evenkeel_proxy::{Datagrams, SessionRecord};
use std::time::{Duration, SystemTime};
use text::{Style, Text};

pub fn cases(bench: &mut Bench) {
    bench.case(
        "line of a session: JSON",
        || (record(), String::new()),
        |(record, out)| {
            out.clear();
            json::session(out, record);
        },
    );
    let plain = || (record(), String::new(), Text::new(Style::Plain));
    bench.case("line of a session: text", plain, |(record, out, text)| {
        out.clear();
        text.session(out, record);
    });
}

fn record() -> SessionRecord {
    let addr = |port| Addr::Ip(([10, 0, 0, 7], port).into());
    SessionRecord {
        id: 7,
        accepted_at: SystemTime::UNIX_EPOCH + Duration::from_micros(1_763_820_130_123_456),
        listener: ListenerName {
            service: ServiceName::new("web"),
            protocol: Protocol::Tcp,
            addr: addr(8080),
        },
        client: addr(51_822),
        via: None,
        server_name: None,
        observed: Default::default(),
        tls: None,
        pool: Some(PoolName::new("web")),
        backend: Some(addr(5003)),
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
