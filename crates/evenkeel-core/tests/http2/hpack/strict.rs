//! What is no block of fields, and what a block may cost.

use super::{hex, number, pairs, read, table};
use evenkeel_core::http2::hpack::{Broken, Decoder, TABLE};

fn refused(block: &str) -> Broken {
    read(&mut Decoder::new(), &hex(block)).unwrap_err()
}

#[test]
fn an_index_leads_somewhere() {
    assert_eq!(read(&mut Decoder::new(), &hex("bd")).unwrap(), "www-authenticate: \n");
    for nowhere in ["80", "be", "ff00", "ff81ffff7f", "7e0161", "0f2f0161", "1f2f0161"] {
        assert_eq!(refused(nowhere), Broken::Index, "{nowhere}");
    }
    let mut decoder = Decoder::new();
    assert_eq!(read(&mut decoder, &hex("400161016240016301644001650166 c0 bf be")).unwrap().len(), 6 * 5);
    assert_eq!(read(&mut decoder, &hex("c1")), Err(Broken::Index));
}

#[test]
fn a_number_has_an_end() {
    for endless in ["ff8080808000", "ffffffffff7f", "7fffffffff8000", "00ffffffffff0f", "3fffffffffff01"] {
        assert_eq!(refused(endless), Broken::Number, "{endless}");
    }
}

#[test]
fn a_block_ends_behind_a_field() {
    let pieces =
        ["3fe101", "82", "418cf1e3c2e5f23a6ba0ab90f4ff", "4003782d6103313233", "0f2f86a8eb10649cbf", "ff00"]
            .map(hex);
    let whole = pieces.concat();
    let ends: Vec<usize> = (0..pieces.len()).map(|count| pieces[..count].concat().len()).collect();
    for length in 0..whole.len() {
        let read = read(&mut Decoder::new(), &whole[..length]);
        match ends.contains(&length) {
            true => assert!(read.is_ok(), "{length}"),
            false => assert_eq!(read, Err(Broken::Truncated), "{length}"),
        }
    }
}

#[test]
fn a_string_says_no_more_than_its_codes() {
    for wrong in ["0001 61 84 ffffffff", "0001 61 82 07ff", "0001 61 81 06", "0001 61 81 00", "0081 ff 00"] {
        assert_eq!(refused(wrong), Broken::Huffman, "{wrong}");
    }
    assert_eq!(read(&mut Decoder::new(), &hex("0001 61 81 07")).unwrap(), "a: 0\n");
    assert_eq!(read(&mut Decoder::new(), &hex("0080 80")).unwrap(), ": \n");
}

#[test]
fn the_size_of_the_table_changes_at_the_beginning_twice_at_most_and_not_above_what_was_agreed() {
    for right in ["20", "3fe11f", "203fe11f", "20 20 82", "3fe11f 82"] {
        assert!(read(&mut Decoder::new(), &hex(right)).is_ok(), "{right}");
    }
    for wrong in ["3fe21f", "3fffffff7f", "82 20", "202020", "20 20 3fe11f", "0001610162 20"] {
        assert_eq!(refused(wrong), Broken::Size, "{wrong}");
    }
}

#[test]
fn a_smaller_table_forgets_and_a_larger_one_remembers_nothing_again() {
    let mut decoder = Decoder::new();
    read(&mut decoder, &hex("4001 61 01 62")).unwrap();
    assert_eq!(read(&mut decoder, &hex("20 be")), Err(Broken::Index));
    read(&mut decoder, &hex("4001 61 01 62")).unwrap();
    assert_eq!(table(&decoder), []);
    assert_eq!(read(&mut decoder, &hex("3fe11f 4001 61 01 62 be")).unwrap(), "a: b\na: b\n");
}

#[test]
fn a_name_is_right_although_its_entry_makes_place_for_the_field() {
    let (name, value) = (vec![b'n'; 3000], vec![b'v'; 1000]);
    let mut decoder = Decoder::new();
    let first = [vec![0x40], number(0, 7, 3000), name.clone(), vec![0]].concat();
    let second = [vec![0x7e], number(0, 7, 1000), value.clone()].concat();
    pairs(&mut decoder, &first).unwrap();
    assert_eq!(pairs(&mut decoder, &second), Ok(vec![(name.clone(), value.clone())]));
    assert_eq!(table(&decoder), [(name.clone(), value)]);
    let value = vec![b'v'; TABLE - 3000 - 31];
    let too_large = [vec![0x7e], number(0, 7, value.len()), value.clone()].concat();
    assert_eq!(pairs(&mut decoder, &too_large), Ok(vec![(name, value)]));
    assert_eq!(table(&decoder), []);
}

#[test]
fn a_block_tells_no_more_fields_than_it_has_bytes_nor_larger_ones_than_came() {
    let large = [vec![0x40], number(0, 7, 1), vec![b'x'], number(0, 7, 4000), vec![b'y'; 4000]].concat();
    let bomb = [large, vec![0xbe; 60_000]].concat();
    let (mut fields, mut bytes, mut scratch) = (0, 0, Vec::new());
    Decoder::new()
        .read(&bomb, &mut scratch, |name, value| {
            fields += 1;
            bytes += name.len() + value.len();
        })
        .unwrap();
    assert_eq!((fields, bytes), (60_001, 60_001 * 4001));
    assert!(scratch.capacity() < 2 * 4001, "an entry is told as it stands in the table");
}
