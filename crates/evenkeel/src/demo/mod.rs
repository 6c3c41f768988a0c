//! `evenkeel demo`: toy servers and a balancer in front of them, in one process, with nothing to install.

mod body;
pub mod load;
pub mod orders;
mod page;
mod toy;

use crate::config::{self, Source};
use crate::error::{Exit, RunError};
use crate::logging::count;
use crate::notify;
use crate::{holder, output, run};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::Instant;

/// The ports of whoever asks for none.
pub const PORTS: &str = "8080,5001,5002,5003";

/// Servers at most; more would not be a demo.
const SERVERS_MAX: usize = 16;

/// What the demo is told on the command line.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The balancer's port, then one for each server.
    pub ports: Vec<u16>,
    /// Print the configuration file that does the same, and end.
    pub print_config: bool,
}

/// Runs until Ctrl-C.
pub fn run(options: DemoOptions) -> Result<(), RunError> {
    let began = Instant::now();
    let Some((&front, servers)) = options.ports.split_first() else { return Err(usage()) };
    if servers.is_empty() || has_twins(&options.ports) {
        return Err(usage());
    }
    if servers.len() > SERVERS_MAX {
        let what = format!("{} servers are more than the demo has: {SERVERS_MAX} at most", servers.len());
        return Err(RunError::new(Exit::Usage, what));
    }
    let text = config_text(front, servers);
    if options.print_config {
        return output::print(&text);
    }
    let mut loaded = config::load(&Source::Text(text)).map_err(|_| {
        RunError::new(Exit::Failed, "the demo's own configuration is refused: a defect of evenkeel")
    })?;
    // Its servers run in this very process, and wrote their own rules.
    loaded.settings.sandbox.on = false;
    start(&options.ports)?;
    output::print(&intro(front, servers))?;
    let again = Err("a demo keeps its servers");
    run::run(
        loaded,
        run::Options {
            began,
            inherited: notify::inherited(),
            source: None,
            flags: None,
            again,
            predecessor: None,
            demo: true,
        },
    )
}

fn usage() -> RunError {
    RunError::new(Exit::Usage, "`--ports` wants different ports: the balancer's, then one for each server")
        .help(format!("for example `--ports {PORTS}`"))
}

fn has_twins(ports: &[u16]) -> bool {
    let mut sorted = ports.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// The configuration of the demo's balancer.
fn config_text(front: u16, servers: &[u16]) -> String {
    let to: Vec<String> = servers.iter().map(|&port| format!("\"{}\"", local(port))).collect();
    format!(
        "# The balancer of `evenkeel demo`. Run it with: evenkeel run -c FILE\n\
         log = \"text\"\n\
         \n\
         [tcp.demo]\n\
         listen = \"{}\"\n\
         to = [{}]\n\
         balance = \"random\"\n\
         # Quicker than the defaults, so that there is something to see.\n\
         health = {{ http = \"/healthz\", interval = \"500ms\", fast-interval = \"200ms\", timeout = \"400ms\" }}\n\
         slow-start = \"5s\"\n",
        local(front),
        to.join(", ")
    )
}

/// Binds every port, so that a taken one is told before anything has begun, and starts the servers.
fn start(ports: &[u16]) -> Result<(), RunError> {
    let bound: Vec<Option<TcpListener>> =
        ports.iter().map(|&port| TcpListener::bind(local(port)).ok()).collect();
    if let Some(taken) = bound.iter().position(Option::is_none) {
        return Err(refused(ports, &bound, ports[taken]));
    }
    // The first is the balancer's to bind.
    let toys = bound.into_iter().skip(1).flatten().collect();
    let failed = |error| RunError::new(Exit::Failed, format!("cannot start the demo's servers: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let work = move || runtime.block_on(toy::serve(toys));
    thread::Builder::new().name("demo".to_owned()).spawn(work).map_err(failed)?;
    Ok(())
}

/// Names the port that cannot be had and who has it, and proposes ports that are free.
fn refused(ports: &[u16], bound: &[Option<TcpListener>], taken: u16) -> RunError {
    let (what, exit) = match TcpListener::bind(local(taken)) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            (format!("no permission to listen on port {taken}"), Exit::NoPermission)
        }
        _ => {
            let holder = holder::of(&local(taken).into());
            let holder = holder.map_or_else(String::new, |holder| format!(", held by {holder}"));
            (format!("port {taken} is in use{holder}"), Exit::Unavailable)
        }
    };
    let mut proposal: Vec<u16> = Vec::new();
    for (&port, listener) in ports.iter().zip(bound) {
        let is_new = |candidate: &u16| !ports.contains(candidate) && !proposal.contains(candidate);
        let free = |candidate: &u16| TcpListener::bind(local(*candidate)).is_ok();
        let choice = match listener {
            Some(_) => Some(port),
            None => (port.max(1024)..u16::MAX).filter(is_new).find(free),
        };
        proposal.extend(choice);
    }
    let list: Vec<String> = proposal.iter().map(u16::to_string).collect();
    RunError::new(exit, what).help(format!("{} demo --ports {}", program(), list.join(",")))
}

/// How this program was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "evenkeel".to_owned())
}

