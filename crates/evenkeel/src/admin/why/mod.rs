//! Answers why something is as it is: a backend, a session, the sessions of a client.

mod backend;
mod reasons;
mod request;
mod session;

use super::args::Args;
use super::handle::{self, SESSIONS, visit};
use super::reply::{Refused, Reply};
use super::{Desk, missing, view};
use crate::control::{Kept, Picture, Question, Sought};
use crate::logging::Grouped;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::Tried;
use evenkeel_core::balance::{Choice, Picker};
use evenkeel_core::dice::Dice;
use evenkeel_core::hash::client_hash;
use evenkeel_core::name::{BackendKey, PoolName};
use evenkeel_core::snapshot::Pool;
use evenkeel_proxy::Filter;
use serde_json::{Value, json};
use session::Story;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Instant, SystemTime};

/// Why a backend is as it is.
pub async fn backend(desk: &Desk, args: &Args) -> Result<Reply, Refused> {
    let pool = PoolName::new(args.text("pool").unwrap_or_default());
    let addr = handle::address(args.text("backend").unwrap_or_default())?;
    let key = BackendKey { pool, addr };
    let explained = desk.ask(|answer| Question::Backend(key.clone(), answer)).await?;
    let picture = desk.look().await?;
    match explained {
        Some(explained) => Ok(Reply::Json(backend::view(&picture, &explained))),
        None => Err(missing::backend(&picture, &key, ", now or lately")),
    }
}

/// What became of a session.
pub async fn session(desk: &Desk, args: &Args) -> Result<Reply, Refused> {
    let text = args.text("id").unwrap_or_default();
    let id = text
        .parse()
        .map_err(|_| Refused::bad(format!("`{}` is not the number of a session", text.escape_debug())))?;
    let (open, _) = visit(desk, Filter { id: Some(id), ..Filter::default() }, 1, None).await?;
    let mut kept = desk.ask(|answer| Question::Ended(Sought::Id(id), answer)).await?;
    let story = match open.into_iter().next() {
        Some(view) => Story::Open(view),
        None => Story::Ended(kept.sessions.pop().ok_or_else(|| no_session(id, &kept))?),
    };
    let at = Instant::now().checked_sub(story.age(SystemTime::now()));
    let candidates = match story.pool().cloned().zip(at) {
        Some((pool, at)) => desk.ask(|answer| Question::Candidates(pool, at, answer)).await?,
        None => Vec::new(),
    };
    Ok(Reply::Json(session::explained(&*desk.look().await?, &story, &candidates, &kept.requests)))
}

fn no_session(id: u64, kept: &Kept) -> Refused {
    let known = match kept.ids {
        Some((low, high)) => format!("those that are known to have ended are between {low} and {high}"),
        None => "none is known to have ended".to_owned(),
    };
    let only = if kept.noteworthy_only {
        ", and without a log only those that failed or waited are kept"
    } else {
        ""
    };
    let missed = match kept.missed {
        0 => String::new(),
        missed => format!("; {} did not get there in time", Grouped(missed)),
    };
    Refused::missing(format!("no session {id} is open, and none ended lately: {known}{missed}{only}"))
}

/// What became of the sessions of a client, and where it belongs.
pub async fn client(desk: &Desk, args: &Args) -> Result<Reply, Refused> {
    let text = args.text("ip").unwrap_or_default();
    let ip: IpAddr = text
        .parse::<IpAddr>()
        .map_err(|_| Refused::bad(format!("`{}` is not an IP address", text.escape_debug())))?
        .to_canonical();
    let limit = args.number("limit").unwrap_or(SESSIONS) as usize;
    let filter = Filter { client: Some(ip), ..Filter::default() };
    let (open, matched) = visit(desk, filter, limit, None).await?;
    let kept = desk.ask(|answer| Question::Ended(Sought::Client(ip), answer)).await?;
    let picture = desk.look().await?;
    let goes_to: Vec<Value> =
        picture.snapshot.pools.values().filter_map(|pool| goes_to(&picture, pool, ip)).collect();
    if open.is_empty() && kept.sessions.is_empty() && kept.requests.is_empty() && goes_to.is_empty() {
        return Err(no_client(ip, &kept));
    }
    let ended = kept.sessions.len();
    let stories = open.into_iter().map(Story::Open).chain(kept.sessions.into_iter().map(Story::Ended));
    // One that ended between the two looks was seen twice, and is open no longer.
    let mut stories: Vec<Story> =
        stories.map(|it| (it.id(), it)).collect::<BTreeMap<_, _>>().into_values().collect();
    let now = SystemTime::now();
    // Numbers are given by several workers, and so in no order.
    stories.sort_by_key(|it| Reverse(it.age(now)));
    let shown = &stories[stories.len().saturating_sub(limit)..];
    let requests = &kept.requests[kept.requests.len().saturating_sub(limit)..];
    Ok(Reply::Json(json!({
        "client": ip.to_string(),
        "open": matched,
        "ended": ended,
        "sessions": shown.iter().map(session::view).collect::<Vec<_>>(),
        "requests": requests.iter().map(request::view).collect::<Vec<_>>(),
        "goes_to": goes_to,
    })))
}

/// What became of a request.
pub async fn request(desk: &Desk, args: &Args) -> Result<Reply, Refused> {
    let id = args.text("id").unwrap_or_default();
    let mut kept = desk.ask(|answer| Question::Ended(Sought::Request(id.into()), answer)).await?;
    // The client may have named several alike: the last one is meant.
    match kept.requests.pop() {
        Some(request) => Ok(Reply::Json(request::view(&request))),
        None => Err(Refused::missing(format!(
            "no request `{}` failed over, waited or came to nothing lately: the log has those that went well",
            id.escape_debug()
        ))),
    }
}

fn no_client(ip: IpAddr, kept: &Kept) -> Refused {
    let clients: Vec<String> = kept.clients.iter().map(ToString::to_string).collect();
    let hint = missing::near(&ip.to_string(), clients.iter().map(String::as_str));
    let only = if kept.noteworthy_only { " that failed or waited" } else { "" };
    Refused::missing(format!("no session of {ip} is open, and none{only} ended lately{hint}"))
}

/// Where the balance of `pool` sends the client by its address, if it goes by that.
fn goes_to(picture: &Picture, pool: &Pool, ip: IpAddr) -> Option<Value> {
    let Picker::Maglev(_) = pool.picker else { return None };
    let hash = client_hash(&Addr::Ip((ip, 0).into()));
    // This balance draws nothing.
    let backend = match pool.choose(hash, &mut Dice::new(0), &Tried::default()) {
        Choice::Backend(index) => pool.backends.get(index as usize).map(|it| it.addr.to_string()),
        Choice::Busy | Choice::Exhausted => None,
    };
    Some(json!({
        "pool": pool.name.as_str(),
        "services": view::services_of(picture, &pool.name),
        "balance": "maglev",
        "backend": backend,
    }))
}
