//! The process that starts the next program of an upgrade. A child inherits all that its parent may no longer do, and the
//! next version may need more than this one: so whoever starts it stands outside of the sandbox, since before that was put
//! up (docs/decisions/0015-sandbox.md). It trusts nobody: it starts this program again, with the arguments and in the
//! environment of its own start; or another one, if that cannot be of the sandboxed process's making.

use super::wire::{Reader, Writer};
use super::{SUPERVISED, VARIABLE};
use crate::admin::place;
use evenkeel_sys::handoff::{Channel, Packet, fork, spawn};
use rustix::process::{Pid, Signal, WaitOptions, getppid, kill_process, waitpid};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs};

/// The variable that tells the launcher which descriptor leads to whom it serves.
const LAUNCHER: &str = "EVENKEEL_LAUNCHER_FD";

/// What `ps` shows, as long as the kernel lets names be.
pub const NAME: &str = "evenkeel-launch";

/// Links that are followed one behind the other, at most: as many as the kernel does (path_resolution(7)).
const LINKS_MAX: usize = 40;

/// How long it may take to start a program: a file system may hang.
const STARTING_MAX: Duration = Duration::from_secs(30);

/// How long it waits for something to do, before it waits again.
const IDLE: Duration = Duration::from_secs(3600);

/// Programs that were started and may still be wanted dead, at most: one upgrade is under way at a time.
const STARTED_MAX: usize = 8;

const CONFINE: u8 = 1;
const START: u8 = 2;
const KILL: u8 = 3;
const LET_GO: u8 = 4;

/// The launcher, seen from the process that it serves. It ends with the last of these.
#[derive(Debug)]
pub struct Launcher(Channel);

impl Launcher {
    /// Starts one. Call it while this process may still do everything that the next one may have to.
    pub fn begin(args: &[std::ffi::OsString]) -> io::Result<Self> {
        let (ours, theirs) = Channel::pair()?;
        let mut command = Command::new("/proc/self/exe");
        spawn(command.arg0(NAME).args(args), LAUNCHER, &theirs)?;
        Ok(Self(ours))
    }

    /// Tells it, once, which program is ours, and where files may be of our making.
    pub fn confine<'a>(&self, program: &Path, writable: impl Iterator<Item = &'a PathBuf>) -> io::Result<()> {
        let mut to = Writer::new();
        to.u8(CONFINE);
        to.path(program);
        to.list(&writable.collect::<Vec<_>>(), |to, path| to.path(path));
        self.0.send(&to.bytes, &[], Instant::now() + STARTING_MAX)
    }

    /// Starts `program` with the other end of `line`; its process id and the way by which its status will be told, or why that
    /// cannot be.
    pub fn start(&self, program: &Path, line: &Channel) -> Result<(u32, Channel), String> {
        let by = Instant::now() + STARTING_MAX;
        let (answer, told) = self.ask_to_start(program, line, by).map_err(|error| error.to_string())?;
        let answer = answer.ok_or("the process that would start it has ended")?;
        let mut from = Reader::new(&answer.bytes);
        match from.u32().zip(from.text()) {
            Some((pid, "")) => Ok((pid, told)),
            Some((_, why)) => Err(why.to_owned()),
            None => Err("the process that would start it makes no sense".to_owned()),
        }
    }

    /// The answer comes by a way of its own: one that is late is not taken for the next one's.
    fn ask_to_start(
        &self,
        program: &Path,
        line: &Channel,
        by: Instant,
    ) -> io::Result<(Option<Packet>, Channel)> {
        let (answers, theirs) = Channel::pair()?;
        let mut to = Writer::new();
        to.u8(START);
        to.path(program);
        self.0.send(&to.bytes, &[line.as_fd(), theirs.as_fd()], by)?;
        // From here on it is closed when the launcher ends.
        drop(theirs);
        Ok((answers.receive(by)?, answers))
    }

    /// Kills what it has started: before it has become our user it is not ours to kill.
    pub fn kill(&self, pid: u32) {
        let _ = self.ask_about(KILL, pid);
    }

    /// From now on the program that it has started is the child of whoever takes in orphans: a service manager does not wait
    /// for the end of a main process that is somebody else's child. Its status is told no more.
    pub fn let_go(&self, pid: u32) {
        let _ = self.ask_about(LET_GO, pid);
    }

    /// Returns when it is done. If the launcher has ended, nobody can do it.
    fn ask_about(&self, what: u8, pid: u32) -> io::Result<()> {
        let by = Instant::now() + STARTING_MAX;
        let (done, theirs) = Channel::pair()?;
        let mut to = Writer::new();
        to.u8(what);
        to.u32(pid);
        self.0.send(&to.bytes, &[theirs.as_fd()], by)?;
        drop(theirs);
        done.receive(by).map(drop)
    }
}

