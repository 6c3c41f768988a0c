//! The control loop: takes what happens, tells the director, does what it says. Decides nothing itself.

mod acme;
mod answer;
mod certificates;
mod lists;
mod log;
mod orders;
mod past;
mod past_request;
mod question;
mod recent;
mod reload;
mod stop;
#[cfg(test)]
mod tests;
mod trial;
mod upgrade;
mod watch;
mod why;

pub use acme::Obtained;
pub use certificates::Keys;
pub use past::CheckTimes;
pub use past_request::PastRequest;
pub use question::{
    Applied, NotOrdered, NotUpgraded, Picture, Planned, Question, Reload, Reloads, Taken, Upgraded, Wanted,
    pending,
};
pub use recent::{Ended, Keeper, Kept, Sought};
pub use reload::Load;
pub use trial::{Trial, trial_time};
pub use watch::Watch;
pub use why::{Candidate, Explained};

use crate::acme::News;
use crate::admin::{Admin, Bound};
use crate::binding;
use crate::config::{Flags, Given, Loaded, LogFormat, Problems, Settings, Source, WatchedFiles};
use crate::discover::Discovery;
use crate::logging::{Log, Notice};
use crate::notify;
use crate::probe::{self, PROBES_MAX};
use crate::sandbox::{self, Sandbox};
use crate::signals::{self, Manner, Signal, Signals};
use crate::tls::{Material, Trouble};
use crate::upgrade::arrive::Receiving;
use crate::upgrade::counted::Closings;
use crate::upgrade::{Again, Step, supervise};
use acme::Obtaining;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::{Action, Director, EventKind, ProbeId};
use evenkeel_core::health::{Check, Verdict};
use evenkeel_core::name::{BackendKey, PoolName};
use evenkeel_core::ports::{Ports, Scarce};
use evenkeel_core::snapshot::Snapshot;
use evenkeel_proxy::{Inherited, Report, UserPlane};
use evenkeel_sys::limits;
use past::Past;
use reload::Loads;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use stop::Phase;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};
use upgrade::Moving;

/// How often the loop looks after itself: dropped lines, the watchdog, source ports.
const TICK: Duration = Duration::from_secs(1);

/// How long the end waits for answers that are on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What happens outside, besides signals and time.
pub enum Input {
    /// A probe has ended.
    Verdict {
        /// Which one.
        id: ProbeId,
        /// Whom it was about.
        key: BackendKey,
        /// What it saw.
        verdict: Verdict,
        /// After so long.
        took: Duration,
    },
    /// Sessions have ended.
    Ended(Ended),
    /// A name was looked up.
    Resolved {
        /// For this pool.
        pool: PoolName,
        /// The name.
        host: Arc<str>,
        /// What it stands for now, or why nobody knows.
        addrs: Result<Vec<IpAddr>, Arc<str>>,
    },
    /// The plane has something to tell.
    Report(Report),
    /// The load with this number has come to its end, for somebody who waits for what comes of it, or for nobody.
    Loaded(u64, Box<Load>, Option<oneshot::Sender<Reload>>),
    /// Files of the configuration have changed.
    Changed,
    /// Lists of networks have changed.
    ListsChanged {
        /// Whether the configuration has, too, which is not loaded by itself.
        config_has_changed: bool,
    },
    /// What is applied was read again with its lists.
    ListsRead(Given, Box<Result<Loaded, Problems>>),
    /// Files of keys or certificates have.
    KeysChanged,
    /// They were read again, for the configuration with this number: what came of it, and what was wrong.
    KeysRead(Box<Material>, Vec<Trouble>, u64),
    /// What comes of obtaining certificates.
    Acme(News),
    /// Somebody asks.
    Asked(Question),
    /// An upgrade has come so far.
    Upgrade(Step),
}

