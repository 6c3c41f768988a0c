//! The user-space data plane: workers that accept, connect and carry, obeying the snapshots they are given.
//!
//! Read [`session`] first: the life of a connection.
#![forbid(unsafe_code)]

mod bind;
mod books;
mod connect;
mod listener;
mod plane;
mod pools;
mod reactor;
mod record;
mod relay;
mod session;
mod shared;
mod visit;
mod worker;

pub use bind::Publication;
pub use books::{BackendSums, ServiceSums, Times};
pub use plane::{Inherited, PlaneOptions, PrepareError, Report, Started, Totals, UserPlane};
pub use record::SessionRecord;
pub use visit::{Closing, Filter, SessionView, Visit, Visited};
