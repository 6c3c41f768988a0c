//! From what was typed to the rules of a service that balances requests.

use super::chain::Chain;
use super::compile::Bound;
use super::problem::Problems;
use super::reception::check_believed;
use super::setting::{Layer, Proxy, Setting};
use super::{http_fields, http_routes};
use evenkeel_core::http::forwarded::Forwarded;
use evenkeel_core::http::head::HeadLimits;
use evenkeel_core::http::rules::Steering;
use evenkeel_core::http::rules::{HttpRules, LinkRules, Timeouts, Trusted};

/// The rules of `service`, whose settings are those of `chain`.
pub fn compile(
    service: &Bound<'_>,
    chain: &Chain<'_>,
    builtin: &Layer,
    problems: &mut Problems,
) -> HttpRules {
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
        steering: Steering {
            routes: http_routes::compile(service, chain, builtin, problems),
            affinity: http_fields::affinity(chain, problems),
            hash_by: http_fields::hash_by(chain, problems),
        },
        tunnels: chain.is_set("tunnels"),
        abort_on_close: chain.is_set("abort-on-close"),
        via: http_fields::via(chain, problems),
        links: LinkRules { idle_max: chain.number("reuse"), idle_for: chain.time("timeout.reuse") },
    }
}

/// The proxies in front that are believed.
fn trusted(chain: &Chain<'_>, problems: &mut Problems) -> Trusted {
    let Some(Setting::Proxies(named)) = chain.find("trust").map(|found| found.value) else {
        return Trusted::default();
    };
    let networks = named.iter().filter_map(|at| match at.value {
        Proxy::Network(network) => Some(network),
        Proxy::Unix => None,
    });
    let networks: Box<[_]> = networks.collect();
    check_believed(chain, "trust", &networks, problems);
    Trusted { networks, unix: named.iter().any(|at| at.value == Proxy::Unix) }
}
