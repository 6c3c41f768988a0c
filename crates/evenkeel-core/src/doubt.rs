//! Whether a source has nothing left, where the kernel does not say so.
//!
//! A splice(2) into an empty pipe that brings less than was asked for has emptied its source, or filled the slots of the
//! pipe: each segment takes one, however small it is. To ask again is a third of the calls for a message of 16 KiB. So the
//! first is presumed where segments would have to be tiny else, and it is looked into when nothing has come for a while.
//! Only TCP gives all that it has.

/// The least that a slot of a pipe holds of a transfer, in bytes: a little less than the segments that any TCP takes
/// (RFC 9293, section 3.7.1).
const LEAST_SEGMENT: usize = 512;

/// What is presumed of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Doubt {
    /// It is not known yet what it is.
    #[default]
    Unknown,
    /// Nothing.
    None,
    /// That it has nothing left.
    Presumed,
    /// That is being looked into.
    Looking,
    /// Nothing, ever: it is not TCP, or had more all the same.
    Wary,
}

impl Doubt {
    /// It is about to be read; `is_tcp` is asked the first time.
    pub fn begin(&mut self, is_tcp: impl FnOnce() -> bool) {
        if *self == Self::Unknown {
            *self = if is_tcp() { Self::None } else { Self::Wary };
        }
    }

    /// So many bytes were read into an empty pipe of so many slots: whether it is presumed that the source has no more.
    pub fn on_read(&mut self, bytes: usize, slots: usize) -> bool {
        *self = match self {
            Self::Unknown | Self::Looking | Self::Wary => Self::Wary,
            Self::None | Self::Presumed if bytes < slots * LEAST_SEGMENT => Self::Presumed,
            Self::None | Self::Presumed => Self::None,
        };
        *self == Self::Presumed
    }

    /// The source has nothing left for sure.
    pub fn on_blocked(&mut self) {
        if matches!(self, Self::Presumed | Self::Looking) {
            *self = Self::None;
        }
    }

    /// It was read in another way, which tells by itself whether there is more.
    pub fn on_told(&mut self) {
        if *self == Self::Looking {
            *self = Self::None;
        }
    }

    /// Nothing has come for a while: whether to look.
    pub fn look(&mut self) -> bool {
        let looks = *self == Self::Presumed;
        if looks {
            *self = Self::Looking;
        }
        looks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: usize = 256;

    /// Of a source that is TCP.
    fn doubt() -> Doubt {
        let mut doubt = Doubt::default();
        doubt.begin(|| true);
        doubt
    }

    #[test]
    fn a_short_read_is_presumed_to_be_the_last_and_looked_into_once() {
        let mut doubt = doubt();
        assert!(!doubt.look(), "nothing is presumed");
        assert!(doubt.on_read(16 * 1024, SLOTS));
        assert!(doubt.look());
        doubt.on_blocked();
        assert!(!doubt.look());
        assert!(doubt.on_read(16 * 1024, SLOTS), "it was right");
    }

    #[test]
    fn a_read_that_may_have_filled_the_pipe_is_not() {
        let mut doubt = doubt();
        assert!(!doubt.on_read(SLOTS * LEAST_SEGMENT, SLOTS));
        assert!(!doubt.on_read(16 * 1024, 16), "a small pipe is full sooner");
        assert!(!doubt.look());
    }

    #[test]
    fn only_tcp_gives_all_that_it_has_and_is_asked_for_once() {
        let mut doubt = Doubt::default();
        doubt.begin(|| false);
        doubt.begin(|| unreachable!("it was asked"));
        assert!(!doubt.on_read(1, SLOTS));
        doubt.on_blocked();
        assert!(!doubt.on_read(1, SLOTS) && !doubt.look());
    }

    #[test]
    fn who_had_more_all_the_same_is_never_presumed_to_have_nothing() {
        let mut doubt = doubt();
        doubt.on_read(16 * 1024, SLOTS);
        doubt.look();
        assert!(!doubt.on_read(1, SLOTS));
        doubt.on_blocked();
        assert!(!doubt.on_read(1, SLOTS) && !doubt.look());
    }
}
