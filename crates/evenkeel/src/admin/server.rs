//! Takes connections of the admin API, one request after the other from each. Everything has a limit: connections, the time
//! for a TLS handshake and for a request, its size, and the time in which an answer has to be read.

use super::Desk;
use super::guard::Peer;
use super::patient::Patient;
use crate::tls::holder;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// From the first to the last byte of a request's head, and between two requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// While nobody reads a part of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a request's head.
const HEAD_MAX: usize = 16 * 1024;

/// Headers of a request.
const HEADERS_MAX: usize = 64;

/// Until accepting is tried again after it failed.
const REST: Duration = Duration::from_millis(100);

/// A listening socket.
pub enum Socket {
    /// A Unix socket.
    Unix(UnixListener),
    /// A TCP socket.
    Tcp(TcpListener),
}

impl Socket {
    /// The same socket once more.
    pub fn again(&self) -> io::Result<Self> {
        Ok(match self {
            Self::Unix(listener) => {
                Self::Unix(UnixListener::from_std(listener.as_fd().try_clone_to_owned()?.into())?)
            }
            Self::Tcp(listener) => {
                Self::Tcp(TcpListener::from_std(listener.as_fd().try_clone_to_owned()?.into())?)
            }
        })
    }
}

/// Serves `socket` until the desk is closed, and then those who have asked. So many connections at once; more wait to be
/// accepted.
pub async fn serve(socket: Arc<Socket>, connections_max: usize, desk: Arc<Desk>) {
    // Ends the connections' tasks on drop.
    let mut connections = JoinSet::new();
    let mut open = desk.open.clone();
    tokio::select! {
        _ = open.changed() => {}
        () = accept(&socket, connections_max, &desk, &mut connections) => {}
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

async fn accept(socket: &Socket, connections_max: usize, desk: &Arc<Desk>, connections: &mut JoinSet<()>) {
    let seats = Arc::new(Semaphore::new(connections_max));
    loop {
        // The semaphore is never closed.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        let accepted = match socket {
            Socket::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                let who = stream.peer_cred();
                let peer = who.map_or(Peer::Unix { uid: u32::MAX, pid: None }, |it| Peer::Unix {
                    uid: it.uid(),
                    pid: it.pid(),
                });
                connections.spawn(connection(stream, peer, Arc::clone(desk), seat));
            }),
            Socket::Tcp(listener) => listener.accept().await.map(|(stream, addr)| {
                let _ = stream.set_nodelay(true);
                connections.spawn(over_tcp(stream, addr, Arc::clone(desk), seat));
            }),
        };
        if accepted.is_err() {
            tokio::time::sleep(REST).await;
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Speaks TLS first, if it is to be spoken. Who is not met in time, or has not shown what was asked for, is not answered.
async fn over_tcp(
    stream: TcpStream,
    addr: SocketAddr,
    desk: Arc<Desk>,
    seat: tokio::sync::OwnedSemaphorePermit,
) {
    // A socket of both families tells an IPv4 address as one of IPv6.
    let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
    let Some((config, time)) = desk.tls.clone() else {
        return connection(stream, Peer::Tcp(addr), desk, seat).await;
    };
    let Some(config) = config.borrow().clone() else { return };
    let mut open = desk.open.clone();
    let met = tokio::select! {
        met = timeout(time, meet(stream, config)) => met.ok().flatten(),
        _ = open.changed() => None,
    };
    let Some(stream) = met else { return };
    let shown = stream.get_ref().1.peer_certificates().and_then(|them| them.first());
    let certificate = shown.map(|it| holder(it).unwrap_or_default().into());
    connection(stream, Peer::Tls { addr, certificate }, desk, seat).await;
}

async fn meet(stream: TcpStream, config: Arc<ServerConfig>) -> Option<TlsStream<TcpStream>> {
    match TlsAcceptor::from(config).accept(stream).into_fallible().await {
        Ok(stream) => Some(stream),
        Err((_, mut stream)) => {
            // The alert is on its way; closed with bytes that nobody has read, the kernel would reset it away.
            let _ = stream.shutdown().await;
            let mut rest = [0; 1024];
            while let Ok(1..) = stream.read(&mut rest).await {}
            None
        }
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    desk: Arc<Desk>,
    seat: tokio::sync::OwnedSemaphorePermit,
) {
    let service = service_fn(|request| {
        let desk = Arc::clone(&desk);
        let peer = peer.clone();
        async move { Ok::<_, Infallible>(desk.answer(peer, request).await) }
    });
    let mut open = desk.open.clone();
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(Patient::new(stream, READ_TIMEOUT)), service);
    let mut served = pin!(served);
    // Whoever asks badly, late or not at all is gone.
    let ended = tokio::select! {
        _ = &mut served => true,
        _ = open.changed() => false,
    };
    if !ended {
        served.as_mut().graceful_shutdown();
        let _ = served.await;
    }
    drop(seat);
}
