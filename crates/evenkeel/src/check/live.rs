//! `check --live`: looks up every name, binds every listener and checks every backend, once.

use super::{addr, target};
use crate::error::{Exit, RunError};
use crate::tls::Material;
use crate::{holder, probe};
use evenkeel_core::addr::Addr;
use evenkeel_core::director::{Config, Member, PoolConfig, Target};
use evenkeel_core::health::{Check, CheckKind, Verdict};
use serde_json::{Value, json};
use std::fmt;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// What was found.
pub struct Seen {
    /// Whether each listener could be bound; if not, why.
    listeners: Vec<(Addr, Result<(), String>)>,
    /// How each backend answered; if not, why.
    backends: Vec<Answer>,
}

struct Answer {
    pool: String,
    backend: String,
    state: State,
}

enum State {
    Up(Duration),
    Down(String),
    /// Nobody knows what to ask.
    NotAsked,
}

/// Looks.
pub fn look(config: &Config, material: &Material) -> Result<Seen, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| RunError::new(Exit::Failed, format!("cannot look: {error}")))?;
    let listeners = config.listeners.iter().map(|listener| {
        let addr = &listener.name.addr;
        (addr.clone(), bind(addr, listener.is_for_flows()))
    });
    let listeners = listeners.collect();
    let backends = runtime.block_on(ask_all(config, material));
    runtime.shutdown_background();
    Ok(Seen { listeners, backends })
}

fn bind(addr: &Addr, is_for_flows: bool) -> Result<(), String> {
    let bound = |ip: &SocketAddr| match is_for_flows {
        true => UdpSocket::bind(ip).map(drop),
        false => TcpListener::bind(ip).map(drop),
    };
    match addr {
        Addr::Ip(ip) => bound(ip).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse if is_for_flows => "in use".into(),
            ErrorKind::AddrInUse => match holder::of(addr) {
                Some(holder) => format!("in use by {holder}"),
                None => "in use".into(),
            },
            ErrorKind::AddrNotAvailable => "this machine does not have this address".into(),
            _ => error.to_string(),
        }),
        // Binding would leave a file behind.
        Addr::Unix(path) if UnixStream::connect(path).is_ok() => Err("in use".into()),
        Addr::Unix(_) if holder::is_plain_file(addr) => Err("a file that is no socket is in the way".into()),
        Addr::Unix(path) => match path.parent() {
            Some(dir) if dir != Path::new("") && !dir.is_dir() => {
                Err(format!("{} is no directory", dir.display()))
            }
            _ => Ok(()),
        },
    }
}

async fn ask_all(config: &Config, material: &Material) -> Vec<Answer> {
    let seats = Arc::new(Semaphore::new(probe::PROBES_MAX));
    let mut asked = JoinSet::new();
    let members = config.pools.iter().flat_map(|pool| pool.members.iter().map(move |member| (pool, member)));
    for (index, (pool, member)) in members.enumerate() {
        let (seats, member, name) = (Arc::clone(&seats), member.clone(), pool.name.to_string());
        let Some(check) = check_of(pool, config) else {
            let backend = target(&member);
            asked.spawn(async move { (index, vec![Answer { pool: name, backend, state: State::NotAsked }]) });
            continue;
        };
        let tls = check.tls.as_ref().map(|terms| (material.client(terms), member.target.host().cloned()));
        asked.spawn(async move {
            // The semaphore is never closed, so the seat is always there.
            let _seat = seats.acquire().await;
            (index, ask(&name, &member, &check, tls).await)
        });
    }
    let mut answers: Vec<_> = asked.join_all().await;
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().flat_map(|(_, answers)| answers).collect()
}

