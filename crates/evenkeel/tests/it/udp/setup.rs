//! A balancer with a service that takes datagrams, beside one that nobody uses.

use crate::harness::{self, Running};
use evenkeel_testkit::{Place, Process, UdpClient, UdpServer, eventually, port};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What is to be in its file.
#[derive(Clone)]
pub struct Setup {
    listen: String,
    to: Vec<String>,
    keys: String,
    top: String,
}

impl Setup {
    /// In front of these servers, at a port of 127.0.0.1, with two workers.
    pub fn to<'a>(servers: impl IntoIterator<Item = &'a UdpServer>) -> Self {
        Self {
            listen: format!("127.0.0.1:{}", port::free()),
            to: servers.into_iter().map(|server| format!("\"{}\"", server.addr())).collect(),
            keys: String::new(),
            top: String::new(),
        }
    }

    /// One more backend there.
    pub fn at(mut self, addr: SocketAddr) -> Self {
        self.to.push(format!("\"{addr}\""));
        self
    }

    /// One more backend, as the keys of an inline table.
    pub fn backend(mut self, keys: &str) -> Self {
        self.to.push(format!("{{ {keys} }}"));
        self
    }

    /// Listens at this address and port.
    pub fn listen(mut self, listen: &str) -> Self {
        listen.clone_into(&mut self.listen);
        self
    }

    /// Lines for the top of the file.
    pub fn top(mut self, lines: &str) -> Self {
        self.top += &format!("{lines}\n");
        self
    }

    /// Keys of the service.
    pub fn keys(mut self, lines: &str) -> Self {
        self.keys += &format!("{lines}\n");
        self
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.listen.parse().unwrap()
    }

    /// The same as one for the harness.
    pub fn plain(&self) -> harness::Setup {
        let Self { listen, to, keys, top } = self;
        let udp = format!("[udp.dns]\nlisten = \"{listen}\"\nto = [{}]\n{keys}", to.join(", "));
        harness::Setup::to([&Place::local(port::free())]).top(top).keys(&udp)
    }

    /// The file.
    pub fn text(&self) -> String {
        self.plain().text()
    }

    /// Starts it and waits until it is ready.
    pub fn ready(self) -> Running {
        self.plain().ready()
    }

    /// A client of it.
    pub fn client(&self) -> UdpClient {
        UdpClient::to(self.addr())
    }
}

/// Waits for the end of a flow of which `is_it` holds.
pub fn wait_flow(process: &mut Process, is_it: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    process.wait_session("the flow", |line| line["service"] == "dns" && is_it(line))
}

/// Asks until there is an answer to this very question, as whoever speaks UDP has to; what it says.
pub fn ask_patiently(client: &UdpClient, question: &str) -> String {
    eventually(&format!("an answer to {question}"), || {
        client.send(question.as_bytes());
        let by = Instant::now() + Duration::from_millis(250);
        std::iter::from_fn(|| client.receive_by(by)).find_map(|answer| {
            let answer = String::from_utf8_lossy(&answer).into_owned();
            answer.strip_suffix(question).map(str::to_owned)
        })
    })
}

/// Says its name and the question.
pub fn named(name: &'static str) -> UdpServer {
    UdpServer::start(move |question| Some([name.as_bytes(), question].concat()))
}
