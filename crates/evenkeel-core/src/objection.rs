//! What the rules of a service have against a client, or a session.

use std::fmt;

/// Why somebody is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The address may not connect.
    Denied,
    /// The source has as many sessions open as one may have.
    SourceSessions,
    /// The source connects too fast.
    SourceRate,
    /// All together connect too fast.
    Rate,
}

impl Reason {
    /// All of them, in the order in which they are looked for.
    pub const ALL: [Self; 4] = [Self::Denied, Self::SourceSessions, Self::SourceRate, Self::Rate];

    /// The word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Denied => "not-allowed",
            Self::SourceSessions => "source-sessions",
            Self::SourceRate => "source-rate",
            Self::Rate => "rate",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a rule that only observes has against a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// It would have been refused.
    Admission(Reason),
    /// It would have been slowed.
    Bandwidth,
}

impl Objection {
    /// All of them; each at its [`index`](Self::index).
    pub const ALL: [Self; 5] = [
        Self::Admission(Reason::Denied),
        Self::Admission(Reason::SourceSessions),
        Self::Admission(Reason::SourceRate),
        Self::Admission(Reason::Rate),
        Self::Bandwidth,
    ];

    /// The word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Admission(reason) => reason.word(),
            Self::Bandwidth => "bandwidth",
        }
    }

    /// Where it is among [`ALL`](Self::ALL).
    pub fn index(self) -> usize {
        match self {
            Self::Admission(reason) => reason as usize,
            Self::Bandwidth => Reason::ALL.len(),
        }
    }
}

/// Some objections, each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objections([bool; Objection::ALL.len()]);

impl Objections {
    /// None of them.
    pub const NONE: Self = Self([false; Objection::ALL.len()]);

    /// Those in it.
    pub fn iter(self) -> impl Iterator<Item = Objection> {
        Objection::ALL.into_iter().filter(move |objection| self.has(*objection))
    }

    /// Whether `objection` is among them.
    pub fn has(self, objection: Objection) -> bool {
        self.0[objection.index()]
    }

    /// Adds one.
    pub fn note(&mut self, objection: Objection) {
        self.0[objection.index()] = true;
    }
}

impl FromIterator<Objection> for Objections {
    fn from_iter<T: IntoIterator<Item = Objection>>(objections: T) -> Self {
        let mut found = Self::NONE;
        objections.into_iter().for_each(|objection| found.note(objection));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_objection_is_at_its_index_and_has_a_word_of_its_own() {
        for (index, objection) in Objection::ALL.into_iter().enumerate() {
            assert_eq!(objection.index(), index);
            let same_word = |other: &Objection| other.word() == objection.word();
            assert_eq!(Objection::ALL.iter().filter(|other| same_word(other)).count(), 1);
        }
    }
}
