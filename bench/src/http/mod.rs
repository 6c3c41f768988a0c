//! HTTP/1.1 as the load and the backends speak it: a GET whose path says how many bytes the answer has. Little of the
//! protocol, but that strictly: what a balancer may not do to a message fails the measurement. The backends also
//! understand who begins with [`crate::http2`].

mod answer;
mod backend;
mod head;

pub use answer::Answer;
pub use backend::serve;

#[cfg(test)]
pub use backend::serve_on;

/// What bodies are made of.
pub const BODY: u8 = b'h';

/// The request for an answer with so many bytes; the last one on its connection unless that `stays` open.
pub fn request(bytes: u32, stays: bool) -> Vec<u8> {
    let last = if stays { "" } else { "Connection: close\r\n" };
    format!("GET /{bytes} HTTP/1.1\r\nHost: bench.test\r\nUser-Agent: bench\r\nAccept: */*\r\n{last}\r\n")
        .into_bytes()
}

/// The answer to it, as a backend sends it.
fn response(bytes: u32) -> Vec<u8> {
    let kind = "Content-Type: application/octet-stream";
    let mut response = format!("HTTP/1.1 200 OK\r\n{kind}\r\nContent-Length: {bytes}\r\n\r\n").into_bytes();
    response.resize(response.len() + bytes as usize, BODY);
    response
}
