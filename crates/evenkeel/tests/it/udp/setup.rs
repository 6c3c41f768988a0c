//! A balancer with one service that takes datagrams.

use crate::harness::evenkeel;
use evenkeel_testkit::{Process, UdpClient, UdpServer, port};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};

/// What is to be in its file.
pub struct Setup {
    listen: String,
    to: Vec<String>,
    keys: String,
}

/// One that runs.
pub struct Running {
    process: Process,
    pub addr: SocketAddr,
}

impl Setup {
    /// In front of these servers, at a port of 127.0.0.1, with two workers.
    pub fn to<'a>(servers: impl IntoIterator<Item = &'a UdpServer>) -> Self {
        Self {
            listen: format!("127.0.0.1:{}", port::free()),
            to: servers.into_iter().map(|server| format!("{:?}", server.addr().to_string())).collect(),
            keys: String::new(),
        }
    }

    /// One more backend there.
    pub fn at(mut self, addr: SocketAddr) -> Self {
        self.to.push(format!("\"{addr}\""));
        self
    }

    /// Listens at this address and port.
    pub fn listen(mut self, listen: &str) -> Self {
        listen.clone_into(&mut self.listen);
        self
    }

    /// Keys of the service.
    pub fn keys(mut self, lines: &str) -> Self {
        self.keys += &format!("{lines}\n");
        self
    }

    /// The file.
    pub fn text(&self) -> String {
        let Self { listen, to, keys } = self;
        format!("workers = 2\n[udp.dns]\nlisten = \"{listen}\"\nto = [{}]\n{keys}", to.join(", "))
    }

    /// Starts it and waits until it is ready.
    pub fn ready(self) -> Running {
        let mut process = evenkeel().config(&self.text()).spawn();
        let listening = process.wait_event("listening");
        let addr = listening["listeners"][0].as_str().and_then(|addr| addr.parse().ok());
        process.wait_event("ready");
        Running { process, addr: addr.expect("an IP address") }
    }
}

impl Running {
    /// A client of it.
    pub fn client(&self) -> UdpClient {
        UdpClient::to(self.addr)
    }
}

impl Deref for Running {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}
