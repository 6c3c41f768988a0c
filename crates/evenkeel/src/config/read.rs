//! From a node of the tree to a value, by the kind of its key.

use super::address::{self, ListenSpec, ToSpec};
use super::keys::{Key, Kind};
use super::place::At;
use super::problem::Problem;
use super::setting::{AccessEntry, HttpTarget, Proxy, Setting};
use super::tree::{Node, Value, toml_string};
use super::{log, sockets, suggest, units};
use evenkeel_core::director::Leaving;
use evenkeel_core::network::{Network, NetworkError};
use evenkeel_core::wire::dns::{self, Question};
use hyper::Uri;
use rustls::pki_types::ServerName;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What a worker may wait awake at most: longer, and its core does nothing else.
const BUSY_POLL_MAX: Duration = Duration::from_millis(10);

/// The setting that `node` means as a value of `key`. Keys with inner keys, lists and tables are not for here: see
/// `lower`.
pub fn setting(key: &Key, node: &Node) -> Result<Setting, Problem> {
    let text = node.text();
    match &key.kind {
        Kind::Duration { off: true, .. } | Kind::BusyPoll | Kind::RateOrOff if is_off(node) => {
            Ok(Setting::Off)
        }
        Kind::Duration { min, whole_seconds, .. } => duration(key, node, *min, *whole_seconds),
        Kind::BusyPoll => busy_poll(key, node),
        Kind::Count(min, max) => whole_number(key, node, *min, *max).map(Setting::Count),
        Kind::Percent => text
            .and_then(units::percent)
            .map(Setting::Count)
            .ok_or_else(|| wrong(key, node, "expected a percentage such as \"20%\"")),
        Kind::Word(words) => word(key, node, words).map(Setting::Word),
        Kind::Flag => match (&node.value, text) {
            (Value::Bool(is), _) => Ok(Setting::Flag(*is)),
            (Value::Bare(_), Some("true")) => Ok(Setting::Flag(true)),
            (Value::Bare(_), Some("false")) => Ok(Setting::Flag(false)),
            _ => Err(wrong(key, node, "expected `true` or `false`")),
        },
        Kind::Mode => mode(key, node),
        Kind::Ip => text
            .and_then(|text| text.parse().ok())
            .map(Setting::Ip)
            .ok_or_else(|| wrong(key, node, "expected an IP address without a port")),
        Kind::Name(longest) => name(key, node, *longest),
        Kind::HttpPath => http_target(node),
        Kind::HttpMethod => token(key, node, "an HTTP method such as \"GET\"", |c| c.is_ascii_uppercase()),
        Kind::ServerName => server_name(key, node),
        Kind::HttpHost => token(key, node, "a host name", |c| c.is_ascii_graphic() && !"/\\@?#".contains(c)),
        Kind::Leaving => leaving(key, node),
        Kind::Rate | Kind::RateOrOff => rate(key, node),
        Kind::Bandwidth => bandwidth(key, node),
        Kind::LogTo => log::to(key, node).map(Setting::LogTo),
        Kind::Backend => backend(node),
        Kind::Bytes => bytes(key, node),
        Kind::DnsName => match text.and_then(|name| Question::new(name, dns::TYPES[0]).map(|_| name)) {
            Some(name) => Ok(Setting::Text(name.into())),
            None => Err(wrong(key, node, "expected a domain name such as \"example.com\", or \".\"")),
        },
        _ => match text {
            Some(text) => Ok(Setting::Text(text.into())),
            None => Err(wrong(key, node, "expected text in quotes")),
        },
    }
}

/// `node` is not what `key` takes.
pub fn wrong(key: &Key, node: &Node, expected: &str) -> Problem {
    let what = match node.text() {
        Some(text) => format!("`{}` cannot be `{}`", key.name, text.escape_debug()),
        None => match node.value {
            Value::List(_) | Value::Table(_) => format!("`{}` cannot be {}", key.name, node.value.noun()),
            _ => format!("`{}` cannot be `{}`", key.name, node.place.written()),
        },
    };
    Problem::error(what).at(&node.place, expected)
}

