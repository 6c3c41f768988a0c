//! What evenkeel does when it gets a signal; none of them kills it by surprise.

use evenkeel_sys::signal;
use std::io::{self, IsTerminal};
use std::time::Duration;
use tokio::signal::unix::{self, SignalKind};

/// Another signal to stop this soon is the same one, sent twice: `timeout` sends it to the process and then to its group,
/// and so do some that supervise others. Those come within microseconds, and nobody presses Ctrl-C twice in this time.
const ECHO: Duration = Duration::from_millis(100);

/// Told when that happens.
const IS_ECHO: &str = "it came right behind the one before; another one ends it at once";

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
    /// `SIGUSR1`: the log's file was renamed.
    Usr1,
    /// `SIGUSR2`: a new binary.
    Usr2,
}

impl Signal {
    /// Its number, to send it on.
    pub fn number(self) -> rustix::process::Signal {
        use rustix::process::Signal as S;
        match self {
            Self::Hup => S::HUP,
            Self::Int => S::INT,
            Self::Quit => S::QUIT,
            Self::Term => S::TERM,
            Self::Usr1 => S::USR1,
            Self::Usr2 => S::USR2,
        }
    }

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
    /// Open the log again.
    Reopen,
    /// Hand everything over to a new process.
    Upgrade,
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
    Demo {
        /// Whether it was started on a terminal.
        on_terminal: bool,
    },
}

/// What holds when a signal comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// Whether it is stopping.
    pub stopping: bool,
    /// How long ago a signal first told it to.
    pub told: Option<Duration>,
    /// Whether there is a terminal; one that was closed is none.
    pub on_terminal: bool,
}

/// What `signal` asks for. Once it is stopping, asking again ends at once.
pub fn order(signal: Signal, manner: Manner, situation: Situation) -> Order {
    let Situation { stopping, told, on_terminal } = situation;
    let is_echo = told.is_some_and(|ago| ago < ECHO);
    match (signal, manner) {
        (Signal::Usr1, Manner::Demo { .. }) => Order::Ignore("the demo has no file of a log to open again"),
        (Signal::Usr1, _) => Order::Reopen,
        (Signal::Usr2, _) if stopping => Order::Ignore("it is stopping"),
        (Signal::Usr2, _) => Order::Upgrade,
        (Signal::Quit, _) | (Signal::Term | Signal::Int, Manner::Demo { .. }) => Order::End,
        // Whoever tried it out has closed the window.
        (Signal::Hup, Manner::Demo { on_terminal: true }) if !on_terminal => Order::End,
        (Signal::Hup, Manner::Demo { .. }) => {
            Order::Ignore("the demo has no configuration file to load again")
        }
        (Signal::Hup, _) if stopping => Order::Ignore("it is stopping"),
        (Signal::Hup, _) => Order::Reload,
        (Signal::Int, Manner::Terminal) => Order::End,
        (Signal::Term | Signal::Int, _) if is_echo => Order::Ignore(IS_ECHO),
        (Signal::Term | Signal::Int, _) if stopping => Order::End,
        (Signal::Term | Signal::Int, _) => Order::Drain,
    }
}

/// Keeps signals that ask for something, and would kill a process that has not taken them yet, from doing that, and that of a
/// log that is too long for good: one that is only just starting loads the newest file and opens the log anyway.
pub fn outlive() {
    // Of a file that may not grow any more (`ulimit -f`), the write that fails says so.
    signal::ignore(rustix::process::Signal::XFSZ);
    [Signal::Hup, Signal::Usr1, Signal::Usr2].into_iter().for_each(|it| signal::ignore(it.number()));
}

/// Keeps signals from ending this process: whoever sends them to all processes of a name or a terminal means another one.
pub fn ignore_all() {
    use Signal::{Hup, Int, Quit, Term, Usr1, Usr2};
    [Hup, Int, Quit, Term, Usr1, Usr2].into_iter().for_each(|it| signal::ignore(it.number()));
}

/// Whether somebody sits there: a terminal on either side.
pub fn on_terminal() -> bool {
    io::stdin().is_terminal() || io::stdout().is_terminal()
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
    use Manner::{Service, Terminal};

    const DEMO: Manner = Manner::Demo { on_terminal: true };
    const RUNNING: Situation = Situation { stopping: false, told: None, on_terminal: true };
    const STOPPING: Situation = told_ago(100);
    const HUNG_UP: Situation = Situation { on_terminal: false, ..RUNNING };

    const fn told_ago(ms: u64) -> Situation {
        Situation { stopping: true, told: Some(Duration::from_millis(ms)), on_terminal: true }
    }

    #[test]
    fn term_drains_and_twice_ends() {
        for manner in [Service, Terminal] {
            assert_eq!(order(Signal::Term, manner, RUNNING), Order::Drain);
            assert_eq!(order(Signal::Term, manner, STOPPING), Order::End);
        }
    }

    #[test]
    fn a_signal_to_stop_that_is_sent_twice_is_one() {
        for signal in [Signal::Term, Signal::Int] {
            for ago in [0, 99] {
                assert_eq!(order(signal, Service, told_ago(ago)), Order::Ignore(IS_ECHO));
            }
            let drains_without_being_told = Situation { told: None, ..STOPPING };
            assert_eq!(order(signal, Service, drains_without_being_told), Order::End);
        }
        assert_eq!(order(Signal::Int, Terminal, told_ago(0)), Order::End, "a person wants it gone");
        assert_eq!(order(Signal::Quit, Service, told_ago(0)), Order::End);
    }

    #[test]
    fn ctrl_c_ends_at_once_on_a_terminal_only() {
        assert_eq!(order(Signal::Int, Terminal, RUNNING), Order::End);
        assert_eq!(order(Signal::Int, DEMO, RUNNING), Order::End);
        assert_eq!(order(Signal::Int, Service, RUNNING), Order::Drain);
        assert_eq!(order(Signal::Int, Service, STOPPING), Order::End);
    }

    #[test]
    fn hup_never_ends_a_service() {
        for situation in [RUNNING, HUNG_UP] {
            assert_eq!(order(Signal::Hup, Service, situation), Order::Reload);
            assert_eq!(order(Signal::Hup, Terminal, situation), Order::Reload);
        }
        assert!(matches!(order(Signal::Hup, Service, STOPPING), Order::Ignore(_)));
    }

    #[test]
    fn hup_ends_the_demo_only_when_its_terminal_is_gone() {
        assert_eq!(order(Signal::Hup, DEMO, HUNG_UP), Order::End);
        assert!(matches!(order(Signal::Hup, DEMO, RUNNING), Order::Ignore(_)));
        let without = Manner::Demo { on_terminal: false };
        assert!(matches!(order(Signal::Hup, without, HUNG_UP), Order::Ignore(_)));
    }

    #[test]
    fn usr1_opens_the_log_again_also_while_it_is_stopping() {
        for (manner, situation) in [(Service, RUNNING), (Terminal, RUNNING), (Service, STOPPING)] {
            assert_eq!(order(Signal::Usr1, manner, situation), Order::Reopen);
        }
        assert!(matches!(order(Signal::Usr1, DEMO, RUNNING), Order::Ignore(_)));
    }

    #[test]
    fn a_signal_that_does_nothing_says_so() {
        for manner in [Service, Terminal, DEMO] {
            assert!(matches!(order(Signal::Usr2, manner, STOPPING), Order::Ignore(_)));
            assert_eq!(order(Signal::Usr2, manner, RUNNING), Order::Upgrade);
        }
    }
}
