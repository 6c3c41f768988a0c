//! Starts everything in order, and then leaves it to the control loop.

mod announce;

use crate::admin::{self, Bound};
use crate::binding;
use crate::ceiling::{self, Needs};
use crate::config::{Loaded, Settings, Source};
use crate::control::{Control, Input, Keeper, Watch};
use crate::discover::Discovery;
use crate::error::{Exit, RunError};
use crate::logging::{Log, Notice};
use crate::notify;
use crate::probe::PROBES_MAX;
use crate::signals::{self, Manner, Signals};
use crate::upgrade::Again;
use crate::upgrade::arrive::Predecessor;
use crate::upgrade::supervise::{self, supervise};
use evenkeel_core::director::{Config, Director};
use evenkeel_proxy::{Inherited, PlaneOptions, Publication, Report, Reserved, Started, UserPlane};
use evenkeel_sys::limits;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::mpsc as threads;
use std::thread::available_parallelism;
use std::time::Instant;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Inputs that wait for the control loop, at most; whoever has another one waits.
const INPUTS_MAX: usize = 1024;

/// Names that are looked up at once, and files that are read, at most.
const BLOCKING_MAX: usize = 32;

/// How to run, besides the configuration.
#[derive(Debug)]
pub struct Options {
    /// When the process started.
    pub began: Instant,
    /// Where SIGHUP loads the configuration again from; `None` when that cannot be done.
    pub source: Option<Source>,
    /// How this process is started anew for an upgrade, or why that cannot be.
    pub again: Result<Again, &'static str>,
    /// The process that hands everything over to this one.
    pub predecessor: Option<Predecessor>,
    /// A demo ends at once when it is told to.
    pub demo: bool,
}

/// Runs until the process should end. Fails only before any traffic was taken.
pub fn run(loaded: Loaded, options: Options) -> Result<(), RunError> {
    let inherited = notify::inherited();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_MAX)
        .build()
        .map_err(|error| system("start the control loop", &error))?;
    let outcome = runtime.block_on(async {
        let mut signals = Signals::take().map_err(|error| system("take signals", &error))?;
        let (inputs, received) = mpsc::channel(INPUTS_MAX);
        // The process before this one still has the sockets: they are bound when it has left.
        let settings = loaded.settings.admin.as_ref().filter(|_| options.predecessor.is_none());
        let admin = Bound::bind(settings, None)?;
        let mut control = start(loaded, options, inherited, inputs)?;
        control.serve_admin(admin);
        let successor = control.run(received, &mut signals).await;
        let Some(successor) = successor.filter(|_| supervise::is_first()) else { return Ok(0) };
        supervise(successor, &mut signals)
            .await
            .map_err(|error| system("wait for the process in charge", &error))
    });
    // A lookup that hangs in the system's resolver must not delay the end.
    runtime.shutdown_background();
    match outcome? {
        0 => Ok(()),
        status => std::process::exit(status),
    }
}

fn system(what: &str, error: &io::Error) -> RunError {
    RunError::new(Exit::Failed, format!("cannot {what}: {error}"))
}

