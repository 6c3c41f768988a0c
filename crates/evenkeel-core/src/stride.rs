//! How many connections are accepted in one go. To ask for one that is not there is dear, since the kernel makes a socket and a
//! file for it first; so as many are accepted as came last time, and more only while the kernel goes on to say that there are.

/// The most in one go: before established ones get theirs.
const MAX: usize = 64;

/// How many were accepted lately, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stride {
    turn: u64,
    most: usize,
    /// Accepted since there was a turn in which nobody waited.
    crowd: usize,
}

impl Stride {
    /// How many to accept at most now that somebody waits in this `turn`: twice as many as in the one before, if then, too.
    pub fn next(&mut self, turn: u64) -> usize {
        if self.turn + 1 == turn {
            self.most *= 2;
        } else {
            self.most = self.crowd;
            self.crowd = 0;
        }
        self.turn = turn;
        self.most = self.most.clamp(1, MAX);
        self.most
    }

    /// So many were accepted in this turn.
    pub fn accepted(&mut self, number: usize) {
        self.crowd = self.crowd.saturating_add(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for in each turn when so many come in it, and nobody is left waiting for longer than it takes.
    fn asked(coming: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let (mut stride, mut waiting) = (Stride::default(), 0);
        let turn = |(turn, coming)| {
            waiting += coming;
            if waiting == 0 {
                return 0;
            }
            let most = stride.next(turn);
            stride.accepted(most.min(waiting));
            waiting -= most.min(waiting);
            most
        };
        (10..).zip(coming).map(turn).collect()
    }

    #[test]
    fn those_who_come_now_and_then_are_accepted_one_by_one() {
        assert_eq!(asked([1, 0, 1, 0, 0, 1, 0]), [1, 0, 1, 0, 0, 1, 0]);
    }

    #[test]
    fn a_crowd_is_accepted_in_strides_that_grow_up_to_a_limit() {
        assert_eq!(asked([200, 0, 0, 0, 0, 0, 0, 0, 0]), [1, 2, 4, 8, 16, 32, 64, 64, 64]);
    }

    #[test]
    fn after_a_crowd_the_next_one_is_taken_to_be_as_large_and_then_not() {
        assert_eq!(asked([7, 0, 0, 0, 7, 0, 1, 0, 1]), [1, 2, 4, 0, 7, 0, 7, 0, 1]);
    }
}
