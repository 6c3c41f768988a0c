//! Who is compared: what each is, how it is configured, and how it is started.

use super::install;
use super::scenario::{FIRST, Field, Setup};
use super::stage::PORT;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One of those compared.
#[derive(Clone, Debug)]
pub struct Rival {
    /// How it is called on the command line, in files and in the report.
    pub name: String,
    kind: Kind,
    program: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Evenkeel,
    Haproxy { splice: bool },
    Nginx,
    Envoy,
    Naive,
    Direct,
}

/// All that are compared unless told otherwise, by name.
pub const NAMES: [&str; 7] = [OURS, YARDSTICK, "haproxy", "nginx", "envoy", "naive", LIMIT];

/// This project's.
pub const OURS: &str = "evenkeel";

/// The one whose cost is the unit of all ratios.
pub const YARDSTICK: &str = "haproxy-splice";

/// No balancer at all.
pub const LIMIT: &str = "direct";

impl Kind {
    /// Of its configuration's file: Envoy insists.
    fn extension(self) -> &'static str {
        match self {
            Self::Evenkeel => "toml",
            Self::Haproxy { .. } => "cfg",
            Self::Nginx => "conf",
            Self::Envoy => "yaml",
            Self::Naive | Self::Direct => "none",
        }
    }
}

impl Rival {
    /// The one with this name, installed if it is missing and can be. `ours` is the binary of evenkeel, `tools` a
    /// directory for what is installed.
    pub fn find(name: &str, ours: &Path, tools: &Path) -> Result<Self> {
        let (kind, program) = match name {
            OURS => return Self::evenkeel(name, ours),
            "haproxy" | YARDSTICK => {
                (Kind::Haproxy { splice: name == YARDSTICK }, install::debian("haproxy", &["haproxy"])?)
            }
            "nginx" => (Kind::Nginx, install::debian("nginx", &["nginx-light", "libnginx-mod-stream"])?),
            "envoy" => (Kind::Envoy, install::envoy(tools)?),
            "naive" => (Kind::Naive, std::env::current_exe()?),
            LIMIT => (Kind::Direct, PathBuf::new()),
            _ => bail!("there is no rival {name}; there are {}", NAMES.join(", ")),
        };
        Ok(Self { name: name.to_owned(), kind, program })
    }

    /// A build of evenkeel under a name of its own.
    pub fn evenkeel(name: &str, program: &Path) -> Result<Self> {
        let program =
            program.canonicalize().with_context(|| format!("{}: build it first", program.display()))?;
        Ok(Self { name: name.to_owned(), kind: Kind::Evenkeel, program })
    }

    /// Whether it is a build of evenkeel.
    pub fn is_ours(&self) -> bool {
        self.kind == Kind::Evenkeel
    }

    /// Whether it takes part in a scenario for these.
    pub fn is_in(&self, field: Field) -> bool {
        let is_plain = matches!(self.kind, Kind::Haproxy { splice: false } | Kind::Naive | Kind::Direct);
        match field {
            Field::All => true,
            Field::Best => !is_plain,
            Field::Ours => self.is_ours(),
        }
    }

    /// Where its configuration is.
    pub fn config_path(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.{}", self.name, self.kind.extension()))
    }

    /// What it says of its version.
    pub fn version(&self) -> String {
        let flag = match self.kind {
            Kind::Evenkeel | Kind::Envoy => "--version",
            Kind::Haproxy { .. } | Kind::Nginx => "-v",
            Kind::Naive => return "tokio, `copy_bidirectional`".to_owned(),
            Kind::Direct => return "no balancer".to_owned(),
        };
        let Ok(output) = Command::new(&self.program).arg(flag).output() else { return "unknown".to_owned() };
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown");
        // Some begin with the path of the program.
        line.rsplit_once("version: ").map_or(line, |(_, version)| version).trim().to_owned()
    }

