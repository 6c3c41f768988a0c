//! What it takes that backends see their clients' addresses: their answers go to the clients' addresses, and have to end
//! here all the same.

use super::facts::{Facts, SeenBackend, Ways};
use super::finding::Finding;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The routing table that the commands fill.
const TABLE: u32 = 1010;

/// What is to be said of routes and filters; nothing where no pool is transparent.
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let answers = (!facts.seen.is_empty()).then(|| answers(facts));
    answers.into_iter().chain(gateways(facts)).chain(strict(facts)).chain(unknown(facts)).collect()
}

/// A name may stand for addresses later that no rule knows.
fn unknown(facts: &Facts) -> Option<Finding> {
    let name = facts.unknown.first()?;
    let what = format!("`{name}` stands for no address now: there is no command for its answers");
    Some(Finding::warning("transparent", what))
}

/// Whether answers of the backends are taken in by this machine.
fn answers(facts: &Facts) -> Finding {
    let ways = |it: &SeenBackend| &facts.ways[usize::from(it.addr.is_ipv6())];
    let missing: Vec<&SeenBackend> = facts.seen.iter().filter(|it| !takes_in(ways(it), it)).collect();
    let Some(first) = missing.first() else {
        return Finding::ok("transparent", "answers of the backends to their clients' addresses end here");
    };
    // Several pools may have a backend in common.
    let rules: BTreeSet<_> = missing.iter().map(|it| (it.addr.is_ipv6(), rule(it))).collect();
    let mut commands: Vec<String> = rules.into_iter().map(|(_, rule)| rule).collect();
    for is_ipv6 in [false, true] {
        let wanted = missing.iter().any(|it| it.addr.is_ipv6() == is_ipv6);
        if wanted && !has_local(&facts.ways[usize::from(is_ipv6)].local, &TABLE.to_string()) {
            commands.push(format!("ip{} route add local default dev lo table {TABLE}", flag(is_ipv6)));
        }
    }
    let what = format!(
        "backends of `{}` see their clients' addresses, and what {} answers to those does not end here{}",
        first.pool,
        first.addr,
        if ways(first).rules.is_some() { "" } else { ", as far as can be seen without `ip`" }
    );
    Finding::problem("transparent", what).mend_all(commands)
}

fn flag(is_ipv6: bool) -> &'static str {
    if is_ipv6 { " -6" } else { "" }
}

/// The rule by which answers of a backend look for their way in a table of their own.
fn rule(backend: &SeenBackend) -> String {
    let (ip, port, protocol) = (backend.addr.ip(), backend.addr.port(), backend.protocol.word());
    format!("ip{} rule add from {ip} ipproto {protocol} sport {port} lookup {TABLE}", flag(ip.is_ipv6()))
}

/// Whether some rule leads answers of `backend` to a table in which everything ends here. Rules by mark are believed: what
/// the firewall marks cannot be seen.
fn takes_in(ways: &Ways, backend: &SeenBackend) -> bool {
    let fits = |rule: &str| {
        let words: Vec<&str> = rule.split_whitespace().collect();
        let after = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1));
        let from = after("from").is_some_and(|it| *it == backend.addr.ip().to_string());
        let protocol = after("ipproto").is_none_or(|it| *it == backend.protocol.word());
        let port = after("sport").is_none_or(|it| *it == backend.addr.port().to_string());
        let marked = after("fwmark").is_some() || after("iif").is_some();
        let table = after("lookup").copied().unwrap_or_default();
        ((from && protocol && port) || marked) && has_local(&ways.local, table)
    };
    ways.rules.iter().flat_map(|rules| rules.lines()).any(fits)
}

/// Whether everything ends here by this table; `routes` are those of `ip route show table all type local`.
fn has_local(routes: &str, table: &str) -> bool {
    routes.lines().any(|route| {
        let words: Vec<&str> = route.split_whitespace().collect();
        matches!(words[..], ["local", "default" | "0.0.0.0/0" | "::/0", ..])
            && words.windows(2).any(|pair| pair == ["table", table])
    })
}

/// What has to be done on the backends; that it was cannot be seen from here.
fn gateways(facts: &Facts) -> Option<Finding> {
    let far = facts.seen.iter().filter(|it| it.from != Some(it.addr.ip()));
    let routes: BTreeSet<(IpAddr, Option<IpAddr>)> = far.map(|it| (it.addr.ip(), it.from)).collect();
    let commands = routes.into_iter().map(|(backend, from)| match from {
        Some(from) => format!("# on {backend}: ip{} route replace default via {from}", flag(from.is_ipv6())),
        None => format!("# on {backend}: a default route by way of this machine, which knows no way to it"),
    });
    let commands: Vec<String> = commands.collect();
    let what = "the backends have to send answers by way of this machine, which cannot be seen from here";
    (!commands.is_empty()).then(|| Finding::ok("transparent", what).mend_all(commands))
}

