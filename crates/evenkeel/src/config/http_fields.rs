//! From what was typed to what is done to fields, and what clients are known by.

use super::chain::Chain;
use super::place::At;
use super::problem::{Problem, Problems};
use super::setting::{Layer, Setting};
use evenkeel_core::http::affinity::Affinity;
use evenkeel_core::http::cookie;
use evenkeel_core::http::edit::{EDITS_MAX, Edits, FieldName};
use evenkeel_core::http::hash_by::HashBy;
use evenkeel_core::http::template::Template;
use evenkeel_core::http::token;
use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;

/// The shortest key of an affinity, in characters.
const KEY_MIN: usize = 16;

/// What `key` of `layers` says, the nearest first.
pub fn edits(layers: &[&Layer], key: &str, problems: &mut Problems) -> Edits {
    let mut all = Edits::default();
    for layer in layers.iter().rev() {
        all = of_layer(layer, key, problems).after(&all);
    }
    if all.count() > EDITS_MAX {
        let place = layers.iter().find_map(|layer| layer.get(key)).map(|at| &at.place);
        let problem = Problem::error(format!("`{key}` has more than {EDITS_MAX} fields"));
        problems.push(problem.at_known(place, "each costs something for each request"));
    }
    all
}

fn of_layer(layer: &Layer, key: &str, problems: &mut Problems) -> Edits {
    let at = |inner: &str| layer.get(&format!("{key}.{inner}")).map(|at| &at.value);
    let mut fields = |inner: &str| match at(inner) {
        Some(Setting::Fields(fields)) => fields
            .iter()
            .filter_map(|(name, value)| Some((field_name(name, problems)?, template(value, problems)?)))
            .collect(),
        _ => Box::default(),
    };
    let (set, add) = (fields("set"), fields("add"));
    if let Some(Setting::Fields(fields)) = at("set") {
        twice(fields, problems);
    }
    let remove = match at("remove") {
        Some(Setting::Texts(names)) => names.iter().filter_map(|name| field_name(name, problems)).collect(),
        _ => Box::default(),
    };
    Edits { remove, set, add }
}

/// Tells of a field that is set twice: both would be there, and to many backends they are one.
fn twice(fields: &[(At<String>, At<String>)], problems: &mut Problems) {
    for (index, (name, _)) in fields.iter().enumerate() {
        let is_it = |(other, _): &&(At<String>, At<String>)| {
            token::are_alike(other.value.as_bytes(), name.value.as_bytes())
        };
        if let Some((first, _)) = fields[..index].iter().find(is_it) {
            let problem = Problem::error(format!("the field `{}` is set twice", name.value.escape_debug()));
            problems.push(problem.at(&name.place, "second time").at(&first.place, "first time"));
        }
    }
}

fn field_name(name: &At<String>, problems: &mut Problems) -> Option<FieldName> {
    let tell = |wrong: evenkeel_core::http::edit::NotEditable| {
        let what = format!("the field `{}` cannot be edited", name.value.escape_debug());
        problems.push(Problem::error(what).at(&name.place, wrong.to_string()));
    };
    name.value.parse().map_err(tell).ok()
}

fn template(value: &At<String>, problems: &mut Problems) -> Option<Template> {
    let tell = |wrong: evenkeel_core::http::template::NotATemplate| {
        problems
            .push(Problem::error("this value cannot stand in a field").at(&value.place, wrong.to_string()));
    };
    Template::parse(&value.value).map_err(tell).ok()
}

/// Whether `text` can be the name of a field.
pub fn is_name(text: &str) -> bool {
    token::is_name(text.as_bytes())
}

/// Whether `text` can be the value of a field.
pub fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| token::is_value(byte) && byte.is_ascii())
}

/// `name` is no name of a field.
pub fn no_name(name: &At<String>) -> Problem {
    Problem::error(format!("`{}` is no name of a field", name.value.escape_debug()))
        .at(&name.place, "expected letters, digits and hyphens, as X-Env")
}

/// How clients stay with their backends.
pub fn affinity(chain: &Chain<'_>, problems: &mut Problems) -> Option<Affinity> {
    if !chain.is_on("affinity") {
        return None;
    }
    let name = chain.text("affinity.cookie").unwrap_or_default();
    if !cookie::is_name(&name) {
        problems.push(
            Problem::error(format!("`{}` is no name of a cookie", name.escape_debug()))
                .at_found(chain.find("affinity.cookie"), "expected up to 64 letters, digits, `-` and `_`"),
        );
    }
    let key = chain.text("affinity.key");
    if key.as_ref().is_none_or(|key| key.chars().count() < KEY_MIN) && !is_broken(chain) {
        let problem = match &key {
            Some(_) => Problem::error("the key of `affinity` is too short")
                .at_found(chain.find("affinity.key"), "expected at least 16 characters"),
            None => Problem::error("`affinity` has no key")
                .at_found(chain.find("affinity"), "cookies would tell the addresses of backends to anybody"),
        };
        problems.push(problem.help("a random one is made by: openssl rand -hex 16"));
    }
    Some(Affinity { cookie: (&*name).into(), key: hash(&key.unwrap_or_default()) })
}

/// Whether a key was written and not understood, which was told.
fn is_broken(chain: &Chain<'_>) -> bool {
    chain.is_written("affinity.key") && chain.find("affinity.key").is_none()
}

/// Two evenkeels of any version must agree on it: it may never change.
fn hash(key: &str) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(1, 0);
    hasher.write(key.as_bytes());
    hasher.finish()
}

/// What tells clients apart.
pub fn hash_by(chain: &Chain<'_>, problems: &mut Problems) -> HashBy {
    let text = chain.text("hash-by").unwrap_or_default();
    text.parse().unwrap_or_else(|wrong| {
        let problem = Problem::error(format!("`hash-by` cannot be `{}`", text.escape_debug()));
        problems.push(problem.at_found(chain.find("hash-by"), &format!("{wrong}")));
        HashBy::Client
    })
}

/// By which name it is told that a message came through here.
pub fn via(chain: &Chain<'_>, problems: &mut Problems) -> Option<Box<[u8]>> {
    let text = chain.text("via")?;
    if !is_name(&text) {
        let problem = Problem::error(format!("`via` cannot be `{}`", text.escape_debug()));
        problems.push(
            problem.at_found(chain.find("via"), "expected letters, digits, dots and hyphens, as lb1.example"),
        );
        return None;
    }
    Some(text.as_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_never_changes_its_meaning() {
        assert_eq!(hash("6f2d1c9b0a7e4835"), 2_153_123_665_556_000_960);
        assert_ne!(hash("6f2d1c9b0a7e4835"), hash("6f2d1c9b0a7e4836"));
    }
}
