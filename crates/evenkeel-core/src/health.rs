//! Active checks: what is asked of a backend, what was seen, and the counting that turns single verdicts into up and
//! down.

use crate::attempt::ConnectFailure;
use crate::snapshot::{PoolRules, SendProxy};
use crate::sockets::Outward;
use crate::tls::Origination;
use crate::wire::dns::{Question, Rcode};
use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How the backends of a pool are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What is asked.
    pub kind: CheckKind,
    /// Asked at this address instead of the backend's.
    pub addr: Option<IpAddr>,
    /// Asked at this port instead of the backend's.
    pub port: Option<u16>,
    /// Time from one check to the next, jittered by a tenth.
    pub interval: Duration,
    /// The same while in doubt: not yet `rise` or `fall` in a row, or not seen at all yet.
    pub fast_interval: Duration,
    /// A check that took longer has failed.
    pub timeout: Duration,
    /// Passes in a row after which a backend that was down is up.
    pub rise: u32,
    /// Failures in a row after which a backend that was up is down.
    pub fall: u32,
    /// How it introduces itself to the backend, where a session would too.
    pub introduce: Option<SendProxy>,
    /// What its sockets are, as those of sessions are.
    pub outward: Option<Box<Outward>>,
    /// What TLS it speaks with the backend, where a session would too.
    pub tls: Option<Arc<Origination>>,
}

impl Check {
    /// The same, made as sessions with these rules would connect.
    pub fn as_sessions(self, rules: &PoolRules) -> Self {
        let outward = rules.outward.as_ref().and_then(|outward| outward.of_checks());
        let tls = match (&self.kind, &rules.tls) {
            // It asks by HTTP/1.1, whatever requests are sent by.
            (CheckKind::Http(_), Some(tls)) if rules.http2.is_some() => {
                Some(Arc::new(Origination { alpn: ["http/1.1".into()].into(), ..Origination::clone(tls) }))
            }
            (_, tls) => tls.clone(),
        };
        Self { introduce: rules.send_proxy, outward, tls, ..self }
    }
}

/// What a check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckKind {
    /// Whether a connection opens.
    Tcp,
    /// What an HTTP/1.1 request is answered.
    Http(HttpCheck),
    /// Whether a PostgreSQL server answers when it is asked for TLS.
    Postgres,
    /// Whether the expected bytes come, after these bytes were sent.
    Exchange(ExchangeCheck),
    /// The same by UDP: whether a datagram comes that holds the expected bytes, after one was sent.
    Datagram(ExchangeCheck),
    /// What a name server answers by UDP.
    Dns(DnsCheck),
}

/// An HTTP check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    /// `GET`, `HEAD`, …
    pub method: Arc<str>,
    /// The path with its query, beginning with `/`.
    pub path: Arc<str>,
    /// The `Host` header; the address that is checked if absent.
    pub host: Option<Arc<str>>,
    /// The statuses that pass, as inclusive ranges.
    pub status: Arc<[(u16, u16)]>,
    /// Text that the first 64 KiB of the body must hold.
    pub body: Option<Arc<str>>,
}

/// A send/expect check. With nothing to send, the backend is expected to speak first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeCheck {
    /// Bytes to send after connecting; may be empty.
    pub send: Arc<[u8]>,
    /// Bytes that must occur in the first 64 KiB of the answer; empty: any answer will do.
    pub expect: Arc<[u8]>,
}

/// A DNS check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsCheck {
    /// What is asked.
    pub question: Question,
    /// The codes of an answer that pass.
    pub rcodes: Arc<[Rcode]>,
}

/// What one probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed, and took this long.
    Pass(Duration),
    /// It failed.
    Fail(ProbeFailure),
}

/// Why a probe failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeFailure {
    /// No connection.
    Connect(ConnectFailure),
    /// Connected, but no complete answer within the check's timeout.
    Timeout,
    /// The connection ended before the answer was complete.
    Cut,
    /// Another HTTP status than expected.
    Status(u16),
    /// A name server's answer with another code than expected.
    Rcode(Rcode),
    /// The body does not hold the expected text, or the answer not the expected bytes.
    Unexpected,
    /// Not an answer in the protocol at all; what was wrong.
    Malformed(Arc<str>),
}

