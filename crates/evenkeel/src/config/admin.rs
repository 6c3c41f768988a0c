//! Where the admin API is served, and to whom: open to strangers it would be a way in, so that is a mistake.

use super::chain::{Chain, Found};
use super::compile;
use super::listening::{Listening, Owner};
use super::problem::{Problem, Problems};
use super::setting::{Layer, Setting};
use super::tls::{self, Paths};
use super::typed::Typed;
use super::{AdminSettings, World};
use crate::reach;
use crate::token::Token;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::Config;
use std::path::Path;
use std::sync::Arc;

/// What the admin settings of `typed` come to; `None` is off.
pub fn compile(
    typed: &Typed,
    builtin: &Layer,
    config: &Config,
    world: &World<'_>,
    paths: &mut Paths,
    problems: &mut Problems,
) -> Option<AdminSettings> {
    let chain = typed.chain(builtin);
    let found = chain.find("admin.listen");
    let listen = found.map(|found| listen(found, world, problems));
    let token_file = chain.path("admin.token-file");
    if let Some(path) = token_file.as_ref().filter(|_| world.reads_keys && chain.is_on("admin")) {
        token(path, &chain, problems);
    }
    let tls = tls::admin(&chain, paths, problems).map(Arc::new);
    let is_over_tcp = listen.iter().flatten().any(|it| it.ip().is_some());
    if tls.is_some() && !is_over_tcp {
        problems.push(
            Problem::error("`admin.tls` goes only with a TCP address in `admin.listen`")
                .at_found(chain.find("admin.tls"), "a Unix socket speaks no TLS")
                .help("who may ask at a Unix socket is said by its mode; for others, listen on \"127.0.0.1:9900\", too"),
        );
    }
    // With certificates of clients strangers are known by those.
    let knows_clients = token_file.is_some() || tls.as_ref().is_some_and(|it| it.clients.is_some());
    let mut known = Listening::of(config);
    for addr in listen.iter().flatten() {
        if !knows_clients && addr.ip().is_some_and(|it| !it.ip().is_loopback()) {
            problems.push(
                Problem::error(format!("anybody who reaches {addr} could look in and give orders"))
                    .at_found(found, "not on this machine alone, and neither a token nor a certificate is asked for")
                    .help("listen on 127.0.0.1, or name a file with a secret by `admin.token-file`, or whose certificates count by `admin.tls.client-ca`"),
            );
        }
        if let Some(taken) = known.claim(addr, Owner::Admin) {
            problems.push(Problem::error(taken).at_found(found, "where the admin API is to be served"));
        }
    }
    chain.is_on("admin").then_some(AdminSettings { listen, token_file, tls })
}

/// Tells of a token that would not be taken.
fn token(path: &Path, chain: &Chain<'_>, problems: &mut Problems) {
    let Err(error) = Token::read(path) else { return };
    let problem = Problem::error(format!("cannot use `admin.token-file` {}", path.display()));
    problems.push(problem.at_found(chain.find("admin.token-file"), &reach::unreadable(path, &error)));
}

fn listen(found: Found<'_>, world: &World<'_>, problems: &mut Problems) -> Vec<Addr> {
    let Setting::Listen(specs) = found.value else { return Vec::new() };
    let addrs = compile::addrs(specs, world, problems).into_iter().map(|it| it.value);
    let addrs: Vec<_> = addrs.collect();
    if addrs.len() > AdminSettings::LISTEN_MAX {
        let what = format!("`admin.listen` has {} addresses", addrs.len());
        let label = format!("expected at most {}", AdminSettings::LISTEN_MAX);
        problems.push(Problem::error(what).at_found(Some(found), &label));
    }
    addrs
}
