//! What was probably meant by a word that is not known.

use super::keys::{self, Context, KEYS, Key};

/// What other programs call a value.
const VALUE_ALIASES: &[(&str, &str)] = &[
    ("roundrobin", "round-robin"),
    ("rr", "round-robin"),
    ("leastconn", "least-conn"),
    ("least-connections", "least-conn"),
    ("least-request", "least-conn"),
    ("p2c", "random"),
    ("source", "maglev"),
    ("ip-hash", "maglev"),
    ("ring-hash", "maglev"),
    ("consistent-hash", "maglev"),
    ("pretty", "text"),
    ("none", "off"),
];

/// The one of `words` that `written` is most like, if it is like any.
pub fn word<'a>(written: &str, words: &[&'a str]) -> Option<&'a str> {
    let written = written.to_lowercase().replace('_', "-");
    let alias = VALUE_ALIASES.iter().find(|(alias, _)| *alias == written).map(|(_, word)| *word);
    let aliased = words.iter().find(|word| Some(**word) == alias);
    aliased.or_else(|| closest(&written, words.iter(), |word| word)).copied()
}

/// What to write instead of an unknown key, or where else it belongs.
#[derive(Debug, PartialEq, Eq)]
pub enum Suggestion {
    /// This key, as it is written in the same table.
    Key(&'static str),
    /// The same key in one of these tables.
    Elsewhere(&'static [Context]),
    /// No idea.
    Nothing,
}

/// What was meant by `written` in the table `prefix` (empty, or ending with a dot) of `context`.
pub fn key(context: Context, prefix: &str, written: &str) -> Suggestion {
    let written = written.to_lowercase().replace('_', "-");
    let here: Vec<(&'static Key, &'static str)> =
        keys::in_context(context).filter_map(|key| Some((key, key.name.strip_prefix(prefix)?))).collect();
    let is_meant =
        |alias: &&str| **alias == written || alias.strip_suffix('s').is_some_and(|one| one == written);
    let by_alias = |flat: bool| {
        here.iter()
            .find(|(key, name)| name.contains('.') != flat && key.aliases.iter().any(is_meant))
            .map(|(_, name)| *name)
    };
    let flat = here.iter().filter(|(_, name)| !name.contains('.')).map(|(_, name)| *name);
    let leaf = |name: &&'static str| name.rsplit('.').next().unwrap_or(name) == written;
    let itself = here.iter().map(|(_, name)| *name).find(|name| *name == written);
    if let Some(name) = itself.or_else(|| by_alias(true)) {
        return Suggestion::Key(name);
    }
    let full = format!("{prefix}{written}");
    // Who writes a whole key means it: one that is only written much alike would do something else.
    if let Some(key) =
        KEYS.iter().find(|key| key.name == full).filter(|_| keys::find(context, &full).is_none())
    {
        return Suggestion::Elsewhere(key.scope.contexts());
    }
    if let Some(name) = closest(&written, flat, |name| name) {
        return Suggestion::Key(name);
    }
    match here.iter().map(|(_, name)| *name).find(leaf).or_else(|| by_alias(false)) {
        Some(name) => Suggestion::Key(name),
        None if context != Context::Backend
            && keys::find(Context::Backend, &format!("to.{full}")).is_some() =>
        {
            Suggestion::Elsewhere(&[Context::Backend])
        }
        None => Suggestion::Nothing,
    }
}

/// What was meant by `written`, anywhere.
pub fn any_key(written: &str) -> Option<&'static str> {
    [Context::Service, Context::Http, Context::Top, Context::Backend].iter().find_map(|context| {
        match key(*context, "", written) {
            Suggestion::Key(name) => Some(name),
            _ => closest(written, keys::in_context(*context), |key| key.name).map(|key| key.name),
        }
    })
}

/// Every third letter may be wrong, and two letters may have changed places.
fn closest<T>(written: &str, among: impl Iterator<Item = T>, name: impl Fn(&T) -> &str) -> Option<T> {
    let allowed = (written.chars().count() / 3).max(1);
    among
        .map(|candidate| (strsim::osa_distance(written, name(&candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::key as key_in;
    use super::*;

    #[test]
    fn knows_slips_of_the_finger_and_the_words_of_others() {
        let key = |written| key_in(Context::Service, "", written);
        assert_eq!(key("lisen"), Suggestion::Key("listen"));
        assert_eq!(key("servers"), Suggestion::Key("to"));
        assert_eq!(key("backend"), Suggestion::Key("to"));
        assert_eq!(key("max_sessions"), Suggestion::Key("max-sessions"));
        assert_eq!(key("connect-timeout"), Suggestion::Key("timeout.connect"));
        assert_eq!(key("interval"), Suggestion::Key("health.interval"));
        assert_eq!(key("hash-by"), Suggestion::Elsewhere(&[Context::Http, Context::Defaults]));
        assert_eq!(key("workers"), Suggestion::Elsewhere(&[Context::Top]));
        assert_eq!(key("weight"), Suggestion::Elsewhere(&[Context::Backend]));
        assert_eq!(any_key("weight"), Some("to.weight"));
        assert_eq!(key("tls-certificate"), Suggestion::Nothing);
        assert_eq!(key_in(Context::Service, "timeout.", "conect"), Suggestion::Key("connect"));
        assert_eq!(key_in(Context::Backend, "to.", "wieght"), Suggestion::Key("weight"));
    }

    #[test]
    fn knows_values_too() {
        let words = ["random", "round-robin", "least-conn", "maglev", "first"];
        assert_eq!(word("roundrobin", &words), Some("round-robin"));
        assert_eq!(word("Random", &words), Some("random"));
        assert_eq!(word("ip_hash", &words), Some("maglev"));
        assert_eq!(word("weighted", &words), None);
    }
}
