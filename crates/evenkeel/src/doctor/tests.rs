//! Facts in, findings out.

use super::*;
use std::time::SystemTime;

/// A host with which all is well.
fn good() -> Facts {
    Facts {
        landlock: Some(7),
        seccomp: true,
        user: 1000,
        capabilities: 0,
        descriptors: 1_048_576,
        cores: 2,
        somaxconn: Some(4096),
        source_ports: 32_768..=60_999,
        reserved_ports: String::new(),
        tw_reuse: Some(1),
        pipe_pages: Some(0),
        unprivileged_from: 1024,
        fast_open: Some(3),
        tracked: None,
        mptcp: Some(1),
        clock: "tsc".into(),
        now: SystemTime::now(),
        admin: vec![Ok("/run/evenkeel".into())],
        manager: facts::Manager::default(),
        seen: Vec::new(),
        unknown: Vec::new(),
        ways: Default::default(),
    }
}

fn load(toml: &str) -> Loaded {
    config::load(&Source::Text(toml.to_owned())).unwrap()
}

const PLAIN: &str = "[tcp.web]\nlisten = \"127.0.0.1:8080\"\nto = \"10.0.0.1:80\"\n";

/// The findings that are not ok, as `level subject: command`.
fn told(facts: &Facts, toml: Option<&str>) -> Vec<String> {
    let loaded = toml.map(load);
    let findings = host::judge(facts, loaded.as_ref());
    let bad = findings.into_iter().filter(|it| it.level != Level::Ok);
    bad.map(|it| format!("{} {}: {}", it.level.word(), it.subject, it.commands.join("; "))).collect()
}

#[test]
fn nothing_is_told_of_a_host_with_which_all_is_well() {
    assert_eq!(told(&good(), None), [""; 0]);
    assert_eq!(told(&good(), Some(PLAIN)), [""; 0]);
}

#[test]
fn each_limit_that_is_short_is_told_with_what_mends_it() {
    let short = Facts {
        descriptors: 1024,
        somaxconn: Some(128),
        source_ports: 50_000..=60_000,
        tw_reuse: Some(2),
        pipe_pages: Some(1024),
        tracked: Some(512),
        clock: "hpet".into(),
        ..good()
    };
    assert_eq!(
        told(&short, Some(PLAIN)),
        [
            "warning descriptors: # in its unit: LimitNOFILE=1048576; in a shell: ulimit -Hn 1048576 && ulimit -Sn 1048576",
            "warning backlog: sysctl -w net.core.somaxconn=4096",
            "warning pipes: sysctl -w fs.pipe-user-pages-soft=13312",
            "warning source ports: sysctl -w net.ipv4.ip_local_port_range=\"15000 64999\"",
            "warning ports in TIME_WAIT: sysctl -w net.ipv4.tcp_tw_reuse=1",
            "warning connection tracking: sysctl -w net.netfilter.nf_conntrack_max=848",
            "warning clock: cat /sys/devices/system/clocksource/clocksource0/available_clocksource; \
             echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource",
        ]
    );
}

#[test]
fn what_a_configuration_asks_for_is_compared_with_what_there_is() {
    let toml = format!("max-sessions = 100000\n{PLAIN}");
    let few = Facts { descriptors: 65_536, ..good() };
    let told_of = told(&few, Some(&toml));
    assert!(told_of[0].starts_with("problem descriptors: # in its unit: LimitNOFILE=300000;"), "{told_of:?}");
    assert!(told_of[1].starts_with("warning source ports: sysctl"), "{told_of:?}");
    // Four addresses have four times the ports.
    let sources = format!("{toml}source = \"127.0.0.2-127.0.0.5\"\n");
    assert_eq!(told(&good(), Some(&sources)), [""; 0]);
    let transparent = format!("{toml}transparent = true\n");
    assert_eq!(told(&good(), Some(&transparent)), [""; 0], "clients bring their own");
}

#[test]
fn a_port_below_1024_needs_a_capability() {
    let toml = PLAIN.replace("8080", "80");
    let told_of = told(&good(), Some(&toml));
    assert!(
        told_of[0].starts_with("problem privileged ports: setcap cap_net_bind_service=+ep "),
        "{told_of:?}"
    );
    assert!(told_of[0].ends_with("sysctl -w net.ipv4.ip_unprivileged_port_start=80"), "{told_of:?}");
    let able = Facts { capabilities: 1 << 10, ..good() };
    assert_eq!(told(&able, Some(&toml)), [""; 0]);
}

#[test]
fn a_port_that_may_be_drawn_is_to_be_reserved_beside_those_that_are() {
    let toml = PLAIN.replace("8080", "40000");
    let host = Facts { reserved_ports: "33000,35000-36000".into(), ..good() };
    assert_eq!(
        told(&host, Some(&toml)),
        ["warning ports to listen on: sysctl -w net.ipv4.ip_local_reserved_ports=33000,35000-36000,40000"]
    );
    assert_eq!(told(&host, Some(&PLAIN.replace("8080", "35500"))), [""; 0]);
}

#[test]
fn features_of_the_kernel_are_told_only_where_they_are_wanted() {
    let bare = Facts { mptcp: None, fast_open: Some(1), ..good() };
    assert_eq!(told(&bare, Some(PLAIN)), [""; 0]);
    let toml = format!("{PLAIN}mptcp = true\nfast-open = 16\n");
    assert_eq!(
        told(&bare, Some(&toml)),
        ["warning Multipath TCP: ", "warning TCP Fast Open: sysctl -w net.ipv4.tcp_fastopen=3"]
    );
    let off = Facts { mptcp: Some(0), ..good() };
    assert_eq!(told(&off, Some(&toml)), ["warning Multipath TCP: sysctl -w net.mptcp.enabled=1"]);
}

#[test]
fn a_service_manager_that_cannot_be_told_is_a_problem() {
    let gone = facts::Manager { is_there: true, notify: Some(("/run/gone".into(), false)), listen: None };
    assert_eq!(
        told(&Facts { manager: gone, ..good() }, None),
        ["problem service manager: unset NOTIFY_SOCKET"]
    );
    let admin = vec![Err(("/run/evenkeel".into(), "others may write there"))];
    assert!(told(&Facts { admin, ..good() }, None)[0].starts_with("problem admin socket: install -d"));
}

#[test]
fn what_the_kernel_lacks_of_a_sandbox_is_told_and_is_a_problem_where_it_is_required() {
    let told = |facts: &Facts, top: &str| {
        let findings = sandbox::judge(facts, Some(&load(&format!("{top}\n{PLAIN}"))));
        findings.iter().map(|it| format!("{} {}", it.level.word(), it.subject)).collect::<Vec<_>>()
    };
    let old = Facts { landlock: None, ..good() };
    assert_eq!(told(&good(), ""), ["ok sandbox"]);
    assert_eq!(told(&old, ""), ["warning sandbox"]);
    assert_eq!(told(&old, "sandbox.required = true"), ["problem sandbox"]);
    assert_eq!(told(&good(), "sandbox = \"off\""), ["warning sandbox"]);
    assert_eq!(told(&Facts { user: 0, ..good() }, ""), ["ok sandbox", "warning user"]);
}
