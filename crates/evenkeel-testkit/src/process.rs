//! A program as a child process: watched through its JSON log and /proc, signalled, and gone at the end.

use crate::deadline::{PATIENCE, eventually};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running child. Killed on drop.
pub struct Process {
    what: String,
    child: Child,
    lines: Receiver<Said>,
    sender: Option<Sender<Said>>,
    held: Option<ChildStdout>,
    seen: Vec<String>,
    errors: String,
    files: TempDir,
}

/// A line that the child wrote.
enum Said {
    Out(String),
    Err(String),
}
use Said::{Err, Out};

/// Sends every line to `to`, from a thread that ends with the pipe or with who listens.
fn read_lines<R: Read + Send + 'static>(from: R, wrap: fn(String) -> Said, to: &Sender<Said>) {
    let to = to.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            if to.send(wrap(String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
    });
}

impl Process {
    /// Starts `command`, which is called `what` when something goes wrong, and keeps `files` as long as it lives.
    pub(crate) fn spawn(mut command: Command, what: String, hold_stdout: bool, files: TempDir) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
        let (sender, lines) = channel();
        let (stdout, stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        let held = if hold_stdout {
            Some(stdout)
        } else {
            read_lines(stdout, Out, &sender);
            None
        };
        read_lines(stderr, Err, &sender);
        Self {
            what,
            child,
            lines,
            sender: Some(sender).filter(|_| held.is_some()),
            held,
            seen: Vec::new(),
            errors: String::new(),
            files,
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where the file `name` of its directory is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// Writes its configuration anew, and has it loaded.
    pub fn reload(&self, text: impl AsRef<[u8]>) {
        std::fs::write(self.file("evenkeel.toml"), text).expect("a folder of its own");
        self.signal(Signal::HUP);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().cast_signed()).expect("a process id is not 0");
        rustix::process::kill_process(pid, signal)
            .unwrap_or_else(|error| panic!("signal {signal:?}: {error}"));
    }

    /// Stops it until it gets [`Signal::CONT`]: what happens meanwhile it sees at once.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.pid());
        let has_stopped = |task: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"))
        };
        eventually("all its threads have stopped", || {
            std::fs::read_dir(&tasks).ok()?.flatten().all(has_stopped).then_some(())
        });
    }

    /// Waits for the first line of JSON on standard output, old or new, for which `is_it` holds; see
    /// [`forget`](Self::forget).
    pub fn wait_for(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.wait_line(what, |line| serde_json::from_str(line).ok().filter(|value| is_it(value)))
    }

    /// Waits for the event of this name; panics when the process ends first.
    pub fn wait_event(&mut self, name: &str) -> Value {
        self.wait_for(name, |line| line["event"] == name)
    }

    /// Waits for the event of this name about the backend at this address.
    pub fn wait_backend(&mut self, name: &str, backend: &impl ToString) -> Value {
        let backend = backend.to_string();
        self.wait_for(&format!("{name} of {backend}"), |line| {
            line["event"] == name && line["backend"] == backend.as_str()
        })
    }

    /// Waits for the record of an ended session for which `is_it` holds.
    pub fn wait_session(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.wait_for(what, |line| is_session(line) && is_it(line))
    }

    /// Waits for a line of standard output of which `read` makes something.
    pub fn wait_line<T>(&mut self, what: &str, read: impl Fn(&str) -> Option<T>) -> T {
        if let Some(found) = self.seen.iter().find_map(|line| read(line)) {
            return found;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Out(line)) => {
                    let found = read(&line);
                    self.seen.push(line);
                    if let Some(found) = found {
                        return found;
                    }
                }
                Ok(Err(line)) => self.errors += &(line + "\n"),
                Result::Err(RecvTimeoutError::Timeout) => panic!("not told in time: {what}\n{}", self.said()),
                Result::Err(RecvTimeoutError::Disconnected) => {
                    panic!("ended without: {what}\n{}", self.said())
                }
            }
        }
    }

    /// Forgets the lines that were seen so far.
    pub fn forget(&mut self) {
        self.listen();
        self.seen.clear();
    }

    /// Every line of JSON so far.
    pub fn log(&mut self) -> Vec<Value> {
        self.listen();
        self.seen.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The records of ended sessions so far.
    pub fn sessions(&mut self) -> Vec<Value> {
        self.log().into_iter().filter(is_session).collect()
    }

    /// Waits until `count` sessions have been told of, and gives them.
    pub fn wait_sessions(&mut self, count: usize) -> Vec<Value> {
        eventually(&format!("{count} session records"), || {
            let sessions = self.sessions();
            assert!(sessions.len() <= count, "{} sessions, not {count}", sessions.len());
            (sessions.len() == count).then_some(sessions)
        })
    }

    /// Every line of standard output so far.
    pub fn stdout(&mut self) -> String {
        self.listen();
        self.seen.join("\n")
    }

    /// Begins to read a standard output that was held.
    pub fn read_stdout(&mut self) {
        let (held, sender) = (self.held.take().expect("held"), self.sender.take().expect("held"));
        read_lines(held, Out, &sender);
    }

    /// Closes a standard output that was held: what is written from now on meets a broken pipe.
    pub fn close_stdout(&mut self) {
        self.held = None;
    }

    /// Waits for the end, and gives the exit code, or minus the signal that killed it.
    pub fn exit_code(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt as _;
        let what = self.what.clone();
        let ended = eventually(&format!("the end of {what}"), || self.try_wait());
        ended.code().unwrap_or_else(|| -ended.signal().expect("no code, so a signal"))
    }

    /// Waits for the end: the exit code, and everything it said on standard output and standard error.
    pub fn output(mut self) -> (i32, String, String) {
        let code = self.exit_code();
        self.drain();
        (code, self.seen.join("\n"), std::mem::take(&mut self.errors))
    }

    /// Panics when it has ended.
    pub fn check_alive(&mut self) {
        if let Some(status) = self.try_wait() {
            panic!("it ended: {status}\n{}", self.said());
        }
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a running process");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// CPU time used so far by all threads, user and system; counted in steps of 10 ms.
    pub fn cpu_time(&self) -> Duration {
        let stat = self.proc("stat");
        let (_, after_name) = stat.rsplit_once(") ").expect("a name in brackets");
        let fields: Vec<&str> = after_name.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("a running process").count()
    }

    fn proc(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.pid())).expect("a running process")
    }

    fn try_wait(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    fn listen(&mut self) {
        while let Ok(said) = self.lines.try_recv() {
            self.note(said);
        }
    }

    /// Notes everything until both pipes are closed; a held standard output is closed unread.
    fn drain(&mut self) {
        (self.held, self.sender) = (None, None);
        while let Ok(said) = self.lines.recv_timeout(PATIENCE) {
            self.note(said);
        }
    }

    fn note(&mut self, said: Said) {
        match said {
            Out(line) => self.seen.push(line),
            Err(line) => self.errors += &(line + "\n"),
        }
    }

    fn said(&mut self) -> String {
        self.listen();
        let last = self.seen.len().saturating_sub(12);
        format!(
            "{}\nstandard output:\n{}\nstandard error:\n{}",
            self.what,
            self.seen[last..].join("\n"),
            self.errors
        )
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.said());
        }
    }
}

fn is_session(line: &Value) -> bool {
    line.get("end").is_some()
}
