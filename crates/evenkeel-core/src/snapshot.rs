//! The immutable picture that everything that carries traffic obeys.

use crate::addr::Addr;
use crate::attempt::Tried;
use crate::backend::Backend;
use crate::balance::{Choice, Picker};
use crate::dice::Dice;
use crate::flow::FlowRules;
use crate::http2::silence::Pings;
use crate::line::Line;
use crate::name::{ListenerName, PoolName, Protocol};
use crate::observe::Rule;
use crate::rate::Rate;
use crate::reception::Reception;
use crate::sockets::{Inward, Outward, Source};
use crate::tls::Origination;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

/// Everything the planes need to know, at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Counts publications; a later snapshot has a higher one.
    pub generation: u64,
    /// Who listens where.
    pub listeners: BTreeMap<ListenerName, Arc<Listener>>,
    /// Who may take traffic.
    pub pools: BTreeMap<PoolName, Arc<Pool>>,
}

/// One bound address of a service, and what holds for its sessions on the client side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Identity.
    pub name: ListenerName,
    /// Where its sessions go when no route says otherwise; `None`: nowhere, they are closed.
    pub pool: Option<PoolName>,
    /// What its clients go through before that.
    pub reception: Arc<Reception>,
    /// Whether it listens at all: an operator may have closed it, and its sessions go on all the same.
    pub open: bool,
    /// `listen(2)` backlog.
    pub backlog: u32,
    /// Sessions at once; at this many it stops accepting until one ends. `u32::MAX`: no limit of its own.
    pub max_sessions: u32,
    /// Socket options towards the client.
    pub socket: SocketOptions,
    /// What else is wanted of its sockets; hardly ever anything.
    pub inward: Inward,
    /// Mode of a Unix socket's file, as in `chmod`; ignored for IP.
    pub unix_mode: u32,
    /// What its flows are held to, where it takes datagrams.
    pub flows: FlowRules,
}

impl Listener {
    /// Whether it takes datagrams.
    pub fn is_for_flows(&self) -> bool {
        self.name.protocol == Protocol::Udp
    }

    /// Every pool that its sessions may be sent to, once.
    pub fn pools(&self) -> impl Iterator<Item = &PoolName> {
        let routes = self.reception.routes.iter().flat_map(|routes| routes.table.routes());
        let of_requests = self.reception.http.iter().flat_map(|http| http.steering.routes.pools());
        let mut seen = BTreeSet::new();
        let all = self.pool.iter().chain(routes.map(|route| &route.to)).chain(of_requests);
        all.filter(move |name| seen.insert(*name))
    }
}

/// Socket options of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// TCP keepalive; `None` is off.
    pub keepalive: Option<Keepalive>,
    /// How long a peer may answer nothing of what is sent to it; `None` leaves that to the kernel.
    pub user_timeout: Option<Duration>,
}

/// TCP keepalive, tcp(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe, whole seconds.
    pub idle: Duration,
    /// Time between probes, whole seconds.
    pub interval: Duration,
    /// Unanswered probes before the connection is given up.
    pub count: u32,
}

/// A set of backends, with the rules that hold for sessions sent to them.
#[derive(Debug)]
pub struct Pool {
    /// Identity.
    pub name: PoolName,
    /// In the order of the configuration. At most `u32::MAX` of them.
    pub backends: Box<[Backend]>,
    /// The balance, made ready for the backends that are eligible; for those that are still to be seen, while none is and
    /// there are such.
    pub picker: Picker,
    /// The backups while primaries take traffic: indices for a session that has tried all of those in vain.
    pub spares: Box<[u32]>,
    /// When no backend is eligible: indices to try all the same, best first. Empty: close the session.
    pub last_resort: Box<[u32]>,
    /// Rules of the sessions.
    pub rules: Arc<PoolRules>,
    /// Who waits for a seat, in all workers. Handed from snapshot to snapshot like [`Load`](crate::load::Load).
    pub line: Arc<Line>,
    /// Whose turn it is, for all workers together: only so does round-robin go round. Handed on in the same way.
    pub cursor: Arc<AtomicU32>,
}

/// What a pool's sessions are held to; as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRules {
    /// Reaching a backend.
    pub connect: ConnectRules,
    /// Waiting for a seat at one.
    pub queue: QueueRules,
    /// Limits of an established session.
    pub session: SessionLimits,
    /// Socket options towards the backends.
    pub socket: SocketOptions,
    /// What else is wanted of those sockets; hardly ever anything.
    pub outward: Option<Box<Outward>>,
    /// What a backend is told of the client before its first byte; `None`: nothing.
    pub send_proxy: Option<SendProxy>,
    /// How requests are sent by HTTP/2; `None`: by HTTP/1.1.
    pub http2: Option<Http2Rules>,
    /// What TLS is spoken to the backends; `None`: none.
    pub tls: Option<Arc<Origination>>,
}