/// Serves whoever started this process as a launcher, until that ends; `None`: it was started for something else. Call it
/// before anything else opens descriptors.
pub fn serve() -> Option<ExitCode> {
    let variable = env::var(LAUNCHER).ok()?;
    if env::args_os().next()? != NAME {
        return None;
    }
    let channel = Channel::inherited(&variable)?;
    // What is sent to all of a name or a terminal is meant for whom we serve.
    crate::signals::ignore_all();
    let _ = rustix::thread::set_name(&std::ffi::CString::new(NAME).unwrap_or_default());
    let mut duty = Duty::default();
    loop {
        match channel.receive(Instant::now() + IDLE) {
            Ok(Some(packet)) => {
                // What makes no sense is passed over.
                let _ = duty.handle(&packet.bytes, packet.descriptors);
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
            Ok(None) | Err(_) => return Some(ExitCode::SUCCESS),
        }
    }
}

/// What the launcher knows.
#[derive(Default)]
struct Duty {
    /// The program of whom it serves, and the folders in which files may be of that one's making. Told before the sandbox
    /// was up, and only believed once.
    confined: Option<(PathBuf, Vec<PathBuf>)>,
    started: Vec<Started>,
}

/// A program that was started.
struct Started {
    pid: u32,
    /// The process whose child it is: a copy of this one that waits for its end, until it is let go of.
    parent: Pid,
}

impl Duty {
    /// Does what is asked. `None`: it makes no sense.
    fn handle(&mut self, bytes: &[u8], descriptors: Vec<OwnedFd>) -> Option<()> {
        self.started.retain(|started| !has_ended(started.parent));
        let mut from = Reader::new(bytes);
        match from.u8()? {
            CONFINE if self.confined.is_none() => {
                self.confined = Some((from.path()?, from.list(Reader::path)?));
            }
            START => {
                let [line, answers] = descriptors.try_into().ok()?;
                let program = from.path()?;
                let answers = Channel::from(answers);
                if let Err(why) = self.start(&program, Channel::from(line), &answers) {
                    let _ = answer(&answers, 0, &why);
                }
            }
            KILL => kill(self.find(from.u32()?)?.pid),
            LET_GO => {
                let parent = self.find(from.u32()?)?.parent;
                let _ = kill_process(parent, Signal::KILL);
                // Its child has another parent before its end is told.
                let _ = waitpid(Some(parent), WaitOptions::empty());
                self.started.retain(|started| started.parent != parent);
            }
            _ => return None,
        }
        Some(())
    }

    /// What was started here, and nobody else.
    fn find(&self, pid: u32) -> Option<&Started> {
        self.started.iter().find(|started| started.pid == pid)
    }

    fn start(&mut self, program: &Path, line: Channel, answers: &Channel) -> Result<(), String> {
        let (real, name) = self.believe(program)?;
        if self.started.len() >= STARTED_MAX {
            return Err("too many programs that were started before have not ended".to_owned());
        }
        let mut command = Command::new(real);
        command.arg0(name).args(env::args_os().skip(1)).env_remove(LAUNCHER);
        // Of the service manager's: the watchdog is for whoever is in charge, the sockets were for the first.
        command.env_remove("WATCHDOG_PID").env_remove("LISTEN_PID").env_remove("LISTEN_FDS");
        if getppid().is_some_and(Pid::is_init) {
            command.env(SUPERVISED, "1");
        }
        self.start_by_copy(command, line, answers).map_err(|error| error.to_string())
    }

    /// Leaves it to a copy of this process to start `command` and tell of its end, and notes them once that is done.
    fn start_by_copy(&mut self, mut command: Command, line: Channel, answers: &Channel) -> io::Result<()> {
        let (told, tells) = io::pipe()?;
        let parent = fork(|| attend(&mut command, line, tells, answers))?;
        // Dropped here, or the answer would have no end.
        drop(command);
        let mut pid = [0; 4];
        match (&told).read_exact(&mut pid) {
            Ok(()) => self.started.push(Started { pid: u32::from_ne_bytes(pid), parent }),
            Err(_) => drop(waitpid(Some(parent), WaitOptions::empty())),
        }
        Ok(())
    }

    /// Where `program` is started from, or why it is not: it could be of the making of whom the sandbox holds. That one may put
    /// a link in the place of another meanwhile; so it is the place behind all links that is looked at, and started from. Also by
    /// which name: it is believed from then on, as that by which this program was started is.
    fn believe(&self, program: &Path) -> Result<(PathBuf, PathBuf), String> {
        let Some((_, writable)) = self.confined.as_ref().filter(|(own, _)| program != own) else {
            return Ok((program.to_owned(), program.to_owned()));
        };
        let found = fs::canonicalize(program).and_then(|real| fs::metadata(&real).map(|file| (real, file)));
        let (real, file) = found.map_err(|error| cannot_start(program, &error))?;
        if let Some(folder) = writable.iter().find(|folder| real.starts_with(folder)) {
            return Err(format!(
                "the running evenkeel may write to {}, so a program there could be anybody's; put it elsewhere",
                folder.display()
            ));
        }
        if !place::is_safe(&file) {
            return Err(
                "only its owner, who is root or the user that starts it, may be allowed to write to it"
                    .to_owned(),
            );
        }
        let name = if is_steady(program, writable) { program } else { &real };
        Ok((real.clone(), name.to_owned()))
    }
}

/// Whether no link by which `program` is found lies in a folder that is `writable`.
fn is_steady(program: &Path, writable: &[PathBuf]) -> bool {
    let mut next = Some(program.to_owned());
    for _ in 0..LINKS_MAX {
        let Some(path) = next else { return true };
        let place = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
        let Some(place) = place.zip(path.file_name()).map(|(folder, name)| folder.join(name)) else {
            return false;
        };
        if writable.iter().any(|folder| place.starts_with(folder)) {
            return false;
        }
        let target = fs::read_link(&place).ok();
        next = target.map(|target| place.parent().unwrap_or(&place).join(target));
    }
    false
}

/// Starts `command` as a child of this process, says to the launcher and to whom it serves what its process id is, and to
/// the latter in the end its status.
fn attend(command: &mut Command, line: Channel, mut tells: io::PipeWriter, answers: &Channel) {
    let spawned = spawn(command, VARIABLE, &line);
    drop(line);
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let _ = answer(answers, 0, &cannot_start(Path::new(command.get_program()), &error));
            return;
        }
    };
    let _ = tells.write_all(&child.id().to_ne_bytes());
    drop(tells);
    // Whoever wanted it may have given up meanwhile, and knows nothing of it.
    if answer(answers, child.id(), "").is_err() {
        kill(child.id());
    }
    if let Ok(status) = child.wait() {
        let _ = answers.send(&status.into_raw().to_ne_bytes(), &[], Instant::now() + STARTING_MAX);
    }
}

