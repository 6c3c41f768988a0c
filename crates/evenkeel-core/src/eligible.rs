//! Who may take traffic: operator (the weight) ∧ checks ∧ ejection, then the tiers, and whom to try when nobody may.

use std::time::Instant;

/// How a backend stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not checked yet; takes no traffic for one check timeout at most.
    Checking,
    /// Takes traffic, as far as its tier is in use.
    Up,
    /// Its checks fail.
    Down,
    /// Live traffic failed.
    Ejected,
}

/// What counts about a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// How it stands.
    pub standing: Standing,
    /// Its share; 0 takes nothing.
    pub weight: u32,
    /// Takes traffic only while no primary can.
    pub backup: bool,
    /// When it last failed, if ever.
    pub failed_at: Option<Instant>,
}

/// Which backends of a pool take traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Those that are no backups.
    Primaries,
    /// The backups: no primary is left.
    Backups,
    /// None as yet: some are still to be seen for the first time, or there are none at all.
    Unseen,
    /// None: all that could are out.
    Nobody,
}

/// What to do when no backend of a pool may take traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllDown {
    /// Try the one that failed longest ago first.
    Try,
    /// Close the session.
    Close,
}

impl Candidate {
    /// Whether it could take traffic if its tier is in use.
    pub fn is_usable(&self) -> bool {
        self.weight > 0 && self.standing == Standing::Up
    }

    fn is_unseen(&self) -> bool {
        self.weight > 0 && self.standing == Standing::Checking
    }
}

impl Tier {
    /// The tier in use among `candidates`. Backups wait until every primary was seen, unless they are in
    /// already (`backups_in`): a start or a reload does not send sessions to them for a moment.
    pub fn of(candidates: &[Candidate], backups_in: bool) -> Self {
        let any = |backup, test: fn(&Candidate) -> bool| {
            candidates.iter().any(|it| it.backup == backup && test(it))
        };
        if any(false, Candidate::is_usable) {
            return Self::Primaries;
        }
        let may_turn = backups_in || !any(false, Candidate::is_unseen);
        if may_turn && any(true, Candidate::is_usable) {
            return Self::Backups;
        }
        let to_be_seen = candidates.is_empty() || candidates.iter().any(Candidate::is_unseen);
        if to_be_seen { Self::Unseen } else { Self::Nobody }
    }

    /// Whether `candidate` may take new sessions while this tier is in use.
    pub fn takes(self, candidate: &Candidate) -> bool {
        candidate.is_usable()
            && match self {
                Self::Primaries => !candidate.backup,
                Self::Backups => candidate.backup,
                Self::Unseen | Self::Nobody => false,
            }
    }

    /// Whether anybody may take new sessions while this tier is in use.
    pub fn takes_any(self) -> bool {
        matches!(self, Self::Primaries | Self::Backups)
    }

    /// Who the balance goes over: those who may take new sessions; while some are still to be seen and nobody may, those, primaries
    /// before backups. Nothing speaks against any of them, so none is to get what is meant for all.
    pub fn balanced(self, candidates: &[Candidate]) -> Box<[u32]> {
        let backup = !candidates.iter().any(|it| it.is_unseen() && !it.backup);
        let is_balanced = |it: &Candidate| match self {
            Self::Unseen => it.is_unseen() && it.backup == backup,
            Self::Primaries | Self::Backups | Self::Nobody => self.takes(it),
        };
        (0..).zip(candidates).filter(|(_, it)| is_balanced(it)).map(|(index, _)| index).collect()
    }

    /// While primaries take traffic: the backups that could, by index, for a session that found none of those there.
    pub fn spares(self, candidates: &[Candidate]) -> Box<[u32]> {
        let is_spare = |it: &Candidate| self == Self::Primaries && it.backup && it.is_usable();
        (0..).zip(candidates).filter(|(_, it)| is_spare(it)).map(|(index, _)| index).collect()
    }

