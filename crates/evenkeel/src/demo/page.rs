//! What a toy server answers.

use super::body::Answer;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Request, Response, StatusCode};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a slow answer takes.
pub const SLOW: Duration = Duration::from_secs(1);

/// What `/bytes/N` gives at most.
const BYTES_MAX: u64 = 1 << 40;

/// Answers `request` as the server at `own`; `slow` delays everything but health checks.
pub async fn answer(request: Request<Incoming>, own: SocketAddr, slow: bool) -> Response<Answer> {
    let path = request.uri().path();
    if path == "/healthz" {
        return plain("ok\n".to_owned());
    }
    if slow || path == "/slow" {
        tokio::time::sleep(SLOW).await;
    }
    match path {
        "/" if wants_html(&request) => html(own),
        "/" | "/slow" => plain(format!("hello from the server on {own}\n")),
        _ => match path.strip_prefix("/bytes/").and_then(|count| count.parse().ok()) {
            Some(count) if count <= BYTES_MAX => Response::new(Answer::bytes(count)),
            _ => {
                let text = format!("{path} is not here; try /, /slow, /bytes/1000000 or /healthz\n");
                let mut response = plain(text);
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        },
    }
}

fn wants_html(request: &Request<Incoming>) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

fn plain(text: String) -> Response<Answer> {
    let mut response = Response::new(Answer::text(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// For browsers, which would keep the connection, and with it the server: it is closed, so that each reload meets
/// another one.
fn html(own: SocketAddr) -> Response<Answer> {
    let hue = u32::from(own.port()) * 137 % 360;
    let text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>{port}</title>\n\
         <style>body {{ font: 1.2rem/1.6 system-ui, sans-serif; margin: 20vh auto; max-width: 34rem; padding: 0 1rem }}\n\
         h1 {{ color: hsl({hue} 65% 40%); font-size: 3rem; margin: 0 }}</style>\n\
         <h1>{own}</h1>\n<p>This server answered. Reload, and maybe another one does: this page closes its \
         connection, and a balancer for TCP chooses once for each connection.</p>\n</html>\n",
        port = own.port()
    );
    let mut response = Response::new(Answer::text(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
