//! Counts the instructions of what must not creep, and compares them with those of the last time.
//!
//! Counts repeat exactly with the same compiler on the same kind of processor; between others they differ a little, so
//! this is asked for and not part of what has to pass.

use crate::rustc;
use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use toml::Table;

/// Where the counts of the last time are: by measurement, by case.
const KNOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/instructions.toml");

/// The measurements: package, and name of the bench.
const BENCHES: [(&str, &str); 3] =
    [("evenkeel-core", "core"), ("evenkeel-proxy", "proxy"), ("evenkeel", "control")];

/// More than this share of the last count is too much.
const TOLERANCE: f64 = 0.03;

/// So few more are not worth a word.
const FEW: u64 = 3;

const HEAD: &str = "# What must not creep: `cargo xtask instructions` counts again and compares, with `--write` it writes \
                    this file.\n# Add a case with a count of 0. Its name may not be part of another one's.\n";

/// Counts and compares; or writes what it counted.
pub fn carry_out(is_written: bool) -> anyhow::Result<()> {
    let is_there = Command::new("valgrind").arg("--version").output().is_ok_and(|it| it.status.success());
    ensure!(is_there, "instructions are counted by valgrind, which is not there: apt-get install valgrind");
    let known: Table = std::fs::read_to_string(KNOWN).with_context(|| KNOWN.to_owned())?.parse()?;
    let compiler = compiler()?;
    let mut out = std::io::stdout().lock();
    if known.get("compiler").and_then(|it| it.as_str()) != Some(&compiler) {
        writeln!(out, "counted with another compiler the last time: this is {compiler}")?;
    }
    let mut written = format!("{HEAD}compiler = \"{compiler}\"\n");
    let mut crept = 0;
    for (package, bench) in BENCHES {
        let cases = cases(&known, bench)?;
        let counts = count(package, bench, cases.keys())?;
        writeln!(written, "\n[{bench}]")?;
        for (name, known) in &cases {
            let Some(&now) = counts.get(name) else { bail!("{bench}: no case {name}") };
            let verdict = verdict(*known, now);
            crept += usize::from(verdict == Verdict::More);
            writeln!(out, "{name:44} {now:>10} {known:>10}  {}", verdict.word())?;
            writeln!(written, "\"{name}\" = {now}")?;
        }
    }
    if is_written {
        return Ok(std::fs::write(Path::new(KNOWN), written)?);
    }
    ensure!(crept == 0, "{crept} need more instructions than they did: mend it, or say why and `--write`");
    Ok(())
}

/// The cases of a measurement with their counts of the last time.
fn cases(known: &Table, bench: &str) -> anyhow::Result<BTreeMap<String, u64>> {
    let table = known.get(bench).and_then(|it| it.as_table()).with_context(|| format!("no [{bench}]"))?;
    let count = |(name, count): (&String, &toml::Value)| {
        let count = count.as_integer().and_then(|it| u64::try_from(it).ok());
        Ok((name.clone(), count.with_context(|| format!("{name} has no count"))?))
    };
    table.iter().map(count).collect()
}

/// Counts the instructions of some cases.
fn count<'a>(
    package: &str,
    bench: &str,
    names: impl Iterator<Item = &'a String>,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["bench", "--package", package, "--bench", bench, "--", "--instructions"]).args(names);
    let output = command.stderr(std::process::Stdio::inherit()).output().context("cannot run cargo")?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(counted).collect())
}

/// A case and its count, as a measurement tells them.
fn counted(line: &str) -> Option<(String, u64)> {
    let (name, count) = line.strip_suffix(" instructions")?.trim_end().rsplit_once(' ')?;
    Some((name.trim_end().to_owned(), count.parse().ok()?))
}

fn compiler() -> anyhow::Result<String> {
    let said = rustc(&["--version"])?;
    Ok(said.split_whitespace().nth(1).unwrap_or("unknown").to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    New,
    Same,
    Fewer,
    More,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Same => "",
            Self::Fewer => "fewer: `--write` holds on to it",
            Self::More => "MORE",
        }
    }
}

fn verdict(known: u64, now: u64) -> Verdict {
    let is_near = now.abs_diff(known) <= FEW.max((known as f64 * TOLERANCE) as u64);
    match known {
        0 => Verdict::New,
        _ if is_near => Verdict::Same,
        _ if now < known => Verdict::Fewer,
        _ => Verdict::More,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_from_its_line() {
        let line = "line of a session: JSON                          2210 instructions";
        assert_eq!(counted(line), Some(("line of a session: JSON".to_owned(), 2210)));
        assert_eq!(counted("half: passed on   2.2 ns, at least 2.2"), None);
    }

    #[test]
    fn little_is_the_same_and_much_is_not() {
        let verdicts = [(0, 5), (10, 13), (10, 14), (1000, 1030), (1000, 1031), (1000, 960)];
        let verdicts = verdicts.map(|(known, now)| verdict(known, now));
        use Verdict::{Fewer, More, New, Same};
        assert_eq!(verdicts, [New, Same, More, Same, More, Fewer]);
    }
}
