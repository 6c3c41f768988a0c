//! What a client goes through between accept and the choice of a backend; as configured.

use crate::admit::GateRules;
use crate::http::rules::HttpRules;
use crate::network::Network;
use crate::route::RouteTable;
use crate::tls::Termination;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What holds for the clients of a listener until their sessions are sent somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    /// Who else may say where a client is; `None`: every client is where its connection comes from.
    pub accept_proxy: Option<AcceptProxy>,
    /// What TLS they speak to us, after that; `None`: none that concerns us.
    pub tls: Option<Arc<Termination>>,
    /// Who may become a session at all.
    pub gate: GateRules,
    /// Where its sessions go by what a TLS client asks for; `None`: all of them to one pool.
    pub routes: Option<Routes>,
    /// What holds for their requests, where those are balanced one by one; `None`: nobody looks at what they say.
    pub http: Option<Arc<HttpRules>>,
}

/// Routes, and how clients are waited for that have to say something before one is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Routes {
    /// The routes.
    pub table: RouteTable,
    /// Whether any of them depends on what a client says.
    pub by_hello: bool,
    /// How long a client's hello may take.
    pub timeout: Duration,
    /// How long it may be, in bytes.
    pub longest: usize,
    /// What becomes of clients that speak something else than TLS, or say nothing in time.
    pub strangers: Strangers,
}

/// Clients that do not say what they want by a TLS hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strangers {
    /// They are closed.
    Closed,
    /// They go where those go who ask for no name.
    Served,
}

/// The PROXY protocol, from proxies in front of this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptProxy {
    /// The proxies: they have to send a header, and it is believed.
    pub from: Box<[Network]>,
    /// What becomes of everybody else.
    pub others: Others,
    /// How long the header may take, and the first byte of somebody who must not send one.
    pub timeout: Duration,
}

/// Those who are not among the proxies of [`AcceptProxy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Others {
    /// They are refused.
    Refused,
    /// They are served, unless they send a header.
    Direct,
}

impl AcceptProxy {
    /// Whether somebody at `addr` is one of the proxies.
    pub fn trusts(&self, addr: IpAddr) -> bool {
        self.from.iter().any(|network| network.contains(addr))
    }
}