/// `text` as it is written instead of `node`: in quotes, unless it is the bare value of a flag.
pub fn instead_of(node: &Node, text: &str) -> String {
    match node.value {
        Value::Bare(_) if !node.place.written().contains("${") => text.to_owned(),
        _ => toml_string(text),
    }
}

/// Whether it says that there is none of it, where that may be said.
fn is_off(node: &Node) -> bool {
    matches!(node.value, Value::Bool(false)) || node.text() == Some("off")
}

fn duration(key: &Key, node: &Node, min: Duration, whole_seconds: bool) -> Result<Setting, Problem> {
    let unitless = match &node.value {
        Value::Integer(Some(number)) => u32::try_from(*number).ok(),
        Value::Text(text) | Value::Bare(text) => text.parse().ok(),
        _ => None,
    };
    if let Some(number) = unitless {
        return Err(Problem::error(format!("`{}` has no unit", key.name))
            .at(&node.place, "expected a duration with a unit")
            .fix("if you mean seconds, write", &node.place, instead_of(node, &format!("{number}s"))));
    }
    let Some(text) = node.text() else {
        return Err(wrong(key, node, "expected a duration such as \"1.5s\""));
    };
    let can_be_off = matches!(key.kind, Kind::Duration { off: true, .. });
    match units::duration(text) {
        Err(what) => {
            Err(wrong(key, node, &what)
                .help("the units are us, ms, s, m, h and d, as in \"1.5s\" or \"1h30m\""))
        }
        Ok(Duration::ZERO) if can_be_off => Err(wrong(key, node, "zero is no duration").fix(
            "if you mean no limit, write",
            &node.place,
            instead_of(node, "off"),
        )),
        Ok(duration) if duration < min => Err(wrong(key, node, &format!("expected at least {min:?}"))),
        Ok(duration) if whole_seconds && duration.subsec_nanos() != 0 => {
            Err(wrong(key, node, "expected whole seconds"))
        }
        Ok(duration) if whole_seconds && duration.as_secs() > 32_767 => {
            Err(wrong(key, node, "expected at most 32767 s"))
        }
        Ok(duration) => Ok(Setting::Duration(duration)),
    }
}

fn busy_poll(key: &Key, node: &Node) -> Result<Setting, Problem> {
    if node.text() == Some("auto") {
        return Ok(Setting::Word("auto"));
    }
    let fits = |it: &Duration| !it.is_zero() && *it <= BUSY_POLL_MAX;
    let duration = node.text().and_then(|text| units::duration(text).ok()).filter(fits);
    let expected = "expected \"auto\", \"off\", or a duration up to 10 ms such as \"50us\"";
    duration.map(Setting::Duration).ok_or_else(|| wrong(key, node, expected))
}

fn whole_number(key: &Key, node: &Node, min: u32, max: u32) -> Result<u32, Problem> {
    let range = format!("expected a whole number from {min} to {max}");
    let fits = |number: i64| u32::try_from(number).ok().filter(|number| (min..=max).contains(number));
    match &node.value {
        Value::Integer(Some(number)) => fits(*number).ok_or_else(|| wrong(key, node, &range)),
        Value::Bare(text) => text.parse().ok().and_then(fits).ok_or_else(|| wrong(key, node, &range)),
        Value::Text(text) => Err(match text.parse().ok().and_then(fits) {
            // As it is written where it is a number: `0403` is none.
            Some(number) => wrong(key, node, "expected a number, this is text").fix(
                "without quotes",
                &node.place,
                number.to_string(),
            ),
            None => wrong(key, node, &range),
        }),
        _ => Err(wrong(key, node, &range)),
    }
}

