//! Every source is reached: by a `mod`, or because Cargo begins there.

use super::tree::{Problem, Tree, words};
use std::collections::BTreeSet;

pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut open: Vec<String> =
        tree.sources().map(|(path, _)| path).filter(|path| is_root(path)).map(Into::into).collect();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    while let Some(path) = open.pop() {
        if let Some(text) = tree.get(&path)
            && reached.insert(path.clone())
        {
            open.extend(modules(text).flat_map(|name| homes(&path, name)));
        }
    }
    tree.sources()
        .filter(|(path, _)| !reached.contains(*path))
        .map(|(path, _)| Problem::new(path, 0, "no `mod` leads here"))
        .collect()
}

/// Where Cargo begins a crate by itself.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.rsplit('/').collect();
    let holds_roots = |at: usize| {
        parts
            .get(at)
            .is_some_and(|name| ["tests", "benches", "examples", "bin", "fuzz_targets"].contains(name))
    };
    match parts[..] {
        ["lib.rs", "src", ..] | ["build.rs", ..] => true,
        ["main.rs", directory, ..] => directory == "src" || holds_roots(2),
        _ => holds_roots(1),
    }
}

/// The modules that a source declares in other files.
fn modules(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let line = line.strip_suffix(';')?;
        let mut words = words(line).skip_while(|word| ["pub", "crate", "super"].contains(word));
        (words.next() == Some("mod")).then(|| words.next()).flatten()
    })
}

/// The two places where the module `name`, declared in the source at `path`, can be.
fn homes(path: &str, name: &str) -> [String; 2] {
    let (directory, file) = path.rsplit_once('/').unwrap_or(("", path));
    let owns_directory = ["lib.rs", "main.rs", "mod.rs"].contains(&file) || is_root(path);
    let base = if owns_directory { directory } else { path.trim_end_matches(".rs") };
    [format!("{base}/{name}.rs"), format!("{base}/{name}/mod.rs")]
}

#[cfg(test)]
mod tests {
    use super::super::tree::shown;
    use super::*;

    #[test]
    fn modules_are_found_in_both_places_and_below() {
        let tree = Tree::of(&[
            ("x/src/lib.rs", "mod a;\npub(crate) mod b;\n#[cfg(test)]\nmod tests {\n"),
            ("x/src/a.rs", "mod c;"),
            ("x/src/a/c.rs", ""),
            ("x/src/b/mod.rs", "pub mod d;"),
            ("x/src/b/d.rs", ""),
            ("x/tests/t.rs", "mod kit;"),
            ("x/tests/kit/mod.rs", ""),
            ("x/tests/it/main.rs", "mod one;"),
            ("x/tests/it/one.rs", ""),
        ]);
        assert!(check(&tree).is_empty());
    }

    #[test]
    fn a_file_that_nobody_declares_is_dead() {
        let tree = Tree::of(&[
            ("x/src/lib.rs", "mod a;"),
            ("x/src/a.rs", ""),
            ("x/src/b.rs", ""),
            ("x/src/c.rs", "mod b;"),
        ]);
        assert_eq!(
            shown(check(&tree)),
            ["x/src/b.rs: no `mod` leads here", "x/src/c.rs: no `mod` leads here"]
        );
    }
}
