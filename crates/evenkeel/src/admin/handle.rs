//! Does what a request asks for: looks at a picture of everything, or hands the control loop an order.

use super::Desk;
use super::args::Args;
use super::guard::Peer;
use super::reply::{Refused, Reply};
use super::routes::Op;
use super::{certificates, change, dashboard, guard, metrics, missing, openapi, orders, upgrade, view, why};
use crate::config;
use crate::control::{Picture, Question, Wanted};
use crate::logging::Told;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::{Standing, Target};
use evenkeel_core::name::{PoolName, ServiceName};
use evenkeel_core::snapshot::Pool;
use evenkeel_proxy::{Closing, Filter, SessionView, Visit};
use hyper::StatusCode;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::sync::{broadcast, mpsc, oneshot};

/// Sessions that are shown unless told otherwise.
pub const SESSIONS: u64 = 100;

/// Does it.
pub async fn perform(desk: &Desk, op: Op, peer: Peer, args: &Args) -> Result<Reply, Refused> {
    match op {
        Op::Page => Ok(dashboard::page()),
        Op::Asset => dashboard::file(args.text("file").unwrap_or_default()),
        Op::Live => desk.look().await.map(|_| Reply::Text(true, "ok\n".into())),
        Op::Ready => ready(&*desk.look().await?, args.flag("verbose")),
        Op::ServiceReady => service_ready(&*desk.look().await?, args),
        Op::Metrics => desk.show(|it| Ok(Reply::Metrics(metrics::write(it)))).await,
        Op::OpenApi => Ok(Reply::Raw(openapi::document())),
        Op::Access => {
            let why = guard::may_change(&peer, desk.token.as_ref()).err();
            Ok(Reply::Json(json!({"change": why.is_none(), "why": why})))
        }
        Op::Status => desk.show(|it| Ok(Reply::Json(view::status(it)))).await,
        Op::Certificates => {
            Ok(Reply::Json(json!({"certificates": certificates::view(&*desk.look().await?)})))
        }
        Op::Services => desk.show(|it| Ok(Reply::Json(json!({"services": view::services(it)})))).await,
        Op::Service => {
            let name = args.text("service").unwrap_or_default();
            let picture = desk.look().await?;
            let view = view::service(&picture, &view::by_service(&picture), &ServiceName::new(name));
            view.map(Reply::Json).ok_or_else(|| missing::service(&picture, name))
        }
        Op::Listeners => desk.show(|it| Ok(Reply::Json(json!({"listeners": view::listeners(it)})))).await,
        Op::Pools => desk.show(|it| Ok(Reply::Json(json!({"pools": view::pools(it)})))).await,
        Op::Pool => {
            let (name, picture) = (args.text("pool").unwrap_or_default(), desk.look().await?);
            let pool = picture.snapshot.pools.get(&PoolName::new(name));
            let pool = pool.ok_or_else(|| missing::pool(&picture, name))?;
            let (views, users) = (view::by_pool(&picture), view::users(&picture));
            Ok(Reply::Json(view::pool(&picture, &views, &users, pool)))
        }
        Op::Backends => {
            let pool = args.text("pool").map(PoolName::new);
            desk.show(move |it| backends(it, pool.as_ref())).await
        }
        Op::WhyBackend => why::backend(desk, args).await,
        Op::WhySession => why::session(desk, args).await,
        Op::WhyClient => why::client(desk, args).await,
        Op::WhyRequest => why::request(desk, args).await,
        Op::Sessions => sessions(desk, args).await,
        Op::CloseSessions => close_sessions(desk, peer, args).await,
        Op::Events => events(desk, args).await,
        Op::Config => {
            let config = desk.ask(Question::Config).await?;
            Ok(Reply::Json(view::config(&config.listeners, &config.pools)))
        }
        Op::Reload => reload(desk, peer).await,
        Op::Upgrade => upgrade::upgrade(desk, peer, args).await,
        Op::Order(kind) => orders::give(desk, kind, peer, args).await,
        Op::Plan => change::plan(desk, args).await,
        Op::Apply => change::apply(desk, peer, args).await,
        Op::Confirm => change::confirm(desk, peer).await,
        Op::Reopen => change::reopen(desk, peer).await,
        Op::Differences => {
            let (differences, agreements) = desk.ask(Question::Differences).await?;
            Ok(Reply::Json(json!({
                "differences": differences.iter().map(view::difference).collect::<Vec<_>>(),
                "agreements": agreements.iter().map(view::agreement).collect::<Vec<_>>(),
            })))
        }
    }
}

