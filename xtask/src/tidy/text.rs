//! What may stand in a file: a first line that says what it is for, no forgotten notes, no paths of one machine.

use super::tree::{Problem, Tree, lines, words};

/// This file holds the words that it looks for.
const THIS: &str = "xtask/src/tidy/text.rs";

const MACHINE_PATHS: [&str; 3] = ["/tmp/h/", "/work/", "/root/"];

/// Words that say a direction from somebody's own view, or name a thing that has another name here.
const RELATIVE_WORDS: [&str; 4] = ["upstream", "downstream", "rx", "tx"];

pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| *path != THIS) {
        for (number, line) in lines(text) {
            let everywhere = machine_path(line);
            let rust = path
                .ends_with(".rs")
                .then(|| note(line).or_else(|| ignored(line)).or_else(|| relative(line)));
            problems.extend(everywhere.or(rust.flatten()).map(|what| Problem::new(path, number, what)));
        }
    }
    let unintroduced = tree.sources().filter(|(_, text)| !text.starts_with("//!"));
    problems.extend(
        unintroduced.map(|(path, _)| Problem::new(path, 1, "does not open with `//!`: what is it for?")),
    );
    problems
}

fn machine_path(line: &str) -> Option<String> {
    let path = MACHINE_PATHS.iter().find(|path| line.contains(**path))?;
    Some(format!("`{path}` is a path of one machine"))
}

/// A note is fine when it leads somewhere: `TODO(#12)`.
fn note(line: &str) -> Option<String> {
    let word = words(line).find(|word| ["TODO", "FIXME", "XXX"].contains(word))?;
    (!line.contains(&format!("{word}(#"))).then(|| format!("{word} without an issue: write {word}(#12)"))
}

fn ignored(line: &str) -> Option<String> {
    let is_ignored = line.trim_start().starts_with("#[ignore");
    is_ignored.then(|| "an ignored test rots: run it, or delete it".to_owned())
}

fn relative(line: &str) -> Option<String> {
    let word = words(line).find(|word| RELATIVE_WORDS.contains(word))?;
    Some(format!("`{word}` depends on where one stands: say client or backend, to_client or to_backend"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::shown;
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        shown(check(&Tree::of(&[(path, text)])))
    }

    #[test]
    fn a_file_that_is_in_order_has_no_problem() {
        assert!(found("a.rs", "//! A file.\n\n// TODO(#12): more.\nlet texture = 1;\n").is_empty());
    }

    #[test]
    fn every_source_says_first_what_it_is_for() {
        assert_eq!(found("a.rs", "use b;\n"), ["a.rs:1: does not open with `//!`: what is it for?"]);
        assert!(found("a.md", "A text.\n").is_empty());
    }

    #[test]
    fn notes_lead_to_an_issue() {
        assert_eq!(found("a.rs", "//! A.\n// TODO: b\n"), ["a.rs:2: TODO without an issue: write TODO(#12)"]);
    }

    #[test]
    fn tests_are_not_ignored() {
        assert_eq!(
            found("a.rs", "//! A.\n    #[ignore = \"slow\"]\n"),
            ["a.rs:2: an ignored test rots: run it, or delete it"]
        );
    }

    #[test]
    fn no_file_of_any_kind_names_a_path_of_one_machine() {
        assert_eq!(found("a.md", "see /root/x\n"), ["a.md:1: `/root/` is a path of one machine"]);
    }

    #[test]
    fn directions_are_those_of_the_traffic() {
        assert_eq!(found("a.rs", "//! A.\nlet (tx, x) = y;\n").len(), 1);
        assert_eq!(found("a.rs", "//! A.\n// the upstream\n").len(), 1);
    }
}