impl PoolRules {
    /// Where connects come from.
    pub fn source(&self) -> &Source {
        self.outward.as_ref().map_or(&Source::Usual, |outward| &outward.source)
    }

    /// Whether a connection that was made by `others` is one that would be made by these rules: with the same options of its
    /// socket, from the same place, under the same TLS or none, for the same words.
    pub fn connect_like(&self, others: &Self) -> bool {
        let Self { connect: _, queue: _, session: _, socket, outward, send_proxy, http2, tls } = self;
        *socket == others.socket
            && *outward == others.outward
            && *send_proxy == others.send_proxy
            && http2.is_some() == others.http2.is_some()
            && *tls == others.tls
    }
}

/// What holds for connections of HTTP/2 to backends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http2Rules {
    /// When a backend is asked whether it is still there; `None`: never.
    pub pings: Option<Pings>,
}

/// The PROXY protocol, towards a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendProxy {
    /// The line of text.
    V1,
    /// The binary header, with these fields.
    V2(Tlvs),
}

/// Which fields a header of version 2 has beside the addresses, where they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tlvs {
    /// The protocol that the client wants to speak.
    pub alpn: bool,
    /// The name that it wants to speak to.
    pub authority: bool,
    /// The client's TLS, where it ends here.
    pub ssl: bool,
    /// A name for the session, as in the log.
    pub unique_id: bool,
    /// A checksum.
    pub crc32c: bool,
    /// Whatever came with the header that was accepted.
    pub received: bool,
}

/// How a backend is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectRules {
    /// One attempt.
    pub timeout: Duration,
    /// All attempts of a session together.
    pub total: Duration,
    /// Different backends tried at most, the first included. At least 1.
    pub attempts: u32,
    /// Retries allowed, in percent of new sessions.
    pub retry_percent: u32,
    /// Retries allowed in any case, per second and worker.
    pub retry_min_per_second: u32,
}

/// How a session waits for a seat at a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueRules {
    /// Waiting sessions at most, in all workers together.
    pub length: u32,
    /// Time to wait at most.
    pub timeout: Duration,
}

/// Limits of an established session; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Without a byte in either direction.
    pub idle: Option<Duration>,
    /// Without a byte, once one side has closed.
    pub half_close: Option<Duration>,
    /// In all.
    pub lifetime: Option<Duration>,
    /// Bytes in each direction.
    pub bandwidth: Option<Rule<Rate>>,
}

impl Pool {
    /// Whether the backend at this index may take what is meant for it and no other; else the client is balanced anew.
    pub fn may_be_named(&self, index: u32) -> bool {
        let Some(backend) = self.backends.get(index as usize) else { return false };
        // Where nobody may be chosen, as before the first checks, all are tried. Who is spare is for who has tried the others.
        let may_be_chosen = backend.eligible || self.last_resort.contains(&index);
        may_be_chosen && !backend.is_suspect() && backend.has_room()
    }

    /// Whether the backend at this index may take what belongs to it from before, as a connection of QUIC from another address:
    /// it need not take anything new for that.
    pub fn keeps(&self, index: u32) -> bool {
        let is_lost = self.backends.get(index as usize).is_none_or(|backend| backend.lost);
        !is_lost || self.last_resort.contains(&index)
    }

    /// Whether what goes to `backend` had better go to another one: it is lost, and there is one.
    pub fn replaces(&self, backend: &Addr) -> bool {
        let is_lost = self.backends.iter().any(|it| it.lost && it.addr == *backend);
        is_lost && self.backends.iter().any(|it| it.eligible)
    }

    /// The backend to try next for the client with this hash ([`client_hash`](crate::hash::client_hash)): by the balance, else
    /// a spare one, else by last resort.
    pub fn choose(&self, client: u64, dice: &mut Dice, tried: &Tried) -> Choice {
        match self.picker.pick(&self.backends, client, &self.cursor, dice, tried) {
            Choice::Exhausted => self.choose_beside(tried),
            choice => choice,
        }
    }

    /// The first that has room of those that the balance does not go over.
    fn choose_beside(&self, tried: &Tried) -> Choice {
        let others = self.spares.iter().chain(&self.last_resort).copied();
        let left = others.filter(|&index| !tried.contains(index));
        match left.clone().find(|&index| self.backends[index as usize].has_room()) {
            Some(index) => Choice::Backend(index),
            None if left.count() > 0 => Choice::Busy,
            None => Choice::Exhausted,
        }
    }
}
