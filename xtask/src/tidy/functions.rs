//! No function is too long to read at once, except those listed here with a reason.

use super::tree::{Problem, Tree, lines, words};

/// Lines of a function at most, from `fn` to its last brace.
const LONGEST: usize = 70;

/// Functions that may be longer: path, name, and why. One that is no longer too long must leave the list.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

pub fn check(tree: &Tree) -> Vec<Problem> {
    check_but(tree, EXCEPTIONS)
}

fn check_but(tree: &Tree, exceptions: &[(&str, &str, &str)]) -> Vec<Problem> {
    let long: Vec<_> = tree
        .sources()
        .flat_map(|(path, text)| functions(text).into_iter().map(move |function| (path, function)))
        .filter(|(_, function)| function.length > LONGEST)
        .collect();
    let is = |(path, name, _): &&(&str, &str, &str), (at, function): &(&str, Function<'_>)| {
        path == at && *name == function.name
    };
    let excess = long.iter().filter(|long| !exceptions.iter().any(|exception| is(&exception, long))).map(
        |(path, function)| {
            let what = format!("`{}` has {} lines, {LONGEST} at most", function.name, function.length);
            Problem::new(path, function.line, what)
        },
    );
    let stale = exceptions
        .iter()
        .filter(|exception| !long.iter().any(|long| is(exception, long)))
        .map(|(path, name, _)| Problem::new(path, 0, format!("`{name}` needs no exception any more")));
    excess.chain(stale).collect()
}

struct Function<'a> {
    name: &'a str,
    line: usize,
    length: usize,
}

/// Every function with a body of its own lines. Relies on rustfmt: the last brace is indented like the `fn`.
fn functions(text: &str) -> Vec<Function<'_>> {
    let numbered: Vec<(usize, &str)> = lines(text).collect();
    let mut functions = Vec::new();
    for (at, (line, start)) in numbered.iter().enumerate() {
        let Some(name) = function_name(start) else { continue };
        let indent = &start[..start.len() - start.trim_start().len()];
        let is_end = |text: &str| text.strip_prefix(indent) == Some("}");
        let has_no_body = |text: &str| text.ends_with(';') || text.ends_with('}');
        if has_no_body(start) {
            continue;
        }
        if let Some((end, _)) = numbered[at..].iter().find(|(_, text)| is_end(text)) {
            functions.push(Function { name, line: *line, length: end - line + 1 });
        }
    }
    functions
}

fn function_name(line: &str) -> Option<&str> {
    if line.trim_start().starts_with("//") || line.contains('"') {
        return None;
    }
    let mut words = words(line);
    words.by_ref().take_while(|word| MODIFIERS.contains(word)).find(|word| *word == "fn")?;
    words.next()
}

const MODIFIERS: [&str; 7] = ["pub", "crate", "super", "const", "async", "unsafe", "fn"];

#[cfg(test)]
mod tests {
    use super::super::tree::shown;
    use super::*;

    fn function(lines: usize) -> String {
        format!("impl A {{\n    pub(crate) async fn b(\n{}    }}\n}}\n", "        c();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_of_seventy_lines_is_the_longest() {
        assert!(check_but(&Tree::of(&[("a.rs", &function(70))]), &[]).is_empty());
        let problems = check_but(&Tree::of(&[("a.rs", &function(71))]), &[]);
        assert_eq!(shown(problems), ["a.rs:2: `b` has 71 lines, 70 at most"]);
    }

    #[test]
    fn an_exception_lasts_as_long_as_it_is_needed() {
        let exceptions = [("a.rs", "b", "a table")];
        assert!(check_but(&Tree::of(&[("a.rs", &function(71))]), &exceptions).is_empty());
        let problems = check_but(&Tree::of(&[("a.rs", &function(70))]), &exceptions);
        assert_eq!(shown(problems), ["a.rs: `b` needs no exception any more"]);
    }

    #[test]
    fn declarations_and_one_liners_do_not_reach_for_the_next_brace() {
        assert!(functions("trait A {\n    fn b();\n    fn c() {}\n}\n").is_empty());
    }
}