fn strict(facts: &Facts) -> Option<Finding> {
    let backend = facts.seen.iter().find(|it| it.rp_filter == 1)?;
    let what = format!(
        "answers of {} that come in by another interface than the one that leads to it are dropped (rp_filter)",
        backend.addr
    );
    Some(Finding::warning("transparent", what).mend("sysctl -w net.ipv4.conf.all.rp_filter=2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;
    use evenkeel_core::name::{PoolName, Protocol};

    const RULES: &str = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n";
    const LOCAL: &str = "local 127.0.0.0/8 dev lo table local proto kernel scope host src 127.0.0.1\n";

    fn seen(addr: &str, from: &str) -> SeenBackend {
        let addr = addr.parse().unwrap();
        let protocol = Protocol::Tcp;
        SeenBackend { pool: PoolName::new("web"), addr, protocol, from: from.parse().ok(), rp_filter: 0 }
    }

    fn facts(seen: Vec<SeenBackend>, rules: &str, local: &str) -> Facts {
        let ways = || Ways { rules: Some(format!("{RULES}{rules}")), local: format!("{LOCAL}{local}") };
        Facts { seen, ways: [ways(), ways()], ..crate::doctor::facts::gather(None) }
    }

    #[test]
    fn nothing_is_said_where_no_pool_is_transparent() {
        assert!(judge(&facts(Vec::new(), "", "")).is_empty());
    }

    #[test]
    fn the_commands_are_those_of_the_very_backends() {
        let backends = vec![
            seen("10.2.0.2:8080", "10.2.0.1"),
            seen("10.2.0.3:8080", "10.2.0.1"),
            seen("[fd02::2]:80", "fd02::1"),
            SeenBackend { protocol: Protocol::Udp, ..seen("10.2.0.2:8080", "10.2.0.1") },
        ];
        let findings = judge(&facts(backends, "", ""));
        assert_eq!((findings.len(), findings[0].level), (2, Level::Problem));
        assert_eq!(
            findings[0].commands,
            [
                "ip rule add from 10.2.0.2 ipproto tcp sport 8080 lookup 1010",
                "ip rule add from 10.2.0.2 ipproto udp sport 8080 lookup 1010",
                "ip rule add from 10.2.0.3 ipproto tcp sport 8080 lookup 1010",
                "ip -6 rule add from fd02::2 ipproto tcp sport 80 lookup 1010",
                "ip route add local default dev lo table 1010",
                "ip -6 route add local default dev lo table 1010",
            ]
        );
        assert_eq!(
            findings[1].commands,
            [
                "# on 10.2.0.2: ip route replace default via 10.2.0.1",
                "# on 10.2.0.3: ip route replace default via 10.2.0.1",
                "# on fd02::2: ip -6 route replace default via fd02::1",
            ]
        );
    }

    #[test]
    fn rules_that_are_there_are_enough_however_they_were_made() {
        let level =
            |rules, local| judge(&facts(vec![seen("10.2.0.2:8080", "10.2.0.2")], rules, local))[0].level;
        let local = "local default dev lo table 1010 scope host\n";
        let own = "32765:\tfrom 10.2.0.2 ipproto tcp sport 8080 lookup 1010\n";
        assert_eq!(level(own, local), Level::Ok);
        assert_eq!(level("32765:\tfrom 10.2.0.2 lookup 1010\n", local), Level::Ok, "all of its answers");
        let marked = "local 0.0.0.0/0 dev lo table 100 scope host\n";
        assert_eq!(level("32765:\tfrom all fwmark 0x1 lookup 100\n", marked), Level::Ok, "by the firewall");
        assert_eq!(level(own, ""), Level::Problem, "a rule into nothing");
        assert_eq!(level("32765:\tfrom 10.2.0.2 ipproto tcp sport 80 lookup 1010\n", local), Level::Problem);
        let of_datagrams = "32765:\tfrom 10.2.0.2 ipproto udp sport 8080 lookup 1010\n";
        assert_eq!(level(of_datagrams, local), Level::Problem);
        assert_eq!(
            level("32765:\tfrom 10.2.0.20 lookup 1010\n", local),
            Level::Problem,
            "of another backend"
        );
        assert_eq!(level("", local), Level::Problem, "a table that nothing leads to");
    }

    #[test]
    fn a_strict_filter_is_told() {
        let backend = SeenBackend { rp_filter: 1, ..seen("10.2.0.2:8080", "10.2.0.2") };
        let findings = judge(&facts(vec![backend], "", ""));
        assert_eq!(findings.last().map(|it| it.level), Some(Level::Warning));
    }
}