    /// When this tier takes nobody: whom to try all the same, by index, best first. Before those that failed, longest
    /// ago first and under [`AllDown::Try`] only, come those that did not: unseen primaries, then backups.
    pub fn last_resort(self, candidates: &[Candidate], all_down: AllDown) -> Box<[u32]> {
        if self.takes_any() {
            return Box::default();
        }
        let has_failed = |it: &Candidate| matches!(it.standing, Standing::Down | Standing::Ejected);
        let mut order: Vec<(u32, &Candidate)> = (0..)
            .zip(candidates)
            .filter(|(_, it)| it.weight > 0 && (all_down == AllDown::Try || !has_failed(it)))
            .collect();
        order.sort_by_key(|(_, it)| match has_failed(it) {
            true => (true, None, it.failed_at),
            false => (false, Some((it.backup, it.is_unseen())), None),
        });
        order.into_iter().map(|(index, _)| index).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn those_who_are_up_take_traffic_and_nobody_else() {
        assert_eq!(takers("u d e c u"), "0 4");
    }

    #[test]
    fn backups_take_traffic_only_while_no_primary_can() {
        assert_eq!(takers("u d U"), "0");
        assert_eq!(takers("d e U D U"), "2 4");
        assert_eq!(takers("U U"), "0 1");
        assert_eq!(takers("d D"), "");
    }

    #[test]
    fn backups_wait_for_primaries_that_are_still_to_be_seen_unless_they_are_in_already() {
        assert_eq!(Tier::of(&strip("c d U"), false), Tier::Unseen);
        assert_eq!(Tier::of(&strip("c d U"), true), Tier::Backups);
        assert_eq!(Tier::of(&strip("c u U"), true), Tier::Primaries);
    }

    #[test]
    fn a_weight_of_zero_counts_for_nothing() {
        let mut pool = strip("u U");
        pool[0].weight = 0;
        assert_eq!(Tier::of(&pool, false), Tier::Backups);
        pool[1].weight = 0;
        assert_eq!(Tier::of(&pool, false), Tier::Nobody);
        assert!(Tier::Nobody.last_resort(&pool, AllDown::Try).is_empty());
    }

    #[test]
    fn unseen_or_empty_is_not_down() {
        assert_eq!(Tier::of(&[], false), Tier::Unseen);
        assert_eq!(Tier::of(&strip("d c"), false), Tier::Unseen);
        assert_eq!(Tier::of(&strip("d D"), false), Tier::Nobody);
    }

    #[test]
    fn the_last_resort_is_the_one_that_failed_longest_ago_first() {
        let now = Instant::now();
        let mut pool = strip("d e D");
        for (it, failed) in pool.iter_mut().zip([20, 10, 15]) {
            it.failed_at = Some(now + Duration::from_secs(failed));
        }
        assert_eq!(*Tier::Nobody.last_resort(&pool, AllDown::Try), [1, 2, 0]);
        assert!(Tier::Nobody.last_resort(&pool, AllDown::Close).is_empty());
        assert!(Tier::Primaries.last_resort(&pool, AllDown::Try).is_empty());
    }

    #[test]
    fn who_was_not_seen_yet_has_not_failed() {
        let pool = strip("d C U c");
        assert_eq!(*Tier::Unseen.last_resort(&pool, AllDown::Close), [3, 2, 1]);
        assert_eq!(*Tier::Unseen.last_resort(&pool, AllDown::Try), [3, 2, 1, 0]);
    }

    #[test]
    fn the_balance_goes_over_those_who_are_to_be_seen_while_nobody_was() {
        assert_eq!(balanced("c c C d"), "0 1");
        assert_eq!(balanced("c d U"), "0");
        assert_eq!(balanced("d C C"), "1 2", "no primary is to be seen");
        assert_eq!(balanced("c u U"), "1", "one was");
        assert_eq!(balanced("d D"), "");
    }

    #[test]
    fn backups_that_are_up_are_spare_while_primaries_take_traffic() {
        let spares = |pool| {
            let pool = strip(pool);
            Tier::of(&pool, false).spares(&pool)
        };
        assert_eq!(*spares("u d U D C U"), [2, 5]);
        assert!(spares("d U U").is_empty(), "they take traffic");
        assert!(spares("c U").is_empty(), "a last resort");
    }

    /// The indices of those whom the balance goes over.
    fn balanced(pool: &str) -> String {
        let pool = strip(pool);
        let balanced = Tier::of(&pool, false).balanced(&pool);
        balanced.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The indices of those who take traffic.
    fn takers(pool: &str) -> String {
        let pool = strip(pool);
        let tier = Tier::of(&pool, false);
        let takers = pool.iter().enumerate().filter(|(_, it)| tier.takes(it));
        takers.map(|(index, _)| index.to_string()).collect::<Vec<_>>().join(" ")
    }

    /// One letter for each backend's standing; a capital is a backup.
    fn strip(pool: &str) -> Vec<Candidate> {
        let standing = |letter: char| match letter.to_ascii_lowercase() {
            'c' => Standing::Checking,
            'u' => Standing::Up,
            'd' => Standing::Down,
            _ => Standing::Ejected,
        };
        let candidate = |it: char| Candidate {
            standing: standing(it),
            weight: 1,
            backup: it.is_ascii_uppercase(),
            failed_at: None,
        };
        pool.split(' ').flat_map(|it| it.chars().map(candidate)).collect()
    }
}
