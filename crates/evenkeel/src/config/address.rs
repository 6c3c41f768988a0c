//! Addresses as they are written: where to listen and where to send.

use evenkeel_core::addr::Addr;
use evenkeel_core::director::Target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;

/// A port range is at most this long: each port is a socket per worker.
const PORTS_MAX: usize = 1024;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenSpec {
    /// At these ports of this address.
    Ip(IpAddr, RangeInclusive<u16>),
    /// At these ports of every address of this machine that the name stands for.
    Host(String, RangeInclusive<u16>),
    /// At a Unix socket.
    Unix(Addr),
}

/// An entry of `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToSpec {
    /// A backend.
    Backend(Target),
    /// The shared pool of this name.
    Pool(String),
}

/// Why a text is not an address, and what was probably meant.
#[derive(Debug, PartialEq, Eq)]
pub struct AddressError {
    /// What is wrong: completes "… is not an address: ".
    pub what: String,
    /// What to write instead.
    pub fix: Option<String>,
}

impl AddressError {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), fix: None }
    }

    fn fix(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: Some(fix.into()) }
    }
}

/// `:8080`, `8080`, `127.0.0.1:8080`, `[::1]:8080`, `name:8080`, `:8000-8010`, `unix:/path`.
///
/// Without a host it is every address of the machine, IPv6 and IPv4 alike: `[::]`.
pub fn listen(text: &str) -> Result<ListenSpec, AddressError> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(ListenSpec::Unix(unix(path)?));
    }
    let (host, port_text) = split(text, ":8080")?;
    let ports = match port_text.split_once('-') {
        Some((first, last)) => port(first)?..=port(last)?,
        None => port(port_text).map(|port| port..=port)?,
    };
    if ports.is_empty() {
        return Err(AddressError::fix(
            "the range ends before it begins",
            format!("{host}:{}-{}", ports.end(), ports.start()),
        ));
    }
    if ports.len() > PORTS_MAX {
        return Err(AddressError::new(format!("a range may hold at most {PORTS_MAX} ports")));
    }
    match host {
        "" => Ok(ListenSpec::Ip(Ipv6Addr::UNSPECIFIED.into(), ports)),
        "*" => Err(AddressError::fix("all addresses are written without a host", text.replacen('*', "", 1))),
        host => Ok(match ip(host)? {
            Some(ip) => ListenSpec::Ip(not_mapped(ip, port_text)?, ports),
            None => ListenSpec::Host(host_name(host)?.to_owned(), ports),
        }),
    }
}

/// `127.0.0.1:5001`, `5001`, `:5001`, `[::1]:5001`, `name:5001`, `unix:/path`, `pool:NAME`.
///
/// Without a host it is this machine: `127.0.0.1`.
pub fn to(text: &str) -> Result<ToSpec, AddressError> {
    if let Some(name) = text.strip_prefix("pool:") {
        return Ok(ToSpec::Pool(name.to_owned()));
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(ToSpec::Backend(Target::Addr(unix(path)?)));
    }
    refuse_scheme(text)?;
    let (host, port_text) = split(text, "127.0.0.1:5001")?;
    let port = port(port_text)?;
    let target = |ip| Ok(ToSpec::Backend(Target::Addr(Addr::Ip(SocketAddr::new(ip, port)))));
    match host {
        "" => target(Ipv4Addr::LOCALHOST.into()),
        host => match ip(host)? {
            Some(ip) if ip.is_unspecified() => Err(AddressError::fix(
                format!("`{host}` is every address of this machine, not one to connect to"),
                format!("127.0.0.1:{port}"),
            )),
            Some(ip) => target(not_mapped(ip, port_text)?),
            None => Ok(ToSpec::Backend(Target::Name { host: host_name(host)?.into(), port })),
        },
    }
}

/// `web:80` is a host even where `web:` is a scheme elsewhere.
fn refuse_scheme(text: &str) -> Result<(), AddressError> {
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split('/').next().unwrap_or(rest);
        return Err(AddressError::fix("it is a URL, and a backend has no scheme and no path", authority));
    }
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(()) };
    let known = ["dns", "srv", "file", "etcd", "consul", "k8s", "docker", "xds"].contains(&scheme);
    if !known || rest.parse::<u16>().is_ok() {
        return Ok(());
    }
    match (scheme, to(rest)) {
        ("dns", Ok(_)) => Err(AddressError::fix("a name needs no `dns:`, it is looked up anyway", rest)),
        _ => Err(AddressError::new(format!("`{scheme}:` is not in this version"))),
    }
}

