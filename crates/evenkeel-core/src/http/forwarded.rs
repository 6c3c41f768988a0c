//! What backends are told of where a request comes from. What a stranger says of that is never believed.

use super::head::Known;
use super::request::{Request, without_port};
use super::token::is_name;
use crate::digits::Digits;
use std::io::Write as _;
use std::net::IpAddr;

/// The longest name of a request that is taken over, in bytes.
const ID_MAX: usize = 128;

/// What backends are told of where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// By `X-Forwarded-For` and its like.
    pub x: bool,
    /// By `Forwarded`, RFC 7239.
    pub standard: bool,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The client; a Unix socket has no address.
    pub client: Option<IpAddr>,
    /// Whether it was said under TLS.
    pub is_tls: bool,
    /// Whether who said it may say where it came from before.
    pub is_trusted: bool,
    /// A name for the request, unless it has one that can be believed.
    pub id: u128,
    /// What is told.
    pub rules: Forwarded,
}

/// The port that a client has in its address bar: that of `host`, or else what is usual. Which one we listen on may be another
/// one, where somebody in front maps it.
fn port<'a>(host: Option<&'a [u8]>, scheme: &[u8]) -> &'a [u8] {
    let said = host.and_then(|host| host[without_port(host).len()..].strip_prefix(b":"));
    let is_tls = scheme.eq_ignore_ascii_case(b"https") || scheme.eq_ignore_ascii_case(b"wss");
    said.filter(|port| !port.is_empty()).unwrap_or(if is_tls { b"443" } else { b"80" })
}

impl Origin {
    fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// Whether a field of the request's is passed on as it came.
    pub fn passes(&self, known: Known) -> bool {
        match known {
            Known::Other | Known::Expect => true,
            Known::ForwardedElse => self.is_trusted,
            Known::ForwardedFor | Known::ForwardedProto | Known::ForwardedHost | Known::ForwardedPort => {
                self.is_trusted && !self.rules.x
            }
            Known::Forwarded => self.is_trusted && !self.rules.standard,
            Known::Host
            | Known::Length
            | Known::Coding
            | Known::Connection
            | Known::Upgrade
            | Known::Hop
            | Known::RequestId => false,
        }
    }

    /// Adds the fields that tell of `request`.
    pub fn write(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        if self.rules.x {
            self.write_x(request, out);
        }
        if self.rules.standard {
            self.write_standard(request, out);
        }
        out.extend_from_slice(b"X-Request-Id: ");
        self.write_id(request, out);
        out.extend_from_slice(b"\r\n");
    }

    /// Adds the name of `request`.
    pub fn write_id(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        let can_be = |id: &&[u8]| id.len() <= ID_MAX && is_name(id);
        let said = request.fields.only(Known::RequestId).ok().flatten().filter(can_be);
        match said.filter(|_| self.is_trusted) {
            Some(id) => out.extend_from_slice(id),
            None => out.extend_from_slice(Digits::of_id(self.id).as_bytes()),
        }
    }

    fn write_x(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        let said = |known| request.fields.all(known).filter(|_| self.is_trusted);
        out.extend_from_slice(b"X-Forwarded-For: ");
        for before in said(Known::ForwardedFor) {
            out.extend_from_slice(before);
            out.extend_from_slice(b", ");
        }
        match self.client {
            Some(client) => out.extend_from_slice(Digits::of_ip(client).as_bytes()),
            None => out.extend_from_slice(b"unknown"),
        }
        out.extend_from_slice(b"\r\nX-Forwarded-Proto: ");
        let scheme = said(Known::ForwardedProto).next().unwrap_or(self.scheme().as_bytes());
        out.extend_from_slice(scheme);
        let host = said(Known::ForwardedHost).next().or(request.host);
        if let Some(host) = host {
            out.extend_from_slice(b"\r\nX-Forwarded-Host: ");
            out.extend_from_slice(host);
        }
        out.extend_from_slice(b"\r\nX-Forwarded-Port: ");
        out.extend_from_slice(said(Known::ForwardedPort).next().unwrap_or_else(|| port(host, scheme)));
        out.extend_from_slice(b"\r\n");
    }

    fn write_standard(&self, request: &Request<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Forwarded: ");
        for before in request.fields.all(Known::Forwarded).filter(|_| self.is_trusted) {
            out.extend_from_slice(before);
            out.extend_from_slice(b", ");
        }
        // Cannot fail for a `Vec`.
        let _ = match self.client {
            Some(IpAddr::V4(client)) => write!(out, "for={client}"),
            Some(IpAddr::V6(client)) => write!(out, "for=\"[{client}]\""),
            None => write!(out, "for=unknown"),
        };
        if let Some(host) = request.host {
            out.extend_from_slice(b";host=\"");
            out.extend_from_slice(host);
            out.push(b'"');
        }
        let _ = write!(out, ";proto={}\r\n", self.scheme());
    }
}
