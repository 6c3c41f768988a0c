//! What the load is told to do: the arguments of `evenkeel-bench load`.

use super::schedule::Schedule;
use super::{
    Bulk, Connect, Datagrams, Exchange, Flows, LOST, Pace, Ports, Speech, Streams, TURN, Talk, Tally,
    Traffic, Window, hold, measure, wait_until_echoed, wait_until_served,
};
use crate::figures::Figures;
use crate::http2::Asking;
use crate::meter::{Meter, monotonic_ns};
use crate::wish::Wish;
use anyhow::{Result, anyhow, ensure};
use clap::{Args, Subcommand, ValueEnum};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// An order to make traffic.
#[derive(Args, Clone, Debug)]
pub struct Order {
    /// Connect to 127.0.0.1 on this port
    #[arg(long)]
    port: u16,
    /// And to those after it in turn, so many in all
    #[arg(long, default_value_t = 1)]
    ports: u16,
    /// A backend that says what it has received
    #[arg(long)]
    backend: u16,
    /// The process of the balancer
    #[arg(long)]
    balancer: Option<u32>,
    /// The process of the backends
    #[arg(long)]
    backends: Option<u32>,
    /// Milliseconds before anything counts
    #[arg(long, default_value_t = 300)]
    warm: u64,
    /// Milliseconds that count
    #[arg(long, default_value_t = 1500)]
    window: u64,
    /// Send datagrams from this port, and those after it, instead of any
    #[arg(long)]
    flows_from: Option<u16>,
    /// Ask by HTTP, for replies of the size
    #[arg(long)]
    http: bool,
    /// Ask by HTTP/2
    #[arg(long, conflicts_with = "http")]
    http2: bool,
    /// Send datagrams
    #[arg(long, conflicts_with_all = ["http", "http2"])]
    udp: bool,
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Clone, Debug, Subcommand)]
enum Kind {
    /// Transfer without end
    Bulk {
        #[arg(long)]
        connections: usize,
        #[arg(long)]
        to: Direction,
    },
    /// Ask and reply over connections that stay open
    Exchange {
        #[arg(long)]
        connections: usize,
        /// Bytes of each request and each reply
        #[arg(long)]
        size: u32,
        /// Requests a second over all connections, whether replies come or not
        #[arg(long)]
        rate: Option<u32>,
        /// Bulk transfers to the clients beside it
        #[arg(long, default_value_t = 0)]
        beside: usize,
    },
    /// Ask and reply by HTTP/2 over connections that stay open
    Streams {
        #[arg(long)]
        connections: usize,
        /// Requests at once on each of them
        #[arg(long)]
        streams: usize,
        /// Bytes of each reply
        #[arg(long)]
        size: u32,
    },
    /// Open, exchange 64 bytes once, close
    Connect {
        /// Connections at once
        #[arg(long, default_value_t = 16)]
        concurrency: usize,
        /// Connections begun a second, whether others have ended or not
        #[arg(long)]
        rate: Option<u32>,
    },
    /// Send datagrams that come back, over flows that stay
    Datagrams {
        #[arg(long)]
        flows: usize,
        /// Bytes of each
        #[arg(long)]
        size: usize,
        /// Datagrams on their way at once
        #[arg(long, default_value_t = 64)]
        in_flight: usize,
        /// Datagrams sent a second over all flows, whether others come back or not
        #[arg(long)]
        rate: Option<u32>,
    },
    /// Hold connections that do nothing
    Hold {
        #[arg(long)]
        connections: usize,
    },
    /// Wait until one exchange works
    Await,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Direction {
    /// To the clients
    Clients,
    /// To the backends
    Backends,
    /// Both ways
    Both,
}

/// Longest time for a balancer to begin.
const START: Duration = Duration::from_secs(10);

/// Bytes each way where an exchange has no size of its own.
const EXCHANGE: u32 = 64;

impl Kind {
    fn has_bulk(&self) -> bool {
        matches!(self, Self::Bulk { .. } | Self::Exchange { beside: 1.., .. })
    }