/// The one of `words` that `node` is.
pub fn word(key: &Key, node: &Node, words: &'static [&'static str]) -> Result<&'static str, Problem> {
    let list = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let Some(text) = node.text() else {
        return Err(wrong(key, node, &format!("expected one of {list}")));
    };
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(word);
    }
    let problem = wrong(key, node, &format!("expected one of {list}"));
    Err(match suggest::word(text, words) {
        Some(word) => problem.fix(format!("did you mean `{word}`?"), &node.place, instead_of(node, word)),
        None => problem,
    })
}

/// `node` is not the table that `key` takes.
pub fn no_table(key: &Key, node: &Node) -> Problem {
    wrong(key, node, &format!("expected a table such as {}", key.example))
}

/// The text that `node` is, which is not empty.
pub fn text(key: &Key, node: &Node) -> Result<String, Problem> {
    match node.text() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(wrong(key, node, "expected text in quotes")),
    }
}

/// The name of a protocol that `node` is.
pub fn protocol(key: &Key, node: &Node) -> Result<String, Problem> {
    match node.text() {
        Some(name) if (1..=255).contains(&name.len()) => Ok(name.to_owned()),
        _ => Err(wrong(key, node, "expected the name of a protocol such as \"http/1.1\"")),
    }
}

/// The path that `node` is.
pub fn path(key: &Key, node: &Node) -> Result<String, Problem> {
    node.text().map(str::to_owned).ok_or_else(|| wrong(key, node, "expected a path in quotes"))
}

/// The value of a field.
pub fn field(key: &Key, node: &Node) -> Result<At<String>, Problem> {
    let text = node.text().ok_or_else(|| wrong(key, node, "expected text in quotes"))?;
    Ok(At { value: text.to_owned(), place: node.place.clone() })
}

/// The weight of a pool.
pub fn weight(key: &Key, node: &Node) -> Result<u32, Problem> {
    whole_number(key, node, 0, 1_000_000)
}

/// The network that `node`, a text, names.
pub fn network(key: &Key, node: &Node) -> Result<Network, Problem> {
    let example = "expected a network such as \"10.0.0.0/8\", or an address";
    let Some(text) = node.text() else { return Err(wrong(key, node, example)) };
    text.parse().map_err(|error: NetworkError| {
        let problem = wrong(key, node, &error.to_string());
        match error {
            NetworkError::HostBits { network } => {
                problem.fix("write", &node.place, instead_of(node, &network.to_string()))
            }
            _ => problem,
        }
    })
}

/// The network, or the word for those who come by a Unix socket, that `node` is.
pub fn proxy(key: &Key, node: &Node) -> Result<Proxy, Problem> {
    match node.text() {
        Some("unix") => Ok(Proxy::Unix),
        _ => network(key, node).map(Proxy::Network),
    }
}

/// The network, or the file with networks, that `node` names.
pub fn access(key: &Key, node: &Node) -> Result<AccessEntry, Problem> {
    match node.text().and_then(|text| text.strip_prefix("file:")) {
        Some("") => Err(wrong(key, node, "expected a path behind `file:`")),
        Some(path) => Ok(AccessEntry::File(path.to_owned())),
        None => network(key, node).map(AccessEntry::Network),
    }
}

/// Text, or `hex:00ff`, in which spaces may stand between bytes.
fn bytes(key: &Key, node: &Node) -> Result<Setting, Problem> {
    let Some(text) = node.text() else { return Err(wrong(key, node, "expected text in quotes")) };
    let Some(digits) = text.strip_prefix("hex:") else { return Ok(Setting::Bytes(text.as_bytes().into())) };
    units::hex(digits)
        .map(|bytes| Setting::Bytes(bytes.into()))
        .ok_or_else(|| wrong(key, node, "expected two hexadecimal digits for each byte behind `hex:`"))
}

