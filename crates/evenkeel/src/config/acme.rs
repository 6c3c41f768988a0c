//! How certificates are obtained: from what was typed to what holds, and what would never work.

use super::chain::Chain;
use super::compile;
use super::listening::{Listening, Owner};
use super::place::{At, Place};
use super::problem::{Problem, Problems};
use super::setting::{Layer, Setting};
use super::tls::Paths;
use super::typed::Typed;
use super::{AcmeSettings, Challenge, World};
use crate::tls::obtained;
use evenkeel_core::addr::Addr;
use evenkeel_core::director::Config;
use evenkeel_core::host_name;
use evenkeel_core::tls::{Origination, Trust};
use hyper::Uri;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

const LETSENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

const LETSENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";

/// Where state is kept that systemd gives no folder for.
const STATE: &str = "/var/lib/evenkeel";

/// Letters of a name: that of its file has some more.
const NAME_MAX: usize = 240;

/// Ports at which authorities ask.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// What the settings of `typed` come to, whether anything is to be obtained or not.
pub fn compile(typed: &Typed, builtin: &Layer, world: &World<'_>, problems: &mut Problems) -> AcmeSettings {
    let chain = typed.chain(builtin);
    let trust = chain.path("acme.ca").map_or(Trust::System, |it| Trust::File(it.into()));
    let state = chain.path("acme.state").unwrap_or_else(|| {
        let given =
            (world.variable)("STATE_DIRECTORY").and_then(|it| it.into_string().ok()).unwrap_or_default();
        let first = given.split(':').next().filter(|it| !it.is_empty()).unwrap_or(STATE);
        Path::new(first).join("acme")
    });
    AcmeSettings {
        is_agreed: chain.is_set("acme.agree-to-terms"),
        directory: directory(&chain, problems),
        tls: Arc::new(Origination { trust, server_name: None, certificate: None, alpn: Box::default() }),
        contact: contact(&chain, problems),
        challenge: match chain.text("acme.challenge").as_deref() {
            Some("http-01") => Challenge::Http,
            _ => Challenge::Tls,
        },
        listen: match chain.find("acme.listen").map(|found| found.value) {
            Some(Setting::Listen(specs)) => {
                compile::addrs(specs, world, problems).into_iter().map(|it| it.value).collect()
            }
            _ => Vec::new(),
        },
        redirects: chain.text("acme.else").as_deref() == Some("redirect"),
        state,
        retry: chain.time("acme.retry"),
    }
}

fn directory(chain: &Chain<'_>, problems: &mut Problems) -> Arc<str> {
    let found = chain.find("acme.directory");
    let text = chain.text("acme.directory").unwrap_or_default();
    match &*text {
        "letsencrypt" => return LETSENCRYPT.into(),
        "letsencrypt-staging" => return LETSENCRYPT_STAGING.into(),
        url if is_url(url) => {}
        _ => problems.push(
            Problem::error("`acme.directory` is no authority")
                .at_found(found, "expected \"letsencrypt\", \"letsencrypt-staging\" or an `https://` URL"),
        ),
    }
    text
}

/// Whether `text` may be the URL of a directory.
fn is_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let is_host = |host: &str| {
        host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || host_name::canonical(host.as_bytes()).is_some()
    };
    uri.scheme_str() == Some("https") && uri.host().is_some_and(is_host)
}

fn contact(chain: &Chain<'_>, problems: &mut Problems) -> Box<[Box<str>]> {
    let Some(Setting::Texts(all)) = chain.find("acme.contact").map(|found| found.value) else {
        return Box::default();
    };
    let mut contact = |At { value, place }: &At<String>| {
        let mail = value.strip_prefix("mailto:").unwrap_or(value);
        let is_mail = mail.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
        if !is_mail || !mail.bytes().all(|it| it.is_ascii_graphic()) {
            let problem = Problem::error(format!("`{}` is no mail address", value.escape_debug()));
            problems.push(problem.at(place, "expected one such as \"ops@example.org\""));
        }
        format!("mailto:{mail}").into()
    };
    all.iter().map(&mut contact).collect()
}