/// What to look at and what to try.
fn intro(front: u16, servers: &[u16]) -> String {
    let program = program();
    let mut text = format!("{} behind one address\n\n", count(servers.len(), "toy server"));
    let _ = writeln!(text, "  open      http://127.0.0.1:{front}");
    let list: Vec<String> = servers.iter().map(|&port| local(port).to_string()).collect();
    let _ = writeln!(text, "  servers   {}\n", list.join("  "));
    let _ = writeln!(text, "Try it in another terminal, several times:\n  curl localhost:{front}\n");
    let _ = writeln!(text, "See it live in a third one:\n  {program} top\n");
    let last = servers[servers.len() - 1];
    let middle = servers[servers.len() / 2];
    text.push_str("Then break it:\n");
    for (order, port, effect) in [
        ("load", front, "2,000 requests, and who answered them"),
        ("stop", middle, "it leaves within a second; send the load again meanwhile"),
        ("start", middle, "it comes back by itself, slowly for five seconds"),
        ("slow", last, "its answers take a second: see who gets the others"),
    ] {
        let order = format!("{order} {port}");
        let _ = writeln!(text, "  {program} demo {order:<13} {effect}");
    }
    let ports: Vec<String> = [&[front], servers].concat().iter().map(u16::to_string).collect();
    let ports = match ports.join(",") {
        usual if usual == PORTS => String::new(),
        ports => format!(" --ports {ports}"),
    };
    let _ = writeln!(text, "\nCtrl-C ends it all. The file that does the same:");
    let _ = writeln!(text, "  {program} demo{ports} --print-config\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_holder_and_a_proposal_that_works() {
        let listener = TcpListener::bind(local(0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let bound = [None];
        let error = refused(&[taken], &bound, taken);
        assert_eq!(error.exit, Exit::Unavailable);
        let begin = format!("port {taken} is in use, held by ");
        assert!(error.what.starts_with(&begin), "{}", error.what);
        let help = error.help.unwrap();
        let (_, port) = help.rsplit_once(' ').unwrap();
        assert!(port.parse::<u16>().unwrap() > taken, "{help}");
    }

    #[test]
    fn ports_must_be_two_or_more_and_different() {
        for ports in [vec![], vec![8080], vec![8080, 5001, 5001]] {
            let error = run(DemoOptions { ports, print_config: true }).unwrap_err();
            assert_eq!(error.exit, Exit::Usage);
        }
    }

    #[test]
    fn too_many_servers_are_told_as_such() {
        let error = run(DemoOptions { ports: (8080..8098).collect(), print_config: true }).unwrap_err();
        assert_eq!(error.what, "17 servers are more than the demo has: 16 at most");
    }

    #[test]
    fn the_intro_names_every_port() {
        let text = intro(9000, &[9001, 9002, 9003]);
        for port in [":9000", ":9001", ":9002", ":9003", "stop 9002", "slow 9003"] {
            assert!(text.contains(port), "{port} in {text}");
        }
        assert!(text.contains("demo --ports 9000,9001,9002,9003 --print-config"), "{text}");
        let text = intro(8080, &[5001, 5002, 5003]);
        assert!(text.contains("demo --print-config"), "{text}");
    }
}
