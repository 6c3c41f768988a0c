//! HTTP/2 with clients: a connection ([`connection`]) whose streams ([`stream`]) are served like connections of HTTP/1, each
//! by a session of its own that has a row of the worker's table, and for a socket a pipe in memory ([`pipe`]).
//!
//! HTTP/2 with backends: a connection ([`asking`]) with requests, each of which is taken in the words of HTTP/1 and its answer
//! given in them ([`errand`], [`answer`]), as one of HTTP/1 does. Their bodies are carried alike ([`body`]).
//!
//! Frames, windows and compression are decided upon in the core; what comes and goes is read and written through a [`wire`].

mod answer;
mod asking;
mod body;
mod connection;
mod detour;
mod errand;
mod heads;
mod limits;
mod opening;
mod pipe;
mod stream;
mod wire;

pub use asking::Asking;
pub use connection::{is_agreed, serve};
pub use errand::{Errand, Failed};
pub use limits::REQUESTS_MAX;
pub use pipe::{Left, Pipe};
pub use wire::Desk;