/// The control plane, once everything is started.
pub struct Control {
    /// Decides.
    pub director: Director,
    /// Obeys.
    pub plane: UserPlane,
    /// Tells.
    pub log: Log,
    /// Looks at the configuration's files, if that is wanted.
    pub watch: Option<Watch>,
    /// Which those are, as they were when they were read: the configuration's, and the lists of what holds.
    pub files: WatchedFiles,
    /// What holds instead of the configuration's files.
    pub applied: Option<Given>,
    /// Keys and certificates.
    pub keys: Keys,
    /// Keeps its names fresh.
    pub discovery: Discovery,
    /// Settings of the whole process; a reload changes all but those that hold until the end.
    pub settings: Settings,
    /// Where the configuration is loaded again from; `None` when it came from flags.
    pub source: Option<Source>,
    /// What stands above any file, also one that is only applied.
    pub flags: Option<Flags>,
    /// The admin API, once it is served.
    pub admin: Option<Admin>,
    /// Answers of one that is served no more.
    pub answering: JoinSet<()>,
    /// How this process is started anew, or why that cannot be.
    pub again: Result<Again, &'static str>,
    /// What is still to come from the process before this one.
    pub receiving: Option<Receiving>,
    /// What was given up at the start.
    pub sandbox: Arc<Sandbox>,
    /// What that had on trial.
    pub trial: Option<Trial>,
    /// Who is in charge.
    pub manner: Manner,
    /// Threads that carry traffic.
    pub workers: usize,
    /// Sessions at once, at most.
    pub max_sessions: u32,
    /// Where everything that happens goes to.
    pub inputs: Sender<Input>,
}

/// The control loop, while it turns.
struct Loop {
    control: Control,
    phase: Phase,
    /// When a signal first told it to stop.
    told_to_stop: Option<Instant>,
    permits: Arc<Semaphore>,
    /// Refused system calls that were told.
    told_refused: u64,
    /// Dropped lines that were told.
    told_dropped: u64,
    /// Reports that the plane had no room for, as far as the director knows.
    known_lost: u64,
    /// Since when it turns.
    started: SystemTime,
    reloads: Reloads,
    /// Loads of the configuration that are under way.
    loads: Loads,
    /// Source ports, and where they run short.
    ports: Ports,
    trial: Option<Trial>,
    /// What happened lately.
    past: Past,
    /// Whether the director is another one since its actions were last performed.
    follows_anew: bool,
    /// Sessions to close that could not be found at first, and when to look again.
    closings: Closings,
    /// Why it ends, once it does.
    ended: Option<&'static str>,
    /// The upgrade under way.
    moving: Option<Moving>,
    /// The process that has everything now.
    successor: Option<u32>,
    /// Certificates that are obtained.
    obtaining: Obtaining,
    /// When to bind the admin API, as long as the process before this one is only just leaving it.
    admin_due: Option<Instant>,
    /// How often that was tried in vain.
    admin_tries: u32,
}

impl Control {
    /// Serves the admin API at `bound`.
    pub fn serve_admin(&mut self, bound: Bound) {
        bound.notices().into_iter().for_each(|notice| self.log.tell(notice));
        self.leave_admin();
        self.admin = Some(bound.serve(self.inputs.clone(), &self.keys.material, self.flags.clone()));
    }

    /// Has it show the certificates that are there now.
    fn renew_admin(&self) {
        if let Some(admin) = &self.admin {
            admin.renew(&self.keys.material);
        }
    }

    /// Serves it no more; whoever has asked is still answered.
    fn leave_admin(&mut self) {
        while self.answering.try_join_next().is_some() {}
        if let Some(admin) = self.admin.take() {
            self.answering.spawn(admin.leave());
        }
    }

    /// Waits for answers that are on their way.
    async fn last_answers(&mut self) {
        // One that nobody reads must not hold the end.
        let _ = timeout(LAST_ANSWERS, async { while self.answering.join_next().await.is_some() {} }).await;
    }