/// From the configuration to the first accepted connection.
pub fn start(
    loaded: Loaded,
    options: Options,
    mut inherited: Inherited,
    inputs: mpsc::Sender<Input>,
) -> Result<Control, RunError> {
    let Loaded { settings, config, warnings, files } = loaded;
    let room = room(&settings, &config);
    let mut log = Log::start(settings.log).map_err(|error| system("start the log", &error))?;
    for warning in warnings {
        log.tell(Notice::Warning(warning.to_string()));
    }
    let mut director =
        Director::new(Instant::now(), config.clone(), RandomState::new().hash_one(options.began));
    let plane =
        PlaneOptions { workers: room.workers, max_sessions: room.max_sessions, all_records: log.is_on() };
    let Started { mut plane, reports, records } =
        UserPlane::start(&plane).map_err(|error| system("start the workers", &error))?;
    let keeper = Keeper::new(inputs.clone());
    log.collect(records, move |records| keeper.keep(records))
        .map_err(|error| system("start the log", &error))?;
    forward(reports, inputs.clone()).map_err(|error| system("start the control loop", &error))?;

    let (mut predecessor, mut reserved) = (options.predecessor, None);
    let sockets = predecessor.as_mut().map_or(&mut inherited, Predecessor::sockets);
    let mut publication =
        plane.prepare(director.snapshot(), sockets).map_err(|error| binding::refused(&error))?;
    if let Some(predecessor) = &mut predecessor {
        (publication, reserved) = take_over(predecessor, &mut director, &plane, publication)?;
    }
    for notice in announce::listening(&publication, &config) {
        log.tell(notice);
    }
    plane.publish(publication);
    let receiving = predecessor.map(|it| it.receive(plane.helm(), reserved, inputs.clone())).transpose();
    let receiving = receiving.map_err(|error| system("start the control loop", &error))?;
    for notice in announce::warnings(&settings, &room, &inherited) {
        log.tell(notice);
    }
    log.tell(Notice::Ready {
        took: options.began.elapsed(),
        workers: room.workers,
        max_sessions: room.max_sessions,
        descriptors: room.descriptors,
    });
    if receiving.is_none() {
        notify::ready(&announce::status(&config));
    }
    Ok(Control {
        watch: options
            .source
            .is_some()
            .then(|| Watch::start(files, settings.watch, inputs.clone()))
            .flatten(),
        discovery: Discovery::follow(&config, &inputs),
        manner: manner(options.demo),
        source: options.source,
        again: options.again,
        receiving,
        admin: None,
        answering: JoinSet::new(),
        director,
        plane,
        log,
        settings,
        workers: room.workers,
        max_sessions: room.max_sessions,
        inputs,
    })
}

/// Waits until it is this process's turn to accept, and goes on from what the one before has seen.
fn take_over(
    predecessor: &mut Predecessor,
    director: &mut Director,
    plane: &UserPlane,
    publication: Publication,
) -> Result<(Publication, Option<Reserved>), RunError> {
    let past = predecessor
        .wait_for_past()
        .map_err(|broken| RunError::new(Exit::Failed, format!("cannot take over: {broken}")))?;
    let Some(past) = past else { return Ok((publication, None)) };
    plane.number_on_from(past.last_id);
    director.recall(Instant::now(), &past.memory);
    let renewed = plane.renew(&publication, director.snapshot());
    let publication = renewed.map_err(|error| binding::refused(&error))?;
    let reserved = plane.reserve(&publication, &past.open);
    Ok((publication, Some(reserved)))
}

/// What there is for traffic.
struct Room {
    workers: usize,
    descriptors: u64,
    /// As many as the descriptors allow.
    ceiling: u32,
    max_sessions: u32,
}

fn room(settings: &Settings, config: &Config) -> Room {
    let workers = settings.workers.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
    let descriptors = limits::raise_descriptors();
    let members: usize = config.pools.iter().map(|pool| pool.members.len()).sum();
    let needs = Needs {
        listeners: config.listeners.len(),
        probes: members.min(PROBES_MAX),
        admin: settings.admin.as_ref().map_or(0, admin::descriptors),
    };
    let ceiling = ceiling::sessions_max(descriptors, workers, needs);
    Room {
        workers,
        descriptors,
        ceiling,
        max_sessions: settings.max_sessions.unwrap_or(ceiling).min(ceiling),
    }
}

fn manner(demo: bool) -> Manner {
    match (demo, signals::on_terminal()) {
        (true, on_terminal) => Manner::Demo { on_terminal },
        (false, true) => Manner::Terminal,
        (false, false) => Manner::Service,
    }
}

/// Hands what the plane reports to the control loop, from a thread that sleeps meanwhile.
fn forward(reports: threads::Receiver<Report>, inputs: mpsc::Sender<Input>) -> io::Result<()> {
    let work = move || {
        for report in reports {
            if inputs.blocking_send(Input::Report(report)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("reports".to_owned()).spawn(work).map(drop)
}
