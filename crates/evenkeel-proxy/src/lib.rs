//! The user-space data plane: workers that accept, connect and carry, obeying the snapshots they are given.
//!
//! Read [`session`] first: the life of a connection.
#![forbid(unsafe_code)]

mod bind;
mod books;
mod connect;
mod early;
mod gate;
mod handover;
mod handshake;
mod header;
mod heartbeat;
mod hello;
mod helm;
mod http;
mod inherited;
mod line;
mod listener;
mod plane;
mod pools;
mod postgres;
mod reactor;
mod record;
mod relay;
mod reserved;
mod route;
mod session;
mod shared;
mod tls;
mod udp;
mod visit;
mod wish;
mod worker;

pub use bind::{Publication, refusals};
pub use books::{BackendSums, CLASSES, DatagramSums, RequestSums, RouteSums, ServiceSums, Times};
pub use handover::{SESSION_DESCRIPTORS_MAX, Suspended, Traffic};
pub use helm::{Helm, TooLate};
pub use http::{RequestRecord, Said, Who};
pub use inherited::{Inherited, Passed};
pub use plane::{Handed, PlaneOptions, PrepareError, Report, Started, Totals, Unbindable, UserPlane};
pub use record::{Datagrams, Records, SessionRecord, Still, Telling};
pub use relay::{Held, Patience, SuspendedDirection, SuspendedRelay};
pub use reserved::{Open, Reserved};
pub use session::Reach;
pub use tls::{CHALLENGE_PROTOCOL, Challenge, Keyring, fault, server_name};
pub use udp::SuspendedFlow;
pub use visit::{Closing, Filter, SessionView, Visit, Visited};
pub use wish::{Refused, prepare};
