//! What is decided of a request before any backend knows of it: where it goes, as what, and what its client gets beside the
//! answer.

use super::affinity::Tag;
use super::forwarded::Origin;
use super::head::{Fields, Known};
use super::method::Method;
use super::outcome::phrase;
use super::real;
use super::redirect::NoHost;
use super::refusal::Refusal;
use super::request::Request;
use super::route::{Action, AnyField, Asked, Routed, path};
use super::rules::HttpRules;
use super::template::Values;
use super::write::{self, Passing};
use crate::addr::Addr;
use crate::hash::client_hash;
use crate::name::PoolName;
use std::net::IpAddr;

/// A request that has its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steered {
    /// By which route, told by its place; `None`: by none.
    pub route: Option<usize>,
    /// Where it goes.
    pub to: Destination,
    /// Who its client is; a Unix socket has no address.
    pub client: Option<IpAddr>,
    /// The hash of what its client is told by; `None`: its address.
    pub hash: Option<u64>,
    /// The backend that its client names.
    pub tag: Option<Tag>,
    /// The fields that its client gets beside those of the answer: lines with their ends.
    pub to_client: Vec<u8>,
    /// What its client asked for, where a backend is asked for something else.
    pub asked: Option<Box<[u8]>>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// To this pool.
    Pool(PoolName),
    /// Where the service sends what no route is for.
    Default,
    /// Back, with this.
    Back(Said),
}

/// An answer of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its status.
    pub status: u16,
    /// Its fields, but those that frame it: lines with their ends.
    pub fields: Vec<u8>,
    /// Its body.
    pub body: Box<[u8]>,
}

/// Finds the way of `request`, and adds the head that a backend gets to `head`.
pub fn steer(
    rules: &HttpRules,
    request: &Request<'_>,
    origin: &Origin,
    head: &mut Vec<u8>,
) -> Result<Steered, Refusal> {
    if request.method == Method::Connect && !rules.tunnels {
        return Err(Refusal::Connect);
    }
    let client = client(rules, request, origin);
    let routed = route(rules, request, client)?;
    let then = routed.then;
    let mut request_id = Vec::new();
    if then.edits() {
        origin.write_id(request, &mut request_id);
    }
    let (path, query) = path::split(request.path_and_query());
    let values = Values {
        client,
        host: request.host_name().unwrap_or_default(),
        path: if path == b"*" { b"/" } else { path },
        rest: routed.rest(),
        request_id: &request_id,
        is_tls: origin.is_tls,
    };
    let hash = hash(rules, request, client);
    let to = destination(&then.action, &values, query, hash.unwrap_or_default())?;
    let mut to_client = Vec::new();
    then.to_client.write(&values, &mut to_client);
    let rewrite = then.rewrite.as_ref().filter(|_| request.method != Method::Connect);
    let target = rewrite.map(|rewrite| {
        let mut target = Vec::new();
        rewrite.write(&values, query, &mut target);
        target
    });
    let passing = Passing {
        target: target.as_deref().unwrap_or(request.target),
        edits: &then.to_backend,
        values: &values,
        via: rules.via.as_deref(),
    };
    write::request(request, Some(passing), origin, head);
    let asked = target.is_some().then(|| request.target.into());
    Ok(Steered { route: routed.index, to, client, hash, tag: tag(rules, request), to_client, asked })
}

/// Who the client is: behind proxies that are believed, whom they say it is.
fn client(rules: &HttpRules, request: &Request<'_>, origin: &Origin) -> Option<IpAddr> {
    if !origin.is_trusted {
        return origin.client;
    }
    let said = request.fields.all(Known::ForwardedFor);
    real::client(origin.client, said, |addr| rules.trusts(Some(addr)))
}

fn route<'a>(
    rules: &'a HttpRules,
    request: &'a Request<'_>,
    client: Option<IpAddr>,
) -> Result<Routed<'a>, Refusal> {
    let asked = Asked {
        method: request.method_name,
        host: request.host_name(),
        target: request.path_and_query(),
        fields: &request.fields,
        client,
    };
    rules.steering.routes.choose(&asked).map_err(|_| Refusal::Path)
}

/// The hash of what the client is told by; a Unix socket has nothing.
fn hash(rules: &HttpRules, request: &Request<'_>, client: Option<IpAddr>) -> Option<u64> {
    let address = || client.map(|client| client_hash(&Addr::Ip((client, 0).into())));
    rules.steering.hash_by.hash(&request.fields).or_else(address)
}

/// The backend that the client names.
fn tag(rules: &HttpRules, request: &Request<'_>) -> Option<Tag> {
    let affinity = rules.steering.affinity.as_ref()?;
    request.fields.named(b"cookie").find_map(|field| affinity.said(field))
}

fn destination(
    action: &Action,
    values: &Values<'_>,
    query: &[u8],
    hash: u64,
) -> Result<Destination, Refusal> {
    Ok(match action {
        Action::Pool(pool) => Destination::Pool(pool.clone()),
        Action::Split(split) => split
            .choose(hash)
            .map_or_else(|| Destination::Back(Said::plain(503)), |pool| Destination::Pool(pool.clone())),
        Action::Redirect(redirect) => {
            let mut said = Said::plain(redirect.status);
            said.fields.extend_from_slice(b"Location: ");
            redirect.write(values, query, &mut said.fields).map_err(|NoHost| Refusal::Host)?;
            said.fields.extend_from_slice(b"\r\n");
            Destination::Back(said)
        }
        Action::Answer(answer) => Destination::Back(Said {
            status: answer.status,
            fields: content_type(&answer.content_type),
            body: answer.body.clone(),
        }),
        Action::Default => Destination::Default,
    })
}

impl Said {
    /// A status, with its reason as text.
    pub fn plain(status: u16) -> Self {
        let body = format!("{status} {}\n", phrase(status)).into_bytes().into();
        Self { status, fields: content_type("text/plain"), body }
    }
}

fn content_type(text: &str) -> Vec<u8> {
    [b"Content-Type: ", text.as_bytes(), b"\r\n"].concat()
}

/// The fields of a request of HTTP/1.
impl AnyField for Fields<'_> {
    fn any(&self, name: &[u8], holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.named(name).any(holds)
    }
}
