//! One backend as it is typed in `to`: an address, or an inline table of it and further keys.

use super::rows::{self, Rows};

/// What a backend may say of itself that operators can order, by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its share.
    pub weight: u32,
    /// Whether it is a backup.
    pub backup: bool,
    /// Sessions there at most, where it has a number of its own.
    pub max_sessions: Option<u32>,
}

impl Said {
    /// What holds where nothing is said.
    pub const NOTHING: Self = Self { weight: 1, backup: false, max_sessions: None };

    /// What to write, by key; `None` where nothing says the same.
    fn keys(self) -> [(&'static str, Option<String>); 3] {
        [
            ("weight", (self.weight != 1).then(|| self.weight.to_string())),
            ("backup", self.backup.then(|| "true".to_owned())),
            ("max-sessions", self.max_sessions.map(|it| it.to_string())),
        ]
    }
}

/// The backend that is typed as `entry` and says `before`, saying `after`; what is the same in both stays as it is.
pub fn changed(entry: &str, before: Said, after: Said) -> String {
    differing(before, after).fold(entry.to_owned(), |entry, (key, value)| set(&entry, key, value))
}

/// The keys that `after` has other values for than `before`, with those.
pub fn differing(before: Said, after: Said) -> impl Iterator<Item = (&'static str, Option<String>)> {
    let both = before.keys().into_iter().zip(after.keys());
    both.filter(|(before, after)| before != after).map(|(_, after)| after)
}

/// The key of `key = value`.
pub fn key(pair: &str) -> Option<&str> {
    Some(pair.split_once('=')?.0.trim().trim_matches(['"', '\'']))
}

fn set(entry: &str, key: &str, value: Option<String>) -> String {
    let table = if entry.starts_with('{') { entry } else { &format!("{{ addr = {entry} }}") };
    let mut keys = Rows::of(table);
    let at = keys.values().position(|pair| self::key(pair) == Some(key));
    match (at, value) {
        (Some(at), Some(value)) => {
            let before = keys.values().nth(at).unwrap_or_default();
            let after = with_value(before, &value);
            keys.set(at, after);
        }
        (Some(at), None) => keys.remove(at),
        (None, Some(value)) => keys.push(format!("{key} = {value}")),
        (None, None) => {}
    }
    keys.text()
}

/// `key = old` with another value, and all that stands around the old one.
pub fn with_value(pair: &str, value: &str) -> String {
    let Some((key, rest)) = pair.split_once('=') else { return pair.to_owned() };
    let old = rest.trim_start();
    let (space, behind) = (&rest[..rest.len() - old.len()], &old[rows::value(old.as_bytes())..]);
    format!("{key}={space}{value}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written_and_in_the_look_that_is_there() {
        let said = |weight, backup, max_sessions| Said { weight, backup, max_sessions };
        let plain = Said::NOTHING;
        for (entry, before, after, text) in [
            ("'5001'", plain, said(3, false, None), "{ addr = '5001', weight = 3 }"),
            ("'5001'", plain, plain, "'5001'"),
            ("{addr='5001',weight=2}", said(2, false, None), said(7, false, None), "{addr='5001',weight=7}"),
            (
                "{ weight = 2, addr = '5001' }",
                said(2, false, None),
                said(2, true, Some(9)),
                "{ weight = 2, addr = '5001', backup = true, max-sessions = 9 }",
            ),
            ("{ addr = '5001', weight = 2 }", said(2, false, None), plain, "{ addr = '5001' }"),
            ("{ 'max-sessions' = 9, addr = '5001' }", said(1, false, Some(9)), plain, "{ addr = '5001' }"),
            (
                "{\n  addr = '5001', # here\n  weight = 2, # there\n}",
                said(2, false, None),
                said(5, false, Some(1)),
                "{\n  addr = '5001', # here\n  weight = 5, # there\n  max-sessions = 1,\n}",
            ),
        ] {
            assert_eq!(changed(entry, before, after), text);
        }
    }
}