    /// How to start it, its configuration written into `dir`; `None` when there is nothing to start.
    pub fn command(&self, setup: Setup, dir: &Path) -> Result<Option<Command>> {
        let mut command = Command::new(&self.program);
        let workers = setup.workers.to_string();
        let config = self.config_path(dir);
        if let Some(text) = self.config(setup, dir) {
            fs::write(&config, text)?;
        }
        match self.kind {
            Kind::Evenkeel => {
                let log = if setup.log { "json" } else { "off" };
                command.arg("run").arg("-c").arg(config).args(["--workers", &workers, "--log", log])
            }
            Kind::Haproxy { .. } => command.arg("-db").arg("-f").arg(config),
            Kind::Nginx => command.arg("-c").arg(config),
            Kind::Envoy => command.arg("-c").arg(config).args([
                "--concurrency",
                &workers,
                "--disable-hot-restart",
                "--log-level",
                "error",
            ]),
            Kind::Naive => {
                command.args(["naive", "--port", &PORT.to_string(), "--first", &FIRST.to_string()]);
                command.args(["--count", &setup.ports().to_string()])
            }
            Kind::Direct => return Ok(None),
        };
        Ok(Some(command))
    }

    /// Its configuration, if it has one.
    pub fn config(&self, setup: Setup, dir: &Path) -> Option<String> {
        let dir = dir.display().to_string();
        let log = |on: String, off: &str| if setup.log { on } else { off.to_owned() };
        let (template, backend, log, splice) = match self.kind {
            Kind::Evenkeel => {
                (include_str!("../../rivals/evenkeel.toml"), "    \"{addr}\",", String::new(), "")
            }
            Kind::Haproxy { splice } => (
                include_str!("../../rivals/haproxy.cfg"),
                "    server s{number} {addr}",
                log("log global\n    option tcplog".to_owned(), ""),
                if splice { "option splice-request\n    option splice-response" } else { "" },
            ),
            Kind::Nginx => (
                include_str!("../../rivals/nginx.conf"),
                "        server {addr};",
                log(format!("{dir}/nginx-access.log sessions buffer=64k flush=1s"), "off"),
                "",
            ),
            Kind::Envoy => (
                include_str!("../../rivals/envoy.yaml"),
                "        - endpoint: {address: {socket_address: {address: {ip}, port_value: {port}}}}",
                log(envoy_log(&dir), "[]"),
                "",
            ),
            Kind::Naive | Kind::Direct => return None,
        };
        let backends = setup.addresses().enumerate().map(|(number, addr)| {
            let line = backend.replace("{addr}", &addr.to_string()).replace("{number}", &number.to_string());
            line.replace("{ip}", &addr.ip().to_string()).replace("{port}", &addr.port().to_string())
        });
        let backends = backends.collect::<Vec<_>>().join("\n");
        let values = [
            ("{backends}", backends.as_str()),
            ("{port}", &PORT.to_string()),
            ("{workers}", &setup.workers.to_string()),
            ("{log}", &log),
            ("{splice}", splice),
            ("{health}", if setup.is_checked() { "tcp" } else { "off" }),
            ("{dir}", &dir),
        ];
        Some(values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(name, value)))
    }
}

fn envoy_log(dir: &str) -> String {
    let kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
    let config = format!("{{\"@type\": {kind}, path: {dir}/envoy-access.log}}");
    format!("[{{name: envoy.access_loggers.file, typed_config: {config}}}]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_configuration_has_a_gap_left() {
        let setup = Setup { backends: 2, workers: 1, log: true };
        for kind in [Kind::Evenkeel, Kind::Haproxy { splice: true }, Kind::Nginx, Kind::Envoy] {
            let rival = Rival { name: "x".to_owned(), kind, program: PathBuf::new() };
            let config = rival.config(setup, Path::new("d")).unwrap();
            for gap in [
                "{backends}",
                "{port}",
                "{workers}",
                "{log}",
                "{splice}",
                "{dir}",
                "{addr}",
                "{ip}",
                "{health}",
            ] {
                assert!(!config.contains(gap), "{gap} is left in {config}");
            }
            assert!(config.contains("20002") && config.contains("8000"), "{config}");
        }
    }
}
