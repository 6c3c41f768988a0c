//! Who is compared: what each is, how it is configured, and how it is started.

use super::install;
use super::scenario::{FIRST, Field, Protocol, Scenario, Setup};
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
pub const NAMES: [&str; 7] = [OURS, SPLICE, "haproxy", "nginx", "envoy", "naive", LIMIT];

/// This project's, and those that its goals are shares of.
pub const YARDSTICKS: [&str; 3] = [OURS, SPLICE, "nginx"];

/// This project's.
pub const OURS: &str = "evenkeel";

const SPLICE: &str = "haproxy-splice";

/// The one whose cost is the unit of all ratios in a scenario.
pub fn yardstick(scenario: &Scenario) -> &'static str {
    match scenario.setup.protocol {
        Protocol::Tcp => SPLICE,
        Protocol::Http | Protocol::Http2 | Protocol::Udp => "nginx",
    }
}

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

    /// Its configuration, with gaps; none where it has none, or does not speak the protocol.
    fn template(self, protocol: Protocol) -> Option<&'static str> {
        match (protocol, self) {
            (Protocol::Tcp, Self::Evenkeel) => Some(include_str!("../../rivals/evenkeel.toml")),
            (Protocol::Tcp, Self::Haproxy { .. }) => Some(include_str!("../../rivals/haproxy.cfg")),
            (Protocol::Tcp, Self::Nginx) => Some(include_str!("../../rivals/nginx.conf")),
            (Protocol::Tcp, Self::Envoy) => Some(include_str!("../../rivals/envoy.yaml")),
            (Protocol::Http | Protocol::Http2, Self::Evenkeel) => {
                Some(include_str!("../../rivals/http/evenkeel.toml"))
            }
            (Protocol::Http | Protocol::Http2, Self::Haproxy { splice: false }) => {
                Some(include_str!("../../rivals/http/haproxy.cfg"))
            }
            (Protocol::Http | Protocol::Http2, Self::Nginx) => {
                Some(include_str!("../../rivals/http/nginx.conf"))
            }
            (Protocol::Http | Protocol::Http2, Self::Envoy) => {
                Some(include_str!("../../rivals/http/envoy.yaml"))
            }
            (Protocol::Udp, Self::Evenkeel) => Some(include_str!("../../rivals/udp/evenkeel.toml")),
            (Protocol::Udp, Self::Nginx) => Some(include_str!("../../rivals/udp/nginx.conf")),
            (Protocol::Udp, Self::Envoy) => Some(include_str!("../../rivals/udp/envoy.yaml")),
            (_, Self::Haproxy { .. } | Self::Naive | Self::Direct) => None,
        }
    }

    /// How its configuration says which HTTP clients speak.
    fn version(self, protocol: Protocol) -> &'static str {
        match (self, protocol) {
            (Self::Haproxy { .. }, Protocol::Http2) => " proto h2",
            (Self::Nginx, Protocol::Http2) => " http2",
            (Self::Envoy, Protocol::Http2) => "HTTP2",
            (Self::Envoy, _) => "AUTO",
            _ => "",
        }
    }
}

