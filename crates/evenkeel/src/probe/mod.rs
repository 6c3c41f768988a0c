//! Active checks: asks one backend one question and says what was seen. Who is asked when, and what follows from it,
//! is the director's business.

mod exchange;
mod http;
mod stream;
#[cfg(test)]
mod tests;

use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::health::{Check, CheckKind, ProbeFailure, Verdict};
use tokio::time::{Instant, sleep, timeout_at};

/// Probes that run at once, in all; more wait for their turn. Each costs one descriptor.
pub const PROBES_MAX: usize = 256;

/// Bytes of an answer that are looked at, in any kind of check.
const ANSWER_MAX: usize = 64 * 1024;

/// Asks `target` what `check` wants to know. Takes `check.timeout` at most, unless this process lacks descriptors or
/// memory: that says nothing about the backend, so it is asked again until it can be.
pub async fn run(target: &Addr, check: &Check) -> Verdict {
    loop {
        let began = Instant::now();
        match ask(target, check, began + check.timeout).await {
            Ok(()) => return Verdict::Pass(began.elapsed()),
            Err(ProbeFailure::Connect(ConnectFailure::NoResources(_))) => sleep(check.fast_interval).await,
            Err(failure) => return Verdict::Fail(failure),
        }
    }
}

async fn ask(target: &Addr, check: &Check, deadline: Instant) -> Result<(), ProbeFailure> {
    let stream = stream::connect(target, deadline).await.map_err(ProbeFailure::Connect)?;
    let answer = async {
        match &check.kind {
            CheckKind::Tcp => Ok(()),
            CheckKind::Http(http) => http::ask(stream, target, http).await,
            CheckKind::Exchange(exchange) => exchange::ask(stream, exchange).await,
        }
    };
    timeout_at(deadline, answer).await.unwrap_or(Err(ProbeFailure::Timeout))
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