/// Ready is who takes traffic and has seen its backends once. That all of them are down is no reason: where every node
/// says so, nobody is left to say it to.
fn ready(picture: &Picture, verbose: bool) -> Result<Reply, Refused> {
    let views = view::by_pool(picture);
    let is_unseen = |pool: &&Arc<Pool>| {
        let mut views = views.get(&pool.name).into_iter().copied().flatten();
        !pool.backends.iter().any(|it| it.eligible) && views.any(|it| it.standing == Standing::Checking)
    };
    let unseen: Vec<&str> =
        picture.snapshot.pools.values().filter(is_unseen).map(|it| it.name.as_str()).collect();
    let mut reasons = vec![
        ("takes-traffic", picture.phase == "running", picture.phase.to_owned()),
        ("first-checks", unseen.is_empty(), unseen.join(" ")),
    ];
    if !picture.obtained.held.is_empty() {
        // Who takes it for not ready may keep from it the very authority that it waits for.
        reasons.push(("certificates", true, missing(picture)));
    }
    Ok(verdict(&reasons, verbose))
}

/// Certificates that are still to be obtained.
fn missing(picture: &Picture) -> String {
    let names: Vec<_> =
        certificates::missing(picture).map(|it| format!("none yet for {}", it.name)).collect();
    names.join(", ")
}

fn service_ready(picture: &Picture, args: &Args) -> Result<Reply, Refused> {
    let name = args.text("service").unwrap_or_default();
    let listeners = picture.snapshot.listeners.values().filter(|it| it.name.service.as_str() == name);
    let listeners: Vec<_> = listeners.collect();
    let Some(first) = listeners.first() else { return Err(missing::service(picture, name)) };
    let pools: Vec<_> = first.pools().filter_map(|name| picture.snapshot.pools.get(name)).collect();
    let backends = pools.iter().flat_map(|pool| &pool.backends);
    let takers = backends.filter(|it| it.eligible).count();
    let is_bound = listeners.iter().all(|it| picture.bound.contains_key(&it.name));
    let mut reasons = vec![
        ("takes-traffic", picture.phase == "running" && is_bound, picture.phase.to_owned()),
        ("backends", takers > 0 || pools.is_empty(), format!("{takers} take traffic")),
    ];
    if !listeners.iter().all(|it| certificates::is_there(picture, it)) {
        reasons.push(("certificate", false, "none yet".to_owned()));
    }
    Ok(verdict(&reasons, args.flag("verbose")))
}

/// As the API server of Kubernetes shows it.
fn verdict(reasons: &[(&str, bool, String)], verbose: bool) -> Reply {
    let is_ready = reasons.iter().all(|(_, holds, _)| *holds);
    let mut text = String::new();
    for (name, holds, detail) in reasons.iter().filter(|_| verbose) {
        let mark = if *holds { '+' } else { '-' };
        text.push_str(format!("[{mark}] {name} {detail}").trim_end());
        text.push('\n');
    }
    text.push_str(if is_ready { "ready\n" } else { "not ready\n" });
    Reply::Text(is_ready, text)
}

fn backends(picture: &Picture, pool: Option<&PoolName>) -> Result<Reply, Refused> {
    let views = match pool {
        Some(name) if !picture.snapshot.pools.contains_key(name) => {
            return Err(missing::pool(picture, name.as_str()));
        }
        Some(name) => view::by_pool(picture).get(name).copied().unwrap_or_default(),
        None => &picture.views,
    };
    Ok(Reply::Json(json!({"backends": view::backends(picture, views)})))
}

fn filter(args: &Args) -> Result<Filter, Refused> {
    let client = args.text("client").map(|text| {
        let addr = text.parse::<std::net::IpAddr>();
        addr.map(|it| it.to_canonical()).map_err(|_| Refused::bad(format!("`{text}` is not an IP address")))
    });
    Ok(Filter {
        id: args.number("id"),
        service: args.text("service").map(ServiceName::new),
        pool: args.text("pool").map(PoolName::new),
        backend: args.text("backend").map(address).transpose()?,
        client: client.transpose()?,
    })
}

/// One backend's address, as it is written in `to`.
pub fn address(text: &str) -> Result<Addr, Refused> {
    match config::backend_address(text) {
        Ok(Target::Addr(addr)) => Ok(addr),
        Ok(Target::Name { .. }) => {
            Err(Refused::bad(format!("`{text}` is a name: give one of its addresses")))
        }
        Err(what) => Err(Refused::bad(format!("`{}` is not an address: {what}", text.escape_debug()))),
    }
}

