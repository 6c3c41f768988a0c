//! `evenkeel check`: shows every mistake in a configuration, or what it means; with `--live` also what is really there.

mod live;

use crate::config::{self, Loaded, Problems, Source};
use crate::error::{Exit, RunError};
use crate::logging::count;
use crate::tls::{Shown, obtained};
use crate::{cli, output};
use evenkeel_core::addr::Addr;
use evenkeel_core::balance::Balance;
use evenkeel_core::director::{Config, Member, PoolConfig, Target};
use evenkeel_core::health::{Check, CheckKind};
use evenkeel_core::name::PoolName;
use evenkeel_core::snapshot::Listener;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::SystemTime;

/// Checks the configuration at `source`, which the user calls `name`.
pub fn run(source: &Source, name: &str, live: bool, as_json: bool) -> Result<(), RunError> {
    let loaded = match config::load(source) {
        Ok(loaded) => loaded,
        Err(problems) => return Err(tell(&problems, name, as_json)?),
    };
    let seen = live.then(|| live::look(&loaded.config, &loaded.material)).transpose()?;
    let missing = seen.as_ref().map_or(0, live::Seen::failures);
    if as_json {
        let warnings: Vec<_> = loaded.warnings.iter().map(config::Problem::to_json).collect();
        let services: Vec<_> = services(&loaded.config).map(|service| service.to_json()).collect();
        let seen = seen.as_ref().map(live::Seen::to_json);
        let shown: Vec<_> = loaded.material.shown().iter().map(certificate).collect();
        let ok = missing == 0;
        let all = json!({
            "ok": ok, "problems": warnings, "services": services, "certificates": shown, "live": seen
        });
        output::print(&format!("{all:#}\n"))?;
    } else {
        warn(&loaded);
        output::print(&summary(name, &loaded.config))?;
        output::print(&certificates(&loaded.material.shown()))?;
        output::print(&to_obtain(&loaded))?;
        if let Some(seen) = &seen {
            output::print(&format!("\n{seen}"))?;
        }
    }
    match missing {
        0 => Ok(()),
        missing => Err(RunError::new(
            Exit::Failed,
            format!("{name} has no mistake, but {}", count(missing, "thing") + " would not work now"),
        )),
    }
}

/// Shows the mistakes; the result says how many there are.
pub fn tell(problems: &Problems, name: &str, as_json: bool) -> Result<RunError, RunError> {
    if as_json {
        let list: Vec<_> = problems.list.iter().map(config::Problem::to_json).collect();
        output::print(&format!("{:#}\n", json!({"ok": false, "problems": list})))?;
    }
    if problems.unreadable {
        let what = problems.list.first().map_or_else(String::new, |problem| problem.what.clone());
        return Ok(RunError::new(Exit::NoInput, what));
    }
    if !as_json {
        output::complain(&(problems.render(&output::renderer(cli::color())) + "\n"));
    }
    Ok(RunError::new(Exit::Failed, format!("{} in {name}", count(problems.errors(), "mistake"))))
}

fn warn(loaded: &Loaded) {
    let renderer = output::renderer(cli::color());
    for warning in &loaded.warnings {
        output::complain(&(warning.render(&renderer) + "\n"));
    }
}

/// A service as it is shown: where it listens, and its pools, if it has any.
struct Service<'a> {
    name: &'a str,
    listeners: Vec<&'a Listener>,
    pools: Vec<&'a PoolConfig>,
}

fn services(config: &Config) -> impl Iterator<Item = Service<'_>> {
    let pools = config.pools_by_name();
    let find = move |pool: &PoolName| pools.get(pool).copied();
    config.listeners.chunk_by(|one, other| one.name.service == other.name.service).map(move |listeners| {
        Service {
            name: listeners[0].name.service.as_str(),
            listeners: listeners.iter().map(Arc::as_ref).collect(),
            pools: listeners[0].pools().filter_map(&find).collect(),
        }
    })
}

