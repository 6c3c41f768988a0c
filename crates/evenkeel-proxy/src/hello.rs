//! The hello of a TLS client: it is waited for and read here, and not answered.

use crate::early::{Early, NoMore};
use crate::session::Session;
use crate::worker::Worker;
use evenkeel_core::wire::Parse;
use evenkeel_core::wire::client_hello::{ClientHello, Malformed, Reader};
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Why there is no hello.
pub enum Unheard {
    /// What came is none.
    Malformed(Malformed),
    /// Not all of it came.
    NoMore(NoMore),
}

/// Waits for a hello of at most `longest` bytes, and gives what is `found` in it.
pub async fn hear<T>(
    worker: &Worker,
    session: &Session,
    client: &OwnedFd,
    early: &mut Early,
    (longest, deadline): (usize, Instant),
    found: impl FnOnce(&ClientHello<'_>) -> T,
) -> Result<T, Unheard> {
    let mut reader = Reader::new(longest);
    loop {
        match reader.read(early.bytes()) {
            Ok(Parse::Complete { value, .. }) => return Ok(found(&value)),
            Ok(Parse::Partial) => {}
            Err(malformed) => return Err(Unheard::Malformed(malformed)),
        }
        let more = early.more(worker, session, client, longest, deadline).await;
        more.map_err(Unheard::NoMore)?;
    }
}
