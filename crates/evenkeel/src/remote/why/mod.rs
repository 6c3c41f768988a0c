//! `evenkeel why`: one request, told as a short page.

mod backend;
mod client;
mod page;
mod request;
mod session;

use super::read::{list, word};
use super::{Whom, call, get, pretty};
use crate::admin::encode;
use crate::config::{backend_address, suggest};
use crate::error::{Exit, RunError};
use crate::output;
use evenkeel_core::director::Target;
use page::Page;
use serde_json::Value;
use std::net::IpAddr;

/// What is to be explained.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A backend.
    Backend {
        /// Its address.
        addr: String,
        /// Its pool, where that is to be said.
        pool: Option<String>,
    },
    /// The session with this number.
    Session(u64),
    /// The request of this name.
    Request(String),
    /// The sessions of a client.
    Client(IpAddr),
}

/// Explains it.
pub fn why(whom: &Whom, subject: &Subject, json: bool) -> Result<(), RunError> {
    let answer = match subject {
        Subject::Backend { addr, pool: Some(pool) } => get(whom, &backend_path(pool, addr))?,
        Subject::Backend { addr, pool: None } => find_backend(whom, addr)?,
        Subject::Session(id) => get(whom, &format!("/api/v1/sessions/{id}")).map_err(|error| {
            error.help("`evenkeel sessions` lists those that are open, `evenkeel why client IP` the last of a client")
        })?,
        Subject::Request(id) => get(whom, &format!("/api/v1/requests/{}", encode(id)))
            .map_err(|error| error.help("`evenkeel why client IP` lists the last of a client"))?,
        Subject::Client(ip) => get(whom, &format!("/api/v1/clients/{ip}"))?,
    };
    if json {
        return output::print(&pretty(&answer));
    }
    let mut page = Page::default();
    match subject {
        Subject::Backend { .. } => backend::show(&mut page, &answer),
        Subject::Session(_) => session::show(&mut page, &answer),
        Subject::Request(_) => request::show(&mut page, &answer),
        Subject::Client(_) => client::show(&mut page, &answer),
    }
    output::print(&page.finish())
}

fn backend_path(pool: &str, addr: &str) -> String {
    format!("/api/v1/pools/{}/backends/{}/why", encode(pool), encode(addr))
}

/// The backend at this address, in whichever pool it is.
fn find_backend(whom: &Whom, written: &str) -> Result<Value, RunError> {
    let addr = match backend_address(written) {
        Ok(Target::Addr(addr)) => addr.to_string(),
        Ok(Target::Name { .. }) => {
            let error =
                RunError::new(Exit::Failed, format!("`{written}` is a name: give one of its addresses"));
            return Err(error.help("`evenkeel status` shows them"));
        }
        Err(what) => {
            return Err(RunError::new(Exit::Failed, format!("`{written}` is not an address: {what}")));
        }
    };
    let backends = get(whom, "/api/v1/backends")?;
    let backends = list(&backends["backends"]);
    let has_it = backends.iter().filter(|it| word(&it["addr"]) == addr);
    let pools: Vec<&str> = has_it.map(|it| word(&it["pool"])).collect();
    match pools[..] {
        [pool] => get(whom, &backend_path(pool, &addr)),
        [] => find_gone(whom, &addr)?.ok_or_else(|| no_backend(&addr, backends)),
        [..] => {
            let ways: Vec<_> = pools.iter().map(|it| format!("--pool {it}")).collect();
            let error = RunError::new(Exit::Usage, format!("several pools have {addr}; say which:"));
            Err(error.help(ways.join("\n")))
        }
    }
}

/// The backend at this address that some pool had lately.
fn find_gone(whom: &Whom, addr: &str) -> Result<Option<Value>, RunError> {
    let pools = get(whom, "/api/v1/pools")?;
    for pool in list(&pools["pools"]) {
        let answer = call(whom, "GET", &backend_path(word(&pool["name"]), addr), None)?;
        if answer.status != 404 {
            return answer.json().map(Some);
        }
    }
    Ok(None)
}

fn no_backend(addr: &str, backends: &[Value]) -> RunError {
    let addrs: Vec<&str> = backends.iter().map(|it| word(&it["addr"])).collect();
    let hint = match suggest::word(addr, &addrs) {
        Some(near) => format!("did you mean {near}?"),
        None => "`evenkeel status` shows all backends".to_owned(),
    };
    RunError::new(Exit::Failed, format!("no pool has a backend at {addr}, now or lately")).help(hint)
}
