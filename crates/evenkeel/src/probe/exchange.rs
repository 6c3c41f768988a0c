//! The send/expect check: some bytes out, some bytes back.

use super::{Finder, ProbeFailure, stream::Stream};
use evenkeel_core::health::ExchangeCheck;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends what the check sends, then reads until the expected bytes have come.
pub async fn ask(mut stream: Box<dyn Stream>, check: &ExchangeCheck) -> Result<(), ProbeFailure> {
    stream.write_all(&check.send).await.map_err(|_| ProbeFailure::Cut)?;
    let mut finder = Finder::new(&check.expect);
    let mut piece = [0; 4096];
    while !finder.is_full() {
        match stream.read(&mut piece).await {
            // An answer that is whole but another one is worth telling apart from none at all.
            Ok(0) if !finder.saw_nothing() => break,
            Ok(0) | Err(_) => return Err(ProbeFailure::Cut),
            Ok(count) if finder.found_with(&piece[..count]) => return Ok(()),
            Ok(_) => {}
        }
    }
    Err(ProbeFailure::Unexpected)
}
