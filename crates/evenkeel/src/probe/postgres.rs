//! The check of a PostgreSQL server: what a session with TLS begins with there, too.

use super::{ProbeFailure, stream::Stream};
use evenkeel_core::wire::postgres::{NO, TLS_REQUEST, YES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Asks for TLS; whether it is spoken. Who closes after that is nobody whom a server would tell of in its log.
pub async fn ask(stream: &mut dyn Stream) -> Result<bool, ProbeFailure> {
    stream.write_all(&TLS_REQUEST).await.map_err(|_| ProbeFailure::Cut)?;
    let mut answer = [0];
    match stream.read(&mut answer).await {
        Ok(1) if answer == [YES] => Ok(true),
        Ok(1) if answer == [NO] => Ok(false),
        Ok(1) => Err(ProbeFailure::Malformed("PostgreSQL says `S` or `N`".into())),
        _ => Err(ProbeFailure::Cut),
    }
}
