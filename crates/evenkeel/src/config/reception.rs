//! From what was typed to what the clients of a service go through before their sessions are sent anywhere.

use super::chain::Chain;
use super::compile::Bound;
use super::gate::{self, Lists};
use super::problem::{Problem, Problems};
use super::setting::Layer;
use super::tls::{self, Paths};
use super::{http, routes};
use evenkeel_core::network::Network;
use evenkeel_core::reception::{AcceptProxy, Others, Reception};
use std::sync::Arc;

/// The reception of `service`, whose settings are those of `chain`; the files that its TLS needs are added to `paths`.
pub fn compile(
    service: &Bound<'_>,
    (chain, builtin): (&Chain<'_>, &Layer),
    lists: &mut Lists<'_>,
    paths: &mut Paths,
    problems: &mut Problems,
) -> Reception {
    let is_http = service.section.is_http();
    Reception {
        gate: gate::compile(chain, lists, problems),
        tls: tls::termination(chain, is_http, paths, problems).map(Arc::new),
        accept_proxy: accept_proxy(chain, problems),
        routes: match is_http {
            true => None,
            false => routes::compile(service, chain, problems),
        },
        http: is_http.then(|| Arc::new(http::compile(service, chain, builtin, problems))),
    }
}

fn accept_proxy(chain: &Chain<'_>, problems: &mut Problems) -> Option<AcceptProxy> {
    if !chain.is_on("accept-proxy") {
        return None;
    }
    let from = believed(chain, "accept-proxy.from", problems);
    if from.is_empty() && !chain.is_written("accept-proxy.from") {
        problems.push(
            Problem::error("`accept-proxy` does not say whom to believe")
                .at_found(chain.find("accept-proxy"), "no network is named")
                .help("name the networks of the proxies: accept-proxy = [\"10.0.0.0/8\"]"),
        );
    }
    Some(AcceptProxy {
        from,
        others: match chain.text("accept-proxy.mode").as_deref() {
            Some("mixed") => Others::Direct,
            _ => Others::Refused,
        },
        timeout: chain.time("accept-proxy.timeout"),
    })
}

/// The networks of proxies whose word on the client is taken, which `key` names.
pub fn believed(chain: &Chain<'_>, key: &str, problems: &mut Problems) -> Box<[Network]> {
    let networks = chain.networks(key);
    check_believed(chain, key, &networks, problems);
    networks.into()
}

/// Warns where the `networks` that `key` names are everybody's.
pub fn check_believed(chain: &Chain<'_>, key: &str, networks: &[Network], problems: &mut Problems) {
    if networks.iter().any(|network| network.bits() == 0) {
        problems.push(
            Problem::warning("everybody may claim to be anybody")
                .at_found(chain.find(key), "this is every address")
                .help("name the networks of the proxies alone"),
        );
    }
}
