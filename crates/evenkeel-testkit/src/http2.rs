//! HTTP/2, as clients and servers of tests speak it: well-behaved by the usual library, ill-behaved frame by frame ([`raw`]).

pub mod raw;

use crate::deadline::PATIENCE;
use crate::peer::Peer;
pub use bytes::Bytes;
use h2::client::{self, ResponseFuture, SendRequest};
use h2::server;
pub use h2::server::SendResponse;
pub use h2::{Reason, RecvStream, SendStream};
pub use http::{HeaderMap, Request, Response};
use std::future::Future;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

/// An answer, with all of its body.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The fields.
    pub fields: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// What followed it.
    pub trailers: HeaderMap,
    /// Whether the head was all.
    pub is_bare: bool,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A client.
pub struct Client {
    runtime: Runtime,
    send: SendRequest<Bytes>,
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Waits for `work`, but not for ever.
fn wait<T>(runtime: &Runtime, work: impl Future<Output = T>) -> T {
    runtime.block_on(async { timeout(PATIENCE, work).await.expect("something of HTTP/2 in time") })
}

/// The socket of `peer`, which nobody else is to use meanwhile.
fn stream(peer: &Peer) -> TcpStream {
    let socket = peer.socket().try_clone().unwrap();
    socket.set_nonblocking(true).unwrap();
    TcpStream::from_std(socket.into()).unwrap()
}

impl Client {
    /// Over this connection.
    pub fn new(peer: &Peer) -> Self {
        let runtime = runtime();
        let send = wait(&runtime, async {
            let mut builder = client::Builder::new();
            // A stream that nobody reads is not to stand in the way of another.
            builder.initial_max_send_streams(10).initial_connection_window_size(100_000_000);
            let (send, connection) = builder.handshake(stream(peer)).await.unwrap();
            tokio::spawn(connection);
            send
        });
        Self { runtime, send }
    }

    /// Asks for `path`.
    pub fn get(&self, path: &str) -> Result<Answer, h2::Error> {
        self.ask(request("GET", path), b"", HeaderMap::new())
    }

    /// Asks for all of these at once; the answers in this order.
    pub fn get_all(&self, paths: &[String]) -> Vec<Result<Answer, h2::Error>> {
        let asked: Vec<_> = paths.iter().map(|path| self.begin(request("GET", path), true)).collect();
        asked.into_iter().map(|(answer, _)| wait(&self.runtime, answer)).collect()
    }

    /// Asks, with this body and these fields behind it.
    pub fn ask(&self, asked: Request<()>, body: &[u8], trailers: HeaderMap) -> Result<Answer, h2::Error> {
        let is_bare = body.is_empty() && trailers.is_empty();
        let (answer, mut stream) = self.begin(asked, is_bare);
        if !is_bare {
            let body = Bytes::copy_from_slice(body);
            stream.send_data(body, trailers.is_empty())?;
            if !trailers.is_empty() {
                stream.send_trailers(trailers)?;
            }
        }
        wait(&self.runtime, answer)
    }

    /// Begins to ask: the answer that is to come, and where the body goes.
    pub fn begin(
        &self,
        asked: Request<()>,
        is_bare: bool,
    ) -> (impl Future<Output = Result<Answer, h2::Error>> + use<>, SendStream<Bytes>) {
        let mut ready = wait(&self.runtime, self.send.clone().ready()).expect("a connection that goes on");
        let (response, stream) = ready.send_request(asked, is_bare).expect("a request that can be said");
        (async { read(response.await?).await }, stream)
    }

    /// Begins to ask, and to be answered: the answer that is to come, and where the body goes.
    pub fn begin_both(&self, asked: Request<()>) -> (ResponseFuture, SendStream<Bytes>) {
        let mut ready = wait(&self.runtime, self.send.clone().ready()).expect("a connection that goes on");
        ready.send_request(asked, false).expect("a request that can be said")
    }

    /// Asks, and reads nothing of the body of the answer, which is what this waits for.
    pub fn begin_unread(&self, asked: Request<()>) -> RecvStream {
        let mut ready = wait(&self.runtime, self.send.clone().ready()).expect("a connection that goes on");
        let (response, _) = ready.send_request(asked, true).expect("a request that can be said");
        wait(&self.runtime, response).expect("an answer").into_body()
    }

    /// Waits for what was begun.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        wait(&self.runtime, work)
    }

    /// Waits for either, and gives what comes first.
    pub fn wait_for_one_of<T>(&self, one: impl Future<Output = T>, other: impl Future<Output = T>) -> T {
        wait(&self.runtime, async {
            tokio::select! {
                first = one => first,
                first = other => first,
            }
        })
    }

    /// Goes on until `holds`.
    pub fn wait_until(&self, holds: impl Fn() -> bool) {
        wait(&self.runtime, until(holds));
    }

    /// Waits until the other side wants no more requests.
    pub fn wait_for_goodbye(&self) {
        wait(&self.runtime, async {
            while self.send.clone().ready().await.is_ok() {
                sleep(Duration::from_millis(1)).await;
            }
        });
    }
}

/// A request without anything else.
pub fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://web.test{path}")).body(()).unwrap()
}

async fn read(response: Response<RecvStream>) -> Result<Answer, h2::Error> {
    let (head, stream) = response.into_parts();
    let is_bare = stream.is_end_stream();
    let (body, trailers) = read_body(stream).await?;
    Ok(Answer { status: head.status.as_u16(), fields: head.headers, body, trailers, is_bare })
}

/// Lets each request of a connection be answered by what `answer` gives.
pub fn serve<F>(
    answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + Sync,
) -> impl Fn(&Peer) + Send + Sync
where
    F: Future<Output = ()> + 'static,
{
    move |peer| {
        LocalSet::new().block_on(&runtime(), async {
            let Ok(mut connection) = server::handshake(stream(peer)).await else { return };
            while let Some(Ok((request, respond))) = connection.accept().await {
                tokio::task::spawn_local(answer(request, respond));
            }
        });
    }
}

/// Lets one request of each connection be answered, and wants no more then.
pub fn serve_one(answer: impl Fn(SendResponse<Bytes>) + Send + Sync) -> impl Fn(&Peer) + Send + Sync {
    move |peer| {
        LocalSet::new().block_on(&runtime(), async {
            let Ok(mut connection) = server::handshake(stream(peer)).await else { return };
            if let Some(Ok((_, respond))) = connection.accept().await {
                answer(respond);
            }
            connection.graceful_shutdown();
            while let Some(Ok(_)) = connection.accept().await {}
        });
    }
}

/// Waits until `holds`, while others go on.
pub async fn until(holds: impl Fn() -> bool) {
    while !holds() {
        sleep(Duration::from_millis(1)).await;
    }
}

/// All of a body, and what follows it.
pub async fn read_body(mut stream: RecvStream) -> Result<(Vec<u8>, HeaderMap), h2::Error> {
    let mut body = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece?;
        stream.flow_control().release_capacity(piece.len())?;
        body.extend_from_slice(&piece);
    }
    Ok((body, stream.trailers().await?.unwrap_or_default()))
}