    /// Whether it can be made by HTTP/2.
    fn is_http2(&self) -> bool {
        matches!(self, Self::Streams { .. } | Self::Hold { .. } | Self::Await)
    }
}

impl Order {
    /// Makes the traffic and says what was measured.
    pub fn carry_out(self) -> Result<Figures> {
        let mut ports = Ports::new((0..self.ports).map(|at| self.port + at).collect());
        let window =
            Window { warm: Duration::from_millis(self.warm), length: Duration::from_millis(self.window) };
        ensure!(!(self.http && self.kind.has_bulk()), "bulk transfers are no HTTP");
        ensure!(!self.http2 || self.kind.is_http2(), "not by HTTP/2");
        let others: Vec<u32> = self.backends.into_iter().chain([std::process::id()]).collect();
        let meter = Meter::new(self.balancer, &others);
        match self.kind {
            Kind::Bulk { connections, to } => {
                let wish = match to {
                    Direction::Clients => Wish::Down,
                    Direction::Backends => Wish::Up,
                    Direction::Both => Wish::Both,
                };
                measure(&mut Bulk::open(connections, wish, &mut ports, self.backend)?, window, &meter)
            }
            Kind::Exchange { connections, size, rate, beside } => {
                let mut exchange = Exchange::open(connections, self.talk(size, true), rate, &mut ports)?;
                if beside == 0 {
                    return measure(&mut exchange, window, &meter);
                }
                let bulk = Bulk::open(beside, Wish::Down, &mut ports, self.backend)?;
                besides(bulk, || measure(&mut exchange, window, &meter))
            }
            Kind::Streams { connections, streams, size } => measure(
                &mut Streams::open(connections, streams, &Asking::new(size)?, &mut ports)?,
                window,
                &meter,
            ),
            Kind::Connect { concurrency, rate } => measure(
                &mut Connect::new(concurrency, rate, self.talk(EXCHANGE, false), ports)?,
                window,
                &meter,
            ),
            Kind::Hold { connections } => hold(connections, &self.speech()?, &mut ports, window, &meter),
            Kind::Datagrams { flows, size, in_flight, rate } => {
                let schedule = rate.map(|rate| Schedule::new(rate, Instant::now())).transpose()?;
                let pace = schedule.map_or(Pace::InFlight(in_flight), Pace::Rate);
                // Until it is known what was lost while flows were opened: that is no part of the window.
                let window = Window { warm: window.warm + LOST, ..window };
                let flows = Flows { count: flows, from: self.flows_from };
                measure(&mut Datagrams::open(flows, size, pace, &mut ports)?, window, &meter)
            }
            Kind::Await => {
                match self.udp {
                    true => wait_until_echoed(&mut ports, START)?,
                    false => wait_until_served(&self.speech()?, &mut ports, START)?,
                }
                let mut figures = Figures::default();
                figures.set("served_at_ns", monotonic_ns() as f64);
                Ok(figures)
            }
        }
    }
}

impl Order {
    /// An exchange of this size on connections that `stay` open or not.
    fn talk(&self, size: u32, stay: bool) -> Talk {
        if self.http { Talk::http(size, stay) } else { Talk::wish(size, size) }
    }

