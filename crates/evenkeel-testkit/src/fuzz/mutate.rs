//! Small changes that leave most of an example as it is, so that what is wrong is found deep inside.

use evenkeel_core::dice::Dice;

/// Numbers at which lengths and types change their meaning.
const TELLING: [u8; 12] = [0, 1, 2, 3, 4, 0x0a, 0x0d, 0x20, 0x7f, 0x80, 0xfe, 0xff];

/// `bytes` after one to four changes.
pub fn mutated(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        change(&mut bytes, dice);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = below(dice, bytes.len());
    let end = (at + 1 + below(dice, 8)).min(bytes.len());
    let telling = TELLING[below(dice, TELLING.len())];
    match dice.below(7) {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << dice.below(8)),
        1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = telling),
        2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = byte.wrapping_add(telling)),
        3 => bytes.insert(at, telling),
        4 => drop(bytes.drain(at..end)),
        5 => bytes.extend_from_within(at..end),
        _ => bytes.truncate(at),
    }
}

fn below(dice: &mut Dice, bound: usize) -> usize {
    dice.below(bound as u64) as usize
}