/// Host and port; the host may be empty, and keeps its brackets.
fn split<'a>(text: &'a str, example: &str) -> Result<(&'a str, &'a str), AddressError> {
    if text.is_empty() {
        return Err(AddressError::new(format!("it is empty; an example is `{example}`")));
    }
    if let Some(plain) = without_spaces(text) {
        return Err(AddressError::fix("it has a space in it", plain));
    }
    if text.contains(',') {
        return Err(AddressError::new(
            "these are several: a file has a list, a command line one after the other",
        ));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Ok(("", text));
    }
    let no_port = |fix: String| AddressError::fix("it has no port", fix);
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => Ok((host, port)),
        Some((host, port)) if host.parse::<Ipv6Addr>().is_ok() && port.parse::<u16>().is_ok() => {
            Err(AddressError::fix("an IPv6 address stands in brackets", format!("[{host}]:{port}")))
        }
        _ if text.parse::<Ipv6Addr>().is_ok() => Err(no_port(format!("[{text}]:80"))),
        _ if text.starts_with('[') && ip(text).is_ok() => match text.ends_with(']') {
            true => Err(no_port(format!("{text}:80"))),
            false => Err(AddressError::fix("its bracket is never closed", format!("{text}]:80"))),
        },
        Some(_) => Err(AddressError::new("it has too many colons")),
        None if text.contains('/') => {
            Err(AddressError::fix("a Unix socket begins with `unix:`", format!("unix:{text}")))
        }
        None => match ip(text)? {
            Some(_) => Err(no_port(format!("{text}:80"))),
            None => host_name(text).and_then(|text| Err(no_port(format!("{text}:80")))),
        },
    }
}

/// `text` without its spaces, if it has some that stand where a name or a number ends.
fn without_spaces(text: &str) -> Option<String> {
    if !text.contains(char::is_whitespace) {
        return None;
    }
    let is_whole = |part: &str| !part.trim().contains(char::is_whitespace);
    let plain: String = text.chars().filter(|it| !it.is_whitespace()).collect();
    (!plain.is_empty() && text.split([':', '-']).all(is_whole)).then_some(plain)
}

fn port(text: &str) -> Result<u16, AddressError> {
    let unsigned = text.strip_prefix('+').filter(|it| it.starts_with(|first: char| first.is_ascii_digit()));
    if let Some(digits) = unsigned {
        return Err(AddressError::new(format!("a port has no sign: write `{digits}`")));
    }
    match text.parse::<u64>() {
        Ok(0) => Err(AddressError::new("port 0 is nowhere")),
        Ok(port) => u16::try_from(port).map_err(|_| AddressError::new(format!("port {port} is above 65535"))),
        Err(_) if text.is_empty() => Err(AddressError::new("it has no port")),
        Err(_) => Err(AddressError::new(format!("`{text}` is not a port"))),
    }
}

/// The address if `host` is one, nothing if it may be a name.
fn ip(host: &str) -> Result<Option<IpAddr>, AddressError> {
    if let Some(inner) = host.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        return match inner.parse::<Ipv6Addr>() {
            Ok(ip) => Ok(Some(ip.into())),
            Err(_) => Err(AddressError::new(format!("`{inner}` is not an IPv6 address"))),
        };
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Some(ip));
    }
    let numbers = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numbers { Err(AddressError::new(format!("`{host}` is not an IPv4 address"))) } else { Ok(None) }
}

/// `ip`, unless it is an IPv4 address in the clothes of IPv6: a socket is of one family, and an address has one spelling.
fn not_mapped(ip: IpAddr, ports: &str) -> Result<IpAddr, AddressError> {
    let plain = ip.to_canonical();
    match plain == ip {
        true => Ok(ip),
        false => {
            Err(AddressError::fix("an IPv4 address is written without `::ffff:`", format!("{plain}:{ports}")))
        }
    }
}

/// `host`, if a resolver could know it (RFC 1123, and `_` as in Docker's names).
pub fn host_name(host: &str) -> Result<&str, AddressError> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    let is_name = host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(label);
    if is_name { Ok(host) } else { Err(AddressError::new(format!("`{host}` is not a host name"))) }
}

