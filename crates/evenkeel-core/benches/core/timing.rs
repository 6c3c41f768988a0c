//! Runs a case often enough for the clock, or under valgrind for the count of instructions.

use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

/// Repetitions whose median is told.
const BATCHES: usize = 15;

/// Time that one of them takes at least.
const BATCH: Duration = Duration::from_millis(5);

/// How cases are measured, and which.
pub struct Bench {
    words: Vec<String>,
    mode: Mode,
}

enum Mode {
    Time,
    Instructions,
    /// This case only, so often, without measuring: what valgrind looks at.
    Repeat(String, u64),
}

impl Bench {
    /// As the arguments say.
    pub fn from_arguments() -> Self {
        // Cargo itself adds `--bench`.
        let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
        let mode = match words.first().map(String::as_str) {
            Some("--instructions") => {
                words.remove(0);
                Mode::Instructions
            }
            Some("--repeat") => {
                let times = words.get(2).and_then(|times| times.parse().ok());
                Mode::Repeat(words[1].clone(), times.expect("a number of times"))
            }
            _ => Mode::Time,
        };
        Self { words, mode }
    }

    /// One case: makes a state, and measures what is done with it again and again.
    pub fn case<S, T>(&mut self, name: &str, state: impl FnOnce() -> S, mut once: impl FnMut(&mut S) -> T) {
        match &self.mode {
            Mode::Repeat(case, times) if case == name => {
                let mut state = state();
                (0..*times).for_each(|_| drop(black_box(once(black_box(&mut state)))));
            }
            Mode::Repeat(..) => {}
            _ if !(self.words.is_empty() || self.words.iter().any(|word| name.contains(word.as_str()))) => {}
            Mode::Time => {
                let mut state = state();
                let (median, least) = time(|| drop(black_box(once(black_box(&mut state)))));
                println!("{name:40} {median:>12.1} ns, at least {least:.1}");
            }
            Mode::Instructions => match instructions_each(name) {
                Some(each) => println!("{name:40} {each:>12} instructions"),
                None => println!("{name:40} cannot be counted: is valgrind there?"),
            },
        }
    }
}

/// The median and the least time of one repetition, in nanoseconds.
fn time(mut once: impl FnMut()) -> (f64, f64) {
    let mut batch = |times: u64| {
        let begin = Instant::now();
        (0..times).for_each(|_| once());
        begin.elapsed()
    };
    let mut times = 1;
    while batch(times) < BATCH {
        times *= 2;
    }
    let mut each: Vec<f64> = (0..BATCHES).map(|_| batch(times).as_nanos() as f64 / times as f64).collect();
    each.sort_by(f64::total_cmp);
    (each[BATCHES / 2], each[0])
}

/// Instructions of one repetition. Starting and making the state costs the same however often it is repeated, or
/// nearly: that depends a little on what time it is.
fn instructions_each(name: &str) -> Option<u64> {
    let few = instructions(name, 10)?;
    let beyond = |times| Some(instructions(name, 10 + times)?.saturating_sub(few) / times);
    match beyond(20)? {
        ..10_000 => beyond(5_000),
        many => Some(many),
    }
}

/// Instructions of this program when it repeats the case so often.
fn instructions(name: &str, times: u64) -> Option<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(std::env::current_exe().ok()?);
    let output = valgrind.args(["--repeat", name, &times.to_string()]).output().ok()?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    told.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok())
}
