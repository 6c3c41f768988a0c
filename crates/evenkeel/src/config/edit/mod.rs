//! Writes what operators ordered into the text of a configuration; everything else in it stays as it was typed.

mod entry;
mod lists;
mod rows;
mod tables;

pub use entry::Said;

use super::Given;
use evenkeel_core::addr::Addr;
use lists::{List, Lists};
use std::collections::BTreeMap;
use std::ops::Range;

/// A change of the backends of a pool.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The pool, by the name that it has in a running evenkeel.
    pub pool: String,
    /// The backend.
    pub backend: Addr,
    /// What is to be said of it.
    pub what: EditKind,
    /// The name that it belongs to where it runs, written as in `to`: such a backend has no entry of its own there.
    pub name: Option<String>,
}

/// What is to be said of a backend.
#[derive(Clone, Debug)]
pub enum EditKind {
    /// This share.
    Weight(u32),
    /// That it is there, and this of it.
    Added(Said),
    /// Nothing any more.
    Removed,
    /// This share again, as the configuration in force has it. What is not listed was taken out by another hand.
    WeightAgain(u32),
    /// That it is there again, as the configuration in force has it: with this share, and all of this if it is not listed.
    AddedAgain(Said),
}

/// A text after edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// All of it.
    pub text: String,
    /// How many of the edits have changed it; it said the others already.
    pub changes: usize,
}

/// Makes all `edits` in the text of `given`; fails with the first that cannot be made, and why.
///
/// Only that text is changed: of files that it includes is said that they would have to be.
pub fn edit(given: &Given, edits: &[Edit]) -> Result<Edited, String> {
    let lists = Lists::find(given)?;
    let mut by_pool: BTreeMap<&str, Vec<&Edit>> = BTreeMap::new();
    edits.iter().for_each(|edit| by_pool.entry(&edit.pool).or_default().push(edit));
    let mut changes = 0;
    let mut spans: Vec<(Range<usize>, String)> = Vec::new();
    for (pool, edits) in by_pool {
        let mut list = lists.of(pool)?;
        for edit in edits {
            changes += usize::from(make(&mut list, edit)?);
        }
        spans.extend(list.texts());
    }
    // From the end on, so that those before stay where they are; what comes before another one has no length there.
    spans.sort_by_key(|(span, _)| (span.start, span.end));
    let mut text = given.text.clone();
    spans.into_iter().rev().for_each(|(span, new)| text.replace_range(span, &new));
    Ok(Edited { text, changes })
}

/// Makes `edit`, and says whether it was anything new.
fn make(list: &mut List, edit: &Edit) -> Result<bool, String> {
    use EditKind::{Added, AddedAgain, Removed, Weight, WeightAgain};
    match (&edit.what, list.position(&edit.backend)) {
        (Added(said), Some(at)) => Ok(list.say(at, *said)),
        (Weight(weight) | WeightAgain(weight) | AddedAgain(Said { weight, .. }), Some(at)) => {
            let said = Said { weight: *weight, ..list.said(at) };
            Ok(list.say(at, said))
        }
        (Removed, Some(at)) => {
            list.remove(at);
            Ok(true)
        }
        (Added(said) | AddedAgain(said), None) => {
            list.add(&edit.backend, *said);
            Ok(true)
        }
        (WeightAgain(_), None) => Ok(false),
        (Removed, None) if edit.name.is_none() => Ok(false),
        (Removed | Weight(_), None) => Err(no_entry(edit)),
    }
}

