//! The new process: takes the listening sockets, comes up beside the old one, and goes on with its sessions once it has
//! them all.

use super::counted::Counted;
use super::intent::Intent;
use super::line::{Broken, Line, Message, Word};
use super::past::Past;
use super::wire::{Reader, Writer};
use super::{FORMAT, MOVING_MAX, Step, VARIABLE, session};
use crate::control::Input;
use evenkeel_core::addr::Addr;
use evenkeel_core::name::Protocol;
use evenkeel_proxy::{Helm, Inherited, Passed, Reserved, Suspended};
use evenkeel_sys::handoff::Channel;
use evenkeel_sys::limits;
use evenkeel_sys::socket::FileIdentity;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;

/// How long the old process may be silent while it has something to say. It has limits of its own, and kills us at their
/// end; this one is for an old process that hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Descriptors for each session, on average: its sockets, and a pipe now and then.
const DESCRIPTORS_EACH: u64 = 3;

/// Descriptors for everything else, and for sessions that are to come.
const DESCRIPTORS_MORE: u64 = 1024;

/// The process before this one.
#[derive(Debug)]
pub struct Predecessor {
    line: Line,
    /// What operators want of it; `None`: it does not speak our format.
    intent: Option<Intent>,
    /// What its listeners are configured to be at, in its order.
    addrs: Vec<(Protocol, Addr)>,
    inherited: Inherited,
}

/// What has come over.
#[derive(Debug)]
pub struct Arrived {
    /// What the old process had counted.
    pub counted: Option<Counted>,
}

/// The process before this one, if it was that which started this one. Call it before anything else opens descriptors.
pub fn predecessor() -> Option<Predecessor> {
    let channel = Channel::inherited(&std::env::var(VARIABLE).ok()?)?;
    // Who started this process has the limit that the old one began with, and more may come than that allows.
    limits::raise_descriptors();
    let line = Line(Arc::new(channel));
    match introduction(line.clone()) {
        Ok(predecessor) => Some(predecessor),
        Err(broken) => {
            let _ = line.say(Word::Failed, broken.to_string().as_bytes(), &[], Instant::now() + MOVING_MAX);
            None
        }
    }
}

/// What it says of itself first: what operators want of it, if it speaks our format, and its listeners.
fn introduction(line: Line) -> Result<Predecessor, Broken> {
    let by = Instant::now() + MOVING_MAX;
    let mut told = Predecessor { line, intent: None, addrs: Vec::new(), inherited: Inherited::new() };
    loop {
        let Message { word, bytes, descriptors } = told.line.hear(by)?;
        let mut from = Reader::new(&bytes);
        match word {
            Word::Hello => {
                let speaks_ours = from.u32() == Some(FORMAT);
                let open = from.u64().unwrap_or_default();
                limits::make_room(open.saturating_mul(DESCRIPTORS_EACH).saturating_add(DESCRIPTORS_MORE));
                if speaks_ours {
                    told.intent = Some(Intent::read(&mut from).ok_or(Broken::Nonsense)?);
                }
            }
            Word::Listener => {
                let (ours, addr) = from.bool().zip(from.addr()).ok_or(Broken::Nonsense)?;
                let file = read_file(&mut from, &addr).filter(|_| ours);
                let protocol = told.inherited.pass(addr.clone(), Passed { sockets: descriptors, ours, file });
                told.addrs.push((protocol, addr));
            }
            Word::Listeners => return Ok(told),
            _ => return Err(Broken::Nonsense),
        }
    }
}

/// Which file belongs to the listener at `addr`. One from before this was told says nothing of it: then what is there now.
fn read_file(from: &mut Reader<'_>, addr: &Addr) -> Option<FileIdentity> {
    let Addr::Unix(path) = addr else { return None };
    let told = from.option(|from| Some(FileIdentity([from.u64()?, from.u64()?, from.u64()?, from.u64()?])));
    told.unwrap_or_else(|| FileIdentity::at(path))
}

/// Tells the process before this one that this one will not come up.
#[derive(Debug)]
pub struct Herald(Line);

impl Herald {
    /// It will not, for this reason. Only the first one is heard.
    pub fn fail(&self, why: &str) {
        // Whether it hears that or sees us end comes to the same.
        let _ = self.0.say(Word::Failed, why.as_bytes(), &[], Instant::now() + MOVING_MAX);
    }
}

impl Predecessor {
    /// A way to tell it of a failure when this value is elsewhere.
    pub fn herald(&self) -> Herald {
        Herald(self.line.clone())
    }

    /// What operators want of it, as far as that has to be known before anything is bound.
    pub fn intent(&self) -> Option<&Intent> {
        self.intent.as_ref()
    }

