//! The old process: starts the new one, hands everything over, and goes on as if nothing had happened when that fails.
//! All of it is on a thread of its own, which may wait.

use super::child::{Child, ENDED};
use super::intent::Intent;
use super::line::{Broken, Line, PIECE_MAX, Word};
use super::wire::{Reader, Writer};
use super::{Again, FORMAT, Gone, MOVING_MAX, Step, session};
use crate::control::Input;
use crate::notify;
use evenkeel_core::name::ListenerName;
use evenkeel_proxy::{Handed, Helm, SESSION_DESCRIPTORS_MAX, Suspended, UserPlane};
use evenkeel_sys::handoff::{Channel, DESCRIPTORS_MAX};
use evenkeel_sys::socket::FileIdentity;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Sender as Reply, channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// How long the end of a new process that came to nothing is waited for, before it is killed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long to wait for the word that the sessions move again. Nothing depends on it.
const ECHO: Duration = Duration::from_secs(1);

/// How long the new process may take to hear that it is given up.
const LOOK: Duration = Duration::from_millis(20);

/// Times that an upgrade keeps to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until the new process is ready.
    pub start: Duration,
    /// Until the sessions that are being opened are open.
    pub settle: Duration,
    /// Until a new process that was given up has ended its sessions.
    pub drain: Duration,
}

/// An upgrade under way, seen from the control loop.
pub struct Handing {
    line: Line,
}

impl Handing {
    /// Makes it fail, unless it is over; the thread says so.
    pub fn cancel(&self) {
        self.line.0.shut();
    }
}

/// What the thread has.
struct Hand {
    line: Line,
    helm: Helm,
    inputs: Sender<Input>,
    /// Until they have gone over.
    listeners: Vec<Handed>,
    /// Sessions, about.
    open: u64,
    intent: Intent,
    limits: Limits,
    /// Whether the new process accepts already, so that it has sessions of its own.
    accepts: bool,
    /// Whether nothing is left to undo: everything is the new process's, or it was undone.
    settled: bool,
}

/// However this ends: what is not handed over goes on here.
impl Drop for Hand {
    fn drop(&mut self) {
        if !self.settled {
            self.helm.go_on();
        }
    }
}

/// Starts the new process, and the thread that hands everything over to it.
pub fn begin(
    again: &Again,
    plane: &UserPlane,
    intent: Intent,
    limits: Limits,
    inputs: &Sender<Input>,
) -> io::Result<Handing> {
    let (ours, theirs) = Channel::pair()?;
    let line = Line(Arc::new(ours));
    let again = again.clone();
    let hand = Hand {
        line: line.clone(),
        helm: plane.helm(),
        inputs: inputs.clone(),
        listeners: plane.sockets(),
        open: plane.totals().open,
        intent,
        limits,
        accepts: false,
        settled: false,
    };
    let work = move || match Child::start(again, &theirs) {
        Ok(child) => {
            drop(theirs);
            hand.run(child);
        }
        Err(why) => {
            let inputs = hand.inputs.clone();
            // Before it is told: the next upgrade may be under way from then on.
            drop(hand);
            let _ = inputs.blocking_send(Input::Upgrade(Step::Failed(why)));
        }
    };
    thread::Builder::new().name("upgrade".to_owned()).spawn(work)?;
    Ok(Handing { line })
}

impl Hand {
    fn run(mut self, child: Child) {
        let (step, patience) = match self.hand_over(&child) {
            Ok(gone) => (Step::Gone(gone), None),
            Err(why) => {
                self.helm.go_on();
                // Not once more at the drop: the next upgrade may be under way by then.
                self.settled = true;
                let why = if self.is_told(&why) { why } else { child.ended(why) };
                (Step::Failed(why), Some(self.limits.drain + LAST_WORDS))
            }
        };
        // Nobody listens any more when this process ends.
        let _ = self.inputs.blocking_send(Input::Upgrade(step));
        // The end of the plane does not wait for this thread.
        drop(self);
        if let Some(patience) = patience {
            child.end_within(patience);
        }
    }

