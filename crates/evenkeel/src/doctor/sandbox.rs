//! What evenkeel can give up here before it takes traffic.

use super::facts::Facts;
use super::finding::Finding;
use crate::config::{Loaded, SandboxSettings};

/// What is to be said of the sandbox, and of whom it holds.
pub fn judge(facts: &Facts, loaded: Option<&Loaded>) -> Vec<Finding> {
    let settings = loaded.map(|loaded| &loaded.settings.sandbox);
    let mut findings = vec![layers(facts, settings)];
    if facts.user == 0 {
        let what = "this is root, who owns most of what is to be kept from whoever takes evenkeel over";
        findings.push(
            Finding::warning("user", what)
                .mend("# in its unit: DynamicUser=yes, AmbientCapabilities=CAP_NET_BIND_SERVICE")
                .mend("# without one: evenkeel run --user USER"),
        );
    }
    findings
}

fn layers(facts: &Facts, settings: Option<&SandboxSettings>) -> Finding {
    if let Some(off) = settings.filter(|it| !it.on || !it.without.is_empty()) {
        let which = if off.on { off.without.join(", ") } else { "all of it".to_owned() };
        return Finding::warning("sandbox", format!("the configuration goes without it: {which}"));
    }
    let required = settings.is_some_and(|it| it.required);
    let lacks = |what: &str| match required {
        true => Finding::problem("sandbox", format!("{what}, and `sandbox.required` is true")),
        false => Finding::warning("sandbox", format!("{what}: evenkeel goes on without")),
    };
    match facts.landlock {
        _ if !facts.seccomp => lacks("this kernel has no seccomp"),
        None => lacks("this kernel has no Landlock, or it is not on")
            .mend("# Linux 5.13 or later, with lsm=landlock,... on the kernel's command line"),
        Some(version) => Finding::ok(
            "sandbox",
            format!("capabilities, no-new-privs, Landlock (ABI {version}) and seccomp can be had"),
        ),
    }
}
