//! Why a datagram did not go on. Nothing waits anywhere: what cannot go on now is dropped, and counted.

/// Why a datagram was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The socket towards the backend took no more.
    BackendFull,
    /// The socket towards the clients took no more.
    ClientFull,
    /// No flow came about for it; how they ended says why.
    NoFlow,
    /// It would have begun a flow, and more comes in than can be taken: those that there are go first.
    Busy,
    /// It would have begun a flow, and no new ones are taken.
    Draining,
    /// The kernel would not send it: too long for the way, or forbidden.
    Unsendable,
}

impl Lost {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::BackendFull, Self::ClientFull, Self::NoFlow, Self::Busy, Self::Draining, Self::Unsendable];

    /// The one word that names it in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::BackendFull => "backend-full",
            Self::ClientFull => "client-full",
            Self::NoFlow => "no-flow",
            Self::Busy => "busy",
            Self::Draining => "draining",
            Self::Unsendable => "unsendable",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_where_its_number_says() {
        assert!(Lost::ALL.iter().enumerate().all(|(number, lost)| *lost as usize == number));
    }
}
