//! Keeps a flood of equal failures from hiding everything else: of those that end alike in one second, the first few
//! are shown and the rest are counted.

use evenkeel_core::name::ServiceName;
use evenkeel_proxy::SessionRecord;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Lines of one kind that are shown in one second.
const SHOWN_MAX: u64 = 20;

/// How long one count lasts.
const WINDOW: Duration = Duration::from_secs(1);

/// What was not shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Flood {
    /// Whose sessions.
    pub service: ServiceName,
    /// How they ended.
    pub end: &'static str,
    /// How many.
    pub more: u64,
}

/// Counts what ends alike.
#[derive(Default)]
pub struct Floodgate {
    counts: BTreeMap<(ServiceName, &'static str), u64>,
    /// When the window ends; `None` while nothing is counted.
    ends: Option<Instant>,
}

impl Floodgate {
    /// Whether `record` is to be shown. Sessions that ended well always are.
    pub fn admits(&mut self, now: Instant, record: &SessionRecord) -> bool {
        if record.end.is_ok() {
            return true;
        }
        self.ends.get_or_insert(now + WINDOW);
        let key = (record.listener.service.clone(), record.end.word());
        let count = self.counts.entry(key).or_default();
        *count += 1;
        *count <= SHOWN_MAX
    }

    /// When [`close`](Self::close) is due.
    pub fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// Ends the window, and gives what was not shown in it.
    pub fn close(&mut self) -> Vec<Flood> {
        self.ends = None;
        std::mem::take(&mut self.counts)
            .into_iter()
            .filter(|(_, count)| *count > SHOWN_MAX)
            .map(|((service, end), count)| Flood { service, end, more: count - SHOWN_MAX })
            .collect()
    }
}