/// `10/s`.
fn rate(key: &Key, node: &Node) -> Result<Setting, Problem> {
    let number = node.text().and_then(|text| text.strip_suffix("/s")?.parse().ok());
    number
        .filter(|number| (1..=1_000_000).contains(number))
        .map(Setting::Rate)
        .ok_or_else(|| wrong(key, node, "expected so many in a second, up to a million, such as \"10/s\""))
}

/// `10MB/s`.
fn bandwidth(key: &Key, node: &Node) -> Result<Setting, Problem> {
    let expected = "expected bytes in a second, from 1kB/s to 100GB/s, such as \"10MB/s\" or \"100Mbit/s\"";
    let bytes = node.text().and_then(units::bandwidth).map(Setting::Bandwidth);
    bytes.ok_or_else(|| wrong(key, node, expected))
}

/// The addresses that `node`, a text, names.
pub fn sources(key: &Key, node: &Node) -> Result<Box<[IpAddr]>, Problem> {
    let example = "expected an address such as \"10.0.0.2\", or a range such as \"10.0.0.2-10.0.0.9\"";
    let Some(text) = node.text() else { return Err(wrong(key, node, example)) };
    sockets::addresses(text).map_err(|what| wrong(key, node, &what))
}

/// `keep`, `cut`, or `drain(30s)`.
fn leaving(key: &Key, node: &Node) -> Result<Setting, Problem> {
    let expected = "expected \"keep\", \"cut\", or a time to end in, such as \"drain(30s)\"";
    let text = node.text().unwrap_or_default();
    let drain = text.strip_prefix("drain(").and_then(|it| it.strip_suffix(')'));
    match (text, drain.map(units::duration)) {
        ("keep", _) => Ok(Setting::Leaving(Leaving::Keep)),
        ("cut", _) => Ok(Setting::Leaving(Leaving::Cut)),
        (_, Some(Ok(time))) => Ok(Setting::Leaving(Leaving::Drain(time))),
        (_, Some(Err(what))) => Err(wrong(key, node, &what)),
        _ => Err(wrong(key, node, expected)),
    }
}

fn mode(key: &Key, node: &Node) -> Result<Setting, Problem> {
    if let Some(mode) = node.text().and_then(units::mode) {
        return Ok(Setting::Mode(mode));
    }
    let problem = wrong(key, node, "expected permission bits in octal, such as \"0660\"");
    let digits = node.place.written().trim_start_matches("0o").to_owned();
    Err(match (&node.value, units::mode(&digits)) {
        (Value::Integer(_), Some(_)) => problem.fix("in quotes", &node.place, toml_string(&digits)),
        _ => problem,
    })
}

/// The statuses that `node` names.
pub fn statuses(key: &Key, node: &Node) -> Result<(u16, u16), Problem> {
    let range = match &node.value {
        Value::Integer(Some(status)) => units::statuses(&status.to_string()),
        _ => node.text().and_then(units::statuses),
    };
    range.ok_or_else(|| {
        wrong(key, node, "expected a status from 100 to 599, such as 200, \"2xx\" or \"200-299\"")
    })
}

fn token(key: &Key, node: &Node, noun: &str, allowed: impl Fn(char) -> bool) -> Result<Setting, Problem> {
    match node.text() {
        Some(text) if !text.is_empty() && text.chars().all(allowed) => Ok(Setting::Text(text.into())),
        _ => Err(wrong(key, node, &format!("expected {noun}"))),
    }
}

fn server_name(key: &Key, node: &Node) -> Result<Setting, Problem> {
    match node.text() {
        Some(name) if ServerName::try_from(name).is_ok() => Ok(Setting::Text(name.into())),
        _ => Err(wrong(key, node, "expected a host name or an IP address, without a port")),
    }
}

/// A name of the kernel's, of at most `longest` bytes.
fn name(key: &Key, node: &Node, longest: usize) -> Result<Setting, Problem> {
    let is_name = |text: &str| {
        (1..=longest).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic() && it != b'/')
    };
    match node.text().filter(|text| is_name(text)) {
        Some(text) => Ok(Setting::Text(text.into())),
        None => Err(wrong(key, node, &format!("expected a name of at most {longest} characters"))),
    }
}