    /// Its listening sockets, to be taken from.
    pub fn sockets(&mut self) -> &mut Inherited {
        &mut self.inherited
    }

    /// Tells it that everything is ready, with the sockets that were taken, and waits for the moment to accept. `None`: it
    /// does not speak our format, and nothing comes over but its listeners.
    pub fn wait_for_past(&mut self) -> Result<Option<Past>, Broken> {
        let mut to = Writer::new();
        to.u32(FORMAT);
        to.list(&self.taken(), |to, number| to.size(*number));
        self.inherited = Inherited::new();
        self.line.say(Word::Ready, &to.bytes, &[], Instant::now() + MOVING_MAX)?;
        let message = self.line.hear(Instant::now() + PATIENCE)?;
        match message.word {
            Word::Past if self.intent.is_none() => Ok(None),
            Word::Past => Past::read(&message.bytes).map(Some).ok_or(Broken::Nonsense),
            _ => Err(Broken::Nonsense),
        }
    }

    /// The numbers of the listeners that were taken: of several at one address the first.
    fn taken(&self) -> Vec<usize> {
        let mut at: BTreeMap<&(Protocol, Addr), Vec<usize>> = BTreeMap::new();
        self.addrs.iter().zip(0..).for_each(|(addr, number)| at.entry(addr).or_default().push(number));
        let taken = at.into_iter().flat_map(|((protocol, addr), numbers)| {
            let count = numbers.len() - self.inherited.count(*protocol, addr);
            numbers.into_iter().take(count)
        });
        taken.collect()
    }

    /// Waits, on a thread, for everything else, and lets the workers go on with it.
    /// `reserved` is the room that was kept for it.
    pub fn receive(
        self,
        helm: Helm,
        reserved: Option<Reserved>,
        inputs: Sender<Input>,
    ) -> io::Result<Receiving> {
        let line = self.line.clone();
        let work = move || {
            let step = match self.arrive(&helm) {
                Ok(arrived) => Step::Arrived(arrived),
                Err(broken) => Step::Forsaken(broken.to_string()),
            };
            drop(reserved);
            let has_arrived = matches!(step, Step::Arrived(_));
            // Nobody listens any more when this process ends.
            let _ = inputs.blocking_send(Input::Upgrade(step));
            if has_arrived {
                // It closes its end, or ends, when it has left all addresses.
                let _ = self.line.hear(Instant::now() + MOVING_MAX);
                let _ = inputs.blocking_send(Input::Upgrade(Step::Alone));
            }
        };
        thread::Builder::new().name("upgrade".to_owned()).spawn(work)?;
        Ok(Receiving { line })
    }

    fn arrive(&self, helm: &Helm) -> Result<Arrived, Broken> {
        let (mut sessions, mut counted) = (Vec::new(), None);
        loop {
            let mut message = self.line.hear(Instant::now() + PATIENCE)?;
            match message.word {
                Word::Sessions => read(&mut message, &mut sessions).ok_or_else(|| self.refuse())?,
                Word::Counted => counted = Counted::read(&message.bytes),
                Word::All => {
                    let all = Reader::new(&message.bytes).u64();
                    if all != Some(sessions.len() as u64) {
                        return Err(self.refuse());
                    }
                    self.line.say(Word::Have, &[], &[], Instant::now() + MOVING_MAX)?;
                }
                Word::Go => {
                    // A worker that is late has them all the same.
                    let _ = helm.adopt(sessions, Instant::now() + MOVING_MAX);
                    let _ = self.line.say(Word::Moving, &[], &[], Instant::now());
                    return Ok(Arrived { counted });
                }
                Word::Abort => {
                    return Err(Broken::Refused(String::from_utf8_lossy(&message.bytes).into_owned()));
                }
                _ => return Err(self.refuse()),
            }
        }
    }

    fn refuse(&self) -> Broken {
        self.herald().fail("what came of the sessions makes no sense to the new process");
        Broken::Nonsense
    }
}

fn read(message: &mut Message, sessions: &mut Vec<Suspended<OwnedFd>>) -> Option<()> {
    let mut from = Reader::new(&message.bytes);
    let mut descriptors = message.descriptors.drain(..);
    while !from.is_done() {
        sessions.push(session::read(&mut from, &mut descriptors)?);
    }
    descriptors.next().is_none().then_some(())
}

/// What is still to come over, seen from the control loop.
pub struct Receiving {
    line: Line,
}

impl Receiving {
    /// Lets the old process go on instead, unless it is over.
    pub fn decline(&self) {
        self.line.0.shut();
    }
}
