//! The table that everybody has: RFC 7541, appendix A.

use super::Field;

/// Names and values, the first at index 1. Those of the same name are neighbours.
const ENTRIES: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The last index.
pub const LAST: usize = ENTRIES.len();

/// Where the first entry of a name is, by [`slot`]; 0: nowhere.
const PLACES: [u8; 256] = places();

const fn places() -> [u8; 256] {
    let mut places = [0; 256];
    // From the last on, so that the first of a name stays.
    let mut index = LAST;
    while index > 0 {
        let name = ENTRIES[index - 1].0.as_bytes();
        let place = &mut places[slot(name[0], name[name.len() - 1], name.len())];
        assert!(*place == 0 || index + 1 == *place as usize, "two names in one slot");
        *place = index as u8;
        index -= 1;
    }
    places
}

/// Tells the names of the table apart by length and two letters, whatever their case.
const fn slot(first: u8, last: u8, length: usize) -> usize {
    (length * 9 + (first | 0x20) as usize * 21 + (last | 0x20) as usize) % 256
}

/// What stands at an index.
pub fn get(index: usize) -> Option<Field<'static>> {
    let (name, value) = ENTRIES.get(index.checked_sub(1)?)?;
    Some((name.as_bytes(), value.as_bytes()))
}

/// Where a name first stands, whatever the case of its letters.
pub fn named(name: &[u8]) -> Option<usize> {
    let index = usize::from(PLACES[slot(*name.first()?, *name.last()?, name.len())]);
    get(index)?.0.eq_ignore_ascii_case(name).then_some(index)
}

/// Where the name that first stands at `first` stands with this value.
pub fn valued(first: usize, value: &[u8]) -> Option<usize> {
    let (name, _) = get(first)?;
    let is_same = |index: &usize| get(*index).is_some_and(|(other, _)| other == name);
    (first..).take_while(is_same).find(|index| get(*index).is_some_and(|(_, other)| other == value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_by_its_name_and_value_and_no_other() {
        for index in 1..=LAST {
            let (name, value) = get(index).unwrap();
            for name in [name.to_ascii_uppercase(), name.to_vec()] {
                let first = named(&name).unwrap();
                assert_eq!(
                    (get(first).unwrap().0, valued(first, value)),
                    (&*name.to_ascii_lowercase(), Some(index))
                );
                assert_eq!(valued(first, b"another"), None);
            }
        }
        assert_eq!((get(0), get(LAST + 1), get(usize::MAX)), (None, None, None));
        for other in ["", "x", "cookies", "accept_", "d@te", "x-forwarded-for", ":statuS\r"] {
            assert_eq!(named(other.as_bytes()), None, "{other}");
        }
    }
}