/// A pool without checks is dialled all the same: that is what was asked for. Where all that comes is datagrams, that would
/// say nothing.
fn check_of(pool: &PoolConfig, config: &Config) -> Option<Check> {
    if let Some(check) = pool.check.as_deref() {
        return Some(check.clone());
    }
    let mut users = config.listeners.iter().filter(|it| it.pools().any(|name| *name == pool.name));
    if users.all(|listener| listener.is_for_flows()) {
        return None;
    }
    let rules = &pool.rules.connect;
    let check = Check {
        kind: CheckKind::Tcp,
        addr: None,
        port: None,
        interval: rules.timeout,
        fast_interval: rules.timeout,
        timeout: rules.timeout,
        rise: 1,
        fall: 1,
        introduce: None,
        outward: None,
        tls: None,
    };
    Some(check.as_sessions(&pool.rules))
}

async fn ask(pool: &str, member: &Member, check: &Check, tls: Option<probe::Tls>) -> Vec<Answer> {
    let answer = |backend: String, state| Answer { pool: pool.to_owned(), backend, state };
    let addrs = match &member.target {
        Target::Addr(addr) => vec![addr.clone()],
        Target::Name { host, port } => match lookup_host((host.as_ref(), *port)).await {
            Ok(found) => found.map(Addr::Ip).collect(),
            Err(error) => {
                return vec![answer(target(member), State::Down(format!("cannot look it up: {error}")))];
            }
        },
    };
    let mut answers = Vec::new();
    for backend in addrs {
        let state = match probe::run(&backend, &checked_at(&backend, member, check), check, tls.clone()).await
        {
            Verdict::Pass(took) => State::Up(took),
            Verdict::Fail(failure) => State::Down(failure.to_string()),
        };
        let name = match &member.target {
            Target::Name { host, .. } => format!("{backend} ({host})"),
            Target::Addr(_) => backend.to_string(),
        };
        answers.push(answer(name, state));
    }
    answers
}

/// Where `backend` is checked.
fn checked_at(backend: &Addr, member: &Member, check: &Check) -> Addr {
    let Some(ip) = backend.ip() else { return backend.clone() };
    let host = member.check_addr.or(check.addr).unwrap_or(ip.ip());
    Addr::Ip(SocketAddr::new(host, member.check_port.or(check.port).unwrap_or(ip.port())))
}

impl Seen {
    /// How many things would not work now.
    pub fn failures(&self) -> usize {
        let listeners = self.listeners.iter().filter(|(_, bound)| bound.is_err()).count();
        listeners + self.backends.iter().filter(|answer| matches!(answer.state, State::Down(_))).count()
    }

    /// The same for programs.
    pub fn to_json(&self) -> Value {
        let listeners = self.listeners.iter().map(|(addr, bound)| {
            json!({"addr": addr.to_string(), "free": bound.is_ok(), "error": bound.as_ref().err()})
        });
        let backends = self.backends.iter().map(|answer| {
            let (ms, error) = match &answer.state {
                State::Up(took) => (Some(took.as_secs_f64() * 1e3), None),
                State::Down(error) => (None, Some(error)),
                State::NotAsked => (None, None),
            };
            json!({"pool": answer.pool, "backend": answer.backend, "ms": ms, "error": error})
        });
        json!({"listeners": listeners.collect::<Vec<_>>(), "backends": backends.collect::<Vec<_>>()})
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows: Vec<[String; 3]> = Vec::new();
        for (listener, bound) in &self.listeners {
            let state = bound.as_ref().map_or_else(|error| error.clone(), |()| "free".into());
            rows.push(["listen".into(), addr(listener), state]);
        }
        for Answer { pool, backend, state } in &self.backends {
            let state = match state {
                State::Up(took) => format!("up     {:.1} ms", took.as_secs_f64() * 1e3),
                State::Down(error) => format!("down   {error}"),
                State::NotAsked => "not asked: by UDP it takes a `health` that says what".to_owned(),
            };
            rows.push([format!("pool {pool}"), backend.clone(), state]);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let (what, whom) = (width(0), width(1));
        rows.iter().try_for_each(|[name, addr, state]| writeln!(f, "  {name:what$}  {addr:whom$}  {state}"))
    }
}
