//! Starts everything in order, and then leaves it to the control loop.

mod announce;

use crate::admin::Bound;
use crate::binding;
use crate::ceiling::{self, Needs};
use crate::config::{Flags, Loaded, Settings, Source, WatchedFiles};
use crate::control::{Control, Input, Keeper, Keys, Trial, Watch};
use crate::discover::{Discovery, LOOKUPS_MAX};
use crate::error::{Exit, RunError};
use crate::logging::{Log, Notice, Outlet, telling};
use crate::notify;
use crate::reach::Reach;
use crate::sandbox::{self, Sandbox};
use crate::signals::{self, Manner, Signals};
use crate::upgrade::Again;
use crate::upgrade::arrive::Predecessor;
use crate::upgrade::intent::Intent;
use crate::upgrade::past::Past;
use crate::upgrade::supervise::{self, supervise};
use evenkeel_core::director::{Config, Director, Memory};
use evenkeel_proxy::{Inherited, PlaneOptions, Publication, Records, Report, Reserved, Started, UserPlane};
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

/// Names that are looked up at once, and files that are read, at most: some threads are for files alone.
const BLOCKING_MAX: usize = LOOKUPS_MAX + 8;

/// How to run, besides the configuration.
#[derive(Debug)]
pub struct Options {
    /// When the process started.
    pub began: Instant,
    /// Sockets that a service manager has passed.
    pub inherited: Inherited,
    /// Where SIGHUP loads the configuration again from; `None` when that cannot be done.
    pub source: Option<Source>,
    /// What stands above any file.
    pub flags: Option<Flags>,
    /// How this process is started anew for an upgrade, or why that cannot be.
    pub again: Result<Again, &'static str>,
    /// The process that hands everything over to this one.
    pub predecessor: Option<Predecessor>,
    /// A demo ends at once when it is told to.
    pub demo: bool,
}

impl Options {
    /// What operators want of the process before this one.
    fn intent(&self) -> Option<&Intent> {
        self.predecessor.as_ref().and_then(Predecessor::intent)
    }
}

