//! A flow that moves, as bytes and a descriptor.

use super::session::{read_rules, write_rules};
use super::wire::{Reader, Writer};
use evenkeel_core::flow::{Kept, Standing};
use evenkeel_proxy::SuspendedFlow;
use evenkeel_sys::datagram::{Local, Peer};
use std::net::{SocketAddr, SocketAddrV6};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Writes a flow; its descriptor goes to `descriptors`.
pub fn write<'a>(
    to: &mut Writer,
    flow: &SuspendedFlow<BorrowedFd<'a>>,
    descriptors: &mut Vec<BorrowedFd<'a>>,
) {
    descriptors.push(flow.socket);
    write_peer(to, &flow.peer);
    to.size(flow.number);
    to.u8(flow.kept.standing as u8);
    to.instant(flow.kept.active);
    for n in [flow.kept.asked, flow.kept.answered] {
        to.u64(n);
    }
    for (datagrams, bytes) in [flow.to_backend, flow.to_client] {
        to.u64(datagrams);
        to.u64(bytes);
    }
    to.instant(flow.since);
    to.option(flow.answered, Writer::instant);
    to.option(flow.drain, Writer::instant);
    to.bytes(&flow.unanswered);
    write_rules(to, &flow.rules);
}

/// Reads a flow; its descriptor is the next of `descriptors`.
pub fn read(
    from: &mut Reader<'_>,
    descriptors: &mut impl Iterator<Item = OwnedFd>,
) -> Option<SuspendedFlow<OwnedFd>> {
    Some(SuspendedFlow {
        socket: descriptors.next()?,
        peer: read_peer(from)?,
        number: from.size()?,
        kept: Kept {
            standing: *Standing::ALL.get(usize::from(from.u8()?))?,
            active: from.instant()?,
            asked: from.u64()?,
            answered: from.u64()?,
        },
        to_backend: (from.u64()?, from.u64()?),
        to_client: (from.u64()?, from.u64()?),
        since: from.instant()?,
        answered: from.option(Reader::instant)?,
        drain: from.option(Reader::instant)?,
        unanswered: from.bytes()?.to_vec(),
        rules: Arc::new(read_rules(from)?),
    })
}

fn write_peer(to: &mut Writer, peer: &Peer) {
    to.ip(&peer.remote.ip());
    to.u16(peer.remote.port());
    to.u32(if let SocketAddr::V6(remote) = peer.remote { remote.scope_id() } else { 0 });
    to.option(peer.local, |to, Local { addr, interface }| {
        to.ip(&addr);
        to.u32(interface);
    });
}

fn read_peer(from: &mut Reader<'_>) -> Option<Peer> {
    let (ip, port, scope) = (from.ip()?, from.u16()?, from.u32()?);
    let remote = match SocketAddr::new(ip, port) {
        SocketAddr::V6(remote) => SocketAddrV6::new(*remote.ip(), port, 0, scope).into(),
        remote @ SocketAddr::V4(_) => remote,
    };
    let local = from.option(|from| Some(Local { addr: from.ip()?, interface: from.u32()? }))?;
    Some(Peer { remote, local })
}
