//! `evenkeel top` as its user has it: in a terminal, which tmux is, with keys and eyes.

use crate::harness::{Setup, evenkeel};
use evenkeel_testkit::{Place, Server, eventually, serve};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A terminal of a tmux server of its own, which ends with it.
struct Terminal {
    files: TempDir,
}

impl Terminal {
    /// In which `evenkeel top` runs between two looks at how the terminal is set; `None` without tmux.
    fn top(admin: &str, environment: &str) -> Option<Self> {
        Self::run(&format!(
            "stty -g > before; export {environment}; \
             (sh -c 'echo $$ > pid; exec {} top --interval 100ms --admin {admin}' 2> errors; echo ended $?); \
             stty -g > after; echo restored; exec cat",
            env!("CARGO_BIN_EXE_evenkeel")
        ))
    }

    /// In which this script runs; `None` without tmux.
    #[expect(clippy::print_stderr, reason = "a test that lacks a tool says so")]
    fn run(script: &str) -> Option<Self> {
        if let Err(error) = Command::new("tmux").arg("-V").output() {
            eprintln!("skipped: no tmux: {error}");
            return None;
        }
        let terminal = Self { files: TempDir::new().unwrap() };
        terminal.tmux(&["new-session", "-d", "-x", "100", "-y", "30", script]);
        Some(terminal)
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.env("TMUX_TMPDIR", self.files.path()).env_remove("TMUX").env_remove("EVENKEEL_ADMIN");
        command.args(["-u", "-L", "evenkeel-top", "-f", "/dev/null"]).args(args);
        let output = command.current_dir(self.files.path()).output().unwrap();
        assert!(output.status.success(), "tmux {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// Waits until a line of the screen has all of these.
    fn see(&self, parts: &[&str]) {
        let is_there = || self.screen().lines().any(|line| parts.iter().all(|it| line.contains(it)));
        let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            eventually(&format!("{parts:?}"), || is_there().then_some(()));
        }));
        assert!(seen.is_ok(), "not seen: {parts:?}\n{}", self.screen());
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.files.path().join(file)).unwrap_or_default()
    }

    /// That it has ended well, and that the terminal is as it was before.
    fn check_restored(&self) {
        self.see(&["restored"]);
        self.see(&["ended 0"]);
        assert_eq!(self.read("errors"), "");
        assert!(!self.read("before").is_empty());
        assert_eq!(self.read("before"), self.read("after"), "as it was set");
        let format = "#{alternate_on} #{cursor_flag}";
        let state = self.tmux(&["display-message", "-p", format]).stdout;
        assert_eq!(String::from_utf8_lossy(&state).trim(), "0 1", "the first screen, with a cursor");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = Command::new("tmux")
            .env("TMUX_TMPDIR", self.files.path())
            .args(["-L", "evenkeel-top", "kill-server"])
            .output();
    }
}

const CHECKED: &str =
    "health = { tcp = true, interval = \"50ms\", fast-interval = \"50ms\" }\nslow-start = \"off\"";

#[test]
fn top_sees_a_backend_go_and_come_and_drains_one_behind_a_question() {
    let a = Server::start(&Place::any(), serve::stay("a"));
    let mut b = Server::start(&Place::any(), serve::stay("b"));
    let running = Setup::to([a.place(), b.place()]).keys(CHECKED).keys("balance = \"first\"").ready();
    let admin = format!("unix:{}", running.file("control.sock").display());
    let Some(terminal) = Terminal::top(&admin, "LANG=C.UTF-8") else { return };
    let [at_a, at_b] = [&a, &b].map(|it| it.place().to_string());
    terminal.see(&["web", "2/2"]);
    terminal.see(&[&at_b, " up "]);
    b.stop();
    terminal.see(&[&at_b, " down "]);
    terminal.see(&["web", "1/2"]);
    b.restart();
    terminal.see(&[&at_b, " up "]);

    let clients: Vec<_> = (0..2).map(|_| running.connect()).collect();
    clients.iter().for_each(|client| drop(client.receive(1).unwrap()));
    terminal.see(&["web", "2/2", "  2 "]);
    terminal.press(&["Tab", "d"]);
    terminal.see(&[&format!("Drain {at_a} in pool web?")]);
    terminal.see(&["2 open sessions go on."]);
    assert_eq!(
        running.look("/api/v1/backends")["backends"][0]["state"],
        "up",
        "nothing is done before a yes"
    );
    terminal.press(&["y"]);
    terminal.see(&[&at_a, " drain "]);
    assert_eq!(running.look("/api/v1/backends")["backends"][0]["state"], "drain");
    assert_eq!(a.open(), 2, "they go on");

    terminal.press(&["Enter"]);
    terminal.see(&["2 SESSIONS AT", &at_a]);
    terminal.press(&["c"]);
    terminal.see(&["Close session"]);
    terminal.press(&["y"]);
    terminal.see(&["1 SESSION AT", &at_a]);
    terminal.press(&["q"]);
    terminal.check_restored();
}

#[test]
fn top_outlives_the_evenkeel_that_it_watches_and_every_size_of_its_terminal() {
    let (a, files) = (Server::echo(), TempDir::new().unwrap());
    let admin = format!("unix:{}", files.path().join("admin.sock").display());
    let setup = || Setup::to([a.place()]).top(&format!("admin = {{ listen = \"{admin}\" }}"));
    let running = setup().ready();
    let Some(terminal) = Terminal::top(&admin, "LANG=C") else { return };
    terminal.see(&["web", "1/1"]);
    running.end();
    terminal.see(&["NO ANSWER FOR"]);
    terminal.see(&["trying again: no evenkeel can be asked at"]);
    for (width, height) in [("1", "1"), ("35", "7"), ("200", "60"), ("100", "30")] {
        terminal.tmux(&["resize-window", "-x", width, "-y", height]);
    }
    let running = setup().ready();
    terminal.see(&["web", "1/1"]);
    terminal.see(&["every 100 ms"]);
    terminal.see(&["process", "is now", &running.pid().to_string()]);
    let pid = terminal.read("pid").trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, evenkeel_testkit::Signal::TERM).unwrap();
    terminal.check_restored();
}

#[test]
fn top_can_be_suspended_and_comes_back_to_the_foreground() {
    let a = Server::echo();
    let running = Setup::to([a.place()]).ready();
    let admin = format!("unix:{}", running.file("control.sock").display());
    let command = format!("{} top --admin {admin}", env!("CARGO_BIN_EXE_evenkeel"));
    let script = format!("set -m; {command} 2> errors; echo stopped; read go; fg; echo ended $?; exec cat");
    let Some(terminal) = Terminal::run(&script) else { return };
    terminal.see(&["web", "1/1"]);
    terminal.press(&["C-z"]);
    terminal.see(&["stopped"]);
    terminal.press(&["Enter"]);
    terminal.see(&["web", "1/1"]);
    terminal.press(&["q"]);
    terminal.see(&["ended 0"]);
}

#[test]
fn where_no_screen_can_be_shown_top_names_the_command_that_prints() {
    let (code, _, errors) = evenkeel().args("top --admin unix:/nowhere").spawn().output();
    assert_eq!(code, 1);
    assert!(errors.contains("no terminal") && errors.contains("`evenkeel status`"), "{errors}");
    let (code, _, errors) = evenkeel().args("top --interval 1").spawn().output();
    assert!(code == 2 && errors.contains("500ms"), "{errors}");
    let Some(terminal) = Terminal::top("unix:/nowhere", "TERM=dumb") else { return };
    terminal.see(&["ended 1"]);
    assert!(terminal.read("errors").contains("`dumb`"), "{}", terminal.read("errors"));
}
