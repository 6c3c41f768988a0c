//! One request to a running evenkeel: HTTP/1.0, whose answers end with the connection.

use super::{Whom, tls};
use crate::admin;
use crate::error::{Exit, RunError};
use crate::reach;
use serde_json::Value;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an answer may take to begin, unless told otherwise. A reload looks names up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of an answer at most.
const ANSWER_MAX: u64 = 256 << 20;

/// What an address begins with where TLS is spoken.
const HTTPS: &str = "https://";

/// Both directions of a connection.
trait Stream: Read + Write {}
impl Stream for UnixStream {}
impl Stream for TcpStream {}
impl Stream for tls::Tunnel {}

/// What came back: the status, and the rest to be read.
pub struct Answer {
    /// As in HTTP.
    pub status: u16,
    body: BufReader<Box<dyn Stream>>,
}

impl Answer {
    /// The whole text.
    pub fn text(self) -> Result<String, RunError> {
        let mut text = String::new();
        let read = self.body.take(ANSWER_MAX).read_to_string(&mut text);
        read.map(|_| text)
            .map_err(|error| RunError::new(Exit::Unavailable, format!("the answer was cut: {error}")))
    }

    /// The JSON of an answer that says yes; what it says otherwise is the failure.
    pub fn json(self) -> Result<Value, RunError> {
        said(self.status, self.value()?)
    }

    /// Its JSON, whatever it says.
    pub fn value(self) -> Result<Value, RunError> {
        let status = self.status;
        let text = self.text()?;
        serde_json::from_str(&text)
            .map_err(|_| RunError::new(Exit::Failed, format!("not an answer of evenkeel (status {status})")))
    }

    /// Its lines, as they come.
    pub fn lines(self) -> impl Iterator<Item = io::Result<String>> {
        self.body.lines()
    }
}

/// The `value` of an answer with this status, if that says yes; what it says otherwise is the failure.
pub fn said(status: u16, value: Value) -> Result<Value, RunError> {
    match value["error"].as_str() {
        _ if status < 400 => Ok(value),
        Some(error) => Err(RunError::new(exit(status), error)),
        None => Err(RunError::new(exit(status), format!("status {status}"))),
    }
}

/// The exit status for a refusal.
fn exit(status: u16) -> Exit {
    match status {
        401 | 403 => Exit::NoPermission,
        _ => Exit::Failed,
    }
}

/// Asks for `path`, with `body` if there is one, in a way that may take its time.
pub fn call(whom: &Whom, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, RunError> {
    call_within(PATIENCE, whom, method, path, body)
}

/// The same, for an answer that may take `patience` to begin.
pub fn call_within(
    patience: Duration,
    whom: &Whom,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Answer, RunError> {
    let (name, stream) = connect(whom, patience)?;
    let token = whom.token_file.as_ref().map(token).transpose()?;
    let cut = |error: io::Error| {
        if let Some(refused) = tls::refused(&name, &error) {
            return refused;
        }
        let why = match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => format!("nothing within {} s", patience.as_secs()),
            _ => reach::plain(&error),
        };
        RunError::new(Exit::Unavailable, format!("no answer from {name}: {why}"))
    };
    exchange(stream, &host(&name), method, path, token.as_deref(), body).map_err(cut)
}

/// For the `Host` header.
fn host(name: &str) -> String {
    let name = name.strip_prefix(HTTPS).unwrap_or(name);
    if name.starts_with("unix:") { "localhost".to_owned() } else { name.to_owned() }
}

fn token(path: &PathBuf) -> Result<String, RunError> {
    let text = std::fs::read_to_string(path);
    text.map(|it| it.trim().to_owned())
        .map_err(|error| RunError::new(Exit::NoInput, cannot_read(path, &error)))
}

/// What to say of a file here that cannot be read.
pub fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read {}: {}", path.display(), reach::unreadable(path, error))
}

