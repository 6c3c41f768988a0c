//! Networks of their own, tied together by cables: a client, a balancer and a backend that do not share a machine's
//! addresses and routes. Needs root; gone with the test, however that ends.

use crate::deadline::eventually;
use crate::start::Start;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};

/// A network namespace, held by a child that ends with us.
pub struct Net {
    child: Child,
}

impl Net {
    /// A new one, with a loopback interface that is up; `None`, and the reason printed, where that is not permitted.
    pub fn new() -> Option<Self> {
        let ours = fs::read_link("/proc/self/ns/net").ok()?;
        let mut command = Command::new("unshare");
        // Its standard input ends when this process does, however it does.
        command.args(["--net", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut net = match command.spawn() {
            Ok(child) => Self { child },
            Err(error) => {
                eprintln!("not tested, there is no unshare(1): {error}");
                return None;
            }
        };
        let has_begun = eventually("a network of its own", || {
            let left = net.child.try_wait().ok().flatten().is_some();
            let has_begun = fs::read_link(net.path()).is_ok_and(|its| its != ours);
            (left || has_begun).then_some(has_begun)
        });
        // A link-local address that is still being tried out would answer nobody for a second.
        let at_once =
            "for it in all default; do echo 0 > /proc/sys/net/ipv6/conf/$it/accept_dad || true; done";
        if !has_begun || !net.run(&format!("ip link set lo up; {at_once}")) {
            eprintln!("not tested, it needs root and ip(8)");
            return None;
        }
        Some(net)
    }

    /// So many of them, or none.
    pub fn several<const N: usize>() -> Option<[Self; N]> {
        let all: Option<Vec<Self>> = (0..N).map(|_| Self::new()).collect();
        all?.try_into().ok()
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.child.id())
    }

    /// Runs a command of the shell in it; whether it ended well.
    pub fn run(&self, command: &str) -> bool {
        let mut run = Command::new("nsenter");
        run.arg(format!("--net={}", self.path())).args(["sh", "-ec", command]).stdout(Stdio::null());
        run.status().is_ok_and(|status| status.success())
    }

    /// What a command prints in it.
    pub fn output(&self, command: &str) -> String {
        let mut run = Command::new("nsenter");
        run.arg(format!("--net={}", self.path())).args(["sh", "-ec", command]);
        let output = run.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A cable to `other`: an interface of this name on each side, with these addresses (`10.0.0.1/24`).
    pub fn cable(&self, name: &str, own: &[&str], other: &Self, others: &[&str]) {
        let link = format!("ip link add {name} type veth peer name {name} netns {}", other.child.id());
        assert!(self.run(&link), "{link}");
        for (net, addrs) in [(self, own), (other, others)] {
            for addr in addrs {
                let nodad = if addr.contains(':') { " nodad" } else { "" };
                assert!(net.run(&format!("ip address add {addr} dev {name}{nodad}")), "{addr}");
            }
            assert!(net.run(&format!("ip link set {name} up")), "{name}");
        }
    }

    /// Does `work` in it, on a thread of its own. Sockets stay where they were made.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let path = self.path();
        std::thread::scope(|scope| {
            let enter = move || {
                let net = File::open(&path).unwrap();
                move_into_link_name_space(net.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            };
            scope.spawn(enter).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Starts the program at `path` in it.
    pub fn start(&self, path: &str) -> Start {
        Start::new("nsenter").arg(&format!("--net={}", self.path())).arg(path)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
