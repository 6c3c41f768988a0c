//! Room for early bytes, those that a client has sent before there is a backend for it: so many over all sessions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Whoever holds no more than this holds little: a header and a hello, as clients have them.
pub const LITTLE: u64 = 8 * 1024;

/// The room that all sessions share, in bytes. Half of it is for those who hold little, so that a few thousand giants do
/// not keep the others out.
///
/// Aligned to two cache lines, so that neighbours do not slow each other down.
#[derive(Debug)]
#[repr(align(128))]
pub struct EarlyRoom {
    limit: AtomicU64,
    taken: AtomicU64,
}

impl EarlyRoom {
    /// Room for so many bytes.
    pub fn new(limit: u64) -> Self {
        Self { limit: AtomicU64::new(limit), taken: AtomicU64::new(0) }
    }

    /// Changes the limit; who holds something keeps it.
    pub fn set_limit(&self, limit: u64) {
        self.limit.store(limit, Relaxed);
    }

    /// Bytes that are held now.
    pub fn taken(&self) -> u64 {
        self.taken.load(Relaxed)
    }

    /// Bytes that there is room for.
    pub fn limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Takes `more` for somebody who then holds `held` in all, if there is room.
    fn take(&self, more: u64, held: u64) -> bool {
        let limit = if held <= LITTLE { self.limit() } else { self.limit() / 2 };
        let take = |taken: u64| taken.checked_add(more).filter(|taken| *taken <= limit);
        self.taken.fetch_update(Relaxed, Relaxed, take).is_ok()
    }
}

/// What one session has of that room; given back on drop.
#[derive(Debug)]
pub struct EarlyPlace {
    room: Arc<EarlyRoom>,
    held: u64,
}

impl EarlyPlace {
    /// Nothing yet.
    pub fn new(room: &Arc<EarlyRoom>) -> Self {
        Self { room: Arc::clone(room), held: 0 }
    }

    /// Makes it so many bytes from now on. False: there is no room for more, and it stays as it was.
    #[must_use]
    pub fn hold(&mut self, bytes: u64) -> bool {
        let has_room = match bytes.checked_sub(self.held) {
            Some(0) => true,
            Some(more) => self.room.take(more, bytes),
            None => {
                self.room.taken.fetch_sub(self.held - bytes, Relaxed);
                true
            }
        };
        if has_room {
            self.held = bytes;
        }
        has_room
    }
}

impl Drop for EarlyPlace {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.held, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dice::Dice;

    fn room(limit: u64) -> Arc<EarlyRoom> {
        Arc::new(EarlyRoom::new(limit))
    }

    #[test]
    fn there_is_so_much_room_and_it_is_given_back() {
        let room = room(3 * LITTLE);
        let mut places = [(); 4].map(|()| EarlyPlace::new(&room));
        let [first, second, third, last] = &mut places;
        assert!(first.hold(LITTLE) && second.hold(LITTLE) && third.hold(LITTLE - 1));
        assert!(!last.hold(2) && last.hold(1) && !last.hold(2));
        assert!(first.hold(10) && last.hold(100), "what one leaves is another's");
        drop(places);
        assert_eq!(room.taken(), 0);
    }

    #[test]
    fn giants_take_half_of_it_and_leave_the_rest_to_those_who_hold_little() {
        let room = room(16 * LITTLE);
        let mut giants: Vec<_> = (0..100).map(|_| EarlyPlace::new(&room)).collect();
        let grown = giants.iter_mut().filter_map(|it| it.hold(2 * LITTLE).then_some(())).count();
        assert_eq!(grown, 4);
        let mut others: Vec<_> = (0..100).map(|_| EarlyPlace::new(&room)).collect();
        let served = others.iter_mut().filter_map(|it| it.hold(LITTLE).then_some(())).count();
        assert_eq!((served, room.taken()), (8, room.limit()));
    }

    #[test]
    fn a_lower_limit_takes_nothing_from_anybody_and_lets_nobody_have_more() {
        let room = room(100);
        let mut place = EarlyPlace::new(&room);
        assert!(place.hold(80));
        room.set_limit(50);
        assert!(!place.hold(81) && place.hold(80) && !EarlyPlace::new(&room).hold(1));
        assert!(place.hold(40) && EarlyPlace::new(&room).hold(10));
    }

    /// Against a sum over what each of them holds.
    #[test]
    fn what_is_taken_is_what_all_of_them_hold() {
        for seed in 0..200 {
            let (mut dice, room) = (Dice::new(seed), room(20 * LITTLE));
            let mut places: Vec<(EarlyPlace, u64)> = Vec::new();
            for _ in 0..300 {
                let at = dice.below(20) as usize;
                if at >= places.len() {
                    places.push((EarlyPlace::new(&room), 0));
                } else if dice.below(8) == 0 {
                    places.swap_remove(at);
                } else {
                    let (bytes, (place, held)) = (dice.below(3 * LITTLE), &mut places[at]);
                    let had = *held;
                    *held = if place.hold(bytes) { bytes } else { had };
                    assert!(*held == bytes || bytes > had, "seed {seed}: less is always given");
                }
                let sum: u64 = places.iter().map(|(_, held)| held).sum();
                assert!(room.taken() == sum && sum <= room.limit(), "seed {seed}");
            }
        }
    }

    #[test]
    fn threads_never_take_more_than_there_is() {
        let room = room(10 * LITTLE);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let mut place = EarlyPlace::new(&room);
                        let _ = place.hold(LITTLE) && place.hold(3 * LITTLE);
                        assert!(room.taken() <= room.limit());
                    }
                });
            }
        });
        assert_eq!(room.taken(), 0);
    }
}
