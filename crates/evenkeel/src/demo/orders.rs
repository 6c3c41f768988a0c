//! `evenkeel demo stop 5002` from another terminal: a word to the running demo, over a Unix socket in the abstract
//! namespace that is named by the server's port. No file is left behind, and no web page can reach it.

use super::{program, toy::Toy};
use crate::error::{Exit, RunError};
use crate::output;
use std::io::{self, Read, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a server of the demo can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Close the listener and every connection.
    Stop,
    /// Be there, and quick.
    Start,
    /// Be there, and slow.
    Slow,
}

impl Order {
    const ALL: [Self; 3] = [Self::Stop, Self::Start, Self::Slow];

    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Slow => "slow",
        }
    }

    /// The order that is typed like this.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.word() == word)
    }
}

fn name(port: u16) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("evenkeel-demo-{port}"))
}

/// Gives `order` to the demo's server on `port`, and prints what it says.
pub fn send(order: Order, port: u16) -> Result<(), RunError> {
    let answer = exchange(order, port).map_err(|error| {
        RunError::new(Exit::Unavailable, format!("no demo has a server on port {port}: {error}"))
            .help(format!("start one with `{} demo`", program()))
    })?;
    match answer.strip_prefix("error: ") {
        Some(error) => Err(RunError::new(Exit::Failed, error.trim_end())),
        None => output::print(&answer),
    }
}

fn exchange(order: Order, port: u16) -> io::Result<String> {
    let mut stream = UnixStream::connect_addr(&name(port)?)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(order.word().as_bytes())?;
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Takes orders for `toy`, for ever. Without its socket the toy still works, unattended.
pub async fn obey(mut toy: Toy) {
    let Ok(listener) = listen(toy.port()) else { return std::future::pending().await };
    loop {
        let Ok((mut stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let work = async {
            let mut word = String::new();
            (&mut stream).take(16).read_to_string(&mut word).await?;
            let answer = match Order::from_word(&word) {
                Some(order) => toy.obey(order).await.map(|did| format!("127.0.0.1:{} {did}\n", toy.port())),
                None => Err(io::Error::other("not an order")),
            };
            let answer = answer.unwrap_or_else(|error| format!("error: {error}\n"));
            stream.write_all(answer.as_bytes()).await
        };
        // Whoever is late or gone gets no answer.
        let _ = tokio::time::timeout(PATIENCE, work).await;
    }
}

fn listen(port: u16) -> io::Result<tokio::net::UnixListener> {
    let listener = UnixListener::bind_addr(&name(port)?)?;
    listener.set_nonblocking(true)?;
    tokio::net::UnixListener::from_std(listener)
}