fn cannot_start(program: &Path, error: &io::Error) -> String {
    format!("cannot start {}: {error}", program.display())
}

fn answer(answers: &Channel, pid: u32, why: &str) -> io::Result<()> {
    let mut to = Writer::new();
    to.u32(pid);
    to.text(why);
    answers.send(&to.bytes, &[], Instant::now() + STARTING_MAX)
}

fn kill(pid: u32) {
    let _ = Pid::from_raw(pid.cast_signed()).map(|pid| kill_process(pid, Signal::KILL));
}

/// Whether a child has ended; from then on nothing is left of it.
fn has_ended(child: Pid) -> bool {
    !matches!(waitpid(Some(child), WaitOptions::NOHANG), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_sandboxed_process_could_give_to_another_program_is_not_believed() {
        let [open, safe] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (open, safe) = (open.path().canonicalize().unwrap(), safe.path().canonicalize().unwrap());
        let link = |from: &Path, to: &Path| {
            std::os::unix::fs::symlink(to, from).unwrap();
            from.to_owned()
        };
        let program = safe.join("program");
        fs::write(&program, "").unwrap();
        let direct = link(&safe.join("direct"), &program);
        let relative = link(&safe.join("relative"), Path::new("direct"));
        let open_link = link(&open.join("link"), &program);
        let through = link(&safe.join("through"), &open_link);
        let circle = link(&safe.join("circle"), Path::new("circle"));
        let steady = [program, direct, relative, open_link, through, circle];
        let steady = steady.map(|path| is_steady(&path, std::slice::from_ref(&open)));
        assert_eq!(steady, [true, true, true, false, false, false]);
    }
}
