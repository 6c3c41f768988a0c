//! Checks by UDP: one datagram out, and one back that answers it. The socket is connected: what others send it does not
//! hear, and that nobody listens there it is told by ICMP, at once.

use super::stream::prepare;
use super::{ANSWER_MAX, ProbeFailure, introduction};
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::health::{DnsCheck, ExchangeCheck};
use evenkeel_core::name::Protocol;
use evenkeel_core::snapshot::SendProxy;
use evenkeel_core::sockets::Outward;
use evenkeel_sys::datagram;
use std::hash::{BuildHasher, RandomState};
use std::io;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

/// A socket towards one backend.
pub struct Line {
    socket: UdpSocket,
    /// What every datagram begins with.
    header: Vec<u8>,
    deadline: Instant,
}

impl Line {
    /// Opens one towards `target` that is what is `wanted`, until `deadline`.
    pub fn open(
        target: &Addr,
        wanted: Option<&Outward>,
        introduce: Option<SendProxy>,
        deadline: Instant,
    ) -> Result<Self, ProbeFailure> {
        // Version 1 is a line, and lines are for streams.
        let version = introduce.filter(|version| matches!(version, SendProxy::V2(_)));
        let header = version.map(|version| introduction(version, None)).unwrap_or_default();
        let socket = connected(target, wanted).map_err(ProbeFailure::Connect)?;
        Ok(Self { socket, header, deadline })
    }

    /// Sends what `check` sends, and waits for what it expects.
    pub async fn exchange(self, check: &ExchangeCheck) -> Result<(), ProbeFailure> {
        let wanted = &check.expect[..];
        self.ask(&check.send, |bytes| {
            let holds = wanted.is_empty() || bytes.windows(wanted.len()).any(|it| it == wanted);
            if holds { Heard::Answer(Ok(())) } else { Heard::Else(ProbeFailure::Unexpected) }
        })
        .await
    }

    /// Asks what `check` asks, under an id that nobody can guess.
    pub async fn dns(self, check: &DnsCheck) -> Result<(), ProbeFailure> {
        let id = RandomState::new().hash_one(0) as u16;
        let mut query = Vec::new();
        check.question.write(id, &mut query);
        self.ask(&query, |bytes| match check.question.answered(id, bytes) {
            Ok(rcode) if check.rcodes.contains(&rcode) => Heard::Answer(Ok(())),
            Ok(rcode) => Heard::Answer(Err(ProbeFailure::Rcode(rcode))),
            Err(flaw) => Heard::Else(ProbeFailure::Malformed(flaw.to_string().into())),
        })
        .await
    }

    /// Sends `datagram` and judges what comes back, until an answer does. What is none is passed over, since anybody could
    /// have sent it who knows our port; it is told of when nothing better came in time.
    async fn ask(self, datagram: &[u8], judge: impl Fn(&[u8]) -> Heard) -> Result<(), ProbeFailure> {
        let lost = |error: io::Error| ProbeFailure::Connect(ConnectFailure::from(&error));
        let whole = [&self.header, datagram].concat();
        self.socket.send(&whole).await.map_err(lost)?;
        let mut buffer = vec![0; ANSWER_MAX];
        let mut failure = ProbeFailure::Timeout;
        while let Ok(received) = timeout_at(self.deadline, self.socket.recv(&mut buffer)).await {
            let length = received.map_err(lost)?;
            match judge(&buffer[..length]) {
                Heard::Answer(verdict) => return verdict,
                Heard::Else(what) => failure = what,
            }
        }
        Err(failure)
    }
}

/// What a datagram is.
enum Heard {
    /// The answer, and what follows from it.
    Answer(Result<(), ProbeFailure>),
    /// Something else, as a failure.
    Else(ProbeFailure),
}

fn connected(target: &Addr, wanted: Option<&Outward>) -> Result<UdpSocket, ConnectFailure> {
    let failed = |error: io::Error| ConnectFailure::from(&error);
    // No path speaks UDP.
    let addr = target.ip().ok_or(ConnectFailure::NoSuchSocket)?;
    let socket = datagram::open(addr).map_err(failed)?;
    prepare(&socket, wanted, Protocol::Udp, addr)?;
    datagram::connect(&socket, addr).map_err(failed)?;
    let socket = UdpSocket::from_std(socket.into()).map_err(failed)?;
    // A port that nobody listens on may be drawn as our own: we would answer ourselves.
    match socket.local_addr().map_err(failed)? == addr {
        true => Err(ConnectFailure::Refused),
        false => Ok(socket),
    }
}
