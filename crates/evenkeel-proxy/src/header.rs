//! The PROXY protocol: the header by which a proxy in front says where a client is, and the one by which a backend is
//! told.

use crate::early::{Early, NoMore};
use crate::session::{Opening, Origin, Session};
use crate::udp::Flow;
use crate::worker::Worker;
use evenkeel_core::addr::Addr;
use evenkeel_core::end::End;
use evenkeel_core::reception::{AcceptProxy, Others};
use evenkeel_core::rejection::Rejection;
use evenkeel_core::snapshot::{SendProxy, Tlvs};
use evenkeel_core::tls::{Agreed, Version};
use evenkeel_core::wire::proxy::{self, LONGEST, Malformed};
use evenkeel_core::wire::proxy_header::{self, Header, Transport};
use evenkeel_core::wire::{Parse, proxy_v1, proxy_v2, tlv};
use evenkeel_sys::socket;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Whether the client is who has connected, whatever is said next.
pub fn knows_client(session: &Session) -> bool {
    let accept_proxy = session.listener.reception.accept_proxy.as_ref();
    accept_proxy.is_none_or(|rules| rules.others == Others::Direct && !is_proxy(rules, &session.peer))
}

/// Lets a proxy in front say where its client is, if the listener believes any.
pub async fn receive(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    early: &mut Early,
) -> Result<(), End> {
    let Some(rules) = &session.listener.reception.accept_proxy else { return Ok(()) };
    let deadline = session.accepted + rules.timeout;
    let more = async |early: &mut Early| early.more(worker, session, client, LONGEST, deadline).await;
    match (is_proxy(rules, &session.peer), rules.others) {
        (false, Others::Refused) => Err(Rejection::NotAProxy.into()),
        (false, Others::Direct) => loop {
            match proxy::parse(early.bytes(), LONGEST) {
                Err(Malformed::Neither { .. }) => return Ok(()),
                Ok(Parse::Partial) => match more(early).await {
                    Ok(()) => {}
                    // What only begins like a header is for the backend.
                    Err(NoMore::ClientLeft | NoMore::TooLate) if !early.bytes().is_empty() => return Ok(()),
                    Err(why) => return Err(why.end(Rejection::Silent, Rejection::HeaderTooLong)),
                },
                Ok(Parse::Complete { .. }) | Err(_) => return Err(Rejection::HeaderForbidden.into()),
            }
        },
        (true, _) => loop {
            match proxy::parse(early.bytes(), LONGEST) {
                Ok(Parse::Partial) => more(early)
                    .await
                    .map_err(|why| why.end(Rejection::HeaderLate, Rejection::HeaderTooLong))?,
                Ok(Parse::Complete { value, length }) => {
                    if let Some(origin) = origin(&value) {
                        let _ = session.origin.set(Box::new(origin));
                    }
                    early.consume(length);
                    return Ok(());
                }
                Err(malformed) => return Err(rejection(malformed).into()),
            }
        },
    }
}

/// Who connects to a Unix socket is on this machine, and was let in by the file's mode.
fn is_proxy(rules: &AcceptProxy, peer: &Addr) -> bool {
    peer.ip().is_none_or(|addr| rules.trusts(addr.ip()))
}

fn rejection(malformed: Malformed) -> Rejection {
    match malformed {
        Malformed::Neither { .. } => Rejection::HeaderMissing,
        Malformed::V1(proxy_v1::Malformed::TooLong) | Malformed::V2(proxy_v2::Malformed::TooLong { .. }) => {
            Rejection::HeaderTooLong
        }
        malformed => Rejection::HeaderMalformed(malformed),
    }
}

/// `None`: whoever is connected is the client, as far as is known.
fn origin(header: &Header<'_>) -> Option<Origin> {
    let (client, destination) = match header.origin {
        proxy_header::Origin::Local | proxy_header::Origin::Unknown => return None,
        proxy_header::Origin::Ip { source, destination, .. } => (source.into(), destination.into()),
        proxy_header::Origin::Unix { source, destination, .. } => (unix(source), unix(destination)),
    };
    Some(Origin { client, destination, tlvs: header.tlvs.as_bytes().into() })
}

fn unix(path: &[u8]) -> Addr {
    let path = PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()));
    Addr::Unix(path.into())
}