fn exchange(
    mut stream: Box<dyn Stream>,
    host: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> io::Result<Answer> {
    let mut head = format!("{method} {path} HTTP/1.0\r\nhost: {host}\r\n");
    if let Some(token) = token {
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    let body = body.map(ToString::to_string).unwrap_or_default();
    if !body.is_empty() {
        head.push_str("content-type: application/json\r\n");
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all((head + &body).as_bytes())?;
    stream.flush()?;
    let mut body = BufReader::new(stream);
    let mut line = String::new();
    body.by_ref().take(1024).read_line(&mut line)?;
    let status = line.strip_prefix("HTTP/1.").and_then(|it| it.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| {
        io::Error::new(ErrorKind::InvalidData, "that is not HTTP; if it speaks TLS, ask by `https://`")
    })?;
    while line.trim_end() != "" {
        line.clear();
        if body.by_ref().take(64 * 1024).read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Answer { status, body })
}

/// The same evenkeel by its address, so that it stays the same whatever else is started.
pub fn pinned(whom: Whom) -> Result<Whom, RunError> {
    Ok(Whom { admin: Some(place(&whom)?), ..whom })
}

/// Where it is asked.
pub fn place(whom: &Whom) -> Result<String, RunError> {
    match &whom.admin {
        Some(place) => Ok(place.trim_start_matches("http://").trim_end_matches('/').to_owned()),
        None => only(),
    }
}

fn without_tls(place: &str) -> RunError {
    RunError::new(Exit::Usage, format!("`--tls-…` goes only with TLS, and {place} is asked without"))
}

/// Connects, and says to what.
fn connect(whom: &Whom, patience: Duration) -> Result<(String, Box<dyn Stream>), RunError> {
    let place = place(whom)?;
    let path = place.strip_prefix("unix:").or(place.starts_with(['/', '.']).then_some(place.as_str()));
    let connected = match path {
        // What the environment says is for those elsewhere.
        Some(_) if whom.tls.is_typed => {
            return Err(
                without_tls(&place).help("TLS is for an evenkeel elsewhere: name it by `--admin https://…`")
            );
        }
        Some(path) => UnixStream::connect(path).and_then(|stream| {
            stream.set_read_timeout(Some(patience))?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        }),
        None => {
            let addr = place.strip_prefix(HTTPS).unwrap_or(&place);
            let connected = TcpStream::connect(addr).and_then(|stream| {
                stream.set_read_timeout(Some(patience))?;
                Ok(stream)
            });
            match connected {
                Ok(stream) if addr.len() < place.len() => {
                    let tunnel = tls::speak(stream, &place, addr, &whom.tls)?;
                    return Ok((place, Box::new(tunnel)));
                }
                // A token must not go where somebody who names certificates did not want it to.
                Ok(_) if whom.tls.is_wanted() => {
                    return Err(without_tls(&place).help(format!("ask by `--admin {HTTPS}{place}`")));
                }
                connected => connected.map(|stream| Box::new(stream) as Box<dyn Stream>),
            }
        }
    };
    match connected {
        Ok(stream) => Ok((place, stream)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let error = RunError::new(Exit::NoPermission, format!("not permitted to ask at {place}"));
            Err(error.help("ask as the user that it runs as, or as root"))
        }
        Err(error) if error.kind() == ErrorKind::InvalidInput => {
            let error = RunError::new(Exit::Usage, format!("`{place}` is no address to ask at"));
            Err(error.help("write `unix:/path`, `host:port` or `https://host:port`"))
        }
        Err(error) => {
            let why =
                path.map_or_else(|| reach::plain(&error), |it| reach::unreadable(Path::new(it), &error));
            Err(RunError::new(Exit::Unavailable, format!("no evenkeel can be asked at {place}: {why}")))
        }
    }
}

/// The one evenkeel that runs.
fn only() -> Result<String, RunError> {
    let found = admin::place::find();
    match &found[..] {
        [one] => Ok(format!("unix:{}", one.display())),
        [] => Err(RunError::new(Exit::Unavailable, "no evenkeel that could be asked was found")
            .help("start one, or say by `--admin ADDR` where it is: its log has a line `can be asked at`")),
        many => {
            let lines: Vec<_> = many.iter().map(|it| format!("--admin unix:{}", it.display())).collect();
            Err(RunError::new(Exit::Usage, "several evenkeels run; say which:").help(lines.join("\n")))
        }
    }
}
