//! From what was typed to the rules of a service that balances requests.

use super::chain::Chain;
use super::problem::{Problem, Problems};
use super::reception::networks;
use evenkeel_core::http::rules::{Forwarded, HeadLimits, HttpRules, LinkRules, Timeouts};

/// The rules of a service whose settings are those of `chain`.
pub fn compile(chain: &Chain<'_>, problems: &mut Problems) -> HttpRules {
    let forwarded = chain.text("forwarded");
    let is_told = |words: [&str; 2]| forwarded.as_deref().is_some_and(|word| words.contains(&word));
    HttpRules {
        timeouts: Timeouts {
            head: chain.time("timeout.head"),
            keep_alive: chain.time("timeout.keep-alive"),
            request: chain.duration("timeout.request"),
            response: chain.time("timeout.response"),
            body: chain.time("timeout.body"),
        },
        limits: HeadLimits {
            bytes: chain.number("max-head-bytes"),
            fields: chain.number("max-fields"),
            target: chain.number("max-target-bytes"),
        },
        body_max: chain.count("max-body-bytes").map(u64::from),
        forwarded: Forwarded { x: is_told(["x", "both"]), standard: is_told(["standard", "both"]) },
        trusted: trusted(chain, problems),
        links: LinkRules { idle_max: chain.number("reuse"), idle_for: chain.time("timeout.reuse") },
    }
}

fn trusted(chain: &Chain<'_>, problems: &mut Problems) -> Box<[evenkeel_core::network::Network]> {
    let trusted = networks(chain, "trust");
    if trusted.iter().any(|network| network.bits() == 0) {
        problems.push(
            Problem::warning("everybody may claim to be anybody")
                .at_found(chain.find("trust"), "this is every address")
                .help("name the networks of the proxies alone"),
        );
    }
    trusted.into()
}