impl ProbeFailure {
    /// Whether nobody answered: one lost packet looks the same.
    fn is_silence(&self) -> bool {
        matches!(self, Self::Timeout | Self::Connect(ConnectFailure::TimedOut))
    }

    /// Whether it was we who could not ask: that says nothing about the backend.
    pub fn is_ours(&self) -> bool {
        let Self::Connect(failure) = self else { return false };
        matches!(
            failure,
            ConnectFailure::NoSourcePort | ConnectFailure::Unprepared(_) | ConnectFailure::NoResources(_)
        )
    }
}

/// Rise and fall of one backend. The first verdict decides at once; after that, `fall` failures in a row take an up
/// backend down, and `rise` passes in a row bring a down one up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    state: HealthState,
    /// Verdicts in a row that speak against the state.
    streak: u32,
}

/// What the checks of a backend came to so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// No verdict yet.
    Checking,
    /// Passes, or is not checked, or no verdict came in time.
    Up,
    /// Fails.
    Down,
}

/// What a verdict changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Up now, after so many passes in a row.
    Up(u32),
    /// Down now, after so many failures in a row.
    Down(u32),
}

impl Health {
    /// A backend that no check has seen yet.
    pub fn checking() -> Self {
        Self { state: HealthState::Checking, streak: 0 }
    }

    /// A backend that counts as up without having been seen.
    pub fn up() -> Self {
        Self { state: HealthState::Up, streak: 0 }
    }

    /// One that came so far in another process.
    pub fn resume(state: HealthState, streak: u32) -> Self {
        Self { state, streak }
    }

    /// Verdicts in a row that speak against the state.
    pub fn streak(&self) -> u32 {
        self.streak
    }

    /// What the verdicts came to so far.
    pub fn state(&self) -> HealthState {
        self.state
    }

    /// Whether it has not been seen yet, or its last verdicts speak against its state.
    pub fn is_in_doubt(&self) -> bool {
        self.state == HealthState::Checking || self.streak > 0
    }

    /// Whether it is down, or its last check failed.
    pub fn is_failing(&self) -> bool {
        match self.state {
            HealthState::Checking | HealthState::Up => self.streak > 0,
            HealthState::Down => true,
        }
    }

    /// Counts a verdict of `check`.
    pub fn observe(&mut self, check: &Check, verdict: &Verdict) -> Option<Change> {
        let failure = match verdict {
            Verdict::Fail(failure) if failure.is_ours() => return None,
            Verdict::Fail(failure) => Some(failure),
            Verdict::Pass(_) => None,
        };
        let enough = match (self.state, failure) {
            (HealthState::Up, None) | (HealthState::Down, Some(_)) => {
                self.streak = 0;
                return None;
            }
            (HealthState::Checking, None) => 1,
            // Silence may be one lost packet, so it has to repeat like any later failure.
            (HealthState::Checking, Some(failure)) if !failure.is_silence() => 1,
            (HealthState::Checking | HealthState::Up, Some(_)) => check.fall,
            (HealthState::Down, None) => check.rise,
        };
        self.streak += 1;
        if self.streak < enough {
            return None;
        }
        let streak = mem::take(&mut self.streak);
        Some(match failure {
            None => {
                self.state = HealthState::Up;
                // Silence that came before the first pass is no pass.
                Change::Up(streak.min(enough))
            }
            Some(_) => {
                self.state = HealthState::Down;
                Change::Down(streak)
            }
        })
    }