/// Tells a backend that has just been connected where the client is.
pub fn send(session: &Session, client: &OwnedFd, backend: &OwnedFd, version: SendProxy) -> io::Result<()> {
    let header = introduction(session, client, version)?;
    // A new connection has room for far more than a header.
    match socket::send(backend, &header)? {
        sent if sent == header.len() => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

fn introduction(session: &Session, client: &OwnedFd, version: SendProxy) -> io::Result<Vec<u8>> {
    let local = socket::local_addr(client)?.map(Addr::Ip);
    let destination = session.origin.get().map(|origin| origin.destination.clone()).or(local);
    write(session, &behalf(Transport::Stream, session.client(), destination.as_ref()), version)
}

/// What goes before the first datagram that the backend of `flow` gets.
pub fn of_flow(flow: &Flow, version: SendProxy) -> Vec<u8> {
    let destination = flow.path.peer.local.map(|local| local.addr.to_canonical());
    let destination = match (destination, &flow.bound.local) {
        (Some(ip), Addr::Ip(bound)) => Addr::Ip(SocketAddr::new(ip, bound.port())),
        (_, bound) => bound.clone(),
    };
    let session = &flow.session;
    let tlvs = match version {
        SendProxy::V1 => Tlvs::default(),
        SendProxy::V2(tlvs) => tlvs,
    };
    let origin = behalf(Transport::Datagram, session.client(), Some(&destination));
    // Addresses always fit into a header, and nothing else is known of a flow.
    write(session, &origin, SendProxy::V2(tlvs)).unwrap_or_default()
}

fn write(session: &Session, origin: &proxy_header::Origin<'_>, version: SendProxy) -> io::Result<Vec<u8>> {
    let mut header = Vec::with_capacity(64);
    match version {
        SendProxy::V1 => proxy_v1::write(origin, &mut header),
        SendProxy::V2(tlvs) => {
            let id = session.id.to_string();
            let opening = session.opening.borrow();
            let said = proxy_v2::write(origin, &saying(session, &opening, tlvs, &id), &mut header);
            // What came in may be too much to pass on together with what is ours.
            said.or_else(|_| proxy_v2::write(origin, &proxy_v2::Saying::default(), &mut header))
                .map_err(io::Error::other)?;
        }
    }
    Ok(header)
}

fn behalf<'a>(
    transport: Transport,
    client: &'a Addr,
    destination: Option<&'a Addr>,
) -> proxy_header::Origin<'a> {
    match (client, destination) {
        (Addr::Ip(source), Some(Addr::Ip(destination))) => {
            proxy_header::Origin::Ip { transport, source: *source, destination: *destination }
        }
        (Addr::Unix(source), Some(Addr::Unix(destination))) => proxy_header::Origin::Unix {
            transport,
            source: source.as_os_str().as_bytes(),
            destination: destination.as_os_str().as_bytes(),
        },
        _ => proxy_header::Origin::Unknown,
    }
}

fn saying<'a>(session: &'a Session, opening: &'a Opening, tlvs: Tlvs, id: &'a str) -> proxy_v2::Saying<'a> {
    let received = session.origin.get().filter(|_| tlvs.received);
    let received = received.and_then(|origin| tlv::Tlvs::parse(&origin.tlvs).ok());
    let agreed = opening.notes.tls.as_ref().and_then(|tls| tls.agreed.as_deref());
    let greeting = opening.notes.greeting.as_ref();
    // What is agreed upon counts; where nothing is answered, what the client likes best.
    let alpn = match agreed {
        Some(agreed) => agreed.alpn.as_deref().map(str::as_bytes),
        None => greeting.and_then(|greeting| greeting.alpn.as_deref()),
    };
    proxy_v2::Saying {
        alpn: alpn.filter(|_| tlvs.alpn),
        authority: greeting
            .filter(|_| tlvs.authority)
            .and_then(|it| it.server_name.as_deref())
            .map(str::as_bytes),
        ssl: agreed.filter(|_| tlvs.ssl).map(ssl),
        unique_id: tlvs.unique_id.then_some(id.as_bytes()),
        received: received.unwrap_or_default(),
        checksum: tlvs.crc32c,
    }
}

/// What is known of the client's TLS that ends here.
fn ssl(agreed: &Agreed) -> tlv::Ssl<'static> {
    let shown = tlv::Ssl::CERTIFICATE_NOW | tlv::Ssl::CERTIFICATE_IN_SESSION;
    tlv::Ssl {
        client: tlv::Ssl::TLS | if agreed.client_certificate { shown } else { 0 },
        // Who showed one that does not count did not come so far.
        verify: u32::from(!agreed.client_certificate),
        version: Some(match agreed.version {
            Version::Tls12 => b"TLSv1.2",
            Version::Tls13 => b"TLSv1.3",
        }),
        ..tlv::Ssl::default()
    }
}
