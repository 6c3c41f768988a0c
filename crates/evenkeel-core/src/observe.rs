//! Rules that may be tried first: what one that only observes has against a session is told, and nothing else comes of it.

/// What a rule does with whoever it is against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// They are refused, or slowed.
    #[default]
    Enforce,
    /// They are not, and it is told that they would have been.
    Observe,
}

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// Who, how many or how fast.
    pub limit: T,
    /// And otherwise.
    pub mode: Mode,
}