    /// One exchange after the other on a connection.
    fn speech(&self) -> Result<Speech> {
        Ok(match self.http2 {
            true => Speech::Http2(Asking::new(EXCHANGE)?),
            false => Speech::Talk(self.talk(EXCHANGE, true)),
        })
    }
}

/// Does `measured` with `bulk` running in a thread of its own.
fn besides(mut bulk: Bulk, measured: impl FnOnce() -> Result<Figures>) -> Result<Figures> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let mut tally = Tally::default();
            while !over.load(Relaxed) {
                bulk.turn(TURN, &mut tally)?;
            }
            Ok::<_, anyhow::Error>(tally.bytes)
        });
        let figures = measured();
        over.store(true, Relaxed);
        let bytes = beside.join().map_err(|_| anyhow!("the transfers beside it panicked"))??;
        let mut figures = figures?;
        figures.set("beside_bytes", bytes as f64);
        Ok(figures)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{backend, echo, http, net};
    use std::net::Ipv4Addr;

    /// The port of a backend that serves as long as the tests run.
    fn backend(http: bool) -> u16 {
        let listener = net::listen(Ipv4Addr::LOCALHOST, 0).unwrap();
        let port = net::port_of(&listener).unwrap();
        let serve = if http { http::serve_on } else { backend::serve_on };
        std::thread::spawn(move || serve(vec![listener]));
        port
    }

    /// The same for datagrams.
    fn echo() -> u16 {
        let socket = echo::bind(0).unwrap();
        let port = net::port_of(&socket).unwrap();
        std::thread::spawn(|| echo::serve_on(&[socket]));
        port
    }

    fn figures_of(kind: Kind) -> Figures {
        figures_at(backend(false), "", kind)
    }

    fn figures_by(protocol: &str, kind: Kind) -> Figures {
        figures_at(backend(true), protocol, kind)
    }

    fn figures_at(port: u16, protocol: &str, kind: Kind) -> Figures {
        let within = |window| {
            let kind = kind.clone();
            let (balancer, backends) = (None, None);
            let [http, http2, udp] = ["http", "http2", "udp"].map(|name| name == protocol);
            Order {
                port,
                ports: 1,
                backend: port,
                balancer,
                backends,
                warm: 10,
                window,
                flows_from: None,
                http,
                http2,
                udp,
                kind,
            }
            .carry_out()
        };
        // Where others keep us from the cores, nothing may come through for a while.
        let figures = within(50).or_else(|_| within(500)).or_else(|_| within(5000)).unwrap();
        assert_eq!(figures.get("errors").unwrap_or(0.0), 0.0, "{figures:?}");
        figures
    }

    #[test]
    fn bulk_comes_through_each_way() {
        for to in [Direction::Clients, Direction::Backends, Direction::Both] {
            let figures = figures_of(Kind::Bulk { connections: 3, to });
            assert!(figures.get("bytes").unwrap() > 0.0, "{to:?}: {figures:?}");
        }
    }

    #[test]
    fn exchanges_come_through_and_are_timed() {
        for (size, rate, beside) in [(16, None, 0), (300_000, None, 0), (64, Some(2000), 2)] {
            let figures = figures_of(Kind::Exchange { connections: 3, size, rate, beside });
            assert!(figures.get("done").unwrap() > 0.0, "{figures:?}");
            assert!(figures.get("p50_ns").unwrap() > 0.0, "{figures:?}");
        }
    }

    #[test]
    fn connections_come_through_and_are_timed() {
        for rate in [None, Some(500)] {
            let figures = figures_of(Kind::Connect { concurrency: 4, rate });
            assert!(figures.get("p50_ns").unwrap() > 0.0, "{figures:?}");
        }
    }

    #[test]
    fn held_connections_still_work_in_the_end() {
        assert!(figures_of(Kind::Hold { connections: 20 }).get("kernel_bytes").is_some());
    }

    #[test]
    fn answers_of_http_come_through_and_are_timed() {
        for (size, rate) in [(64, None), (300_000, None), (64, Some(2000))] {
            let figures = figures_by("http", Kind::Exchange { connections: 3, size, rate, beside: 0 });
            assert!(figures.get("p50_ns").unwrap() > 0.0, "{figures:?}");
        }
        let figures = figures_by("http", Kind::Connect { concurrency: 4, rate: None });
        assert!(figures.get("p50_ns").unwrap() > 0.0, "{figures:?}");
        assert!(figures_by("http", Kind::Hold { connections: 20 }).get("kernel_bytes").is_some());
    }

    #[test]
    fn answers_of_http2_come_through_and_are_timed() {
        for (size, streams) in [(64, 1), (64, 10), (300_000, 10)] {
            let figures = figures_by("http2", Kind::Streams { connections: 3, streams, size });
            assert!(figures.get("p50_ns").unwrap() > 0.0, "{figures:?}");
        }
        assert!(figures_by("http2", Kind::Hold { connections: 20 }).get("kernel_bytes").is_some());
    }

    #[test]
    fn the_first_exchange_is_awaited() {
        let by_http2 = figures_by("http2", Kind::Await);
        for figures in [figures_of(Kind::Await), by_http2, figures_at(echo(), "udp", Kind::Await)] {
            assert!(figures.get("served_at_ns").unwrap() <= monotonic_ns() as f64);
        }
    }

    #[test]
    fn datagrams_come_back_and_are_timed() {
        for (flows, size, rate) in [(1, 64, None), (20, 1200, None), (1, 8, Some(2000)), (20, 64, Some(2000))]
        {
            let kind = Kind::Datagrams { flows, size, in_flight: 64, rate };
            let figures = figures_at(echo(), "udp", kind);
            assert!(figures.get("done").unwrap() > 0.0, "{figures:?}");
            assert!(figures.get("p50_ns").unwrap() > 0.0, "{figures:?}");
        }
    }
}
