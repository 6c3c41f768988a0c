//! A session that moves, as bytes and descriptors.

use super::flow;
use super::wire::{Reader, Writer};
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::{Attempt, ConnectFailure};
use evenkeel_core::end::End;
use evenkeel_core::half::PackedHalf;
use evenkeel_core::name::{ListenerName, PoolName, Protocol, ServiceName};
use evenkeel_core::objection::Objection;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::side::Side;
use evenkeel_core::snapshot::{ConnectRules, Keepalive, PoolRules, QueueRules, SessionLimits, SocketOptions};
use evenkeel_core::tls::Fault;
use evenkeel_proxy::{Held, Patience, Suspended, SuspendedDirection, SuspendedRelay, Traffic};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

/// Writes a session; its descriptors go to `descriptors`.
pub fn write<'a>(
    to: &mut Writer,
    session: &Suspended<BorrowedFd<'a>>,
    descriptors: &mut Vec<BorrowedFd<'a>>,
) {
    to.u64(session.id);
    write_listener(to, &session.listener);
    to.addr(&session.client);
    to.option(session.via.as_ref(), Writer::addr);
    to.option(session.server_name.as_deref(), Writer::text);
    to.list(&session.observed.iter().collect::<Vec<_>>(), |to, it| to.u8(it.index() as u8));
    to.text(session.pool.as_str());
    to.instant(session.accepted);
    to.list(&session.failed_attempts, write_attempt);
    to.duration(session.queued);
    to.addr(&session.backend);
    to.duration(session.connect);
    match &session.traffic {
        Traffic::Relay(relay) => {
            to.bool(false);
            write_relay(to, relay, descriptors);
        }
        Traffic::Flow(flow) => {
            to.bool(true);
            flow::write(to, flow, descriptors);
        }
    }
}

/// Reads a session; `descriptors` are those that came with it, in order.
pub fn read(
    from: &mut Reader<'_>,
    descriptors: &mut impl Iterator<Item = OwnedFd>,
) -> Option<Suspended<OwnedFd>> {
    Some(Suspended {
        id: from.u64()?,
        listener: read_listener(from)?,
        client: from.addr()?,
        via: from.option(Reader::addr)?,
        server_name: from.option(|from| from.text().map(Into::into))?,
        observed: from.list(read_objection)?.into_iter().collect(),
        pool: PoolName::new(from.text()?),
        accepted: from.instant()?,
        failed_attempts: from.list(read_attempt)?,
        queued: from.duration()?,
        backend: from.addr()?,
        connect: from.duration()?,
        traffic: match from.bool()? {
            false => Traffic::Relay(read_relay(from, descriptors)?),
            true => Traffic::Flow(flow::read(from, descriptors)?),
        },
    })
}

/// Writes the identity of a listener.
pub fn write_listener(to: &mut Writer, listener: &ListenerName) {
    to.text(listener.service.as_str());
    to.bool(listener.protocol == Protocol::Udp);
    to.addr(&listener.addr);
}

/// Reads it.
pub fn read_listener(from: &mut Reader<'_>) -> Option<ListenerName> {
    Some(ListenerName {
        service: ServiceName::new(from.text()?),
        protocol: if from.bool()? { Protocol::Udp } else { Protocol::Tcp },
        addr: from.addr()?,
    })
}

fn read_objection(from: &mut Reader<'_>) -> Option<Objection> {
    Objection::ALL.get(usize::from(from.u8()?)).copied()
}

fn write_attempt(to: &mut Writer, attempt: &Attempt) {
    let errno = match attempt.failure {
        ConnectFailure::Tls(fault) => fault.code().into(),
        failure => failure.errno().unwrap_or(0),
    };
    to.addr(&attempt.backend);
    to.size(attempt.failure.index());
    to.u32(errno.cast_unsigned());
    to.duration(attempt.took);
}

fn read_attempt(from: &mut Reader<'_>) -> Option<Attempt> {
    let backend: Addr = from.addr()?;
    let (index, errno) = (from.size()?, from.u32()?.cast_signed());
    let failure = match index {
        0 => ConnectFailure::Refused,
        1 => ConnectFailure::Reset(errno),
        2 => ConnectFailure::TimedOut,
        3 => ConnectFailure::Unreachable(errno),
        4 => ConnectFailure::NoSuchSocket,
        5 => ConnectFailure::Denied(errno),
        6 => ConnectFailure::NoSourcePort,
        7 => ConnectFailure::NoResources(errno),
        9 => ConnectFailure::NoTls,
        10 => ConnectFailure::Tls(Fault::from_code(u16::try_from(errno).unwrap_or(u16::MAX))),
        11 => ConnectFailure::Unprepared(errno),
        _ => ConnectFailure::Other(errno),
    };
    Some(Attempt { backend, failure, took: from.duration()? })
}

fn write_relay<'a>(
    to: &mut Writer,
    relay: &SuspendedRelay<BorrowedFd<'a>>,
    descriptors: &mut Vec<BorrowedFd<'a>>,
) {
    descriptors.extend([relay.client, relay.backend]);
    write_direction(to, &relay.to_backend, descriptors);
    write_direction(to, &relay.to_client, descriptors);
    write_rules(to, &relay.rules);
    to.instant(relay.established);
    to.instant(relay.active);
    to.bool(relay.is_half_closed);
    to.option(relay.drain, Writer::instant);
    to.option(relay.first_byte, Writer::instant);
    to.option(relay.lost, |to, (side, end, since)| {
        write_side(to, side);
        to.bool(matches!(end, End::Vanished(_)));
        to.instant(since);
    });
    to.option(relay.first_closed, write_side);
    let Patience { client_ms, looks, under_way, has_keepalive } = relay.patience;
    to.u32(client_ms);
    to.u32(looks);
    under_way.into_iter().for_each(|looks| to.u8(looks));
    to.bool(has_keepalive);
}