impl Rival {
    /// The one with this name, installed if it is missing and can be. `ours` is the binary of evenkeel, `tools` a
    /// directory for what is installed.
    pub fn find(name: &str, ours: &Path, tools: &Path) -> Result<Self> {
        let (kind, program) = match name {
            OURS => return Self::evenkeel(name, ours),
            "haproxy" | SPLICE => {
                (Kind::Haproxy { splice: name == SPLICE }, install::debian("haproxy", &["haproxy"])?)
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

    /// Whether it takes part in a scenario.
    pub fn is_in(&self, scenario: &Scenario) -> bool {
        let is_plain = matches!(self.kind, Kind::Haproxy { splice: false } | Kind::Naive | Kind::Direct);
        let is_wanted = match scenario.field {
            Field::All => true,
            Field::Best => !is_plain,
            Field::Ours => self.is_ours(),
        };
        let has_all = scenario.setup.services == 1 || !self.idle_service().is_empty();
        is_wanted && has_all && self.speaks(scenario.setup.protocol)
    }

    fn speaks(&self, protocol: Protocol) -> bool {
        let is_configured = self.kind.template(protocol).is_some();
        is_configured || self.kind == Kind::Direct || (self.kind == Kind::Naive && protocol == Protocol::Tcp)
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

    /// A service that has nothing to do, at `{at}`, in its configuration.
    fn idle_service(&self) -> &'static str {
        match self.kind {
            Kind::Evenkeel => "\n[tcp.s{number}]\nlisten = \"{at}\"\nto = \"{to}\"\nhealth = \"off\"\n",
            Kind::Haproxy { .. } => "\nlisten s{number}\n    bind {at}\n    server s0 {to}\n",
            Kind::Nginx => "    server { listen {at}; proxy_pass {to}; }\n",
            Kind::Envoy | Kind::Naive | Kind::Direct => "",
        }
    }

    /// Its configuration, if it has one.
    pub fn config(&self, setup: Setup, dir: &Path) -> Option<String> {
        let dir = dir.display().to_string();
        let log = |on: String, off: &str| if setup.log { on } else { off.to_owned() };
        let is_tcp = setup.protocol == Protocol::Tcp;
        let (backend, log, splice) = match self.kind {
            Kind::Evenkeel => ("    \"{addr}\",", String::new(), ""),
            Kind::Haproxy { splice } => (
                "    server s{number} {addr}",
                log(format!("log global\n    option {}log", if is_tcp { "tcp" } else { "http" }), ""),
                if splice { "option splice-request\n    option splice-response" } else { "" },
            ),
            Kind::Nginx => (
                "        server {addr};",
                log(format!("{dir}/nginx-access.log sessions buffer=64k flush=1s"), "off"),
                "",
            ),
            Kind::Envoy => (
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
        let to = format!("127.0.0.1:{FIRST}");
        let others = setup.idle_services(PORT).enumerate().map(|(number, at)| {
            let text = self.idle_service().replace("{at}", &at.to_string());
            text.replace("{to}", &to).replace("{number}", &number.to_string())
        });
        let others: String = others.collect();
        let values = [
            ("{others}", others.as_str()),
            ("{backends}", backends.as_str()),
            ("{port}", &PORT.to_string()),
            ("{workers}", &setup.workers.to_string()),
            ("{log}", &log),
            ("{splice}", splice),
            ("{version}", self.kind.version(setup.protocol)),
            ("{health}", if setup.is_checked() { "tcp" } else { "off" }),
            ("{dir}", &dir),
        ];
        let template = self.kind.template(setup.protocol)?.to_owned();
        Some(values.iter().fold(template, |text, (name, value)| text.replace(name, value)))
    }
}

fn envoy_log(dir: &str) -> String {
    let kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
    let config = format!("{{\"@type\": {kind}, path: {dir}/envoy-access.log}}");
    format!("[{{name: envoy.access_loggers.file, typed_config: {config}}}]")
}

#[cfg(test)]
mod tests {
    use super::super::scenario::{PROTOCOLS, USUAL};
    use super::*;

    #[test]
    fn no_configuration_has_a_gap_left() {
        let kinds = [
            Kind::Evenkeel,
            Kind::Haproxy { splice: true },
            Kind::Haproxy { splice: false },
            Kind::Nginx,
            Kind::Envoy,
        ];
        for (kind, protocol) in kinds.into_iter().flat_map(|kind| PROTOCOLS.map(|it| (kind, it))) {
            let setup = Setup { backends: 2, services: 2, protocol, ..USUAL };
            let rival = Rival { name: "x".to_owned(), kind, program: PathBuf::new() };
            let Some(config) = rival.config(setup, Path::new("d")) else { continue };
            for gap in [
                "{backends}",
                "{port}",
                "{workers}",
                "{log}",
                "{splice}",
                "{version}",
                "{dir}",
                "{addr}",
                "{ip}",
                "{health}",
                "{others}",
                "{at}",
                "{to}",
                "{number}",
            ] {
                assert!(!config.contains(gap), "{gap} is left in {config}");
            }
            assert!(config.contains("20002") && config.contains("8000"), "{config}");
            let has_others = protocol == Protocol::Tcp && kind != Kind::Envoy;
            assert_eq!(config.contains("127.2.0.1:8000"), has_others, "{config}");
        }
    }
}
