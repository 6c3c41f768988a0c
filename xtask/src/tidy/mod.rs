//! What neither the compiler nor clippy checks: walls inside crates, files nobody reaches, functions too long to
//! read, words and paths that do not belong here.

mod functions;
mod reach;
mod text;
mod tree;
mod walls;

pub use tree::{Problem, Tree};

/// All that is wrong with the repository, by file and line.
pub fn problems(tree: &Tree) -> Vec<Problem> {
    let rules = [text::check, functions::check, reach::check, walls::check];
    let mut problems: Vec<Problem> = rules.iter().flat_map(|rule| rule(tree)).collect();
    problems.sort();
    problems
}