fn read_relay(
    from: &mut Reader<'_>,
    descriptors: &mut impl Iterator<Item = OwnedFd>,
) -> Option<SuspendedRelay<OwnedFd>> {
    Some(SuspendedRelay {
        client: descriptors.next()?,
        backend: descriptors.next()?,
        to_backend: read_direction(from, descriptors)?,
        to_client: read_direction(from, descriptors)?,
        rules: Arc::new(read_rules(from)?),
        established: from.instant()?,
        active: from.instant()?,
        is_half_closed: from.bool()?,
        drain: from.option(Reader::instant)?,
        first_byte: from.option(Reader::instant)?,
        lost: from.option(|from| {
            let (side, vanished) = (read_side(from)?, from.bool()?);
            let end = if vanished { End::Vanished(side) } else { End::Reset(side) };
            Some((side, end, from.instant()?))
        })?,
        first_closed: from.option(read_side)?,
        patience: Patience {
            client_ms: from.u32()?,
            looks: from.u32()?,
            under_way: [from.u8()?, from.u8()?],
            has_keepalive: from.bool()?,
        },
    })
}

fn write_side(to: &mut Writer, side: Side) {
    to.u8(match side {
        Side::Client => 0,
        Side::Backend => 1,
        Side::Evenkeel => 2,
    });
}

fn read_side(from: &mut Reader<'_>) -> Option<Side> {
    Some(match from.u8()? {
        0 => Side::Client,
        1 => Side::Backend,
        _ => Side::Evenkeel,
    })
}

fn write_direction<'a>(
    to: &mut Writer,
    direction: &SuspendedDirection<BorrowedFd<'a>>,
    descriptors: &mut Vec<BorrowedFd<'a>>,
) {
    let PackedHalf { held, moved, streak, flags } = direction.half;
    to.u32(held);
    to.u64(moved);
    to.u32(streak);
    to.u16(flags);
    to.bool(direction.gathers);
    match &direction.held {
        Held::Nothing => to.u8(0),
        Held::Memory(bytes) => {
            to.u8(1);
            to.bytes(bytes);
        }
        Held::Pipe { read_end, write_end } => {
            to.u8(2);
            descriptors.extend([read_end, write_end]);
        }
    }
}

fn read_direction(
    from: &mut Reader<'_>,
    descriptors: &mut impl Iterator<Item = OwnedFd>,
) -> Option<SuspendedDirection<OwnedFd>> {
    let half = PackedHalf { held: from.u32()?, moved: from.u64()?, streak: from.u32()?, flags: from.u16()? };
    let gathers = from.bool()?;
    let held = match from.u8()? {
        0 => Held::Nothing,
        1 => Held::Memory(from.bytes()?.to_vec()),
        _ => Held::Pipe { read_end: descriptors.next()?, write_end: descriptors.next()? },
    };
    Some(SuspendedDirection { half, held, gathers }).filter(SuspendedDirection::is_sound)
}

/// Writes the rules of a pool's sessions.
pub fn write_rules(to: &mut Writer, rules: &PoolRules) {
    // What is only for connecting is not told: the session is connected.
    let PoolRules { connect, queue, session, socket, outward: _, send_proxy: _, http2: _, tls: _ } = rules;
    to.duration(connect.timeout);
    to.duration(connect.total);
    to.u32(connect.attempts);
    to.u32(connect.retry_percent);
    to.u32(connect.retry_min_per_second);
    to.u32(queue.length);
    to.duration(queue.timeout);
    for limit in [session.idle, session.half_close, session.lifetime] {
        to.option(limit, Writer::duration);
    }
    to.option(session.bandwidth, |to, Rule { limit, mode }| {
        to.u64(limit.per_second);
        to.u64(limit.burst);
        to.bool(mode == Mode::Observe);
    });
    write_socket(to, *socket);
}

/// Writes options of sockets.
pub fn write_socket(to: &mut Writer, socket: SocketOptions) {
    to.option(socket.user_timeout, Writer::duration);
    to.option(socket.keepalive, |to, keepalive| {
        to.duration(keepalive.idle);
        to.duration(keepalive.interval);
        to.u32(keepalive.count);
    });
}

/// Reads them.
pub fn read_socket(from: &mut Reader<'_>) -> Option<SocketOptions> {
    let user_timeout = from.option(Reader::duration)?;
    let keepalive = from.option(|from| {
        Some(Keepalive { idle: from.duration()?, interval: from.duration()?, count: from.u32()? })
    })?;
    Some(SocketOptions { keepalive, user_timeout })
}

/// Reads them.
pub fn read_rules(from: &mut Reader<'_>) -> Option<PoolRules> {
    let connect = ConnectRules {
        timeout: from.duration()?,
        total: from.duration()?,
        attempts: from.u32()?,
        retry_percent: from.u32()?,
        retry_min_per_second: from.u32()?,
    };
    let queue = QueueRules { length: from.u32()?, timeout: from.duration()? };
    let mut limit = || from.option(Reader::duration);
    let (idle, half_close, lifetime) = (limit()?, limit()?, limit()?);
    let bandwidth = from.option(|from| {
        let limit = Rate { per_second: from.u64()?, burst: from.u64()? };
        Some(Rule { limit, mode: if from.bool()? { Mode::Observe } else { Mode::Enforce } })
    })?;
    let session = SessionLimits { idle, half_close, lifetime, bandwidth };
    Some(PoolRules {
        connect,
        queue,
        session,
        socket: read_socket(from)?,
        outward: None,
        send_proxy: None,
        http2: None,
        tls: None,
    })
}
