//! HTTP/1, as far as it can be told from bytes: heads ([`request`], [`response`]) that are read strictly by RFC 9112 and
//! written anew, bodies whose end is always known ([`body`]), and what becomes of a request ([`outcome`]) or a call ([`grpc`]).
//!
//! Nothing is passed on as it came that two readers could understand in two ways: it is refused. What is passed on is made
//! of parts that were understood.
//!
//! Where a request goes, and what is done to it on the way: [`route`], with [`redirect`], [`split`], [`edit`], [`template`] and
//! [`affinity`].

pub mod affinity;
pub mod body;
pub(crate) mod chunked;
pub mod cookie;
pub mod edit;
pub mod failing;
pub mod forwarded;
pub mod framing;
pub mod grpc;
pub mod hash_by;
pub mod head;
pub mod linger;
pub mod method;
pub mod outcome;
pub mod real;
pub mod redirect;
pub mod refusal;
pub mod request;
pub mod response;
pub mod route;
pub mod rules;
pub mod split;
pub mod steer;
pub mod template;
pub mod token;
pub mod version;
pub mod write;
