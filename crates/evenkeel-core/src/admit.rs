//! Whether a client may become a session of a service: its address, and what its source and all together have done.

use crate::access::AccessRules;
use crate::dice::Dice;
use crate::objection::{Objection, Objections, Reason};
use crate::observe::{Mode, Rule};
use crate::rate::{Rate, SharedBucket};
use crate::sources::{Entry, Prefixes, SOURCES, SourcePlace, SourceRates, SourceSessions};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// What a service wants of its clients; nothing unless told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateRules {
    /// Who may connect.
    pub access: Option<Rule<Arc<AccessRules>>>,
    /// Sessions of one source at once.
    pub source_sessions: Option<Rule<u32>>,
    /// Connections of one source.
    pub source_rate: Option<Rule<Rate>>,
    /// Connections in all.
    pub rate: Option<Rule<Rate>>,
    /// Which addresses are one source.
    pub prefixes: Prefixes,
}

/// What a gate says.
#[derive(Debug)]
#[must_use]
pub struct Admission {
    /// Admitted, with what the session holds until it ends if its source's sessions are counted; or refused.
    pub outcome: Result<Option<SourcePlace>, Reason>,
    /// What it would have been refused for by rules that only observe; of those behind the one that refused, nothing.
    pub observed: Objections,
}

/// The rules of a service, and what they have counted. All workers share one.
#[derive(Debug)]
pub struct Gate {
    rules: GateRules,
    sessions: Option<Arc<SourceSessions>>,
    source_rates: Option<Arc<SourceRates>>,
    rate: Option<Arc<SharedBucket>>,
}

impl Gate {
    /// The gate for `rules`, or `None` when there are none, so that who wants no gate pays for none.
    ///
    /// It goes on counting from the one `before`: sessions that were counted there are, and a rate goes on as long as
    /// it is the same. What was not counted there is not counted here.
    pub fn new(rules: GateRules, before: Option<&Self>, now: Instant, dice: &mut Dice) -> Option<Self> {
        let sessions = rules.source_sessions.map(|_| {
            let same = before.and_then(|gate| gate.sessions.clone());
            same.unwrap_or_else(|| Arc::new(SourceSessions::new(SOURCES, dice)))
        });
        let source_rates = rules.source_rate.map(|Rule { limit, .. }| {
            let same = before.and_then(|gate| gate.source_rates.clone()).filter(|same| same.rate() == limit);
            same.unwrap_or_else(|| Arc::new(SourceRates::new(limit, SOURCES, now, dice)))
        });
        let rate = rules.rate.map(|Rule { limit, .. }| {
            let same = before.and_then(|gate| gate.rate.clone()).filter(|same| same.rate() == limit);
            same.unwrap_or_else(|| Arc::new(SharedBucket::new(limit, now)))
        });
        let is_none =
            rules.access.is_none() && sessions.is_none() && source_rates.is_none() && rate.is_none();
        (!is_none).then_some(Self { rules, sessions, source_rates, rate })
    }

    /// Whether it is the gate for these rules.
    pub fn has_rules(&self, rules: &GateRules) -> bool {
        self.rules == *rules
    }

    /// Whether a client may come in now. One without an IP address, as those of Unix sockets, has no source: for it
    /// only the rate in all counts, and the permissions of the socket's file.
    ///
    /// A rule that refuses is the last that is asked, and those before it stay paid: who is over the rate of its source
    /// takes nothing from the rate in all, so that one source alone cannot keep the others out.
    pub fn admit(&self, client: Option<IpAddr>, now: Instant) -> Admission {
        let mut observed = Objections::NONE;
        let outcome = self.decide(client, now, &mut observed);
        Admission { outcome, observed }
    }

    fn decide(
        &self,
        client: Option<IpAddr>,
        now: Instant,
        observed: &mut Objections,
    ) -> Result<Option<SourcePlace>, Reason> {
        let mut refuse = |mode, reason| match mode {
            Mode::Enforce => Err(reason),
            Mode::Observe => {
                observed.note(Objection::Admission(reason));
                Ok(())
            }
        };
        let (mut place, source) = (None, client.map(|addr| self.rules.prefixes.source(addr)));
        if let (Some(rule), Some(addr)) = (&self.rules.access, client)
            && rule.limit.check(addr).is_err()
        {
            refuse(rule.mode, Reason::Denied)?;
        }
        if let (Some(rule), Some(sessions), Some(source)) =
            (self.rules.source_sessions, &self.sessions, source)
        {
            match sessions.enter(source, rule.limit) {
                Entry::Within(within) => place = Some(within),
                Entry::AtLimit => refuse(rule.mode, Reason::SourceSessions)?,
                Entry::Uncounted => {}
            }
        }
        if let (Some(rule), Some(rates), Some(source)) = (self.rules.source_rate, &self.source_rates, source)
            && rates.enter(source, now) == Entry::AtLimit
        {
            refuse(rule.mode, Reason::SourceRate)?;
        }
        if let (Some(rule), Some(rate)) = (self.rules.rate, &self.rate)
            && !rate.take(now)
        {
            refuse(rule.mode, Reason::Rate)?;
        }
        Ok(place)
    }

    /// A place for a session that is there already, as one that comes from another process is.
    pub fn join(&self, client: Option<IpAddr>) -> Option<SourcePlace> {
        self.sessions.as_ref()?.join(self.rules.prefixes.source(client?))
    }

    /// How often so far somebody was let in without being counted, as a table was full of other sources.
    pub fn uncounted(&self) -> u64 {
        let sessions = self.sessions.as_ref().map_or(0, |sessions| sessions.uncounted());
        sessions + self.source_rates.as_ref().map_or(0, |rates| rates.uncounted())
    }
}
