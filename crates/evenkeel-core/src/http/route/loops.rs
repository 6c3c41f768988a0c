//! Redirects that go round in circles: a request that takes a route is made up and followed.

use super::{Action, Asked, PathPattern, Routed, Routes, When};
use crate::http::request::without_port;
use crate::http::template::Values;
use crate::route::Pattern;

/// Redirects that are followed from one route on. Browsers give up after about as many.
const STEPS: usize = 20;

/// A request that is made up.
struct Made {
    host: String,
    target: String,
}

/// Whether the redirect of the route at `index` leads back to it.
pub(super) fn returns(routes: &Routes, index: usize, is_tls: bool) -> bool {
    let Some((when, _)) = routes.iter().nth(index) else { return false };
    let mut request = Made::of(when);
    let is_back = |request: &Made| request.route(routes, when).and_then(|routed| routed.index) == Some(index);
    if !is_back(&request) {
        return false;
    }
    for _ in 0..STEPS {
        match request.follow(routes, when, is_tls) {
            Some(next) if is_back(&next) => return true,
            Some(next) => request = next,
            None => return false,
        }
    }
    false
}

impl Made {
    /// One that the host and path of a route are for.
    fn of(when: &When) -> Self {
        let host = match &when.host {
            Some(Pattern::Host(name)) => name.to_string(),
            Some(Pattern::Below(suffix)) => format!("any.{suffix}"),
            None => "any.invalid".to_owned(),
        };
        let target = match &when.path {
            Some(PathPattern::Exact(path)) => String::from_utf8_lossy(path).into_owned(),
            Some(PathPattern::Below(path)) => format!("{}/any", String::from_utf8_lossy(path)),
            None => "/any".to_owned(),
        };
        Self { host, target }
    }

    /// Its route, if it has what else `when` asks for.
    fn route<'a>(&'a self, routes: &'a Routes, when: &'a When) -> Option<Routed<'a>> {
        let asked = Asked {
            method: when.methods.first().map_or(b"GET", |method| method),
            host: Some(self.host.as_bytes()),
            target: self.target.as_bytes(),
            fields: when,
            client: when.from.first().map(|network| network.addr()),
        };
        routes.choose(&asked).ok()
    }

    /// Where it is redirected to, as far as that is this service.
    fn follow(&self, routes: &Routes, when: &When, is_tls: bool) -> Option<Self> {
        let routed = self.route(routes, when)?;
        let Action::Redirect(redirect) = &routed.then.action else { return None };
        let values = Values {
            client: None,
            host: self.host.as_bytes(),
            path: self.target.as_bytes(),
            rest: routed.rest(),
            request_id: b"",
            is_tls,
        };
        let mut location = Vec::new();
        redirect.write(&values, b"", &mut location).ok()?;
        self.at(std::str::from_utf8(&location).ok()?, is_tls)
    }

    /// The request that follows from this location; none if it is of another scheme, or names a port, which may be that of
    /// another service.
    fn at(&self, location: &str, is_tls: bool) -> Option<Self> {
        let location = location.split('#').next()?;
        if location.starts_with('/') {
            return Some(Self { host: self.host.clone(), target: location.to_owned() });
        }
        let behind = location.strip_prefix(if is_tls { "https://" } else { "http://" })?;
        let (host, target) = behind.split_at(behind.find(['/', '?']).unwrap_or(behind.len()));
        let has_port = without_port(host.as_bytes()).len() < host.len();
        let slash = if target.starts_with('/') { "" } else { "/" };
        (!has_port).then(|| Self { host: host.to_owned(), target: format!("{slash}{target}") })
    }
}

/// All the fields that a route asks for.
impl super::AnyField for When {
    fn any(&self, name: &[u8], holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.fields
            .iter()
            .any(|field| *field.name == *name && holds(field.value.as_deref().unwrap_or(b"any")))
    }
}
