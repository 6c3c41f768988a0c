//! What evenkeel does when it gets a signal; none of them kills it by surprise.

use std::io;
use tokio::signal::unix::{self, SignalKind};

/// A signal that is not left to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `SIGHUP`: a new configuration.
    Hup,
    /// `SIGINT`: Ctrl-C.
    Int,
    /// `SIGQUIT`: Ctrl-\.
    Quit,
    /// `SIGTERM`: what systemd, Docker and Kubernetes send.
    Term,
    /// `SIGUSR1`.
    Usr1,
    /// `SIGUSR2`.
    Usr2,
}

impl Signal {
    /// Its name, with `SIG`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hup => "SIGHUP",
            Self::Int => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::Term => "SIGTERM",
            Self::Usr1 => "SIGUSR1",
            Self::Usr2 => "SIGUSR2",
        }
    }
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Load the configuration again.
    Reload,
    /// Take nothing new, and end when all sessions have.
    Drain,
    /// End at once.
    End,
    /// Nothing, for this reason.
    Ignore(&'static str),
}

/// Who is in charge of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// A service manager, or nobody.
    Service,
    /// A person at a terminal.
    Terminal,
    /// A person who is trying things out: nothing is worth waiting for.
    Demo,
}

/// What `signal` asks for. Once `stopping`, asking again ends at once.
pub fn order(signal: Signal, manner: Manner, stopping: bool) -> Order {
    match (signal, manner) {
        (Signal::Usr1, _) => Order::Ignore("the log goes to standard output, there is no file to open again"),
        (Signal::Usr2, _) => Order::Ignore("this version cannot hand over to another binary"),
        (Signal::Quit, _) | (Signal::Hup | Signal::Term | Signal::Int, Manner::Demo) => Order::End,
        (Signal::Hup, _) if stopping => Order::Ignore("it is stopping"),
        (Signal::Hup, _) => Order::Reload,
        (Signal::Term | Signal::Int, _) if stopping => Order::End,
        (Signal::Int, Manner::Terminal) => Order::End,
        (Signal::Term | Signal::Int, _) => Order::Drain,
    }
}

/// The signals of this process, from the moment this exists.
pub struct Signals {
    hup: unix::Signal,
    int: unix::Signal,
    quit: unix::Signal,
    term: unix::Signal,
    usr1: unix::Signal,
    usr2: unix::Signal,
}

impl Signals {
    /// Takes them from the kernel. Needs a tokio runtime around it.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            hup: unix::signal(SignalKind::hangup())?,
            int: unix::signal(SignalKind::interrupt())?,
            quit: unix::signal(SignalKind::quit())?,
            term: unix::signal(SignalKind::terminate())?,
            usr1: unix::signal(SignalKind::user_defined1())?,
            usr2: unix::signal(SignalKind::user_defined2())?,
        })
    }

    /// Waits for the next one. May be cancelled.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hup.recv() => Signal::Hup,
            _ = self.int.recv() => Signal::Int,
            _ = self.quit.recv() => Signal::Quit,
            _ = self.term.recv() => Signal::Term,
            _ = self.usr1.recv() => Signal::Usr1,
            _ = self.usr2.recv() => Signal::Usr2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Manner::{Demo, Service, Terminal};

    #[test]
    fn term_drains_and_twice_ends() {
        for manner in [Service, Terminal] {
            assert_eq!(order(Signal::Term, manner, false), Order::Drain);
            assert_eq!(order(Signal::Term, manner, true), Order::End);
        }
    }

    #[test]
    fn ctrl_c_ends_at_once_on_a_terminal_only() {
        assert_eq!(order(Signal::Int, Terminal, false), Order::End);
        assert_eq!(order(Signal::Int, Demo, false), Order::End);
        assert_eq!(order(Signal::Int, Service, false), Order::Drain);
        assert_eq!(order(Signal::Int, Service, true), Order::End);
    }

    #[test]
    fn hup_never_ends_a_service() {
        assert_eq!(order(Signal::Hup, Service, false), Order::Reload);
        assert_eq!(order(Signal::Hup, Terminal, false), Order::Reload);
        assert!(matches!(order(Signal::Hup, Service, true), Order::Ignore(_)));
    }

    #[test]
    fn user_signals_do_nothing_and_say_so() {
        for manner in [Service, Terminal, Demo] {
            assert!(matches!(order(Signal::Usr1, manner, false), Order::Ignore(_)));
            assert!(matches!(order(Signal::Usr2, manner, true), Order::Ignore(_)));
        }
    }
}
