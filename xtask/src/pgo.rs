//! Builds the program by what it does (profile-guided optimization): once to count which ways through it are taken, under
//! traffic of all kinds, and once more by these counts. rustc's book, "Profile-guided Optimization", has how.

use crate::{ROOT, cargo, run, rustc};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where it is all done, in the repository.
const PLACE: &str = "target/pgo";

/// Backends of each kind.
const BACKENDS: u16 = 3;

/// Longest time for the program to end when it is told to.
const END: Duration = Duration::from_secs(20);

/// Services, and what their backends are told to be.
const SERVICES: [(&str, &str); 3] = [("tcp", ""), ("http", "--http"), ("udp", "--udp")];

/// What goes through it: the service, and what the load is told. Each as fast as it goes, so that all that is frequent
/// somewhere is frequent here; but for the rates, between which it waits.
const TRAFFIC: [(&str, &str); 16] = [
    ("tcp", "connect"),
    ("tcp", "connect --rate 1000"),
    ("tcp", "exchange --connections 1 --size 64"),
    ("tcp", "exchange --connections 100 --size 64"),
    ("tcp", "exchange --connections 100 --size 16384"),
    ("tcp", "bulk --connections 1 --to clients"),
    ("tcp", "bulk --connections 4 --to both"),
    ("http", "--http connect"),
    ("http", "--http exchange --connections 1 --size 64"),
    ("http", "--http exchange --connections 100 --size 64"),
    ("http", "--http exchange --connections 100 --size 16384"),
    ("http", "--http2 streams --connections 20 --streams 10 --size 64"),
    ("http", "--http2 streams --connections 20 --streams 10 --size 16384"),
    ("udp", "--udp datagrams --flows 1 --size 64"),
    ("udp", "--udp datagrams --flows 1000 --size 1200"),
    ("udp", "--udp datagrams --flows 100 --size 64 --rate 10000"),
];

/// Builds `target/pgo/evenkeel`, and says where it is.
pub fn carry_out() -> anyhow::Result<()> {
    let place = Path::new(ROOT).join(PLACE);
    let host = host()?;
    let merger = merger(&host)?;
    cargo(&["build", "--release", "--locked", "--package", "evenkeel-bench"], &[], &[])?;
    let load = Path::new(ROOT).join("target/release/evenkeel-bench");

    let counts = place.join("counts");
    if counts.exists() {
        fs::remove_dir_all(&counts)?;
    }
    fs::create_dir_all(&counts)?;
    let counting =
        build(&place.join("counting"), &host, &format!("-Cprofile-generate={}", counts.display()))?;
    exercise(&counting, &load, &place)?;
    let profile = place.join("evenkeel.profdata");
    run(Command::new(merger).arg("merge").arg("-o").arg(&profile).arg(&counts))?;

    let guided = build(&place.join("guided"), &host, &format!("-Cprofile-use={}", profile.display()))?;
    let program = place.join("evenkeel");
    fs::copy(guided, &program)?;
    writeln!(std::io::stdout(), "{}", program.canonicalize()?.display())?;
    Ok(())
}

/// Builds the program with a flag for rustc. For a target that is named, the flag is not for what runs while it is built.
fn build(target: &Path, host: &str, flag: &str) -> anyhow::Result<PathBuf> {
    let flags = std::env::var("RUSTFLAGS").map_or_else(|_| flag.to_owned(), |more| format!("{more} {flag}"));
    let folder = target.to_str().context("the path of the repository is no text")?;
    let build = ["build", "--release", "--locked", "--package", "evenkeel", "--target", host];
    let environment = [("RUSTFLAGS", flags.as_str()), ("EVENKEEL_PROFILE_GUIDED", "")];
    cargo(&[&build[..], &["--target-dir", folder]].concat(), &[], &environment)?;
    Ok(target.join(host).join("release/evenkeel"))
}

/// Has traffic of all kinds go through `program`, which writes what it has counted when it ends.
fn exercise(program: &Path, load: &Path, place: &Path) -> anyhow::Result<()> {
    // What it counts is written to a file of its own, where the sandbox would not let it. Flows do not end by themselves.
    let mut config = "sandbox = \"off\"\ndrain = \"1s\"\n".to_owned();
    let mut backends = Vec::new();
    let mut ports = Vec::new();
    for (service, flag) in SERVICES {
        let (first, port) = (free_ports(BACKENDS)?, free_ports(1)?);
        let mut backend = Command::new(load);
        backend.args(["backend", "--first", &first.to_string(), "--count", &BACKENDS.to_string()]);
        backends.push(Running::spawn(backend.args(flag.split_whitespace()))?);
        let to: Vec<_> = (first..first + BACKENDS).map(|port| format!("\"127.0.0.1:{port}\"")).collect();
        config +=
            &format!("[{service}.{service}]\nlisten = \"127.0.0.1:{port}\"\nto = [{}]\n", to.join(", "));
        ports.push((service, port.to_string()));
    }
    let file = place.join("evenkeel.toml");
    fs::write(&file, config)?;
    let mut evenkeel = Command::new(program);
    evenkeel.arg("run").arg("--config").arg(&file).args(["--workers", "1", "--log", "json"]);
    let mut evenkeel = Running::spawn(evenkeel.env("RUNTIME_DIRECTORY", place))?;
    for (service, traffic) in TRAFFIC {
        let port = &ports.iter().find(|(name, _)| *name == service).context("no such service")?.1;
        let flag = traffic.split_whitespace().next().filter(|word| word.starts_with("--"));
        let order = |window: &str| {
            let mut order = Command::new(load);
            order.args(["load", "--port", port, "--backend", port, "--warm", "300", "--window", window]);
            order
        };
        let mut first = order("0");
        run(first.args(flag).arg("await"))?;
        run(order("1000").args(traffic.split_whitespace())).with_context(|| traffic.to_owned())?;
    }
    evenkeel.end()
}

/// The first of so many free ports in a row.
fn free_ports(count: u16) -> anyhow::Result<u16> {
    for _ in 0..100 {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let is_free = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok();
        if first <= u16::MAX - count && (first..first + count).all(is_free) {
            return Ok(first);
        }
    }
    bail!("no {count} free ports in a row")
}

/// A program that is killed when it is left alone.
struct Running(Child);

impl Running {
    fn spawn(command: &mut Command) -> anyhow::Result<Self> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        Ok(Self(spawned.with_context(|| command.get_program().display().to_string())?))
    }

    /// Tells it to end, and waits for that.
    fn end(&mut self) -> anyhow::Result<()> {
        run(Command::new("kill").arg(self.0.id().to_string()))?;
        let deadline = Instant::now() + END;
        loop {
            if let Some(status) = self.0.try_wait()? {
                ensure!(status.success(), "the program has ended: {status}");
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the program does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, or does so now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The target that rustc runs on.
fn host() -> anyhow::Result<String> {
    let said = rustc(&["-vV"])?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}

/// What merges counts: it has to be of rustc's own LLVM.
fn merger(host: &str) -> anyhow::Result<PathBuf> {
    let sysroot = rustc(&["--print", "sysroot"])?;
    let merger = Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin/llvm-profdata");
    ensure!(merger.exists(), "llvm-profdata is not there: rustup component add llvm-tools");
    Ok(merger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_traffic_and_all_traffic_a_service() {
        assert!(TRAFFIC.iter().all(|(service, _)| SERVICES.iter().any(|(name, _)| name == service)));
        assert!(SERVICES.iter().all(|(name, _)| TRAFFIC.iter().any(|(service, _)| name == service)));
    }
}