fn no_entry(edit: &Edit) -> String {
    let Edit { pool, backend, name, .. } = edit;
    let owner = name.as_ref().map_or_else(String::new, |name| format!(": it belongs to the name {name}"));
    format!("{backend} has no entry of its own in `{pool}`{owner}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Said = Said::NOTHING;

    fn edit_of(pool: &str, addr: &str, what: EditKind) -> Edit {
        Edit { pool: pool.to_owned(), backend: Addr::Ip(addr.parse().unwrap()), what, name: None }
    }

    fn edited(text: &str, edits: &[Edit]) -> Result<Edited, String> {
        edit(&Given { path: "p.toml".into(), text: text.to_owned() }, edits)
    }

    fn made(text: &str, pool: &str, addr: &str, what: EditKind) -> Result<(String, usize), String> {
        edited(text, &[edit_of(pool, addr, what)]).map(|it| (it.text, it.changes))
    }

    const TEXT: &str = "# ours\n[pool]\npg = \"10.0.0.1:5432\"   # the one\n\n[tcp.web] # the site\nlisten = \":8080\"\nto = [\n    \
                        \"5001\", # old\n    { addr = \"127.0.0.1:5002\", weight = 2 },\n]\n\n[tcp.db]\n\
                        listen = \":5432\"\nto = \"pool:pg\"\n";

    #[test]
    fn a_weight_is_set_and_all_else_stays() {
        let to = |weight| EditKind::Weight(weight);
        let expected = |from: &str, to: &str| Ok((TEXT.replace(from, to), 1));
        assert_eq!(made(TEXT, "web", "127.0.0.1:5002", to(7)), expected("weight = 2", "weight = 7"));
        let new = "{ addr = \"5001\", weight = 3 }";
        assert_eq!(made(TEXT, "web", "127.0.0.1:5001", to(3)), expected("\"5001\"", new));
        let new = "{ addr = \"10.0.0.1:5432\", weight = 3 }";
        assert_eq!(made(TEXT, "pg", "10.0.0.1:5432", to(3)), expected("\"10.0.0.1:5432\"", new));
    }

    #[test]
    fn backends_are_added_and_removed_where_the_pool_is() {
        let expected = |from: &str, to: &str| Ok((TEXT.replace(from, to), 1));
        assert_eq!(
            made(TEXT, "pg", "10.0.0.2:5432", EditKind::Added(PLAIN)),
            expected("\"10.0.0.1:5432\"", "[\"10.0.0.1:5432\", \"10.0.0.2:5432\"]")
        );
        let full = Said { weight: 2, backup: true, max_sessions: Some(9) };
        let entry = "{ addr = \"127.0.0.1:5003\", weight = 2, backup = true, max-sessions = 9 }";
        assert_eq!(
            made(TEXT, "web", "127.0.0.1:5003", EditKind::Added(full)),
            expected("},\n", &format!("}},\n    {entry},\n"))
        );
        assert_eq!(
            made(TEXT, "web", "127.0.0.1:5001", EditKind::Removed),
            expected("\n    \"5001\", # old", "")
        );
    }

    #[test]
    fn what_the_text_says_already_is_no_change() {
        let before = Said { weight: 2, ..PLAIN };
        for what in [EditKind::Added(before), EditKind::Weight(2)] {
            assert_eq!(made(TEXT, "web", "127.0.0.1:5002", what), Ok((TEXT.to_owned(), 0)));
        }
        assert_eq!(made(TEXT, "web", "127.0.0.1:5009", EditKind::Removed), Ok((TEXT.to_owned(), 0)));
        let after = Said { weight: 9, backup: true, ..PLAIN };
        let expected = TEXT.replace("weight = 2", "weight = 9, backup = true");
        assert_eq!(made(TEXT, "web", "127.0.0.1:5002", EditKind::Added(after)), Ok((expected, 1)));
    }

    #[test]
    fn what_holds_again_is_written_where_the_text_says_something_else() {
        let capped = Said { max_sessions: Some(7), ..PLAIN };
        let again = |addr, what| made(TEXT, "web", addr, what);
        let expected = |from: &str, to: &str| Ok((TEXT.replace(from, to), 1));
        for what in [EditKind::WeightAgain(1), EditKind::AddedAgain(capped)] {
            let left = "{ addr = \"127.0.0.1:5002\" }";
            assert_eq!(
                again("127.0.0.1:5002", what),
                expected("{ addr = \"127.0.0.1:5002\", weight = 2 }", left)
            );
        }
        assert_eq!(again("127.0.0.1:5003", EditKind::WeightAgain(1)), Ok((TEXT.to_owned(), 0)));
        let entry = "},\n    { addr = \"127.0.0.1:5003\", max-sessions = 7 },\n";
        assert_eq!(again("127.0.0.1:5003", EditKind::AddedAgain(capped)), expected("},\n", entry));
    }

    #[test]
    fn every_edit_of_several_pools_is_made_and_those_that_change_something_count() {
        let edits = [
            edit_of("web", "127.0.0.1:5001", EditKind::Removed),
            edit_of("pg", "10.0.0.1:5432", EditKind::Weight(4)),
            edit_of("web", "127.0.0.1:5002", EditKind::Weight(2)),
            edit_of("web", "127.0.0.1:5003", EditKind::Added(PLAIN)),
        ];
        let expected = TEXT
            .replace("\n    \"5001\", # old", "")
            .replace("\"10.0.0.1:5432\"", "{ addr = \"10.0.0.1:5432\", weight = 4 }")
            .replace("},\n", "},\n    \"127.0.0.1:5003\",\n");
        assert_eq!(edited(TEXT, &edits), Ok(Edited { text: expected, changes: 3 }));
    }

    #[test]
    fn line_ends_and_a_byte_order_mark_are_kept() {
        let text = format!("\u{feff}{}", TEXT.replace('\n', "\r\n"));
        let (after, _) = made(&text, "web", "127.0.0.1:5003", EditKind::Added(PLAIN)).unwrap();
        assert_eq!(after, text.replace("},\r\n", "},\r\n    \"127.0.0.1:5003\",\r\n"));
    }

    const ONE_TABLE: &str =
        "is typed as `[….to]` or as `to.addr`, and only a list, `to = […]`, and `[[….to]]` can be written";

    #[test]
    fn tables_with_headers_are_changed_line_by_line() {
        let text = "[[tcp.x.to]]\r\naddr = '5001'\r\n[[tcp.x.to]]\r\nweight = 2\r\naddr = '5002'\r\n[[pool.p]]\r\naddr = '1'";
        let edits = [
            edit_of("x", "127.0.0.1:5001", EditKind::Removed),
            edit_of("x", "127.0.0.1:5002", EditKind::Weight(3)),
            edit_of("x", "127.0.0.1:5003", EditKind::Added(PLAIN)),
            edit_of("p", "127.0.0.1:1", EditKind::Weight(3)),
            edit_of("p", "127.0.0.1:2", EditKind::Added(PLAIN)),
        ];
        let expected = "[[tcp.x.to]]\r\nweight = 3\r\naddr = '5002'\r\n[[tcp.x.to]]\r\naddr = \"127.0.0.1:5003\"\r\n\
                        [[pool.p]]\r\naddr = '1'\r\nweight = 3\r\n[[pool.p]]\r\naddr = \"127.0.0.1:2\"\r\n";
        assert_eq!(edited(text, &edits), Ok(Edited { text: expected.to_owned(), changes: 5 }));
    }

    /// Each form that gives a pool its backends, with `@` where one more goes.
    const FORMS: [(&str, &str); 13] = [
        ("x", "[udp.x]\nto = ['5001'@]\n"),
        ("x", "[tcp]\nx = { listen = ':80', to = ['5001'@] }\n"),
        ("x", "tcp.x.to = ['5001'@]\n"),
        ("p", "[pool]\np = ['5001'@]\n[tcp.x]\nto = 'pool:p'\n"),
        ("p", "[pool.p]\nto = ['5001'@]\n[http.x.route.'*']\nsplit = { p = 1, q = 1 }\n[pool]\nq = '1'\n"),
        ("x//api/*", "[http.x.route]\n'/api/*' = ['5001'@]\n"),
        ("x//api/*", "[http.x.route]\n'/api/*' = { to = ['5001'@], balance = 'first' }\n"),
        ("x//api/*", "[http.x.route.'/api/*']\nto = ['5001'@]\n"),
        ("x/a.example", "[tcp.x]\nroute.'a.example' = ['5001'@]\n"),
        ("x/*#2", "[[http.x.route.'*']]\nto = '1'\nmethods = 'GET'\n[[http.x.route.'*']]\nto = ['5001'@]\n"),
        ("x/*#2", "[http.x.route]\n'*' = [{ to = '1', methods = 'GET' }, { to = ['5001'@] }]\n"),
        // With a rule of its own it has a pool of its own, whose backends are those of the shared one.
        ("x", "[pool]\np = ['5001'@]\n[tcp.x]\nto = 'pool:p'\nbalance = 'first'\n"),
        (
            "p@x",
            "[pool]\np = ['5001'@]\n[http.x]\nbalance = 'first'\nroute = { '*' = { split = { p = 1 } } }\n",
        ),
    ];

    #[test]
    fn a_pool_is_found_in_every_form_of_the_configuration() {
        for (pool, form) in FORMS {
            let text = form.replace('@', "");
            let after = made(&text, pool, "127.0.0.1:5002", EditKind::Added(PLAIN));
            assert_eq!(after, Ok((form.replace('@', ", \"127.0.0.1:5002\""), 1)), "{form}");
            let after = made(&text, pool, "127.0.0.1:5001", EditKind::Weight(4));
            let expected = text.replace("'5001'", "{ addr = '5001', weight = 4 }");
            assert_eq!(after, Ok((expected, 1)), "{form}");
        }
    }

    #[test]
    fn an_address_that_a_variable_stands_for_is_found() {
        let text = "[tcp.x]\nto = ['${EVENKEEL_NO_SUCH_VARIABLE:-5001}', '5002']\n";
        let (after, _) = made(text, "x", "127.0.0.1:5001", EditKind::Removed).unwrap();
        assert_eq!(after, "[tcp.x]\nto = ['5002']\n");
    }

    #[test]
    fn what_cannot_be_written_is_refused_with_the_reason() {
        let refused = |text: &str, pool: &str| {
            let mut edit = edit_of(pool, "127.0.0.1:5001", EditKind::Removed);
            edit.name = Some("localhost:5001".to_owned());
            edited(text, &[edit]).unwrap_err()
        };
        for (text, pool, why) in [
            (TEXT, "other", "no pool of this file is called `other`"),
            (
                "[tcp.x]\nto = ['localhost:5001']\n",
                "x",
                "127.0.0.1:5001 has no entry of its own in `x`: it belongs to the name localhost:5001",
            ),
            ("[tcp.x]\nto.addr = '5001'\n", "x", ONE_TABLE),
            ("[tcp.x.to]\naddr = '5001'\n", "x", ONE_TABLE),
            ("[[http.x.route.'*']]\nto.addr = '5001'\n", "x/*", ONE_TABLE),
            (
                "[pool]\np = '5001'\n[tcp.x]\nto = 'pool:p'\nbalance = 'first'\n[tcp.y]\nto = 'pool:p'\n",
                "x",
                "`x` has rules of its own and the backends of `[pool.p]`, which are those of `p`, too",
            ),
        ] {
            assert!(refused(text, pool).ends_with(why), "{}", refused(text, pool));
        }
        assert!(refused("[", "x").starts_with("p.toml:1: not valid TOML"));
        let nowhere = made(TEXT, "web", "127.0.0.1:9", EditKind::Weight(1)).unwrap_err();
        assert_eq!(nowhere, "127.0.0.1:9 has no entry of its own in `web`");
    }

    #[test]
    fn a_list_in_a_file_that_is_included_is_told_with_that_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("web.toml"), "[tcp.web]\nto = '5001'\n").unwrap();
        let given = Given { path: folder.path().join("p.toml"), text: "include = '*.toml'\n".to_owned() };
        let why = edit(&given, &[edit_of("web", "127.0.0.1:5001", EditKind::Removed)]).unwrap_err();
        let file = folder.path().join("web.toml");
        assert_eq!(why, format!("the backends of `web` are in {}, which this file includes", file.display()));
    }
}
