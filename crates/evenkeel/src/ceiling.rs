//! How many sessions fit into the descriptors that this process may open.

use crate::acme;
use crate::admin;
use crate::config::Settings;
use crate::probe::PROBES_MAX;
use evenkeel_core::director::Config;
use evenkeel_proxy::PlaneOptions;

/// Standard streams, epoll, event and signal descriptors, files read on a reload, lookups of names.
const ALWAYS: u64 = 32;

/// What descriptors are needed for, besides sessions and what carries them.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Bound addresses; each worker has a socket for each of them.
    pub listeners: usize,
    /// Probes at once.
    pub probes: usize,
    /// The admin API.
    pub admin: usize,
    /// Obtaining certificates.
    pub acme: usize,
}

impl Needs {
    /// Of this configuration.
    pub fn of(settings: &Settings, config: &Config) -> Self {
        let members: usize = config.pools.iter().map(|pool| pool.members.len()).sum();
        Self {
            listeners: config.listeners.len(),
            probes: members.min(PROBES_MAX),
            admin: settings.admin.as_ref().map_or(0, admin::descriptors),
            acme: settings.acme.as_ref().map_or(0, acme::descriptors),
        }
    }
}

/// Sessions at once, at most, with so many `descriptors` and `workers`. At least 1: when even that does not fit, the
/// log shows failures to accept.
pub fn sessions_max(descriptors: u64, workers: usize, needs: Needs) -> u32 {
    let reserved = ALWAYS + (workers * needs.listeners + needs.probes + needs.admin + needs.acme) as u64;
    let fits =
        |max_sessions: u32| reserved + PlaneOptions { workers, max_sessions }.descriptors() <= descriptors;
    // The number is between `low`, taken to fit, and `high`, which does not; `u32::MAX` stands for no limit.
    let (mut low, mut high) = (1, u32::MAX);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if fits(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: Needs = Needs { listeners: 1, probes: 3, admin: 0, acme: 0 };

    #[test]
    fn a_usual_limit_leaves_most_descriptors_to_sessions() {
        assert_eq!(sessions_max(1_048_576, 2, ARTICLE), 524_011);
        assert_eq!(sessions_max(65_536, 2, ARTICLE), 32_491);
        assert_eq!(sessions_max(1024, 2, ARTICLE), 437);
        assert_eq!(sessions_max(256, 2, ARTICLE), 95);
    }

    #[test]
    fn what_is_promised_fits_and_not_one_more_would() {
        for descriptors in 100..20_000 {
            let max_sessions = sessions_max(descriptors, 2, ARTICLE);
            let options = PlaneOptions { workers: 2, max_sessions };
            let held = options.descriptors() + ALWAYS + 2 + 3;
            assert!(held <= descriptors, "{held} of {descriptors}");
            // One more session may ask for two pipes.
            assert!(held + 6 > descriptors, "{held} of {descriptors}");
        }
    }

    #[test]
    fn too_few_descriptors_still_allow_one_session() {
        for descriptors in [0, 3, 40] {
            assert_eq!(sessions_max(descriptors, 2, ARTICLE), 1);
        }
    }

    #[test]
    fn no_limit_at_all_is_not_the_mark_for_unlimited() {
        assert_eq!(sessions_max(u64::MAX, 2, ARTICLE), u32::MAX - 1);
    }
}