impl Service<'_> {
    /// The table that it stands in.
    fn table(&self) -> &'static str {
        let listener = &self.listeners[0];
        if listener.reception.http.is_some() { "http" } else { listener.name.protocol.word() }
    }

    /// The first address, and how many more there are.
    fn listen(&self) -> String {
        match self.listeners.len() {
            1 => addr(&self.listeners[0].name.addr),
            all => format!("{} and {} more", addr(&self.listeners[0].name.addr), all - 1),
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "protocol": self.listeners[0].name.protocol.word(),
            "table": self.table(),
            "listen": self.listeners.iter().map(|listener| listener.name.addr.to_string()).collect::<Vec<_>>(),
            "pools": self.pools.iter().map(|pool| pool_to_json(pool)).collect::<Vec<_>>(),
        })
    }

    /// A line for each of its pools: table, name and address, where these have not been told, then backends, and how they
    /// are chosen and checked.
    fn rows(&self) -> Vec<[String; 5]> {
        let about = [self.table().to_owned(), self.name.to_owned(), self.listen()];
        if self.pools.is_empty() {
            let [table, name, listen] = about;
            return vec![[table, name, listen, "nobody".to_owned(), "answers by itself".to_owned()]];
        }
        let about = std::iter::once(about).chain(std::iter::repeat_with(Default::default));
        let rows = self.pools.iter().zip(about).map(|(pool, [table, name, listen])| {
            let own =
                if pool.name.as_str() == self.name { String::new() } else { format!(", pool {}", pool.name) };
            let how = format!("{}, {}{own}", balance(pool.balance), health(pool.check.as_deref()));
            [table, name, listen, count(pool.members.len(), "backend"), how]
        });
        rows.collect()
    }
}

fn pool_to_json(pool: &PoolConfig) -> Value {
    let member =
        |member: &Member| json!({"addr": target(member), "weight": member.weight, "backup": member.backup});
    json!({
        "name": pool.name.as_str(),
        "balance": balance(pool.balance),
        "health": health(pool.check.as_deref()),
        "to": pool.members.iter().map(member).collect::<Vec<_>>(),
    })
}

/// Some lines for each service, in columns.
fn summary(name: &str, config: &Config) -> String {
    let rows: Vec<[String; 5]> = services(config).flat_map(|service| service.rows()).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [tables, names, listens, tos] = [0, 1, 2, 3].map(width);
    let lines = rows.iter().map(|[table, name, listen, to, how]| {
        format!("  {table:tables$}  {name:names$}  {listen:listens$}  -> {to:tos$}   {how}\n")
    });
    format!("{name}: ok, {}\n{}", count(services(config).count(), "service"), lines.collect::<String>())
}

fn certificate(shown: &Shown) -> Value {
    let expires = shown.expires.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs());
    json!({"file": shown.file, "names": shown.names, "expires": expires, "rsa": shown.is_rsa})
}

/// One line for each certificate that is shown to somebody.
fn certificates(shown: &[Shown]) -> String {
    let now = SystemTime::now();
    let line = |it: &Shown| {
        let days = it.expires.duration_since(now).map_or(0, |left| left.as_secs() / (24 * 60 * 60));
        let names = it.names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more =
            if it.names.len() > 3 { format!(" and {} more", it.names.len() - 3) } else { String::new() };
        let rsa = if it.is_rsa { "; an ECDSA key would make handshakes cost a sixth" } else { "" };
        format!("  tls  {}  {names}{more}, {} left{rsa}\n", it.file.display(), count(days as usize, "day"))
    };
    shown.iter().map(line).collect()
}

/// One line for each certificate that is still to be obtained.
fn to_obtain(loaded: &Loaded) -> String {
    let Some(acme) = &loaded.settings.acme else { return String::new() };
    let shown = loaded.material.shown();
    let is_there = |name: &Arc<str>| shown.iter().any(|it| it.obtained_for.as_ref() == Some(name));
    let missing = obtained::names(&loaded.config).into_iter().filter(|name| !is_there(name));
    missing.map(|name| format!("  tls  {name}  to be obtained from {}\n", acme.directory)).collect()
}

/// As it is usually written: `[::]:80` is `:80`.
fn addr(addr: &Addr) -> String {
    match addr.ip() {
        Some(ip) if ip.is_ipv6() && ip.ip().is_unspecified() => format!(":{}", ip.port()),
        _ => addr.to_string(),
    }
}

fn target(member: &Member) -> String {
    match &member.target {
        Target::Addr(addr) => addr.to_string(),
        Target::Name { host, port } => format!("{host}:{port}"),
    }
}