/// What a visit of all sessions came to: those that were wanted, and how many there are.
pub async fn visit(
    desk: &Desk,
    filter: Filter,
    limit: usize,
    order: Option<Wanted>,
) -> Result<(Vec<SessionView>, u64), Refused> {
    let (sender, mut visited) = mpsc::unbounded_channel();
    let left = AtomicUsize::new(limit);
    let close = order.is_some().then_some(Closing::Now);
    let answer = Box::new(move |mut step: evenkeel_proxy::Visited| {
        // Of a million sessions no more are kept than will be shown.
        let take = |left: usize| Some(left.saturating_sub(step.sessions.len()));
        let room = left.fetch_update(Relaxed, Relaxed, take).unwrap_or(0);
        step.sessions.truncate(room);
        // Nobody listens when whoever asked is gone.
        let _ = sender.send(step);
    });
    desk.send(Question::Visit(Visit { filter, limit, close, answer }, order)).await?;
    let (mut sessions, mut matched) = (Vec::new(), 0);
    while let Some(step) = desk.in_time(visited.recv()).await? {
        matched += step.matched;
        sessions.extend(step.sessions);
    }
    sessions.sort_by_key(|it| it.id);
    Ok((sessions, matched))
}

async fn sessions(desk: &Desk, args: &Args) -> Result<Reply, Refused> {
    let limit = args.number("limit").unwrap_or(SESSIONS) as usize;
    let filter = filter(args)?;
    let (sessions, matched) = visit(desk, filter.clone(), limit, None).await?;
    meant(desk, &filter, matched).await?;
    let sessions: Vec<Value> = sessions.iter().map(view::session).collect();
    Ok(Reply::Json(json!({"matched": matched, "sessions": sessions})))
}

async fn close_sessions(desk: &Desk, peer: Peer, args: &Args) -> Result<Reply, Refused> {
    let filter = filter(args)?;
    if filter == Filter::default() && !args.flag("all") {
        return Err(Refused::bad("which sessions? Give something that they have in common, or `all`"));
    }
    let what = format!("close sessions{}", described(&filter));
    let order = Wanted { by: peer.to_string(), what };
    let (_, matched) = visit(desk, filter.clone(), 0, Some(order)).await?;
    meant(desk, &filter, matched).await?;
    Ok(Reply::Json(json!({"closed": matched})))
}

/// That nothing matches may be a slip. What has been removed and still has sessions is known by them.
async fn meant(desk: &Desk, filter: &Filter, matched: u64) -> Result<(), Refused> {
    match matched {
        0 => missing::of_filter(&*desk.look().await?, filter).map_or(Ok(()), Err),
        _ => Ok(()),
    }
}

fn described(filter: &Filter) -> String {
    let Filter { id, service, pool, backend, client } = filter;
    let parts = [
        id.map(|it| format!(" with id {it}")),
        service.as_ref().map(|it| format!(" of {it}")),
        pool.as_ref().map(|it| format!(" of pool {it}")),
        backend.as_ref().map(|it| format!(" at {it}")),
        client.map(|it| format!(" of client {it}")),
    ];
    let text: String = parts.into_iter().flatten().collect();
    if text.is_empty() { ": all".into() } else { text }
}

async fn events(desk: &Desk, args: &Args) -> Result<Reply, Refused> {
    let (mut recent, more) = desk.ask(Question::Events).await?;
    let after = args.number("after").unwrap_or(0);
    recent.retain(|it| it.id > after);
    if !args.flag("follow") {
        let list: Vec<&str> = recent.iter().map(|it| &*it.json).collect();
        return Ok(Reply::Raw(format!("{{\"events\":[{}]}}\n", list.join(",\n"))));
    }
    let Ok(seat) = desk.followers.clone().try_acquire_owned() else {
        return Err(Refused::unavailable("too many follow the events already"));
    };
    let (sender, told) = mpsc::channel(1);
    let mut open = desk.open.clone();
    tokio::spawn(async move {
        let _seat = seat;
        tokio::select! {
            // What was told before it leaves still goes out.
            biased;
            () = pass_on(more, &sender) => {}
            _ = open.changed() => {}
        }
    });
    Ok(Reply::Follow(VecDeque::from(recent), told))
}

/// Hands on what comes, until nobody follows. Who is too slow misses some.
async fn pass_on(mut more: broadcast::Receiver<Told>, to: &mpsc::Sender<Told>) {
    loop {
        let next = tokio::select! {
            next = more.recv() => next,
            () = to.closed() => return,
        };
        match next {
            Ok(told) => {
                if to.send(told).await.is_err() {
                    return;
                }
            }
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

async fn reload(desk: &Desk, peer: Peer) -> Result<Reply, Refused> {
    let order = Wanted { by: peer.to_string(), what: "reload".into() };
    let (sender, answer) = oneshot::channel();
    desk.send(Question::Reload(order, sender)).await?;
    // A name to listen on may take its time to be looked up.
    let outcome = answer.await.map_err(|_| Refused::unavailable("it could not be begun"))?;
    match outcome {
        Ok(taken) => Ok(Reply::Json(view::taken("reloaded", &taken, ""))),
        Err(what) => Err(Refused { status: StatusCode::UNPROCESSABLE_ENTITY, what }),
    }
}
