//! HTTP/2 with clients: a connection ([`connection`]) whose streams ([`stream`]) are served like connections of HTTP/1, each
//! by a session of its own that has a row of the worker's table, and for a socket a pipe in memory ([`pipe`]).
//!
//! Frames, windows and compression are those of a library, which is driven without a runtime over a [`wire`].

mod connection;
mod flag;
mod pipe;
mod stream;
mod wire;

pub use connection::{is_agreed, serve};
pub use pipe::{Left, PIPE_BYTES, Pipe};
pub use wire::Desk;