    /// Turns until the process should end, and ends the plane and the log. Gives the process that has everything now, if
    /// one has.
    pub async fn run(self, mut inputs: Receiver<Input>, signals: &mut Signals) -> Option<u32> {
        let mut tick =
            tokio::time::interval(notify::watchdog().map_or(TICK, |timeout| TICK.min(timeout / 2)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turning = Loop::new(self);
        turning.want_certificates();
        while turning.ended.is_none() {
            turning.perform();
            tokio::select! {
                signal = signals.next() => turning.handle_signal(signal),
                Some(input) = inputs.recv() => turning.handle_input(input),
                () = until(turning.control.director.poll_timeout()) => {
                    turning.control.director.handle_timeout(Instant::now());
                }
                () = until(turning.phase_ends()) => turning.handle_phase_end(),
                () = until(turning.admin_due) => turning.bind_admin(),
                () = until(turning.trial_ends()) => turning.judge(Instant::now()),
                _ = tick.tick() => turning.handle_tick(),
            }
        }
        let successor = turning.successor;
        turning.control.last_answers().await;
        turning.end(inputs);
        successor
    }
}

impl Loop {
    fn new(mut control: Control) -> Self {
        let trial = control.trial.take();
        let permits = Arc::new(Semaphore::new(PROBES_MAX));
        let past = Past::begin(Instant::now(), &control.director);
        Self {
            control,
            phase: Phase::Running,
            told_to_stop: None,
            permits,
            told_refused: 0,
            told_dropped: 0,
            known_lost: 0,
            started: SystemTime::now(),
            reloads: Reloads::none(),
            loads: Loads::default(),
            ports: Ports::new(limits::source_ports()),
            trial,
            past,
            follows_anew: false,
            closings: Vec::new(),
            ended: None,
            moving: None,
            successor: None,
            obtaining: Obtaining::default(),
            admin_due: None,
            admin_tries: 0,
        }
    }

    fn perform(&mut self) {
        while let Some(action) = self.control.director.poll_action() {
            match action {
                Action::Publish(snapshot) => self.publish(snapshot),
                Action::Probe { id, key, host, target, check } => self.probe((id, key), host, target, check),
                Action::Close(closed, leaving) => self.close(closed, leaving),
                Action::Announce(event) => {
                    if let EventKind::Down { .. } | EventKind::Ejected { .. } = event.kind {
                        self.control.discovery.doubt(&event.pool);
                    }
                    self.past.note_event(Instant::now(), &event, &self.control.director);
                    self.control.log.tell(Notice::Pool(event));
                }
            }
        }
        if std::mem::take(&mut self.follows_anew) {
            self.past.follow(Instant::now(), &self.control.director);
        }
    }

    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        match self.control.plane.prepare(snapshot, &mut Inherited::new()) {
            Ok(publication) => self.control.plane.publish(publication),
            Err(error) => self.control.log.tell(Notice::Warning(binding::refused(&error).what)),
        }
        self.control.director.handle_published(Instant::now());
    }

    fn probe(
        &self,
        (id, key): (ProbeId, BackendKey),
        host: Option<Arc<str>>,
        target: Addr,
        check: Arc<Check>,
    ) {
        let (permits, inputs) = (Arc::clone(&self.permits), self.control.inputs.clone());
        let tls = check.tls.as_ref().map(|terms| (self.control.keys.material.client(terms), host));
        tokio::spawn(async move {
            let Ok(_permit) = permits.acquire().await else { return };
            let (verdict, took) = probe::timed(&key.addr, &target, &check, tls).await;
            // Nobody listens any more when the process ends.
            let _ = inputs.send(Input::Verdict { id, key, verdict, took }).await;
        });
    }

    fn handle_input(&mut self, input: Input) {
        let now = Instant::now();
        match input {
            Input::Verdict { id, key, verdict, took } => {
                if self.control.director.handle_probe(now, &key, id, verdict.clone()) {
                    self.past.note_check(now, &key, &verdict, took);
                }
            }
            Input::Ended(ended) => self.past.recent.take(ended),
            Input::Resolved { pool, host, addrs } => {
                self.control.director.handle_resolved(now, &pool, &host, addrs);
            }
            Input::Report(report) => self.handle_report(now, report),
            Input::Loaded(number, load, answer) => self.end_load(now, number, *load, answer),
            Input::ListsChanged { config_has_changed } => self.handle_lists(config_has_changed),
            Input::ListsRead(given, loaded) => self.take_lists(now, &given, *loaded),
            Input::Changed if self.phase == Phase::Running => self.load_again(None),
            Input::Changed => {}
            Input::KeysChanged => self.read_keys(),
            Input::KeysRead(material, troubles, reading) => self.handle_keys(*material, troubles, reading),
            Input::Acme(news) => self.handle_acme(news),
            Input::Asked(question) => self.handle_question(question),
            Input::Upgrade(step) => self.handle_step(step),
        }
    }

    fn handle_report(&mut self, now: Instant, report: Report) {
        let notice = match report {
            Report::Suspect { key, failure, in_row, took } => {
                self.past.chronicle.note_failure(now, &key, failure, took);
                return self.control.director.handle_suspect(now, &key, failure, in_row);
            }
            Report::Drained => return self.ended = Some("drained"),
            Report::CeilingReached { service, sessions } => Notice::CeilingReached { service, sessions },
            Report::CeilingLeft { service } => Notice::CeilingLeft { service },
            Report::AcceptFailed { listener, errno } => Notice::AcceptFailed { listener, errno },
            Report::Panicked { message } => Notice::Panicked { message },
        };
        self.control.log.tell(notice);
    }

    fn handle_signal(&mut self, signal: Signal) {
        if let Some(successor) = self.successor.filter(|_| supervise::passes_signals_on()) {
            return supervise::pass_on(successor, signal);
        }
        match signals::order(signal, self.control.manner, self.situation()) {
            signals::Order::Reload => self.reload(signal),
            signals::Order::Upgrade => self.upgrade(signal),
            signals::Order::Reopen => self.reopen_log_on(signal),
            signals::Order::Drain => self.stop(signal),
            signals::Order::End => self.ended = Some(signal.name()),
            signals::Order::Ignore(why) => {
                self.control.log.tell(Notice::SignalIgnored { signal: signal.name(), why });
            }
        }
    }

    fn handle_tick(&mut self) {
        notify::alive();
        self.close_again(Instant::now());
        self.judge(Instant::now());
        self.look_at_certificates(Instant::now());
        self.obtain_certificates();
        let lost = self.control.plane.totals().reports_dropped;
        if lost > std::mem::replace(&mut self.known_lost, lost) {
            self.control.director.handle_lost_suspects();
        }
        let dropped = self.dropped();
        if dropped > self.told_dropped && self.control.settings.log.format != LogFormat::Off {
            self.control.log.tell(Notice::LinesDropped { lines: dropped - self.told_dropped });
            self.told_dropped = dropped;
        }
        let (refused, last) = sandbox::refused();
        if refused > self.told_refused {
            self.control.log.tell(Notice::CallRefused { calls: refused - self.told_refused, last });
            self.told_refused = refused;
        }
        for notice in self.scarce_ports() {
            self.control.log.tell(notice);
        }
    }

    /// What is to be told of source ports now.
    fn scarce_ports(&mut self) -> Vec<Notice> {
        let scarce = self.control.plane.snapshot().map(|snapshot| self.ports.look(snapshot));
        let notice = |Scarce { backend, sessions, ports }| Notice::PortsScarce { backend, sessions, ports };
        scarce.into_iter().flatten().map(notice).collect()
    }

    /// Lines that did not get into the log so far.
    fn dropped(&self) -> u64 {
        self.control.plane.totals().records_dropped + self.control.log.dropped()
    }
}

/// Sleeps until `time`, or for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
