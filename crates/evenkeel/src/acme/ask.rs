//! One request to the authority: a connection of its own, a deadline, and no more than an answer may have.

use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long one request may take.
const TIME_MAX: Duration = Duration::from_secs(30);

/// Bytes of an answer at most: the longest are chains of certificates.
const ANSWER_MAX: usize = 1 << 20;

/// Seconds that the authority may want to be left alone before it is asked again how it goes on.
const PAUSE_MAX: u64 = 60;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Asks the authority.
pub struct Asker {
    /// How TLS is spoken with it.
    pub tls: Arc<ClientConfig>,
}

impl HttpClient for Asker {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let tls = Arc::clone(&self.tls);
        Box::pin(async move {
            let whom = request.uri().authority().map_or_else(String::new, ToString::to_string);
            let asked = timeout(TIME_MAX, ask(tls, request)).await;
            let asked =
                asked.unwrap_or_else(|_| Err(format!("nothing within {} s", TIME_MAX.as_secs()).into()));
            asked.map_err(|why| Error::Other(format!("no answer from {whom}: {why}").into()))
        })
    }
}

async fn ask(
    tls: Arc<ClientConfig>,
    mut request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Failed> {
    let stream = connect(tls, request.uri()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with this request.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let authority = request.uri().authority().map_or("", |it| it.as_str());
    let host = HeaderValue::from_str(authority)?;
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str()).parse()?;
    *request.uri_mut() = path;
    request.headers_mut().insert(HOST, host);
    let agent = concat!("evenkeel/", env!("CARGO_PKG_VERSION"));
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
    take(sender.send_request(request).await?).await
}

async fn connect(tls: Arc<ClientConfig>, uri: &Uri) -> Result<TlsStream<TcpStream>, Failed> {
    // Where a directory leads to is for the authority to say, but not in the clear.
    if uri.scheme_str() != Some("https") {
        return Err("what it leads to is no `https://` URL".into());
    }
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await?;
    let name = ServerName::try_from(host.to_owned())?;
    Ok(TlsConnector::from(tls).connect(name, stream).await?)
}

async fn take(answer: Response<hyper::body::Incoming>) -> Result<BytesResponse, Failed> {
    let (mut parts, body) = answer.into_parts();
    let pause = parts.headers.get(RETRY_AFTER).and_then(|it| it.to_str().ok()?.trim().parse::<u64>().ok());
    if pause.is_none_or(|seconds| seconds > PAUSE_MAX) {
        parts.headers.remove(RETRY_AFTER);
    }
    let body = Limited::new(body, ANSWER_MAX).collect().await?.to_bytes();
    Ok(BytesResponse { parts, body: Box::new(body) })
}
