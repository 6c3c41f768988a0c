//! Why a backend is as it is, for a person.

use super::super::read::{list, number, word};
use super::page::{Page, Tone, cause, duration, took, when};
use crate::logging::{Took, count, with_errno};
use serde_json::Value;
use std::time::Duration;

/// The page about it.
pub fn show(page: &mut Page, why: &Value) {
    let state = word(&why["state"]);
    let (time, ago) = when(&why["since"]);
    let since = if why["since"]["at_least"] == true { "at least since" } else { "since" };
    let takes = why["takes_traffic"] == true;
    let traffic = match () {
        () if takes => "takes traffic",
        () if why["last_resort"] == true => "takes traffic only because nobody else is left",
        () => "takes no traffic",
    };
    let tone = match state {
        _ if takes => Tone::Good,
        "down" | "ejected" => Tone::Bad,
        _ => Tone::Odd,
    };
    let name = format!("{} {}", word(&why["pool"]), word(&why["addr"]));
    let state = if state == "drain" { "draining" } else { state };
    page.line(tone, &format!("{name} is {state} {since} {time}, {ago}; it {traffic}"));
    page.block("\n");
    for reason in list(&why["reasons"]) {
        page.term("why", Tone::Plain, word(&reason["says"]));
        page.term("back when", Tone::Plain, word(&reason["back"]));
    }
    standing(page, why);
    changes(page, list(&why["changes"]));
    checks(page, list(&why["checks"]));
    failures(page, list(&why["failures"]));
}

fn standing(page: &mut Page, why: &Value) {
    if let Some(percent) = why["slow_start"]["percent"].as_u64() {
        let full = took(&why["slow_start"]["full_in_ms"]);
        page.term("slow start", Tone::Plain, &format!("{percent} % of its share, all of it in {full}"));
    }
    if !why["weight"].is_null() {
        let backup = if why["backup"] == true { ", a backup" } else { "" };
        let sessions = count(number(&why["sessions"]) as usize, "session");
        page.term("weight", Tone::Plain, &format!("{}{backup}; {sessions} there now", why["weight"]));
    }
    let check = &why["check"];
    if check.is_object() {
        let (every, most) = (took(&check["interval_ms"]), took(&check["timeout_ms"]));
        let (rise, fall) = (&check["rise"], &check["fall"]);
        let (asks, target) = (word(&check["asks"]), word(&check["target"]));
        let text = format!(
            "{asks} at {target} every {every}, each {most} at most; {fall} that fail take it down, {rise} that pass bring it back"
        );
        page.term("checked by", Tone::Plain, &text);
    } else if word(&why["state"]) != "removed" {
        page.term("checked by", Tone::Plain, "nothing");
    }
    let failures: Vec<String> = why["connect_failures"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    if !failures.is_empty() {
        page.term(
            "failed",
            Tone::Plain,
            &format!("connects of live traffic, since it is there: {}", failures.join(", ")),
        );
    }
}

fn changes(page: &mut Page, changes: &[Value]) {
    if changes.is_empty() {
        return;
    }
    page.heading("Changes");
    for change in changes {
        let tone = match word(&change["to"]) {
            "up" => Tone::Good,
            "down" | "ejected" => Tone::Bad,
            _ => Tone::Odd,
        };
        page.event(change, tone, &with_errno(word(&change["because"]), change["errno"].as_i64()));
    }
}

fn checks(page: &mut Page, checks: &[Value]) {
    if checks.is_empty() {
        return;
    }
    page.heading(&format!("The last {}, at the end of each run of them", count(checks.len(), "check")));
    for run in runs(checks) {
        let last = &run[run.len() - 1];
        let took = span(run);
        if last["passed"] == true {
            page.event(last, Tone::Good, &format!("{} passed in {took}", run.len()));
        } else {
            page.event(last, Tone::Bad, &format!("{} failed in {took}: {}", run.len(), cause(last)));
        }
    }
}

fn failures(page: &mut Page, failures: &[Value]) {
    if failures.is_empty() {
        return;
    }
    page.heading(&format!("The last {} of live traffic that failed", count(failures.len(), "connect")));
    for run in runs(failures) {
        let last = &run[run.len() - 1];
        page.event(last, Tone::Bad, &format!("{} after {}: {}", run.len(), span(run), cause(last)));
    }
}

/// Those that are alike and follow on each other.
fn runs(list: &[Value]) -> impl Iterator<Item = &[Value]> {
    list.chunk_by(|one, other| cause(one) == cause(other))
}

/// How long they took: `0.2 ms`, `0.2 ms to 1.5 s`.
fn span(run: &[Value]) -> String {
    let times: Vec<Duration> = run.iter().filter_map(|it| duration(&it["took_ms"])).collect();
    let [least, most] =
        [times.iter().min(), times.iter().max()].map(|it| Took(it.copied().unwrap_or_default()).to_string());
    if least == most { least } else { format!("{least} to {most}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn checks_that_are_alike_are_told_together() {
        let check = |passed: bool, ms: f64| {
            let cause = (!passed).then_some("status 500");
            json!({"passed": passed, "cause": cause, "took_ms": ms})
        };
        let checks = [check(true, 0.2), check(true, 20.0), check(false, 1.0), check(true, 1.0)];
        let told: Vec<_> = runs(&checks).map(|run| (run.len(), span(run))).collect();
        let expected = [(2, "0.2 ms to 20 ms"), (1, "1.0 ms"), (1, "1.0 ms")];
        assert_eq!(told, expected.map(|(count, took)| (count, took.to_owned())));
    }
}
