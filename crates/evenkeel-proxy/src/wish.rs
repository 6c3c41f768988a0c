//! What a service or pool wants of its sockets, set on them; and what comes of it when the kernel refuses.

use evenkeel_core::name::Protocol;
use evenkeel_core::sockets::{Inward, NoSource, Outward, Source};
use evenkeel_sys::option;
use evenkeel_sys::socket::{self, Name};
use rustix::io::Errno;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A wish that the kernel did not grant.
#[derive(Debug)]
pub struct Refused {
    /// Which: a key of the configuration.
    pub wish: &'static str,
    /// Of what value, where there may be several.
    pub value: Option<IpAddr>,
    /// Why.
    pub source: io::Error,
}

/// The result of setting what `wish` says.
fn set(wish: &'static str, result: io::Result<()>) -> Result<(), Refused> {
    result.map_err(|source| Refused { wish, value: None, source })
}

/// Whether the interface that a service wants is there, and may be had.
pub fn try_interface(wanted: Option<&str>) -> Result<(), Refused> {
    let Some(name) = wanted else { return Ok(()) };
    let socket = socket::open(Name::Ip(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0)));
    set("interface", socket.and_then(|socket| option::set_interface(socket, name)))
}

/// Grants the wishes of a service for a listening socket that is bound already. Accepted sockets inherit them.
pub fn grant(listener: &OwnedFd, wanted: &Inward) -> Result<(), Refused> {
    if let Some(mark) = wanted.mark {
        set("mark", option::set_mark(listener, mark))?;
    }
    if let Some(name) = &wanted.congestion {
        set("congestion", option::set_congestion(listener, name))?;
    }
    if let Some(time) = wanted.defer_accept {
        set("defer-accept", option::set_defer_accept(listener, time))?;
    }
    if let Some(queue) = wanted.fast_open {
        set("fast-open", option::set_fast_open(listener, queue))?;
    }
    Ok(())
}

/// Takes back what was granted before and is not wanted any more. What the kernel does not let go of stays.
pub fn take_back(listener: &OwnedFd, wanted: &Inward) {
    if wanted.mark.is_none() && option::mark(listener).is_ok_and(|mark| mark != 0) {
        let _ = option::set_mark(listener, 0);
    }
    if let (None, Ok(usual)) = (&wanted.congestion, option::usual_congestion())
        && option::congestion(listener).is_ok_and(|name| name != usual)
    {
        let _ = option::set_congestion(listener, &usual);
    }
    if wanted.defer_accept.is_none() && option::defers_accept(listener).unwrap_or(false) {
        let _ = option::set_defer_accept(listener, Duration::ZERO);
    }
    if wanted.fast_open.is_none() && option::fast_open(listener).is_ok_and(|queue| queue != 0) {
        let _ = option::set_fast_open(listener, 0);
    }
}

/// Which wishes a socket that was bound before does not fulfil, and cannot any more.
pub fn unfulfilled(listener: &OwnedFd, wanted: &Inward) -> impl Iterator<Item = &'static str> + use<> {
    let wanted_at = wanted.interface.as_deref().map_or(0, |name| option::interface_number(name).unwrap_or(0));
    let is_mptcp = option::is_mptcp(listener).unwrap_or(wanted.mptcp);
    let bound_at = option::interface(listener).unwrap_or(wanted_at);
    let mptcp = (is_mptcp != wanted.mptcp).then_some("mptcp");
    mptcp.into_iter().chain((bound_at != wanted_at).then_some("interface"))
}

/// Grants the wishes of a service for a socket that takes datagrams and is bound already: those that are not of connections.
pub fn grant_for_datagrams(port: &OwnedFd, wanted: &Inward) -> Result<(), Refused> {
    let mark = wanted.mark.map_or(Ok(()), |mark| option::set_mark(port, mark));
    set("mark", mark)
}

/// What connections within this machine use where the usual algorithm would pace them: any kernel has it.
const UNPACED: &str = "reno";

/// Where nobody has chosen an algorithm of congestion control: nothing is paced on the way from or to `addr` if that is this
/// machine. There is nothing to be overrun, and the timers cost more than all the rest (docs/decisions/0018-loopback.md).
pub fn spare_pacing(socket: &OwnedFd, addr: IpAddr) {
    if addr.to_canonical().is_loopback() && option::is_usually_paced() {
        // Without it bytes flow as well.
        let _ = option::set_congestion(socket, UNPACED);
    }
}

/// Grants the wishes of a pool for a socket that is to connect to `backend` on behalf of `client`.
pub fn prepare(
    socket: &OwnedFd,
    wanted: &Outward,
    protocol: Protocol,
    backend: SocketAddr,
    client: Option<IpAddr>,
    turn: u32,
) -> Result<(), Refused> {
    let source = wanted.source.towards(backend.ip(), client, turn).map_err(|NoSource| Refused {
        wish: "transparent",
        value: client,
        source: Errno::AFNOSUPPORT.into(),
    })?;
    set_outward(socket, wanted, protocol, backend.is_ipv6())?;
    if let Some(source) = source {
        let refused = |error| Refused { wish: "source", value: Some(source), source: error };
        option::set_source(socket, source).map_err(refused)?;
    }
    Ok(())
}

/// Grants the wishes that hold for every socket of a pool.
fn set_outward(socket: &OwnedFd, wanted: &Outward, protocol: Protocol, is_ipv6: bool) -> Result<(), Refused> {
    if let Some(mark) = wanted.mark {
        set("mark", option::set_mark(socket, mark))?;
    }
    let for_connections = (protocol == Protocol::Tcp).then_some(wanted);
    if let Some(name) = for_connections.and_then(|wanted| wanted.congestion.as_ref()) {
        set("congestion", option::set_congestion(socket, name))?;
    }
    if for_connections.is_some_and(|wanted| wanted.fast_open) {
        set("fast-open-connect", option::set_fast_open_connect(socket))?;
    }
    if wanted.source == Source::Client {
        set("transparent", option::set_transparent(socket, is_ipv6))?;
    }
    Ok(())
}

/// Whether the kernel grants the wishes of a pool, seen with sockets that go nowhere: each session would find out else.
pub fn try_outward(wanted: &Outward) -> Result<(), Refused> {
    let nowhere = |ip: IpAddr| SocketAddr::new(ip, 0);
    let open = |ip| {
        let error = |source| Refused { wish: "source", value: Some(ip), source };
        socket::open(Name::Ip(nowhere(ip))).map_err(error)
    };
    if let Ok(socket) = open(Ipv4Addr::LOCALHOST.into()) {
        set_outward(&socket, wanted, Protocol::Tcp, false)?;
    } else {
        set_outward(&open(Ipv6Addr::LOCALHOST.into())?, wanted, Protocol::Tcp, true)?;
    }
    let Source::Turns(sources) = &wanted.source else { return Ok(()) };
    for source in sources.iter() {
        let refused = |error| Refused { wish: "source", value: Some(source), source: error };
        option::set_source(open(source)?, source).map_err(refused)?;
    }
    Ok(())
}

/// Whether the kernel grants the wishes of a service, seen with a socket that goes nowhere.
pub fn try_inward(wanted: &Inward) -> Result<(), Refused> {
    try_interface(wanted.interface.as_deref())?;
    let open = |ip: IpAddr| socket::open(Name::Ip(SocketAddr::new(ip, 0)));
    let socket = open(Ipv4Addr::LOCALHOST.into()).or_else(|_| open(Ipv6Addr::LOCALHOST.into()));
    grant(&socket.map_err(|source| Refused { wish: "listen", value: None, source })?, wanted)
}