/// The host name that `written` is, if a certificate can be obtained for it.
pub fn name(At { value, place }: &At<String>) -> Result<Arc<str>, Problem> {
    let refuse = |what: &str, label: &str| {
        Err(Problem::error(format!("no certificate can be obtained for `{}`", value.escape_debug()))
            .at(place, what)
            .help(label))
    };
    if value.starts_with("*.") {
        let why = "a certificate for it takes the challenge dns-01, which evenkeel does not do: name each host, or take a \
                   certificate from elsewhere by `tls.cert`";
        return refuse("a wildcard", why);
    }
    if value.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return refuse("an IP address", "name the hosts that clients ask for");
    }
    match host_name::canonical(value.as_bytes()) {
        Some(name) if name.len() <= NAME_MAX => Ok(name.into()),
        _ => refuse("not a host name", "expected one such as \"example.org\", without a port or a path"),
    }
}

/// What would never work, or hardly, of obtaining those that `config` needs; none if there are none.
pub fn check(
    settings: AcmeSettings,
    typed: &Typed,
    config: &Config,
    admin: &[Addr],
    paths: &Paths,
    problems: &mut Problems,
) -> Option<AcmeSettings> {
    let Some(first) = obtained::names(config).first().cloned() else {
        let written = typed.process.0.iter().find(|(key, _)| key.starts_with("acme."));
        if let Some((_, at)) = written {
            let problem = Problem::warning("no certificate is to be obtained");
            let problem = problem.at(&at.place, "has no effect");
            problems.push(problem.help("name the hosts by `tls.acme` of a service"));
        }
        return None;
    };
    let place = paths.place(&obtained::file(&obtained::folder(&settings), &first));
    if !settings.is_agreed {
        let problem = Problem::error("nobody has agreed to the terms of the authority");
        let problem = problem.at_known(place, "a certificate is to be obtained");
        problems.push(problem.help(
            "read them (Let's Encrypt: https://letsencrypt.org/repository/), and then say at the top of the file \
             `acme.agree-to-terms = true`",
        ));
    }
    match settings.challenge {
        Challenge::Tls => asked_by_tls(config, place, problems),
        Challenge::Http => asked_by_http(&settings, typed, config, admin, problems),
    }
    Some(settings)
}

fn asked_by_tls(config: &Config, place: Option<&Place>, problems: &mut Problems) {
    let answers = |port: u16| {
        let all = config.listeners.iter().filter(|it| it.reception.tls.is_some());
        all.filter_map(|it| it.name.addr.ip()).any(|it| it.port() == port)
    };
    if !answers(HTTPS) {
        let problem = Problem::warning("the authority asks at port 443, where no service speaks TLS");
        let problem = problem.at_known(place, "a certificate is to be obtained");
        problems.push(problem.help(
            "it works if something in front leads port 443 of that name here; else listen there, or say \
             `acme.challenge = \"http-01\"`",
        ));
    }
}

fn asked_by_http(
    settings: &AcmeSettings,
    typed: &Typed,
    config: &Config,
    admin: &[Addr],
    problems: &mut Problems,
) {
    let written = typed.flags.get("acme.listen").or_else(|| typed.process.get("acme.listen"));
    let challenge = typed.flags.get("acme.challenge").or_else(|| typed.process.get("acme.challenge"));
    let place = written.or(challenge).map(|at| &at.place);
    let mut known = Listening::of(config);
    // What is wrong between those was told.
    admin.iter().for_each(|addr| drop(known.claim(addr, Owner::Admin)));
    for addr in &settings.listen {
        let unix = || addr.ip().is_none().then(|| format!("no authority can ask at {addr}"));
        let Some(taken) = known.claim(addr, Owner::Challenges).or_else(unix) else { continue };
        problems.push(Problem::error(taken).at_known(place, "where `http-01` is answered").help(
            "say another address by `acme.listen`, or `acme.challenge = \"tls-alpn-01\"`, which needs none",
        ));
    }
    if !settings.listen.iter().filter_map(Addr::ip).any(|it| it.port() == HTTP) {
        let problem = Problem::warning("the authority asks at port 80, where nobody answers");
        let problem = problem.at_known(place, "another port");
        problems.push(problem.help("it works if something in front leads port 80 of those names here"));
    }
}

#[cfg(test)]
mod tests {
    use super::is_url;

    #[test]
    fn a_directory_is_asked_under_tls_alone() {
        for url in
            ["https://acme.example/dir", "https://[::1]:14000/dir", "https://10.0.0.1/dir", "https://x"]
        {
            assert!(is_url(url), "{url}");
        }
        for url in ["http://acme.example/dir", "acme.example", "https://", "https:///dir", "https://a b/", ""]
        {
            assert!(!is_url(url), "{url}");
        }
    }
}
