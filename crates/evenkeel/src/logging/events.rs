//! The last events, for those who ask later, and every new one, for those who follow. Bounded: whoever follows too slowly
//! misses some, and sees that by their numbers.

use super::json;
use super::notice::Notice;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::broadcast;

/// Events that are kept.
const RECENT: usize = 512;

/// Events that a follower may be behind.
const BEHIND_MAX: usize = 256;

/// An event that was told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Its number; the first is 1.
    pub id: u64,
    /// Its name.
    pub word: &'static str,
    /// The object that the log has, and its number as `id`.
    pub json: Arc<str>,
}

/// What was told so far, and who wants to hear more.
pub struct Events {
    last: u64,
    recent: VecDeque<Told>,
    followers: broadcast::Sender<Told>,
}

impl Default for Events {
    fn default() -> Self {
        Self { last: 0, recent: VecDeque::new(), followers: broadcast::Sender::new(BEHIND_MAX) }
    }
}

impl Events {
    /// Notes what is told now.
    pub fn note(&mut self, at: SystemTime, notice: &Notice) {
        self.last += 1;
        let mut line = String::new();
        json::notice(&mut line, at, notice);
        let fields = line.trim_end().trim_start_matches('{');
        let json = format!("{{\"id\":{},{fields}", self.last).into();
        let told = Told { id: self.last, word: notice.word(), json };
        // Fails when nobody follows.
        let _ = self.followers.send(told.clone());
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(told);
    }

    /// Those that are kept, and all that will follow, without a gap.
    pub fn follow(&self) -> (Vec<Told>, broadcast::Receiver<Told>) {
        (self.recent.iter().cloned().collect(), self.followers.subscribe())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_events_are_kept_and_new_ones_follow_without_a_gap() {
        let mut events = Events::default();
        let note = |events: &mut Events, text: &str| {
            events.note(SystemTime::UNIX_EPOCH, &Notice::Warning(text.to_owned()));
        };
        (0..RECENT + 3).for_each(|_| note(&mut events, "old"));
        let (recent, mut more) = events.follow();
        assert_eq!((recent.len(), recent[0].id), (RECENT, 4));
        note(&mut events, "new");
        let next = more.try_recv().unwrap();
        assert_eq!(next.id, recent[RECENT - 1].id + 1);
        assert_eq!(
            &*next.json,
            r#"{"id":516,"ts":"1970-01-01T00:00:00.000Z","event":"warning","level":"warning","message":"new"}"#
        );
    }
}
