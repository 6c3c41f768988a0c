//! What is measured: each scenario is one kind of work on one setup, with one figure that counts.

mod key;
mod list;

pub use key::Key;
pub use list::{SOME, all};

use std::net::{Ipv4Addr, SocketAddr};

/// The first port of the backends; those of the clients begin above the last.
pub const FIRST: u16 = 20_001;

/// Backends that have a port each; where there are more, all have an address each, and the same port.
const PORTS: u32 = 1000;

/// One thing to measure.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// How it is called on the command line and in files.
    pub name: String,
    /// How it is called in the report.
    pub title: String,
    /// What is done.
    pub work: Work,
    /// The figure that counts.
    pub key: Key,
    /// What stands between load and backends.
    pub setup: Setup,
    /// What the figure should be.
    pub goal: Option<Goal>,
    /// Who takes part.
    pub field: Field,
    /// Rounds, unless the command line says otherwise.
    pub rounds: u32,
    /// How many windows long each measurement is.
    pub windows: u32,
    /// Whether a quick run has it too.
    pub quick: bool,
}

/// What is done to a balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Traffic: arguments of `evenkeel-bench load`.
    Load(&'static str),
    /// The configuration changes in one backend and is loaded again.
    Reload,
}

/// What the figure that counts should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most this share of what the yardstick needs, and below every rival's.
    Share(f64),
    /// Below this, in the unit of the figure.
    Below(f64),
}

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Everybody.
    All,
    /// The balancers that people run, each at its best.
    Best,
    /// Builds of evenkeel.
    Ours,
}

/// How balancer and backends are set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Backends of the pool.
    pub backends: u32,
    /// Services; all but the first have nothing to do.
    pub services: u32,
    /// Worker threads or processes, a core each.
    pub workers: u16,
    /// Whether there is an access log.
    pub log: bool,
    /// What is balanced.
    pub protocol: Protocol,
}

/// What a balancer understands of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Connections, and nothing of what is in them.
    Tcp,
    /// Each request of HTTP/1.1.
    Http,
    /// Each request that clients make by HTTP/2.
    Http2,
    /// Datagrams, and nothing of what is in them.
    Udp,
}

/// All of them.
pub const PROTOCOLS: [Protocol; 4] = [Protocol::Tcp, Protocol::Http, Protocol::Http2, Protocol::Udp];

/// What holds unless a scenario is about something else.
pub const USUAL: Setup = Setup { backends: 3, services: 1, workers: 1, log: true, protocol: Protocol::Tcp };

impl Setup {
    /// The addresses of the backends.
    pub fn addresses(self) -> impl Iterator<Item = SocketAddr> {
        (0..self.backends).map(move |number| match self.backends {
            ..=PORTS => (Ipv4Addr::LOCALHOST, FIRST + number as u16).into(),
            // All of 127.0.0.0/8 is this machine.
            _ => (Ipv4Addr::from(0x7f01_0000 + number), FIRST).into(),
        })
    }

    /// Where the services that have nothing to do listen, at this port.
    pub fn idle_services(self, port: u16) -> impl Iterator<Item = SocketAddr> {
        (1..self.services).map(move |number| (Ipv4Addr::from(0x7f02_0000 + number), port).into())
    }

    /// Ports at which there are backends, from [`FIRST`] on.
    pub fn ports(self) -> u16 {
        if self.backends <= PORTS { self.backends as u16 } else { 1 }
    }

    /// What load and backends have to be told of the protocol.
    pub fn flags(self) -> &'static [&'static str] {
        match self.protocol {
            Protocol::Tcp => &[],
            Protocol::Http => &["--http"],
            Protocol::Http2 => &["--http2"],
            Protocol::Udp => &["--udp"],
        }
    }

    /// Whether the backends are checked: more of them than this would be a load of their own.
    pub fn is_checked(self) -> bool {
        self.backends <= PORTS
    }
}

impl Scenario {
    /// The same on another setup, which its name and title tell.
    pub fn on(&self, setup: Setup) -> Self {
        let (mut name, mut title) = (self.name.clone(), self.title.clone());
        let mut tell = |short: String, long: String| {
            name = format!("{name}+{short}");
            title = format!("{title}; {long}");
        };
        if setup.backends != self.setup.backends {
            let plural = if setup.backends == 1 { "" } else { "s" };
            tell(format!("backends-{}", setup.backends), format!("{} backend{plural}", setup.backends));
        }
        if setup.services != self.setup.services {
            tell(format!("services-{}", setup.services), format!("{} services", setup.services));
        }
        if setup.workers != self.setup.workers {
            tell(format!("workers-{}", setup.workers), format!("{} workers", setup.workers));
        }
        if setup.log != self.setup.log {
            tell("no-log".to_owned(), "no access log".to_owned());
        }
        let goal = self.goal.filter(|_| setup == self.setup);
        Self { name, title, setup, goal, ..self.clone() }
    }

    /// Whether it belongs to the main part of the report.
    pub fn is_main(&self) -> bool {
        self.setup == Setup { protocol: self.setup.protocol, ..USUAL }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backends_differ_in_port_or_in_address() {
        let addresses = |backends| -> Vec<String> {
            let setup = Setup { backends, ..USUAL };
            setup.addresses().map(|it| it.to_string()).collect()
        };
        assert_eq!(addresses(2), ["127.0.0.1:20001", "127.0.0.1:20002"]);
        assert_eq!(addresses(100_000)[99_999], "127.2.134.159:20001");
    }

    #[test]
    fn services_that_have_nothing_to_do_have_an_address_each() {
        let setup = Setup { services: 1000, ..USUAL };
        let addrs: Vec<String> = setup.idle_services(8000).map(|it| it.to_string()).collect();
        assert_eq!(
            (addrs.len(), addrs[0].as_str(), addrs[998].as_str()),
            (999, "127.2.0.1:8000", "127.2.3.231:8000")
        );
        assert_eq!(USUAL.idle_services(8000).count(), 0);
    }

    #[test]
    fn a_name_tells_what_is_other_than_usual() {
        let connect = all().into_iter().find(|it| it.name == "connect").unwrap();
        assert_eq!(connect.on(USUAL).name, "connect");
        let other = connect.on(Setup { backends: 1, services: 9, workers: 2, log: false, ..USUAL });
        assert_eq!(other.name, "connect+backends-1+services-9+workers-2+no-log");
        assert_eq!(
            other.title,
            format!("{}; 1 backend; 9 services; 2 workers; no access log", connect.title)
        );
        assert_eq!((other.goal, other.is_main()), (None, false));
    }
}
