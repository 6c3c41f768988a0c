//! `evenkeel doctor`: what this host gives, what a configuration needs of it, and the commands that make them meet. Looking
//! ([`facts`]) and judging are apart.

mod certificates;
mod facts;
mod finding;
mod host;
mod ports;
mod sandbox;
mod transparent;

use crate::config::{self, Loaded, Source};
use crate::error::{Exit, RunError};
use crate::logging::count;
use crate::{binding, check, output};
use evenkeel_proxy::PrepareError;
use facts::Facts;
use finding::{Finding, Level};
use serde_json::json;

/// Looks at this host, for the configuration at `source`, which the user calls `name`, or in general.
pub fn run(source: Option<&Source>, name: &str, as_json: bool) -> Result<(), RunError> {
    let loaded = match source.map(config::load).transpose() {
        Ok(loaded) => loaded,
        Err(problems) => return Err(check::tell(&problems, name, as_json)?),
    };
    let facts = facts::gather(loaded.as_ref());
    let findings = judge(&facts, loaded.as_ref());
    let problems = findings.iter().filter(|it| it.level == Level::Problem).count();
    let text = if as_json {
        let all: Vec<_> = findings.iter().map(Finding::to_json).collect();
        format!("{:#}\n", json!({"ok": problems == 0, "user": facts.user, "findings": all}))
    } else {
        show(&findings)
    };
    output::print(&text)?;
    match problems {
        0 => Ok(()),
        problems => Err(RunError::new(Exit::Failed, count(problems, "problem"))),
    }
}

fn judge(facts: &Facts, loaded: Option<&Loaded>) -> Vec<Finding> {
    let mut findings = host::judge(facts, loaded);
    findings.extend(sandbox::judge(facts, loaded));
    findings.extend(loaded.into_iter().flat_map(wishes));
    findings.extend(loaded.into_iter().flat_map(certificates::judge));
    findings.extend(transparent::judge(facts));
    findings
}

/// What is wanted of sockets, as the kernel answers this very user.
fn wishes(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let refused =
        evenkeel_proxy::refusals(&config.listeners, config.pools.iter().map(|it| (&it.name, &*it.rules)));
    let finding = |error: PrepareError| {
        let error = binding::refused(&error);
        let remedies = error.help.iter().flat_map(|help| help.lines()).map(|line| format!("# {line}"));
        Finding::problem("sockets", error.what).mend_all(remedies)
    };
    let wanted = config.pools.iter().any(|pool| pool.rules.outward.is_some())
        || config.listeners.iter().any(|listener| listener.inward != Default::default());
    if wanted && refused.is_empty() {
        return vec![Finding::ok("sockets", "the kernel grants what is wanted of them")];
    }
    // A service and its own pool have one name.
    let mut findings: Vec<_> = refused.into_iter().map(finding).collect();
    findings.dedup();
    findings
}

/// A line for each, and below it what mends it.
fn show(findings: &[Finding]) -> String {
    let width = findings.iter().map(|it| it.subject.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { level, subject, what, commands } in findings {
        text.push_str(&format!("{:7}  {subject:width$}  {what}\n", level.word()));
        commands.iter().for_each(|command| text.push_str(&format!("         {:width$}    {command}\n", "")));
    }
    if findings.iter().flat_map(|it| &it.commands).any(|it| it.starts_with("sysctl") || it.starts_with("ip "))
    {
        text.push_str(
            "\n`sysctl -w` and `ip` hold until the next start of this machine: /etc/sysctl.d/90-evenkeel.conf and the \
             network's configuration keep them.\n",
        );
    }
    text
}

#[cfg(test)]
mod tests;
