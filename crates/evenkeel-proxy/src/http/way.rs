//! Which way a request goes: to a pool, and there perhaps to the backend that its client names; or back.

use super::exchange::Terms;
use super::reach::Reached;
use crate::pools::LocalPool;
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::http::affinity::{Affinity, Tag};
use evenkeel_core::http::route::Then;
use evenkeel_core::http::rules::HttpRules;
use evenkeel_core::http::steer::{Destination, Said, Steered};
use evenkeel_core::http::version::Version;
use evenkeel_core::http::write::{self, Edited};
use std::net::IpAddr;
use std::rc::Rc;

/// The way of one request.
pub struct Way {
    /// By which route, told by its place; `None`: by none.
    pub route: Option<usize>,
    /// What its client asked for, where a backend is asked for something else.
    pub asked: Option<Box<[u8]>>,
    /// Who its client is; a Unix socket has no address.
    pub client: Option<IpAddr>,
    /// To which pool.
    pub pool: Option<Rc<LocalPool>>,
    /// Back, with this.
    pub said: Option<Said>,
    /// The fields that its client gets beside those of the answer: lines with their ends.
    to_client: Vec<u8>,
    tag: Option<Tag>,
}

/// Where the request that is being served goes, and whom its client would go to there.
#[derive(Clone, Default)]
pub struct Wanted {
    /// The pool that it holds a seat of, or waits for one.
    pub pool: Option<Rc<LocalPool>>,
    /// The hash of what it is told by; `None`: its address.
    pub hash: Option<u64>,
    /// The backend that it names, and how those are named.
    pub backend: Option<(Affinity, Tag)>,
}

impl Way {
    /// That of a request of `session`.
    pub fn new(worker: &Worker, session: &Session, terms: &Terms, steered: Steered) -> Self {
        let Steered { route, to, hash, tag, to_client, asked, client } = steered;
        let (pool, said) = match to {
            // One that a reload took away in this moment is as good as none.
            Destination::Pool(name) => (worker.pools.borrow().get(&name).cloned(), None),
            Destination::Default if terms.pool.is_none() => (None, Some(Said::plain(404))),
            Destination::Default => (terms.pool.clone(), None),
            Destination::Back(said) => (None, Some(said)),
        };
        if let Some(serving) = session.serving() {
            let backend = terms.rules.steering.affinity.clone().zip(tag);
            serving.want(Wanted { pool: pool.clone(), hash, backend });
        }
        Self { route, asked, client, pool, said, to_client, tag }
    }

    /// Adds what its client is told beside the answer of the backend that was `reached`.
    pub fn name_backend(&mut self, rules: &HttpRules, reached: &Reached<'_>, is_tls: bool) {
        let Some(affinity) = &rules.steering.affinity else { return };
        let tag = affinity.tag(reached.addr());
        if self.tag.replace(tag) != Some(tag) {
            affinity.write(tag, is_tls, &mut self.to_client);
        }
    }

    /// Adds that the answer, which is of this version, came through here.
    pub fn name_us(&mut self, rules: &HttpRules, version: Version) {
        if let Some(name) = &rules.via {
            write::via(version, name, &mut self.to_client);
        }
    }

    /// What its route is called.
    pub fn name(&self, rules: &HttpRules) -> Option<Box<str>> {
        self.route.and_then(|index| rules.steering.routes.name(index)).map(String::into_boxed_str)
    }

    /// What becomes of the requests that go it.
    pub fn then<'a>(&self, rules: &'a HttpRules) -> &'a Then {
        rules.steering.routes.then(self.route)
    }

    /// What is done to the fields of its answer.
    pub fn edited<'a>(&'a self, rules: &'a HttpRules) -> Edited<'a> {
        Edited { edits: &self.then(rules).to_client, lines: &self.to_client }
    }
}
