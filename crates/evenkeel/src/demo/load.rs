//! `evenkeel demo load`: many requests through the running demo, and who answered them.

use super::{local, program};
use crate::error::{Exit, RunError};
use crate::logging::{Took, count};
use crate::output;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Requests in all, each on a connection of its own; fewer where they are not answered in [`TIME`].
const REQUESTS: usize = 2000;

/// How long new requests are sent: a slow server would draw it out.
const TIME: Duration = Duration::from_secs(10);

/// Requests at once.
const CLIENTS: usize = 8;

/// How long a request may take: slow servers need a second.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often each server answered, and each way to fail happened.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    answers: BTreeMap<String, usize>,
    failures: BTreeMap<String, usize>,
}

/// Sends the requests to the balancer on `port`, and prints who answered.
pub fn run(port: u16) -> Result<(), RunError> {
    TcpStream::connect(local(port)).map_err(|error| {
        RunError::new(Exit::Unavailable, format!("no demo listens on port {port}: {error}"))
            .help(format!("start one with `{} demo`", program()))
    })?;
    let began = Instant::now();
    let tally = ask_all(local(port), REQUESTS);
    output::print(&tally.report(began.elapsed()))
}

fn ask_all(addr: SocketAddr, requests: usize) -> Tally {
    let began = Instant::now();
    let client = move || {
        let mut tally = Tally::default();
        let in_time = |_: &usize| began.elapsed() < TIME;
        (0..requests / CLIENTS).take_while(in_time).for_each(|_| tally.note(ask(addr)));
        tally
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        let tallies = clients.into_iter().filter_map(|client| client.join().ok());
        tallies.fold(Tally::default(), Tally::add)
    })
}

/// Asks once; who answered.
fn ask(addr: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: demo\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.trim_end().rsplit_once("hello from the server on ") {
        Some((_, server)) => Ok(server.to_owned()),
        None => Err(io::Error::other("the answer was cut")),
    }
}

impl Tally {
    fn note(&mut self, outcome: io::Result<String>) {
        match outcome {
            Ok(server) => *self.answers.entry(server).or_default() += 1,
            Err(error) => *self.failures.entry(error.to_string()).or_default() += 1,
        }
    }

    fn add(mut self, other: Self) -> Self {
        other.answers.into_iter().for_each(|(server, n)| *self.answers.entry(server).or_default() += n);
        other.failures.into_iter().for_each(|(error, n)| *self.failures.entry(error).or_default() += n);
        self
    }

    fn report(&self, took: Duration) -> String {
        let (answers, failures): (usize, usize) = (self.answers.values().sum(), self.failures.values().sum());
        let failed = if failures == 0 { "none failed".to_owned() } else { format!("{failures} failed") };
        let mut text = format!("{} in {}, {failed}\n", count(answers + failures, "request"), Took(took));
        for (server, n) in &self.answers {
            let _ = writeln!(text, "  {n:>5}  {server}");
        }
        for (error, n) in &self.failures {
            let _ = writeln!(text, "  {n:>5}  {error}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_who_answered_and_what_failed() {
        let listener = std::net::TcpListener::bind(local(0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for index in 0..CLIENTS * 2 {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 1024]);
                let text: &[u8] =
                    if index == 3 { b"HTTP/1.1 200" } else { b"\r\n\r\nhello from the server on A\n" };
                stream.write_all(text).unwrap();
            }
        });
        let tally = ask_all(addr, CLIENTS * 2);
        server.join().unwrap();
        assert_eq!(tally.answers, BTreeMap::from([("A".to_owned(), CLIENTS * 2 - 1)]));
        assert_eq!(
            tally.report(Duration::from_millis(1500)),
            "16 requests in 1.5 s, 1 failed\n     15  A\n      1  the answer was cut\n"
        );
    }
}
