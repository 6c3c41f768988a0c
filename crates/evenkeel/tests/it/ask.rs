//! Asking a balancer by its admin API, and by the commands that do so.

use crate::harness::{Running, evenkeel};
use evenkeel_testkit::PATIENCE;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub text: String,
}

impl Answer {
    /// Cuts the bytes of a whole answer.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, text) = text.split_once("\r\n\r\n").expect(&text);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_lowercase(), text: text.to_owned() }
    }

    /// Its JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect(&self.text)
    }
}

/// A request without a body, as a browser or a program may send it.
pub fn request(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n")
}

/// Everything that comes back on `stream` for these bytes.
pub fn exchange(mut stream: impl Read + Write, bytes: &str) -> Answer {
    // Whoever refuses may do so before it has read everything.
    let _ = stream.write_all(bytes.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::parse(&answer)
}

impl Running {
    /// A connection to the admin socket.
    pub fn admin(&self) -> UnixStream {
        let stream = UnixStream::connect(self.file("control.sock")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The answer to a request without a body.
    pub fn ask(&self, method: &str, path: &str) -> Answer {
        exchange(self.admin(), &request(method, path, "host: x\r\n"))
    }

    /// The JSON at `path`, which is there.
    pub fn look(&self, path: &str) -> Value {
        let answer = self.ask("GET", path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json()
    }

    /// The answer to a request with a JSON body.
    pub fn tell(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        let head = request(method, path, &format!("host: x\r\ncontent-length: {}\r\n", body.len()));
        exchange(self.admin(), &(head + &body))
    }

    /// Runs a command against it: exit code, standard output, standard error.
    pub fn command(&self, args: &str) -> (i32, String, String) {
        let whom = format!("unix:{}", self.file("control.sock").display());
        evenkeel().args(args).args("--admin").arg(&whom).spawn().output()
    }
}

/// The answer of a TCP port of this machine.
pub fn ask_tcp(port: u16, method: &str, path: &str, headers: &str) -> Answer {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    exchange(stream, &request(method, path, headers))
}
