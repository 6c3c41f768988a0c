//! Two maps at once: what is in one of them, the other, or both.

use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::BTreeMap;

/// Every key of both maps in order, with what each has for it. A key is compared with one or two others, and not looked up:
/// of two maps of which most is the same, what differs is found in the time that it takes to walk through them.
pub fn side_by_side<'a, K: Ord, A, B>(
    one: &'a BTreeMap<K, A>,
    other: &'a BTreeMap<K, B>,
) -> impl Iterator<Item = (&'a K, Option<&'a A>, Option<&'a B>)> {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (one.peek(), other.peek()) {
            (Some((a, _)), Some((b, _))) => a.cmp(b),
            (Some(_), None) => Less,
            (None, _) => Greater,
        };
        match order {
            Less => one.next().map(|(key, a)| (key, Some(a), None)),
            Equal => one.next().zip(other.next()).map(|((key, a), (_, b))| (key, Some(a), Some(b))),
            Greater => other.next().map(|(key, b)| (key, None, Some(b))),
        }
    })
}

/// Every key for which they do not have the same, with what the other one has for it.
pub fn differing<K: Ord + Clone, A, B: Clone>(
    one: &BTreeMap<K, A>,
    other: &BTreeMap<K, B>,
    is_same: impl Fn(Option<&A>, Option<&B>) -> bool,
) -> Vec<(K, Option<B>)> {
    let differing = side_by_side(one, other).filter(|(_, a, b)| !is_same(*a, *b));
    differing.map(|(key, _, b)| (key.clone(), b.cloned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_comes_once_and_in_order() {
        let one = BTreeMap::from([(1, 'a'), (3, 'b'), (4, 'c')]);
        let other = BTreeMap::from([(0, "x"), (3, "y"), (5, "z")]);
        let found: Vec<_> = side_by_side(&one, &other).collect();
        let wanted = [
            (&0, None, Some(&"x")),
            (&1, Some(&'a'), None),
            (&3, Some(&'b'), Some(&"y")),
            (&4, Some(&'c'), None),
            (&5, None, Some(&"z")),
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn beside_an_empty_map_there_is_all_of_the_other() {
        let (some, none) = (BTreeMap::from([(1, 'a'), (2, 'b')]), BTreeMap::<i32, ()>::new());
        assert_eq!(side_by_side(&some, &none).filter(|(_, one, _)| one.is_some()).count(), 2);
        assert_eq!(side_by_side(&none, &some).filter(|(.., other)| other.is_some()).count(), 2);
        assert_eq!(side_by_side(&none, &none).count(), 0);
    }

    #[test]
    fn what_differs_is_what_the_other_one_has_or_nothing() {
        let one = BTreeMap::from([(1, 'a'), (2, 'b'), (3, 'c')]);
        let other = BTreeMap::from([(1, 'a'), (2, 'x'), (4, 'd')]);
        let found = differing(&one, &other, |one, other| one == other);
        assert_eq!(found, [(2, Some('x')), (3, None), (4, Some('d'))]);
    }
}