/// Runs until the process should end. Fails only before any traffic was taken.
pub fn run(loaded: Loaded, options: Options) -> Result<(), RunError> {
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
        let mut control = start(loaded, options, inputs)?;
        control.serve_admin(admin);
        let Some(successor) = control.run(received, &mut signals).await else { return Ok(0) };
        if supervise::is_first() {
            let status = supervise(successor, &mut signals).await;
            return status.map_err(|error| system("wait for the process in charge", &error));
        }
        if supervise::passes_signals_on() {
            supervise::pass_last_signals_on(successor, &mut signals).await;
        }
        Ok(0)
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
pub fn start(loaded: Loaded, mut options: Options, inputs: mpsc::Sender<Input>) -> Result<Control, RunError> {
    // What it would go back to is within reach, too.
    let mut reach = Reach::of(&loaded, options.source.as_ref());
    let (loaded, mut trial) = on_trial(loaded, &options)?;
    reach.add(&loaded);
    let mut director = direct(loaded.config.clone(), &options);
    let outlet = Outlet::open(&loaded.settings.log)?;
    let room = room(&loaded.settings, &loaded.config);
    let mut publication = bind(&loaded, &director, room.workers, &mut options)?;
    let sandbox = enclose(&loaded, &reach, &options)?;
    let Loaded { settings, config, material, warnings, files } = loaded;
    // It goes on to hold if it is confirmed before it is here.
    let applied = trial.as_ref().map(|it| it.given().clone());

    let keeper = Keeper::new(inputs.clone());
    let log = Log::start(outlet, move |records| keeper.keep(records));
    let mut log = log.map_err(|error| system("start the log", &error))?;
    warnings.iter().for_each(|warning| log.tell(Notice::Warning(warning.to_string())));
    let Started { mut plane, reports } = start_plane(&settings, &room, log.recorder())?;
    forward(reports, inputs.clone()).map_err(|error| system("start the control loop", &error))?;

    let (mut predecessor, mut reserved) = (options.predecessor, None);
    if let Some(predecessor) = &mut predecessor
        && let Some(past) = wait_for_past(predecessor)?
    {
        trial = trial.filter(|_| past.is_on_trial);
        (publication, reserved) = go_on_from(&past, &mut director, &plane, &publication)?;
    }
    for notice in announce::listening(&publication, &config) {
        log.tell(notice);
    }
    let mut unused = Vec::new();
    match predecessor {
        Some(_) => plane.await_flows(),
        None => unused.extend(publication.idle().cloned()),
    }
    plane.publish(publication);
    let receiving = predecessor.map(|it| it.receive(plane.helm(), reserved, inputs.clone())).transpose();
    let receiving = receiving.map_err(|error| system("start the control loop", &error))?;
    for notice in announce::warnings(&settings, &room, &unused, &sandbox) {
        log.tell(notice);
    }
    log.tell(announce::ready(options.began, &room));
    if receiving.is_none() {
        notify::ready(&announce::status(&config));
    }
    Ok(Control {
        watch: watch(&options.source, files.clone(), &settings, &inputs),
        files,
        applied,
        keys: Keys::new(material, &inputs),
        discovery: Discovery::follow(&config, &inputs),
        manner: manner(options.demo),
        source: options.source,
        flags: options.flags,
        again: options.again,
        receiving,
        sandbox: sandbox.into(),
        trial,
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

/// Binds every listener, before there is a worker. The addresses of the admin API are only bound when a process before this one is
/// gone; what else could be wrong with it ends the upgrade here.
fn bind(
    loaded: &Loaded,
    director: &Director,
    workers: usize,
    options: &mut Options,
) -> Result<Publication, RunError> {
    if options.predecessor.is_some() {
        Bound::check(loaded.settings.admin.as_ref())?;
    }
    let sockets = options.predecessor.as_mut().map_or(&mut options.inherited, Predecessor::sockets);
    let publication = UserPlane::prepare_first(director.snapshot(), workers, sockets);
    let publication = publication.map_err(|error| binding::refused(&error))?;
    Ok(publication.with_keyring(loaded.material.keyring().into()))
}

/// Gives up what is not needed from here on: everything is bound, and nobody else runs yet who would keep it.
fn enclose(loaded: &Loaded, reach: &Reach, options: &Options) -> Result<Sandbox, RunError> {
    if let Ok(again) = &options.again {
        let confined = again.launcher.confine(&again.binary, reach.writable.iter());
        confined.map_err(|error| system("tell the launcher what is ours", &error))?;
    }
    sandbox::put_up(&loaded.settings.sandbox, &loaded.config, reach)
}

/// What looks at the files that were loaded; a command line has none.
fn watch(
    source: &Option<Source>,
    files: WatchedFiles,
    settings: &Settings,
    inputs: &mpsc::Sender<Input>,
) -> Option<Watch> {
    source.as_ref()?;
    Watch::start(files, settings.watch, inputs.clone())
}

/// What holds: what was loaded, or what the process before has on trial.
fn on_trial(loaded: Loaded, options: &Options) -> Result<(Loaded, Option<Trial>), RunError> {
    let packed = options.intent().and_then(|intent| intent.trial.clone());
    let Some(packed) = packed else { return Ok((loaded, None)) };
    match Trial::resume(packed, options.flags.clone(), loaded) {
        Ok((trial, loaded)) => Ok((loaded, Some(trial))),
        Err(problems) => {
            let what = format!("cannot load what is on trial: {}", problems.summary());
            Err(RunError::new(Exit::Failed, what))
        }
    }
}

/// Who decides. A service that drains in the process before is not to be bound here.
fn direct(config: Config, options: &Options) -> Director {
    let mut director = Director::new(Instant::now(), config, RandomState::new().hash_one(options.began));
    if let Some(intent) = options.intent() {
        director.recall(Instant::now(), &Memory { duties: intent.duties.clone(), pools: Vec::new() });
    }
    director
}

/// Waits until it is this process's turn to accept.
fn wait_for_past(predecessor: &mut Predecessor) -> Result<Option<Past>, RunError> {
    let past = predecessor.wait_for_past();
    past.map_err(|broken| RunError::new(Exit::Failed, format!("cannot take over: {broken}")))
}

/// Goes on from what the process before has seen, with room for its sessions.
fn go_on_from(
    past: &Past,
    director: &mut Director,
    plane: &UserPlane,
    publication: &Publication,
) -> Result<(Publication, Option<Reserved>), RunError> {
    plane.number_on_from(past.last_id);
    director.recall(Instant::now(), &past.memory);
    let renewed = plane.renew(publication, director.snapshot());
    let publication = renewed.map_err(|error| binding::refused(&error))?;
    let reserved = plane.reserve(&publication, &past.open);
    Ok((publication, Some(reserved)))
}

fn start_plane(
    settings: &Settings,
    room: &Room,
    take: impl Fn(Records) -> bool + Send + Sync + 'static,
) -> Result<Started, RunError> {
    let options = PlaneOptions { workers: room.workers, max_sessions: room.max_sessions };
    let started = UserPlane::start(&options, take).map_err(|error| system("start the workers", &error))?;
    started.plane.tell_of(telling(&settings.log));
    started.plane.limit_early(settings.max_early_bytes);
    started.plane.set_busy_poll(settings.busy_poll);
    Ok(started)
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
    let ceiling = ceiling::sessions_max(descriptors, workers, Needs::of(settings, config));
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