    /// Tells the new process that it is given up. One that accepts already ends in order, while we go on.
    fn is_told(&self, why: &str) -> bool {
        let by = Instant::now() + LOOK;
        let is_told = self.accepts && self.line.say(Word::Abort, why.as_bytes(), &[], by).is_ok();
        self.line.0.shut();
        is_told
    }

    /// The whole of it, step by step. When it fails, at whatever step, the caller goes on.
    fn hand_over(&mut self, child: &Child) -> Result<Gone, String> {
        let by = Instant::now() + self.limits.start;
        let names = self.introduce(by).map_err(|broken| told(&broken))?;
        let (format, listeners) = self.wait_until_ready(&names, by)?;
        self.helm.stop_accepting(Instant::now() + MOVING_MAX).map_err(|_| slow())?;
        let past = self.ask(Step::Past)?;
        let mut said = self.say(Word::Past, &past, Instant::now() + MOVING_MAX);
        self.accepts = said.is_ok();
        let mut moved = Moved::default();
        if format == FORMAT {
            self.helm.settle(Instant::now() + self.limits.settle).map_err(|_| slow())?;
            moved = said.and_then(|()| self.move_sessions())?;
            said = Ok(());
        }
        // Before the new one speaks up: a service manager listens to whom it takes for the main process.
        child.let_go();
        notify::main_pid(child.pid);
        let gone = said.and_then(|()| self.say(Word::Go, &[], Instant::now() + LAST_WORDS));
        gone.inspect_err(|_| notify::main_pid(std::process::id()))?;
        self.settled = true;
        let kept = (format != FORMAT).then_some(
            "the new version does not know how sessions are handed over, and begins anew: without orders, health and counts",
        );
        // For the length of the pause only: it is over now, whatever this comes to.
        let _ = self.line.hear(Instant::now() + ECHO);
        let pause = moved.began.map(|began| began.elapsed()).unwrap_or_default();
        // A worker that is late does it all the same.
        let _ = self.helm.release(listeners.clone());
        Ok(Gone { pid: child.pid, listeners, sessions: moved.sessions, pause, kept })
    }

    fn say(&self, word: Word, bytes: &[u8], by: Instant) -> Result<(), String> {
        self.line.say(word, bytes, &[], by).map_err(|broken| told(&broken))
    }

    /// Says what there is, and gives the listeners: their names, in the order in which they went.
    fn introduce(&mut self, by: Instant) -> Result<Vec<ListenerName>, Broken> {
        let listeners = std::mem::take(&mut self.listeners);
        let mut hello = Writer::new();
        hello.u32(FORMAT);
        hello.u64(self.open);
        self.intent.write(&mut hello);
        self.line.say(Word::Hello, &hello.bytes, &[], by)?;
        for listener in &listeners {
            let mut to = Writer::new();
            to.bool(listener.are_ours());
            to.addr(&listener.name.addr);
            // One from before this was told does not look further.
            to.option(listener.file(), |to, FileIdentity(parts)| parts.into_iter().for_each(|it| to.u64(it)));
            // More sockets than fit into a packet belong to more workers than anybody has; the rest would wait for nobody.
            let sockets: Vec<_> = listener.sockets().take(DESCRIPTORS_MAX).collect();
            self.line.say(Word::Listener, &to.bytes, &sockets, by)?;
        }
        self.line.say(Word::Listeners, &[], &[], by)?;
        Ok(listeners.into_iter().map(|listener| listener.name).collect())
    }

