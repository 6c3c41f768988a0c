//! How a child is started: arguments, files, environment, limits.

use crate::process::Process;
use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What a child is started with.
pub struct Start {
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    nofile: Option<u32>,
    nofile_soft: Option<u32>,
    file_size: Option<u32>,
    hold_stdout: bool,
    stdin: Option<OwnedFd>,
    files: TempDir,
}

impl Start {
    /// The program at `path`: `env!("CARGO_BIN_EXE_…")`.
    pub fn new(path: &str) -> Self {
        Self {
            program: path.into(),
            args: Vec::new(),
            env: Vec::new(),
            nofile: None,
            nofile_soft: None,
            file_size: None,
            hold_stdout: false,
            stdin: None,
            files: TempDir::new().expect("a temporary directory"),
        }
    }

    /// Another program.
    pub fn program(mut self, path: &str) -> Self {
        self.program = path.into();
        self
    }

    /// More arguments, cut at white space.
    pub fn args(mut self, args: &str) -> Self {
        self.args.extend(args.split_whitespace().map(str::to_owned));
        self
    }

    /// One more argument, as it is.
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// A file of this name and text, for [`file`](Self::file).
    pub fn with_file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.files.path().join(name), text).unwrap();
        self
    }

    /// Where the file `name` is, or will be.
    pub fn file(&self, name: &str) -> String {
        self.files.path().join(name).display().to_string()
    }

    /// `run -c` with a file of this text.
    pub fn config(self, text: &str) -> Self {
        let start = self.with_file("evenkeel.toml", text);
        let path = start.file("evenkeel.toml");
        start.args("run -c").arg(&path)
    }

    /// An environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Lowers the limit of descriptors, soft and hard.
    pub fn nofile(mut self, limit: u32) -> Self {
        self.nofile = Some(limit);
        self
    }

    /// Lowers the soft limit of descriptors, which a process may raise again.
    pub fn nofile_soft(mut self, limit: u32) -> Self {
        self.nofile_soft = Some(limit);
        self
    }

    /// Limits how long a file may become that it writes, in units of 512 bytes.
    pub fn file_size(mut self, blocks: u32) -> Self {
        self.file_size = Some(blocks);
        self
    }

    /// Nobody reads standard output until [`Process::read_stdout`].
    pub fn hold_stdout(mut self) -> Self {
        self.hold_stdout = true;
        self
    }

    /// Whether nobody reads standard output.
    pub fn is_stdout_held(&self) -> bool {
        self.hold_stdout
    }

    /// Passes `socket` as systemd does: descriptor 3, `LISTEN_FDS=1`.
    pub fn listen_fd(mut self, socket: socket2::Socket) -> Self {
        self.stdin = Some(socket.into());
        self
    }

    /// Starts it.
    pub fn spawn(self) -> Process {
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.script()).arg(&self.program).args(&self.args);
        // What the tests themselves run under must not matter.
        for name in ["NOTIFY_SOCKET", "EVENKEEL_CONFIG", "EVENKEEL_ADMIN", "EVENKEEL_TOKEN_FILE", "NO_COLOR"]
        {
            command.env_remove(name);
        }
        // Where systemd would have its sockets: `control.sock` is a file of this start.
        command.env("RUNTIME_DIRECTORY", self.files.path());
        command.envs(self.env.iter().cloned());
        command.stdin(self.stdin.map_or_else(Stdio::null, Stdio::from));
        let what = format!("{} {}", self.program.display(), self.args.join(" "));
        Process::spawn(command, what, self.hold_stdout, self.files)
    }

    /// The shell that sets up what `Command` cannot, and then becomes the program: `$$` is its process id.
    fn script(&self) -> String {
        let mut script = String::new();
        if let Some(limit) = self.nofile {
            let _ = write!(script, "ulimit -n {limit}; ");
        }
        if let Some(limit) = self.nofile_soft {
            let _ = write!(script, "ulimit -Sn {limit}; ");
        }
        if let Some(blocks) = self.file_size {
            let _ = write!(script, "ulimit -f {blocks}; ");
        }
        if self.stdin.is_some() {
            script.push_str("export LISTEN_FDS=1 LISTEN_PID=$$; exec 3<&0 </dev/null; ");
        }
        script + r#"exec "$0" "$@""#
    }
}