    /// No verdict came in time: counts as up from now on. What was seen meanwhile still counts.
    pub fn assume_up(&mut self) {
        self.state = HealthState::Up;
    }
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(failure) => failure.fmt(f),
            Self::Timeout => f.write_str("no complete answer in time"),
            Self::Cut => f.write_str("connection ended before the answer did"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Rcode(rcode) => write!(f, "answered {rcode}"),
            Self::Unexpected => f.write_str("answer does not hold the expected text"),
            Self::Malformed(what) => write!(f, "not a valid answer: {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_down_after_three_failures_in_a_row_and_up_after_two_passes() {
        assert_eq!(trace(Health::up(), "FFPFFFPP"), "uuuuuddu");
        assert_eq!(trace(Health::up(), "FFFPFPFPP"), "uuddddddu");
    }

    #[test]
    fn the_first_verdict_decides_at_once() {
        assert_eq!(trace(Health::checking(), "PFFF"), "uuud");
        assert_eq!(trace(Health::checking(), "FPP"), "ddu");
    }

    #[test]
    fn silence_at_first_sight_may_be_a_lost_packet() {
        assert_eq!(trace(Health::checking(), "SSS"), "ccd");
        assert_eq!(trace(Health::checking(), "SP"), "cu");
        assert_eq!(trace(Health::checking(), "SF"), "cd");
    }

    #[test]
    fn what_we_could_not_ask_says_nothing() {
        assert_eq!(trace(Health::up(), "FFOOOFP"), "uuuuudd");
        assert_eq!(trace(Health::checking(), "OP"), "cu");
    }

    #[test]
    fn what_was_seen_before_it_was_assumed_up_still_counts() {
        let mut health = Health::checking();
        assert_eq!(trace(health.clone(), "S"), "c");
        health.observe(&check(2, 3), &verdict('S'));
        health.assume_up();
        assert!(health.is_in_doubt());
        assert_eq!(trace(health, "SS"), "ud");
    }

    #[test]
    fn in_doubt_is_unseen_or_with_a_streak_against_its_state() {
        let doubt = |mut health: Health, verdicts: &str| {
            for it in verdicts.chars() {
                health.observe(&check(2, 3), &verdict(it));
            }
            health.is_in_doubt()
        };
        assert!(doubt(Health::checking(), ""));
        assert!(!doubt(Health::checking(), "P"));
        assert!(doubt(Health::up(), "F"));
        assert!(!doubt(Health::up(), "FFF"));
        assert!(doubt(Health::up(), "FFFP"));
    }

    #[test]
    fn the_change_says_how_many_there_were_in_a_row() {
        let mut health = Health::checking();
        let check = check(2, 3);
        assert_eq!(health.observe(&check, &verdict('S')), None);
        assert_eq!(health.observe(&check, &verdict('P')), Some(Change::Up(1)));
        let seen: Vec<_> = "FFFPP".chars().filter_map(|it| health.observe(&check, &verdict(it))).collect();
        assert_eq!(seen, [Change::Down(3), Change::Up(2)]);
    }

    /// One letter for the state after each verdict: checking, up, down.
    fn trace(mut health: Health, verdicts: &str) -> String {
        verdicts
            .chars()
            .map(|it| {
                health.observe(&check(2, 3), &verdict(it));
                match health.state() {
                    HealthState::Checking => 'c',
                    HealthState::Up => 'u',
                    HealthState::Down => 'd',
                }
            })
            .collect()
    }

    /// Pass, Fail, Silence, or Our own fault.
    fn verdict(letter: char) -> Verdict {
        match letter {
            'P' => Verdict::Pass(Duration::from_millis(1)),
            'F' => Verdict::Fail(ProbeFailure::Status(500)),
            'S' => Verdict::Fail(ProbeFailure::Timeout),
            _ => Verdict::Fail(ProbeFailure::Connect(ConnectFailure::NoResources(24))),
        }
    }

    fn check(rise: u32, fall: u32) -> Check {
        let second = Duration::from_secs(1);
        let kind = CheckKind::Tcp;
        let (interval, fast_interval, timeout) = (2 * second, second / 2, second);
        Check {
            kind,
            addr: None,
            port: None,
            interval,
            fast_interval,
            timeout,
            rise,
            fall,
            introduce: None,
            outward: None,
            tls: None,
        }
    }
}
