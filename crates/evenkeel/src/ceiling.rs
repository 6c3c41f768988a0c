//! How many sessions fit into the descriptors that this process may open.

/// Standard streams, epoll, event and signal descriptors, files read on a reload, lookups of names.
const ALWAYS: u64 = 32;

/// Each worker's own: its epoll, its event.
const PER_WORKER: u64 = 2;

/// A session is a socket to the client and one to the backend.
const PER_SESSION: u64 = 2;

/// The share of all descriptors that may go to pipes, and the most that are of use: without a pipe a session is
/// carried through memory, which is slower but works.
const PIPES_SHARE: u64 = 8;
const PIPES_MAX: u64 = 4096;

/// What descriptors are needed for, besides sessions.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Threads that carry traffic; each has all listeners.
    pub workers: u64,
    /// Bound addresses.
    pub listeners: u64,
    /// Probes at once.
    pub probes: u64,
}

/// Sessions at once, at most, with so many `descriptors`. At least 1: what is too little shows in the log, as
/// failures to accept.
pub fn sessions_max(descriptors: u64, needs: Needs) -> u32 {
    let sessions = descriptors.saturating_sub(reserve(descriptors, needs)) / PER_SESSION;
    u32::try_from(sessions).unwrap_or(u32::MAX - 1).max(1)
}

fn reserve(descriptors: u64, needs: Needs) -> u64 {
    let pipes = (descriptors / PIPES_SHARE).min(PIPES_MAX);
    ALWAYS + needs.workers * (PER_WORKER + needs.listeners) + needs.probes + pipes
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARTICLE: Needs = Needs { workers: 2, listeners: 1, probes: 3 };

    #[test]
    fn a_usual_limit_leaves_most_descriptors_to_sessions() {
        assert_eq!(sessions_max(1_048_576, ARTICLE), 522_219);
        assert_eq!(sessions_max(1024, ARTICLE), 427);
    }

    #[test]
    fn reserve_and_sessions_never_exceed_the_descriptors() {
        for descriptors in 100..70_000 {
            let sessions = u64::from(sessions_max(descriptors, ARTICLE));
            let left = descriptors - reserve(descriptors, ARTICLE) - PER_SESSION * sessions;
            assert!(left < PER_SESSION, "{left} of {descriptors} are left");
        }
    }

    #[test]
    fn too_few_descriptors_still_allow_one_session() {
        for descriptors in [0, 3, 40] {
            assert_eq!(sessions_max(descriptors, ARTICLE), 1);
        }
    }

    #[test]
    fn no_limit_at_all_is_not_the_mark_for_unlimited() {
        assert_eq!(sessions_max(u64::MAX, ARTICLE), u32::MAX - 1);
    }
}
