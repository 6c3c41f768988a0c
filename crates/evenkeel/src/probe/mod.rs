//! Active checks: asks one backend one question and says what was seen. Who is asked when, and what follows from it,
//! is the director's business.

mod datagram;
mod exchange;
mod http;
mod postgres;
mod secure;
mod stream;
#[cfg(test)]
mod tests;

use datagram::Line;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::health::{Check, CheckKind, ProbeFailure, Verdict};
use evenkeel_core::snapshot::SendProxy;
use evenkeel_core::tls::Origination;
use evenkeel_core::wire::{proxy_header, proxy_v1, proxy_v2};
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use stream::{Connected, Stream};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout_at};

/// What a probe needs to speak TLS as a session would: the configuration, if it could be made, and the name by which the
/// backend was found.
pub type Tls = (Option<Arc<ClientConfig>>, Option<Arc<str>>);

/// Probes that run at once, in all; more wait for their turn. Each costs one descriptor.
pub const PROBES_MAX: usize = 256;

/// Bytes of an answer that are looked at, in any kind of check.
const ANSWER_MAX: usize = 64 * 1024;

/// Asks `target` what `check` wants to know of `backend`. Takes `check.timeout` at most, unless this process lacks descriptors or
/// memory: that says nothing about the backend, so it is asked again until it can be.
pub async fn run(backend: &Addr, target: &Addr, check: &Check, tls: Option<Tls>) -> Verdict {
    timed(backend, target, check, tls).await.0
}

/// The same, and how long it took, whatever it saw.
pub async fn timed(backend: &Addr, target: &Addr, check: &Check, tls: Option<Tls>) -> (Verdict, Duration) {
    // Whoever else is asked about a backend does not expect what a session begins with there.
    let introduce = check.introduce.filter(|_| backend == target);
    let tls = check.tls.as_deref().zip(tls).filter(|_| backend == target);
    loop {
        let began = Instant::now();
        let result = ask(target, check, introduce, tls.clone(), began + check.timeout).await;
        let took = began.elapsed();
        match result {
            Ok(()) => return (Verdict::Pass(took), took),
            Err(ProbeFailure::Connect(ConnectFailure::NoResources(_))) => sleep(check.fast_interval).await,
            Err(failure) => return (Verdict::Fail(failure), took),
        }
    }
}

async fn ask(
    target: &Addr,
    check: &Check,
    introduce: Option<SendProxy>,
    tls: Option<(&Origination, Tls)>,
    deadline: Instant,
) -> Result<(), ProbeFailure> {
    let is_secure = tls.is_some();
    let stream = open(target, check, introduce, tls, deadline);
    let line = || Line::open(target, check.outward.as_deref(), introduce, deadline);
    let answer = async {
        match &check.kind {
            CheckKind::Tcp | CheckKind::Postgres if is_secure => {
                secure::close(stream.await?).await;
                Ok(())
            }
            CheckKind::Tcp | CheckKind::Postgres => stream.await.map(drop),
            CheckKind::Http(http) => http::ask(stream.await?, target, http).await,
            CheckKind::Exchange(exchange) => exchange::ask(stream.await?, exchange).await,
            CheckKind::Datagram(exchange) => line()?.exchange(exchange).await,
            CheckKind::Dns(dns) => line()?.dns(dns).await,
        }
    };
    timeout_at(deadline, answer).await.unwrap_or(Err(ProbeFailure::Timeout))
}

/// Connects as a session would, up to its first byte.
async fn open(
    target: &Addr,
    check: &Check,
    introduce: Option<SendProxy>,
    tls: Option<(&Origination, Tls)>,
    deadline: Instant,
) -> Result<Box<dyn Stream>, ProbeFailure> {
    let Connected { mut stream, ends } =
        stream::connect(target, check.outward.as_deref(), deadline).await.map_err(ProbeFailure::Connect)?;
    if let Some(version) = introduce {
        let header = introduction(version, ends);
        stream.write_all(&header).await.map_err(|_| ProbeFailure::Cut)?;
    }
    if check.kind == CheckKind::Postgres && !postgres::ask(&mut *stream).await? && tls.is_some() {
        return Err(ProbeFailure::Connect(ConnectFailure::NoTls));
    }
    match tls {
        Some((terms, tls)) => secure::open(stream, target, terms, tls).await.map_err(ProbeFailure::Connect),
        None => Ok(stream),
    }
}

/// A header that says that nobody is behind this connection but evenkeel itself. Version 1 cannot say so, and `UNKNOWN` is
/// refused by some backends: it names the two ends of the connection.
fn introduction(version: SendProxy, ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let own = ends.map(|(source, destination)| proxy_header::Origin::Ip {
        transport: proxy_header::Transport::Stream,
        source,
        destination,
    });
    let mut header = Vec::new();
    match version {
        SendProxy::V1 => proxy_v1::write(&own.unwrap_or(proxy_header::Origin::Unknown), &mut header),
        SendProxy::V2(tlvs) => {
            let saying = proxy_v2::Saying { checksum: tlvs.crc32c, ..proxy_v2::Saying::default() };
            // It has a fixed length, which fits.
            let _ = proxy_v2::write(&proxy_header::Origin::Local, &saying, &mut header);
        }
    }
    header
}

/// Looks for some bytes in what arrives piece by piece, within the first [`ANSWER_MAX`] bytes.
struct Finder<'a> {
    wanted: &'a [u8],
    seen: Vec<u8>,
}

impl<'a> Finder<'a> {
    fn new(wanted: &'a [u8]) -> Self {
        Self { wanted, seen: Vec::new() }
    }

    /// Whether the wanted bytes have arrived, now that `piece` has. Nothing wanted is found in any piece.
    fn found_with(&mut self, piece: &[u8]) -> bool {
        let overlap = self.seen.len().saturating_sub(self.wanted.len().saturating_sub(1));
        let room = ANSWER_MAX - self.seen.len();
        self.seen.extend_from_slice(&piece[..piece.len().min(room)]);
        self.wanted.is_empty()
            || self.seen[overlap..].windows(self.wanted.len()).any(|window| window == self.wanted)
    }

    fn is_full(&self) -> bool {
        self.seen.len() == ANSWER_MAX
    }

    fn saw_nothing(&self) -> bool {
        self.seen.is_empty()
    }
}
