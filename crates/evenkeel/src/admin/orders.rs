//! Orders: what is to be done to a service or a backend, understood and handed on.

use super::args::Args;
use super::guard::Peer;
use super::handle::address;
use super::reply::{Refused, Reply};
use super::{Desk, missing};
use crate::control::{NotOrdered, Question};
use evenkeel_core::director::{BackendOrder, Duty, Member, Order, Target};
use evenkeel_core::name::{BackendKey, PoolName, ServiceName};
use hyper::StatusCode;
use serde_json::json;

/// What is ordered; about what, the path says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whether a service takes new sessions.
    Service(Duty),
    /// Whether a backend does.
    Backend(Duty),
    /// A backend's share.
    Weight,
    /// One more backend.
    Add,
    /// One backend less.
    Remove,
}

/// Has it carried out.
pub async fn give(desk: &Desk, kind: Kind, peer: Peer, args: &Args) -> Result<Reply, Refused> {
    let order = understand(kind, args)?;
    let message = order.to_string();
    let done = desk.ask(|answer| Question::Order(order, peer.to_string(), answer)).await?;
    match done {
        Ok(()) => Ok(Reply::Json(json!({"message": message}))),
        Err(error) => Err(refused(desk, &error).await?),
    }
}

async fn refused(desk: &Desk, error: &NotOrdered) -> Result<Refused, Refused> {
    let missing = match error {
        NotOrdered::Unknown(error) => missing::of_order(&*desk.look().await?, error),
        NotOrdered::Impossible(_) => None,
    };
    Ok(missing.unwrap_or_else(|| Refused { status: StatusCode::CONFLICT, what: error.to_string() }))
}

fn understand(kind: Kind, args: &Args) -> Result<Order, Refused> {
    let text = |name: &str| args.text(name).unwrap_or_default();
    let number = |name: &str| args.number(name).and_then(|it| u32::try_from(it).ok());
    if let Kind::Service(duty) = kind {
        return Ok(Order::Service(ServiceName::new(text("service")), duty));
    }
    let addr = address(if kind == Kind::Add { text("addr") } else { text("backend") })?;
    let order = match kind {
        Kind::Backend(duty) | Kind::Service(duty) => BackendOrder::Duty(duty),
        Kind::Weight => BackendOrder::Weight(number("weight").unwrap_or(1)),
        Kind::Remove => BackendOrder::Remove,
        Kind::Add => BackendOrder::Add(Member {
            target: Target::Addr(addr.clone()),
            weight: number("weight").unwrap_or(1),
            backup: args.flag("backup"),
            max_sessions: number("max_sessions"),
            check_port: None,
            check_addr: None,
        }),
    };
    Ok(Order::Backend(BackendKey { pool: PoolName::new(text("pool")), addr }, order))
}