    /// The format that the new process speaks, and the listeners that it takes.
    fn wait_until_ready(
        &self,
        names: &[ListenerName],
        by: Instant,
    ) -> Result<(u32, BTreeSet<ListenerName>), String> {
        let message = self.line.hear(by).map_err(|broken| match broken {
            Broken::Silent => format!("the new process is not ready after {:?}", self.limits.start),
            broken => told(&broken),
        })?;
        let mut from = Reader::new(&message.bytes);
        let said = match message.word {
            Word::Ready => from.u32().zip(from.list(Reader::size)),
            Word::Failed => return Err(String::from_utf8_lossy(&message.bytes).into_owned()),
            _ => None,
        };
        let (format, numbers) = said.ok_or_else(|| Broken::Nonsense.to_string())?;
        let taken = numbers.into_iter().filter_map(|number| names.get(number));
        Ok((format, taken.cloned().collect()))
    }

    /// What the control loop knows.
    fn ask(&self, step: impl FnOnce(Reply<Vec<u8>>) -> Step) -> Result<Vec<u8>, String> {
        let (reply, answer) = channel();
        let asked = self.inputs.blocking_send(Input::Upgrade(step(reply)));
        let answer = asked.ok().and_then(|()| answer.recv_timeout(MOVING_MAX).ok());
        answer.ok_or_else(|| "this process is ending".to_owned())
    }

    fn move_sessions(&self) -> Result<Moved, String> {
        let began = Instant::now();
        let by = began + MOVING_MAX;
        let (line, sent, failed) = (self.line.clone(), Arc::new(AtomicU64::new(0)), channel());
        let (failure, failures) = failed;
        let counter = Arc::clone(&sent);
        let hand = move |sessions: &[Suspended<BorrowedFd<'_>>]| {
            counter.fetch_add(sessions.len() as u64, Relaxed);
            send(&line, sessions, by).map_err(|broken| failure.send(broken)).is_ok()
        };
        self.helm.suspend(by, hand).map_err(|_| slow())?;
        if let Ok(broken) = failures.try_recv() {
            return Err(told(&broken));
        }
        let counted = self.ask(Step::Counted)?;
        self.say(Word::Counted, &counted, by)?;
        let sessions = sent.load(Relaxed);
        self.say(Word::All, &sessions.to_le_bytes(), by)?;
        match self.line.hear(by) {
            Ok(message) if message.word == Word::Have => Ok(Moved { sessions, began: Some(began) }),
            Ok(message) if message.word == Word::Failed => {
                Err(String::from_utf8_lossy(&message.bytes).into_owned())
            }
            Ok(_) => Err(Broken::Nonsense.to_string()),
            Err(broken) => Err(told(&broken)),
        }
    }
}

#[derive(Default)]
struct Moved {
    sessions: u64,
    began: Option<Instant>,
}

/// Why it failed, seen from here.
fn told(broken: &Broken) -> String {
    if matches!(broken, Broken::Closed) { ENDED.to_owned() } else { broken.to_string() }
}

fn slow() -> String {
    "a worker does not answer in time".to_owned()
}

/// Sends sessions in as many packets as they need.
fn send(line: &Line, sessions: &[Suspended<BorrowedFd<'_>>], by: Instant) -> Result<(), Broken> {
    let (mut packet, mut descriptors) = (Writer::new(), Vec::new());
    let (mut one, mut its) = (Writer::new(), Vec::new());
    for session in sessions {
        session::write(&mut one, session, &mut its);
        let is_full = packet.bytes.len() + one.bytes.len() > PIECE_MAX
            || descriptors.len() + SESSION_DESCRIPTORS_MAX > DESCRIPTORS_MAX;
        if is_full && !packet.bytes.is_empty() {
            line.say(Word::Sessions, &packet.bytes, &descriptors, by)?;
            packet.bytes.clear();
            descriptors.clear();
        }
        packet.bytes.append(&mut one.bytes);
        descriptors.append(&mut its);
    }
    match packet.bytes.is_empty() {
        true => Ok(()),
        false => line.say(Word::Sessions, &packet.bytes, &descriptors, by),
    }
}