/// `sockaddr_un` holds 108 bytes, the last of which ends the path.
fn unix(path: &str) -> Result<Addr, AddressError> {
    match path {
        "" => Err(AddressError::new("it has no path")),
        path if path.len() > 107 => Err(AddressError::new("the path of a Unix socket has at most 107 bytes")),
        path if path.contains('\0') => Err(AddressError::new("a path cannot hold a zero byte")),
        path => Ok(Addr::Unix(Path::new(path).into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listens(text: &str) -> String {
        match listen(text) {
            Ok(ListenSpec::Ip(ip, ports)) => format!("{ip} {}-{}", ports.start(), ports.end()),
            Ok(ListenSpec::Host(host, ports)) => format!("host {host} {}-{}", ports.start(), ports.end()),
            Ok(ListenSpec::Unix(addr)) => addr.to_string(),
            Err(error) => format!("{} => {}", error.what, error.fix.unwrap_or_default()),
        }
    }

    fn sends(text: &str) -> String {
        match to(text) {
            Ok(ToSpec::Backend(Target::Addr(addr))) => addr.to_string(),
            Ok(ToSpec::Backend(Target::Name { host, port })) => format!("name {host} {port}"),
            Ok(ToSpec::Pool(name)) => format!("pool {name}"),
            Err(error) => format!("{} => {}", error.what, error.fix.unwrap_or_default()),
        }
    }

    #[test]
    fn listening_understands_every_spelling() {
        for (written, meant) in [
            (":8080", ":: 8080-8080"),
            ("8080", ":: 8080-8080"),
            ("127.0.0.1:8080", "127.0.0.1 8080-8080"),
            ("0.0.0.0:80", "0.0.0.0 80-80"),
            ("[::1]:8080", "::1 8080-8080"),
            ("localhost:80", "host localhost 80-80"),
            (":8000-8010", ":: 8000-8010"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
        ] {
            assert_eq!(listens(written), meant, "{written}");
        }
    }

    #[test]
    fn sending_understands_every_spelling() {
        for (written, meant) in [
            ("127.0.0.1:5001", "127.0.0.1:5001"),
            ("5001", "127.0.0.1:5001"),
            (":5001", "127.0.0.1:5001"),
            ("[::1]:80", "[::1]:80"),
            ("web.internal:80", "name web.internal 80"),
            ("consul:8500", "name consul 8500"),
            ("my_app:80", "name my_app 80"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("pool:pg", "pool pg"),
        ] {
            assert_eq!(sends(written), meant, "{written}");
        }
    }

    #[test]
    fn a_mistake_is_explained_and_mended_where_it_can_be() {
        for (written, said) in [
            ("10.0.0.7:99999", "port 99999 is above 65535 => "),
            ("10.0.0.7", "it has no port => 10.0.0.7:80"),
            ("::1", "it has no port => [::1]:80"),
            ("[::1]", "it has no port => [::1]:80"),
            ("[::1", "its bracket is never closed => [::1]:80"),
            ("fe80::1:a:80", "an IPv6 address stands in brackets => [fe80::1:a]:80"),
            ("fe80::1", "it has no port => [fe80::1]:80"),
            ("80.80", "`80.80` is not an IPv4 address => "),
            ("10.0.0.256:80", "`10.0.0.256` is not an IPv4 address => "),
            ("http://10.0.0.1:80/x", "it is a URL, and a backend has no scheme and no path => 10.0.0.1:80"),
            ("dns:web.internal:80", "a name needs no `dns:`, it is looked up anyway => web.internal:80"),
            ("srv:_pg._tcp.example", "`srv:` is not in this version => "),
            (
                "0.0.0.0:80",
                "`0.0.0.0` is every address of this machine, not one to connect to => 127.0.0.1:80",
            ),
            ("/run/a.sock", "a Unix socket begins with `unix:` => unix:/run/a.sock"),
            ("a b:80", "`a b` is not a host name => "),
            ("web:http", "`http` is not a port => "),
            ("", "it is empty; an example is `127.0.0.1:5001` => "),
            ("1.1.1.1:1 ", "it has a space in it => 1.1.1.1:1"),
            ("1.1.1.1: 1", "it has a space in it => 1.1.1.1:1"),
            ("name:80\t", "it has a space in it => name:80"),
            (" ", "` ` is not a host name => "),
            ("1.1.1.1:+80", "a port has no sign: write `80` => "),
            ("1.1.1.1:++80", "`++80` is not a port => "),
        ] {
            assert_eq!(sends(written), said, "{written}");
        }
        assert_eq!(
            [listens("[::ffff:127.0.0.1]:80-81"), sends("[::ffff:10.0.0.1]:80")],
            ["127.0.0.1:80-81", "10.0.0.1:80"]
                .map(|fix| format!("an IPv4 address is written without `::ffff:` => {fix}"))
        );
        assert_eq!(listens("*:80"), "all addresses are written without a host => :80");
        assert_eq!(listens(" :8080"), "it has a space in it => :8080");
        assert_eq!(listens("8000 - 8010"), "it has a space in it => 8000-8010");
        assert_eq!(listens(":0"), "port 0 is nowhere => ");
        assert_eq!(listens(":20-10"), "the range ends before it begins => :10-20");
        assert_eq!(listens(":1-2000"), "a range may hold at most 1024 ports => ");
    }
}