fn balance(balance: Balance) -> &'static str {
    match balance {
        Balance::Random { choices: 1 } => "random, one choice",
        Balance::Random { .. } => "random",
        Balance::RoundRobin => "round-robin",
        Balance::LeastConn => "least-conn",
        Balance::Maglev { .. } => "maglev",
        Balance::First => "first",
    }
}

fn health(check: Option<&Check>) -> String {
    let Some(check) = check else { return "not checked".into() };
    let at = match (check.addr, check.port) {
        (None, None) => String::new(),
        (None, Some(port)) => format!(" at port {port}"),
        (Some(addr), None) => format!(" at {addr}"),
        (Some(addr), Some(port)) => format!(" at {}", std::net::SocketAddr::new(addr, port)),
    };
    match &check.kind {
        CheckKind::Tcp => format!("checked by tcp{at}"),
        CheckKind::Http(http) => format!("checked by http {}{at}", http.path),
        CheckKind::Postgres => format!("checked by postgres{at}"),
        CheckKind::Exchange(_) => format!("checked by send and expect{at}"),
        CheckKind::Datagram(_) => format!("checked by udp{at}"),
        CheckKind::Dns(dns) => format!("checked by dns {}{at}", dns.question),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_shows_each_service_in_columns() {
        let toml = "[pool]\npg = [\"10.0.0.1:5432\", \"10.0.0.2:5432\"]\n\
                    [tcp.pg-primary]\nlisten = \":5432\"\nto = \"pool:pg\"\nhealth = \"http://:8008/primary\"\n\
                    [tcp.ssh]\nlisten = [\"127.0.0.1:22-24\"]\nto = \"h:22\"\nbalance = \"maglev\"\nhealth = false\n\
                    [udp.dns]\nlisten = \":53\"\nto = \"h:53\"\n";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.toml");
        std::fs::write(&path, toml).unwrap();
        let loaded = config::load(&Source::File(path, None)).unwrap();
        assert_eq!(
            summary("x.toml", &loaded.config),
            "x.toml: ok, 3 services\n\
             \x20 tcp  pg-primary  :5432                    -> 2 backends   random, checked by http /primary at port 8008\n\
             \x20 tcp  ssh         127.0.0.1:22 and 2 more  -> 1 backend    maglev, not checked\n\
             \x20 udp  dns         :53                      -> 1 backend    random, not checked\n"
        );
    }

    #[test]
    fn a_service_is_one_however_many_pools_its_routes_have() {
        let toml = "[http.web]\nlisten = \":80\"\nto = \"h:1\"\n\
                    route = { \"/a\" = \"h:2\", \"/b\" = [\"h:3\", \"h:4\"] }\n\
                    [http.plain]\nlisten = \":81\"\nroute = { \"*\" = { answer = 404 } }\n";
        let loaded = config::load(&Source::Text(toml.to_owned())).unwrap();
        assert_eq!(
            summary("x.toml", &loaded.config),
            "x.toml: ok, 2 services\n\
             \x20 http  web    :80  -> 1 backend    random, checked by tcp\n\
             \x20                   -> 1 backend    random, checked by tcp, pool web//a\n\
             \x20                   -> 2 backends   random, checked by tcp, pool web//b\n\
             \x20 http  plain  :81  -> nobody       answers by itself\n"
        );
        let told: Vec<_> = services(&loaded.config).map(|service| service.to_json()).collect();
        assert_eq!((told.len(), told[0]["pools"].as_array().unwrap().len()), (2, 3));
        assert_eq!(told[0]["pools"][2]["to"][1]["addr"], "h:4");
    }

    #[test]
    fn what_is_still_to_be_obtained_is_told() {
        let state = tempfile::tempdir().unwrap();
        let toml = format!(
            "[acme]\nagree-to-terms = true\ndirectory = \"https://ca.example/dir\"\nstate = {:?}\n\
             [tcp.web]\nlisten = \":443\"\nto = \"127.0.0.1:1\"\ntls.acme = \"a.example\"\n",
            state.path().display().to_string()
        );
        let loaded = config::load(&Source::Text(toml)).unwrap();
        assert_eq!(to_obtain(&loaded), "  tls  a.example  to be obtained from https://ca.example/dir\n");
    }
}
