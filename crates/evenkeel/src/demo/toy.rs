//! Toy servers that can be stopped, started and slowed down while they run.

use super::orders::{self, Order};
use super::page;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// Runs a server on each of these, for ever.
pub async fn serve(listeners: Vec<std::net::TcpListener>) {
    let mut toys = JoinSet::new();
    for listener in listeners {
        let Ok(toy) = Toy::start(listener) else { continue };
        toys.spawn(orders::obey(toy));
    }
    toys.join_all().await;
}

/// One server.
pub struct Toy {
    addr: SocketAddr,
    slow: Arc<AtomicBool>,
    /// Accepts and answers; its end closes the listener and every connection.
    running: Option<JoinHandle<()>>,
}

impl Toy {
    fn start(listener: std::net::TcpListener) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let slow = Arc::new(AtomicBool::new(false));
        let running = Some(tokio::spawn(accept(listener, addr, Arc::clone(&slow))));
        Ok(Self { addr, slow, running })
    }

    /// Where it is.
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// Does as it is told, and says what it did.
    pub async fn obey(&mut self, order: Order) -> io::Result<&'static str> {
        self.slow.store(order == Order::Slow, Relaxed);
        match order {
            Order::Stop => {
                if let Some(running) = self.running.take() {
                    running.abort();
                    // Aborted: by then everything that it held is closed.
                    let _ = running.await;
                }
                Ok("has stopped")
            }
            Order::Start | Order::Slow => {
                if self.running.is_none() {
                    let listener = TcpListener::bind(self.addr).await?;
                    self.running = Some(tokio::spawn(accept(listener, self.addr, Arc::clone(&self.slow))));
                }
                Ok(if order == Order::Slow { "is slow" } else { "runs" })
            }
        }
    }
}

async fn accept(listener: TcpListener, own: SocketAddr, slow: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            // No descriptor left: somebody will close one.
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let slow = Arc::clone(&slow);
        let service = service_fn(move |request| {
            let slow = slow.load(Relaxed);
            async move { Ok::<_, Infallible>(page::answer(request, own, slow).await) }
        });
        connections.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        while connections.try_join_next().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    async fn ask(addr: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn toy() -> Toy {
        Toy::start(std::net::TcpListener::bind("127.0.0.1:0").unwrap()).unwrap()
    }

    #[tokio::test]
    async fn says_who_it_is_in_text_and_in_html() {
        let toy = toy();
        let text = ask(toy.addr, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(text.ends_with(&format!("\r\n\r\nhello from the server on {}\n", toy.addr)), "{text}");
        // No `connection: close` here: the server closes by itself.
        let html = ask(toy.addr, "GET / HTTP/1.1\r\nhost: x\r\naccept: text/html,*/*\r\n\r\n").await;
        assert!(html.contains(&format!("<h1>{}</h1>", toy.addr)), "{html}");
        let lost = ask(toy.addr, "GET /lost HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(lost.starts_with("HTTP/1.1 404"), "{lost}");
    }

    #[tokio::test]
    async fn gives_as_many_bytes_as_asked() {
        let toy = toy();
        let answer =
            ask(toy.addr, "GET /bytes/200001 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("content-length: 200001"), "{head}");
        assert_eq!(body.len(), 200_001);
    }

    #[tokio::test]
    async fn stopped_it_closes_everything_and_started_it_is_back() {
        let mut toy = toy();
        let mut open = TcpStream::connect(toy.addr).await.unwrap();
        open.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        assert!(open.read(&mut answer).await.unwrap() > 0);

        assert_eq!(toy.obey(Order::Stop).await.unwrap(), "has stopped");
        assert!(matches!(open.read(&mut answer).await, Ok(0) | Err(_)), "the open connection is closed");
        let refused = TcpStream::connect(toy.addr).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);

        assert_eq!(toy.obey(Order::Start).await.unwrap(), "runs");
        let text = ask(toy.addr, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        assert!(text.ends_with("ok\n"), "{text}");
    }
}
