//! A balancer with one service, told what differs from the plain one.

use evenkeel_testkit::{Peer, Place, Process, Start, port};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// The binary, without arguments.
pub fn evenkeel() -> Start {
    Start::new(env!("CARGO_BIN_EXE_evenkeel"))
}

/// A configuration of one service, `web`, on a free port of 127.0.0.1. Checks are off unless its keys say otherwise,
/// so that every backend takes traffic from the start; there are two workers, too.
pub struct Setup {
    pub listen: Place,
    table: &'static str,
    top: String,
    to: Vec<String>,
    keys: String,
    flags: &'static str,
    start: Start,
}

impl Setup {
    /// In front of these backends.
    pub fn to<'a>(places: impl IntoIterator<Item = &'a Place>) -> Self {
        Self {
            listen: Place::local(port::free()),
            table: "tcp",
            top: String::new(),
            to: places.into_iter().map(|place| format!("{:?}", place.to_string())).collect(),
            keys: String::new(),
            flags: "",
            start: evenkeel(),
        }
    }

    /// It balances requests.
    pub fn http(mut self) -> Self {
        self.table = "http";
        self
    }

    /// One more backend, as an inline table: `{place}` stands for its address.
    pub fn backend(mut self, place: &Place, table: &str) -> Self {
        self.to.push(format!("{{ addr = \"{place}\", {table} }}"));
        self
    }

    /// One more backend, by name: this port of `localhost`.
    pub fn by_name(mut self, port: u16) -> Self {
        self.to.push(format!("\"localhost:{port}\""));
        self
    }

    /// Lines for the top of the file.
    pub fn top(mut self, lines: &str) -> Self {
        self.top += lines;
        self.top += "\n";
        self
    }

    /// Keys of the service.
    pub fn keys(mut self, lines: &str) -> Self {
        self.keys += lines;
        self.keys += "\n";
        self
    }

    /// Flags of `run`, which stand above the file.
    pub fn flags(mut self, flags: &'static str) -> Self {
        self.flags = flags;
        self
    }

    /// Changes how the process is started.
    pub fn start(mut self, change: impl FnOnce(Start) -> Start) -> Self {
        self.start = change(self.start);
        self
    }

    /// The file.
    pub fn text(&self) -> String {
        let workers = if self.top.contains("workers") { "" } else { "workers = 2\n" };
        let health = if self.keys.contains("health") { "" } else { "health = \"off\"\n" };
        format!(
            "{workers}{}[{}.web]\nlisten = \"{}\"\nto = [{}]\n{health}{}",
            self.top,
            self.table,
            self.listen,
            self.to.join(", "),
            self.keys
        )
    }

    /// Starts it, whatever comes of that.
    pub fn spawn(self) -> Running {
        let text = self.text();
        Running { process: self.start.config(&text).args(self.flags).spawn(), place: self.listen }
    }

    /// Starts it and waits until it is ready.
    pub fn ready(self) -> Running {
        let held = self.start.is_stdout_held();
        let mut running = self.spawn();
        if held {
            evenkeel_testkit::eventually("it listens", || Peer::try_connect(&running.place).ok());
        } else {
            running.wait_event("ready");
        }
        running
    }
}

/// So many clients, one after the other: who answered how many of them; nobody is an empty name.
pub fn tally(place: &Place, clients: usize) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for _ in 0..clients {
        *tally.entry(Peer::connect(place).text()).or_default() += 1;
    }
    tally
}

/// A balancer that runs.
pub struct Running {
    process: Process,
    pub place: Place,
}

impl Running {
    /// A client of it.
    pub fn connect(&self) -> Peer {
        Peer::connect(&self.place)
    }

    /// [`tally`] of this balancer.
    pub fn tally(&self, clients: usize) -> BTreeMap<String, usize> {
        tally(&self.place, clients)
    }

    /// How many events of this name there are in the log so far.
    pub fn count_events(&mut self, name: &str) -> usize {
        self.log().iter().filter(|line| line["event"] == name).count()
    }

    /// Ends it in order and checks that it does.
    pub fn end(mut self) {
        self.signal(evenkeel_testkit::Signal::TERM);
        assert_eq!(self.exit_code(), 0);
    }

    /// The process, for what takes it by value.
    pub fn into_process(self) -> Process {
        self.process
    }
}

impl Deref for Running {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
