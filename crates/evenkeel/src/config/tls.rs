//! TLS: from what was typed to how it is spoken, and to the files that it needs.

use super::AcmeSettings;
use super::acme;
use super::chain::Chain;
use super::place::Place;
use super::problem::{Problem, Problems};
use super::setting::Setting;
use crate::tls::{Material, Trouble, obtained as kept};
use evenkeel_core::director::Config;
use evenkeel_core::tls::{Certificate, ClientCertificates, Origination, Termination, Trust, Version};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a handshake of the admin API may take: as long as the head of a request.
const ADMIN_HANDSHAKE: Duration = Duration::from_secs(10);

/// Paths of keys and certificates, and where they were written.
pub struct Paths {
    known: Vec<(PathBuf, Place)>,
    /// Where those are kept that are obtained.
    obtained: PathBuf,
}

impl Paths {
    /// None yet; those that are obtained are kept where `acme` says.
    pub fn new(acme: &AcmeSettings) -> Self {
        Self { known: Vec::new(), obtained: kept::folder(acme) }
    }

    /// The path at which the certificate for `name`, which was written at `place`, will be.
    fn add_obtained(&mut self, name: &str, place: &Place) -> Arc<Path> {
        let path = kept::file(&self.obtained, name);
        self.known.push((path.clone(), place.clone()));
        path.into()
    }

    /// The path that `written` means at `place`: relative to the file that it stands in.
    fn add(&mut self, written: &str, place: Option<&Place>) -> Arc<Path> {
        let Some(place) = place else { return Path::new(written).into() };
        let path = if written.is_empty() { PathBuf::new() } else { place.path(written) };
        self.known.push((path.clone(), place.clone()));
        path.into()
    }

    /// Where `path` was written first.
    pub fn place(&self, path: &Path) -> Option<&Place> {
        self.known.iter().find(|(known, _)| known == path).map(|(_, place)| place)
    }
}

/// What is spoken where requests are balanced. Who offers nothing but what is not there would be sent away.
const HTTP: [&str; 3] = ["h2", "http/1.1", "http/1.0"];

/// `chain` holds the settings of a service, which balances requests if it `is_http`.
pub fn termination(
    chain: &Chain<'_>,
    is_http: bool,
    paths: &mut Paths,
    problems: &mut Problems,
) -> Option<Termination> {
    if !chain.is_on("tls") {
        return None;
    }
    let certificates = certificates(chain, "tls", paths, problems);
    let roots = path(chain, "tls.client-ca", paths);
    if roots.is_none() {
        nobody_to_ask_for(chain, problems);
    }
    let auth = chain.text("tls.client-auth").unwrap_or_default();
    Some(Termination {
        certificates,
        alpn: match chain.find("tls.alpn") {
            None if is_http => HTTP.map(Into::into).into(),
            _ => protocols(chain, "tls.alpn"),
        },
        oldest: oldest(chain, "tls.min-version"),
        clients: roots
            .filter(|_| *auth != *"off")
            .map(|roots| ClientCertificates { roots, required: *auth != *"optional" }),
        timeout: chain.time("tls.timeout"),
    })
}

/// Tells of a `tls.client-auth` without certificates that count, unless it was meant for others.
fn nobody_to_ask_for(chain: &Chain<'_>, problems: &mut Problems) {
    let near = chain.find("tls").map_or(0, |tls| tls.level);
    let auth = chain.find("tls.client-auth").filter(|auth| auth.place.is_some() && auth.level <= near);
    if auth.is_some() && chain.text("tls.client-auth").as_deref() != Some("off") {
        problems.push(
            Problem::error("`tls.client-auth` goes only with `tls.client-ca`")
                .at_found(auth, "whose certificates count?"),
        );
    }
}

/// The TLS of the admin API: `chain` holds the settings of the process. Who names whose certificates count wants them.
pub fn admin(chain: &Chain<'_>, paths: &mut Paths, problems: &mut Problems) -> Option<Termination> {
    chain.is_on("admin.tls").then(|| Termination {
        certificates: certificates(chain, "admin.tls", paths, problems),
        alpn: ["http/1.1".into()].into(),
        oldest: oldest(chain, "admin.tls.min-version"),
        clients: path(chain, "admin.tls.client-ca", paths)
            .map(|roots| ClientCertificates { roots, required: true }),
        timeout: ADMIN_HANDSHAKE,
    })
}

fn oldest(chain: &Chain<'_>, key: &str) -> Version {
    match chain.text(key).as_deref() {
        Some("1.3") => Version::Tls13,
        _ => Version::Tls12,
    }
}

/// Those to show, by the keys below `tls`, which is the name of a key itself. They are taken from one place: a key belongs to
/// the certificate beside it.
fn certificates(
    chain: &Chain<'_>,
    tls: &str,
    paths: &mut Paths,
    problems: &mut Problems,
) -> Box<[Certificate]> {
    let [cert_key, key_key, acme_key] = ["cert", "key", "acme"].map(|it| format!("{tls}.{it}"));
    let whole = chain;
    let chain = &whole.only([&*cert_key, &*key_key, &*acme_key]);
    let key = path(chain, &key_key, paths);
    let written = match chain.find(&cert_key).map(|found| found.value) {
        Some(Setting::Files(files)) => files.as_slice(),
        _ => &[],
    };
    let obtained = obtained(chain, tls, paths, problems);
    if written.is_empty() && obtained.is_empty() && !is_written(whole, tls) {
        problems.push(
            Problem::error(format!("`{tls}` does not say what to show to clients"))
                .at_found(whole.find(tls), "no certificate is named")
                .help(format!(
                    "name a file with a certificate and its key: {tls} = \"/etc/evenkeel/web.pem\""
                )),
        );
    }
    if written.len() > 1 && key.is_some() {
        problems.push(
            Problem::error(format!("`{key_key}` goes with a single certificate"))
                .at_found(chain.find(&key_key), "of which of them?")
                .help("put each key beside its certificate as `NAME.key`, or into the same file"),
        );
    }
    let certificate = |path: &super::place::At<String>| Certificate {
        chain: paths.add(&path.value, Some(&path.place)),
        key: key.clone(),
        obtained_for: None,
    };
    written.iter().map(certificate).chain(obtained).collect()
}

