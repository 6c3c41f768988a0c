//! The command line as a shell completes it: with the words that a value may be, and without files where none is wanted.
//!
//! What is typed is judged elsewhere, where more is known of what was meant; so this is no part of [`super::command`].

use crate::config::keys::{self, Context, KEYS};
use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, ValueHint};

/// How values are called that name no file.
const NO_FILES: [&str; 18] = [
    "BACKEND",
    "DURATION",
    "HOST",
    "ID",
    "IP",
    "METHOD",
    "MODE",
    "NAME",
    "NETWORK",
    "NUMBER",
    "PERCENT",
    "POOL",
    "PORT",
    "PORTS",
    "RATE",
    "STATUS",
    "USER[:GROUP]",
    "WEIGHT",
];

/// Everything that can be typed, to make completions of.
pub fn command() -> Command {
    super::command().mut_subcommands(offering)
}

fn offering(command: Command) -> Command {
    let name = command.get_name().to_owned();
    let command = command.mut_subcommands(offering);
    command.mut_args(|arg| match arg.get_id().as_str() {
        "key" if name == "explain" => offer(arg, KEYS.iter().map(|key| key.name).collect()),
        id => {
            let words = words(&name, id);
            offer(arg, words)
        }
    })
}

/// The words that a value of the flag `id` of `command` may be, if that is a key.
fn words(command: &str, id: &str) -> Vec<&'static str> {
    let contexts = match Context::of_service(command) {
        Some(service) => vec![service, Context::Top],
        None if command == "run" => vec![Context::Top],
        None => Vec::new(),
    };
    let key = contexts.into_iter().find_map(|context| keys::find(context, id));
    key.map(|key| key.kind.words().to_vec()).unwrap_or_default()
}

fn offer(arg: Arg, words: Vec<&'static str>) -> Arg {
    let names = arg.get_value_names().unwrap_or_default();
    let is_file = !names.iter().any(|name| NO_FILES.contains(&name.as_str()));
    match (words.is_empty(), is_file) {
        (false, _) => arg.value_parser(PossibleValuesParser::new(words)),
        (true, false) => arg.value_hint(ValueHint::Other),
        (true, true) => arg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::Shell;

    fn script(shell: Shell) -> String {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut command(), "evenkeel", &mut script);
        String::from_utf8(script).unwrap()
    }

    #[test]
    fn words_are_offered_where_a_word_is_wanted() {
        let script = script(Shell::Fish);
        let line = |flag: &str| script.lines().find(|it| it.contains(flag)).unwrap();
        let balance = line("__fish_evenkeel_using_subcommand tcp\" -l balance ");
        assert!(balance.contains("-a \"random") && balance.contains("least-conn"), "{balance}");
        assert!(line("__fish_evenkeel_using_subcommand run\" -l log ").contains("combined"));
        assert!(!line("__fish_evenkeel_using_subcommand status\" -l admin ").contains("off"));
    }

    #[test]
    fn keys_are_offered_to_be_explained_and_files_only_where_there_are_any() {
        let script = script(Shell::Bash);
        let explain = script.split("evenkeel__subcmd__explain)\n            opts=").nth(1).unwrap();
        assert!(explain.lines().next().unwrap().contains(" timeout.connect "));
        let interval = script.split("--interval)").nth(1).unwrap().lines().nth(1).unwrap();
        assert!(!interval.contains("compgen -f"), "{interval}");
    }
}
