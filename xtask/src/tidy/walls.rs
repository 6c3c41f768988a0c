//! Who may use what: the walls between crates as far as Cargo does not hold them up by itself, and those inside them.

use super::tree::{Problem, Tree, lines, words};
use toml::Table;

/// All that these crates may depend on. A further name is a decision, and its commit says what it saves.
const ALLOWED: [(&str, &[&str]); 4] = [
    ("crates/evenkeel-core", &["memchr", "siphasher"]),
    ("crates/evenkeel-sys", &["libc", "rustix", "socket2"]),
    // Of tokio only what a stream of bytes is to `h2`.
    (
        "crates/evenkeel-proxy",
        &["bytes", "evenkeel-core", "evenkeel-sys", "h2", "http", "rustix", "rustls", "slab", "tokio"],
    ),
    ("fuzz", &["evenkeel-testkit", "libfuzzer-sys"]),
];

/// The only crate with `unsafe` in it.
const UNSAFE: &str = "crates/evenkeel-sys";

/// Modules of the data plane that are used from above and know nothing of it.
const BELOW: [&str; 3] = ["relay", "reactor", "tls"];
const ABOVE: [&str; 3] = ["worker", "listener", "session"];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for directory in tree.crates() {
        problems.extend(dependencies(tree, directory));
        problems.extend(unsafe_code(tree, directory));
    }
    for (path, text) in tree.sources() {
        let code = lines(text).filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (number, line) in code {
            let what = looks_up(path, line).or_else(|| knows_toml(path, line));
            problems.extend(what.map(|what| Problem::new(path, number, what)));
        }
    }
    problems
}

/// Dependencies that are not allowed, or not used.
fn dependencies(tree: &Tree, directory: &str) -> Vec<Problem> {
    let manifest = format!("{directory}/Cargo.toml");
    let parsed: Table = match tree.get(&manifest).unwrap_or_default().parse() {
        Ok(parsed) => parsed,
        Err(error) => return vec![Problem::new(&manifest, 0, error.to_string())],
    };
    let names = |section: &str| -> Vec<String> {
        let table = parsed.get(section).and_then(|section| section.as_table());
        table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
    };
    let allowed = |name: &str| match ALLOWED.iter().find(|(of, _)| *of == directory) {
        Some((_, allowed)) => allowed.contains(&name),
        None => name != "evenkeel-testkit",
    };
    let is_used = |name: &str| {
        let name = name.replace('-', "_");
        let own = tree.sources().filter(|(path, _)| path.starts_with(&format!("{directory}/")));
        own.flat_map(|(_, text)| words(text)).any(|word| word == name)
    };
    let (normal, dev) = (names("dependencies"), names("dev-dependencies"));
    let forbidden =
        normal.iter().filter(|name| !allowed(name)).map(|name| format!("may not depend on {name}"));
    let unused =
        normal.iter().chain(&dev).filter(|name| !is_used(name)).map(|name| format!("does not use {name}"));
    forbidden.chain(unused).map(|what| Problem::new(&manifest, 0, what)).collect()
}

/// Roots of crates that do not forbid unsafe code.
fn unsafe_code(tree: &Tree, directory: &str) -> Vec<Problem> {
    ["lib", "main"]
        .map(|root| format!("{directory}/src/{root}.rs"))
        .into_iter()
        .filter(|path| {
            directory != UNSAFE
                && tree.get(path).is_some_and(|text| !text.contains("#![forbid(unsafe_code)]"))
        })
        .map(|path| Problem::new(&path, 0, "does not say `#![forbid(unsafe_code)]`"))
        .collect()
}

/// What carries bytes does not know what accepts and opens sessions.
fn looks_up(path: &str, line: &str) -> Option<String> {
    let inside = path.strip_prefix("crates/evenkeel-proxy/src/")?;
    let module = inside.split(['/', '.']).next().filter(|module| BELOW.contains(module))?;
    let from_here = words(line).any(|word| word == "crate" || word == "super");
    let above = words(line).find(|word| ABOVE.contains(word)).filter(|_| from_here)?;
    Some(format!("`{module}` is below `{above}` and may not use it"))
}

/// Only what reads the configuration knows how it is written.
fn knows_toml(path: &str, line: &str) -> Option<String> {
    let inside = path.strip_prefix("crates/")?;
    let allowed = inside.starts_with("evenkeel/src/config") || inside.contains("/tests/");
    let named = line.contains("toml::") || line.trim_start().starts_with("use toml");
    (named && !allowed).then(|| "only `config` knows TOML".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::tree::shown;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        shown(check(&Tree::of(files)))
    }

    #[test]
    fn the_core_depends_on_no_more_than_it_may() {
        let files = [
            ("crates/evenkeel-core/Cargo.toml", "[dependencies]\nsiphasher = \"1\"\ntokio = \"1\"\n"),
            (
                "crates/evenkeel-core/src/lib.rs",
                "#![forbid(unsafe_code)]\nuse siphasher::sip;\nuse tokio::time;\n",
            ),
        ];
        assert_eq!(found(&files), ["crates/evenkeel-core/Cargo.toml: may not depend on tokio"]);
    }

    #[test]
    fn what_tests_need_stays_in_tests() {
        let manifest = "[dependencies]\nevenkeel-testkit.workspace = true\n";
        let files = [
            ("crates/evenkeel/Cargo.toml", manifest),
            ("crates/evenkeel/src/a.rs", "evenkeel_testkit::b();"),
        ];
        assert_eq!(found(&files), ["crates/evenkeel/Cargo.toml: may not depend on evenkeel-testkit"]);
    }

    #[test]
    fn a_dependency_is_used() {
        let files = [("x/Cargo.toml", "[dev-dependencies]\na-b = \"1\"\n"), ("x/src/a.rs", "a_bc::d();")];
        assert_eq!(found(&files), ["x/Cargo.toml: does not use a-b"]);
    }

    #[test]
    fn unsafe_code_is_forbidden_but_in_sys() {
        let files = [
            ("crates/evenkeel-sys/Cargo.toml", ""),
            ("crates/evenkeel-sys/src/lib.rs", ""),
            ("x/Cargo.toml", ""),
            ("x/src/main.rs", ""),
        ];
        assert_eq!(found(&files), ["x/src/main.rs: does not say `#![forbid(unsafe_code)]`"]);
    }

    #[test]
    fn the_relay_does_not_know_the_session() {
        let relay = "crates/evenkeel-proxy/src/relay/mod.rs";
        let what = "`relay` is below `session` and may not use it";
        assert_eq!(found(&[(relay, "use crate::{a, session::B};\n")]), [format!("{relay}:1: {what}")]);
        assert!(found(&[(relay, "/// [`crate::session`]\nlet session = a();\n")]).is_empty());
        assert!(found(&[("crates/evenkeel-proxy/src/worker.rs", "use crate::session;\n")]).is_empty());
    }

    #[test]
    fn only_the_configuration_knows_toml() {
        let text = "let table: toml::Table = a;\n";
        assert_eq!(
            found(&[("crates/evenkeel/src/b.rs", text)]),
            ["crates/evenkeel/src/b.rs:1: only `config` knows TOML"]
        );
        assert!(found(&[("crates/evenkeel/src/config/b.rs", text)]).is_empty());
    }
}