/// Whether it was said what to show, be it well or not.
fn is_written(chain: &Chain<'_>, tls: &str) -> bool {
    ["cert", "acme"].iter().any(|it| chain.is_written(&format!("{tls}.{it}")))
}

/// Those that are obtained.
fn obtained(chain: &Chain<'_>, tls: &str, paths: &mut Paths, problems: &mut Problems) -> Vec<Certificate> {
    let Some(Setting::Texts(written)) = chain.find(&format!("{tls}.acme")).map(|found| found.value) else {
        return Vec::new();
    };
    let mut all: Vec<Certificate> = Vec::new();
    for written in written {
        match acme::name(written) {
            Ok(name) if all.iter().any(|it| it.obtained_for.as_ref() == Some(&name)) => {
                let problem = Problem::warning(format!("`{name}` is named twice"));
                problems.push(problem.at(&written.place, "second time"));
            }
            Ok(name) => {
                let chain = paths.add_obtained(&name, &written.place);
                all.push(Certificate { chain, key: None, obtained_for: Some(name) });
            }
            Err(problem) => problems.push(problem),
        }
    }
    all
}

/// `chain` holds the settings of a pool; backends are spoken to by HTTP/2 if `http2`.
pub fn origination(
    chain: &Chain<'_>,
    http2: bool,
    paths: &mut Paths,
    problems: &mut Problems,
) -> Option<Origination> {
    if !chain.is_on("to-tls") {
        return None;
    }
    let (ca, verify) = (path(chain, "to-tls.ca", paths), chain.find("to-tls.verify"));
    let trust = match (chain.text("to-tls.verify").as_deref(), ca) {
        (Some("off"), ca) => {
            problems.push(
                Problem::warning("backends do not have to prove who they are")
                    .at_found(verify, "whoever is in the way can read and change everything")
                    .help("name whose certificates count by `to-tls.ca`, and the name in them by `to-tls.server-name`"),
            );
            if ca.is_some() {
                let problem =
                    Problem::error("`to-tls.ca` says whom to trust, and `to-tls.verify` not to look");
                problems
                    .push(problem.at_found(chain.find("to-tls.ca"), "has no effect").at_found(verify, ""));
            }
            Trust::Anybody
        }
        (_, Some(file)) => Trust::File(file),
        (_, None) => {
            // Whom the machine trusts has no path of its own.
            paths.add("", chain.find("to-tls").and_then(|found| found.place));
            Trust::System
        }
    };
    let certificate = shown(&chain.only(["to-tls.cert", "to-tls.key"]), paths, problems);
    let server_name = chain.text("to-tls.server-name");
    Some(Origination { trust, server_name, certificate, alpn: offered(chain, http2, problems) })
}

/// The certificate that is shown to backends, by the keys of one place.
fn shown(chain: &Chain<'_>, paths: &mut Paths, problems: &mut Problems) -> Option<Certificate> {
    let (shown, key) = (path(chain, "to-tls.cert", paths), path(chain, "to-tls.key", paths));
    if shown.is_none() && key.is_some() {
        problems.push(
            Problem::error("`to-tls.key` goes only with `to-tls.cert`")
                .at_found(chain.find("to-tls.key"), "the key of which certificate?"),
        );
    }
    shown.map(|chain| Certificate { chain, key, obtained_for: None })
}

/// The protocols that backends are offered.
fn offered(chain: &Chain<'_>, http2: bool, problems: &mut Problems) -> Box<[Box<str>]> {
    let found = chain.find("to-tls.alpn");
    let protocols = protocols(chain, "to-tls.alpn");
    if !http2 || protocols.iter().any(|name| **name == *"h2") {
        return protocols;
    }
    if found.is_some() {
        let problem = Problem::error("backends that speak HTTP/2 have to be offered that");
        problems.push(problem.at_found(found, "there is no `h2`, and `to-http` is \"2\""));
    }
    ["h2".into()].into()
}

fn path(chain: &Chain<'_>, key: &str, paths: &mut Paths) -> Option<Arc<Path>> {
    let found = chain.find(key)?;
    match found.value {
        Setting::Text(text) => Some(paths.add(text, found.place)),
        _ => None,
    }
}

fn protocols(chain: &Chain<'_>, key: &str) -> Box<[Box<str>]> {
    match chain.find(key).map(|found| found.value) {
        Some(Setting::Texts(names)) => names.iter().map(|name| name.value.as_str().into()).collect(),
        _ => Box::default(),
    }
}

/// Reads what `config` and the admin API need, and tells what is wrong with it where it was written.
pub fn read(
    config: &Config,
    admin: Option<&Arc<Termination>>,
    paths: &Paths,
    problems: &mut Problems,
) -> Material {
    let told = |problem: Problem, trouble: Trouble| {
        let problem = problem.at_known(paths.place(&trouble.path), "");
        match trouble.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    };
    match Material::read(config, admin) {
        Ok(material) => {
            for trouble in material.invalid() {
                problems.push(told(Problem::warning(trouble.what.clone()), trouble));
            }
            material
        }
        Err(troubles) => {
            for trouble in troubles {
                problems.push(told(Problem::error(trouble.what.clone()), trouble));
            }
            Material::default()
        }
    }
}