/// `/path`, `http://:8008/path`, `http://10.0.0.1:8008/path`, `http://name/path`.
fn http_target(node: &Node) -> Result<Setting, Problem> {
    let text = node.text().unwrap_or_default();
    let refused = |label: &str| Problem::error("not something to ask by HTTP").at(&node.place, label);
    let refuse = |label: &str| Err(refused(label));
    if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return refuse("a path has no spaces, and what is not ASCII is written as %XX");
    }
    if text.starts_with('/') {
        let path = asked(text).map_err(refused)?;
        return Ok(Setting::Http(HttpTarget { path, host: None, addr: None, port: None }));
    }
    if text.starts_with("https://") {
        return refuse("a check speaks TLS where `to-tls` is on; write a path, or `http://`");
    }
    let Some(rest) = text.strip_prefix("http://") else {
        return refuse("expected a path such as \"/healthz\", or a URL such as \"http://:8008/healthz\"");
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = asked(if path.is_empty() { "/" } else { path }).map_err(refused)?;
    let mut target = HttpTarget { path, host: None, addr: None, port: None };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => match port.parse() {
            Ok(port) if port != 0 => (host, Some(port)),
            _ => return refuse("its port is not a port"),
        },
        _ => (authority, None),
    };
    target.port = port;
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(addr) => target.addr = Some(addr),
        Err(_) if host.is_empty() => {}
        Err(_) => match address::host_name(host) {
            Ok(host) => target.host = Some(host.into()),
            Err(error) => return refuse(&error.what),
        },
    }
    Ok(Setting::Http(target))
}

/// `path` with its query, if a check can ask for it: what no request can carry would fail each time.
fn asked(path: &str) -> Result<Arc<str>, &'static str> {
    if path.contains('#') {
        return Err("what stands behind `#` is never sent");
    }
    match path.parse::<Uri>() {
        Ok(_) => Ok(path.into()),
        Err(_) if path.len() >= usize::from(u16::MAX) => Err("it is too long for a request"),
        Err(_) => Err("a character that no request can carry is written as %XX"),
    }
}

fn backend(node: &Node) -> Result<Setting, Problem> {
    match to(node)? {
        ToSpec::Backend(target) => Ok(Setting::Target(target)),
        ToSpec::Pool(_) => Err(Problem::error("a pool cannot be a backend")
            .at(&node.place, "expected an address")
            .help("a shared pool stands alone: `to = \"pool:NAME\"`")),
    }
}

/// Where `node`, a text, says to send.
pub fn to(node: &Node) -> Result<ToSpec, Problem> {
    address_of(node, "\"127.0.0.1:5001\"", "127.0.0.1:", address::to)
}

/// Where `node`, a text, says to listen.
pub fn listen(node: &Node) -> Result<ListenSpec, Problem> {
    address_of(node, "\":8080\"", ":", address::listen)
}

fn address_of<T>(
    node: &Node,
    example: &str,
    host: &str,
    parse: fn(&str) -> Result<T, address::AddressError>,
) -> Result<T, Problem> {
    if let Value::Integer(Some(port)) = node.value {
        let fix = toml_string(&format!("{host}{port}"));
        return Err(Problem::error("an address is written as text")
            .at(&node.place, format!("expected text such as {example}"))
            .fix("if you mean the port, write", &node.place, fix));
    }
    let Some(text) = node.text() else {
        return Err(Problem::error(format!("an address cannot be {}", node.value.noun()))
            .at(&node.place, format!("expected text such as {example}")));
    };
    parse(text).map_err(|error| {
        let what = format!("`{}` is not an address", text.escape_debug());
        let problem = Problem::error(what).at(&node.place, error.what);
        match error.fix {
            Some(fix) => problem.fix("write", &node.place, instead_of(node, &fix)),
            None => problem,
        }
    })
}
