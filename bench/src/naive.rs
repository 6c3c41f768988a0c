//! The balancer that everybody writes first: tokio, a task for each connection, `copy_bidirectional`. The rival that
//! shows what the work in a real one is for. It knows no limits, checks or logs.

use crate::net;
use anyhow::Result;
use std::net::SocketAddr;
use std::ops::Range;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Serves on `port`, in front of the backends in turn, until it is ended.
#[tokio::main]
pub async fn serve(port: u16, backends: Range<u16>) -> Result<()> {
    let listener = TcpListener::bind(net::local(port)).await?;
    for backend in backends.cycle() {
        let (client, _) = listener.accept().await?;
        tokio::spawn(carry(client, net::local(backend)));
    }
    Ok(())
}

async fn carry(mut client: TcpStream, backend: SocketAddr) -> Result<()> {
    let mut backend = TcpStream::connect(backend).await?;
    client.set_nodelay(true)?;
    backend.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut backend).await?;
    Ok(())
}
