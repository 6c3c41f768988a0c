//! Answers an authority that asks by HTTP (RFC 8555, section 8.3): that one file, and nothing else.

use evenkeel_core::host_name;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, LOCATION};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// What the path of the file begins with.
const PATH: &str = "/.well-known/acme-challenge/";

/// Connections at once at one address; more wait to be accepted.
pub const CONNECTIONS_MAX: usize = 128;

/// Bytes of a request at most.
const HEAD_MAX: usize = 8 * 1024;

/// How long a connection may last.
const TIME_MAX: Duration = Duration::from_secs(5);

/// How long to rest after an accept that failed.
const REST: Duration = Duration::from_millis(50);

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// To who names this token.
    pub token: String,
    /// With this text.
    pub text: String,
}

/// Answers at these addresses until it is dropped.
pub struct Answering {
    _tasks: JoinSet<()>,
}

impl Answering {
    /// Binds all of `addrs`; fails with what could not be.
    pub async fn start(
        addrs: &[SocketAddr],
        redirects: bool,
        answers: &watch::Receiver<Option<Answer>>,
    ) -> Result<Self, String> {
        let mut tasks = JoinSet::new();
        for addr in addrs {
            let listener = TcpListener::bind(addr).await;
            let listener = listener.map_err(|error| format!("cannot listen on {addr}: {error}"))?;
            tasks.spawn(accept(listener, redirects, answers.clone()));
        }
        Ok(Self { _tasks: tasks })
    }
}

async fn accept(listener: TcpListener, redirects: bool, answers: watch::Receiver<Option<Answer>>) {
    let seats = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        // The semaphore is never closed.
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let answers = answers.clone();
                connections.spawn(async move {
                    let _ = timeout(TIME_MAX, serve(stream, redirects, answers)).await;
                    drop(seat);
                });
            }
            Err(_) => sleep(REST).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

/// Whoever asks badly or too late is gone.
async fn serve(stream: TcpStream, redirects: bool, answers: watch::Receiver<Option<Answer>>) {
    let service = service_fn(|request: Request<Incoming>| {
        let reply = reply(&request, redirects, answers.borrow().as_ref());
        async move { Ok::<_, Infallible>(reply) }
    });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(TIME_MAX)
        .max_buf_size(HEAD_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn reply<B>(request: &Request<B>, redirects: bool, answer: Option<&Answer>) -> Response<Full<Bytes>> {
    let token = request.uri().path().strip_prefix(PATH);
    match (token, answer) {
        _ if ![Method::GET, Method::HEAD].contains(request.method()) => {
            plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n")
        }
        (Some(token), Some(answer)) if token == answer.token => plain(StatusCode::OK, &answer.text),
        (None, _) if redirects => match elsewhere(request) {
            Some(url) => {
                let mut reply = plain(StatusCode::PERMANENT_REDIRECT, "");
                url.parse()
                    .map(|url| reply.headers_mut().insert(LOCATION, url))
                    .map_or_else(|_| plain(StatusCode::BAD_REQUEST, "not a request\n"), |_| reply)
            }
            None => plain(StatusCode::BAD_REQUEST, "for which host?\n"),
        },
        _ => plain(StatusCode::NOT_FOUND, "not found\n"),
    }
}

/// The same by HTTPS, at the usual port.
fn elsewhere<B>(request: &Request<B>) -> Option<String> {
    let host = request.headers().get(HOST)?.to_str().ok()?;
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let host = host_name::canonical(host.as_bytes())?;
    Some(format!("https://{host}{}", request.uri().path_and_query().map_or("/", |it| it.as_str())))
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::from(text.to_owned()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_testkit::{PATIENCE, port};
    use std::net::Ipv4Addr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn asked(method: &str, path: &str, host: &str, redirects: bool) -> String {
        let request = Request::builder().method(method).uri(path).header(HOST, host).body(()).unwrap();
        let answer = Answer { token: "tok".to_owned(), text: "tok.thumb".to_owned() };
        let reply = reply(&request, redirects, Some(&answer));
        let location = reply.headers().get(LOCATION).map(|it| format!(" {}", it.to_str().unwrap()));
        format!("{}{}", reply.status().as_u16(), location.unwrap_or_default())
    }

    #[test]
    fn only_the_file_with_the_token_is_there() {
        let ask = |path| asked("GET", path, "a.example", false);
        assert_eq!(ask("/.well-known/acme-challenge/tok"), "200");
        for path in ["/", "/.well-known/acme-challenge/", "/.well-known/acme-challenge/tok/", "/tok"] {
            assert_eq!(ask(path), "404", "{path}");
        }
        assert_eq!(asked("POST", "/.well-known/acme-challenge/tok", "a.example", false), "405");
    }

    #[test]
    fn everybody_else_is_sent_to_https_if_that_is_wanted() {
        let ask = |path, host| asked("GET", path, host, true);
        assert_eq!(ask("/a?b=c", "A.example:80"), "308 https://a.example/a?b=c");
        assert_eq!(ask("/.well-known/acme-challenge/other", "a.example"), "404");
        for host in ["", "a b", "evil.example/x", "10.0.0.1", "[::1]:80"] {
            assert_eq!(ask("/", host), "400", "{host}");
        }
    }

    #[tokio::test]
    async fn strangers_that_hold_all_connections_keep_others_waiting_only_until_one_leaves() {
        let (answers, addr) = (watch::Sender::new(None), (Ipv4Addr::LOCALHOST, port::free()));
        let _answering = Answering::start(&[addr.into()], false, &answers.subscribe()).await.unwrap();
        answers.send_replace(Some(Answer { token: "tok".to_owned(), text: "tok.thumb".to_owned() }));
        let connect = || TcpStream::connect(addr);
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(connect().await.unwrap());
        }
        let mut asks = connect().await.unwrap();
        asks.write_all(b"GET /.well-known/acme-challenge/tok HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let soon = timeout(Duration::from_millis(100), asks.read_to_string(&mut answer)).await;
        assert!(soon.is_err(), "it waits");
        silent.pop();
        timeout(PATIENCE, asks.read_to_string(&mut answer)).await.unwrap().unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("tok.thumb"), "{answer}");
        let mut giant = connect().await.unwrap();
        drop(silent);
        let _ = giant.write_all(&[b'a'; 4 * HEAD_MAX]).await;
        let mut end = Vec::new();
        let ended = timeout(PATIENCE, giant.read_to_end(&mut end)).await;
        assert!(ended.is_ok(), "a giant request is not waited for");
    }
}
