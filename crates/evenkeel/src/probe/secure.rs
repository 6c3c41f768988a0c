//! TLS of a probe.

use super::Tls;
use super::stream::Stream;
use evenkeel_core::addr::Addr;
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::tls::{Fault, Origination};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

impl Stream for TlsStream<Box<dyn Stream>> {}

/// How long a backend may take to close as well.
const CLOSE: Duration = Duration::from_millis(50);

/// Agrees with the backend at `addr` upon TLS, as a session would.
pub async fn open(
    stream: Box<dyn Stream>,
    addr: &Addr,
    terms: &Origination,
    (config, host): Tls,
) -> Result<Box<dyn Stream>, ConnectFailure> {
    let ours = ConnectFailure::Tls(Fault::Ours);
    let name = evenkeel_proxy::server_name(terms, host.as_deref(), addr).ok_or(ours)?;
    let connector = TlsConnector::from(config.ok_or(ours)?);
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(ConnectFailure::Tls(fault(&error))),
    }
}

/// Closes in order: what a backend has sent of its own accord, as tickets, would make it a reset, which many servers log.
pub async fn close(mut stream: Box<dyn Stream>) {
    let mut rest = [0; 4096];
    let read_away = async {
        stream.shutdown().await?;
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    // Whoever does not close does not matter.
    let _ = timeout(CLOSE, read_away).await;
}

fn fault(error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(error) => evenkeel_proxy::fault(error, true),
        None => Fault::Left,
    }
}
