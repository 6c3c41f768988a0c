//! What TLS needs of files: certificates, keys, whom to trust. Read as a whole when a configuration is loaded, and again when
//! they change; handed to the plane as a keyring.

mod choose;
mod client;
mod der;
pub mod obtained;
mod pair;
mod server;

pub use der::holder;
pub use pair::{Kept, Trouble, kept};

use crate::config::Watched;
use evenkeel_core::director::Config;
use evenkeel_core::tls::{Certificate, Origination, Termination, Trust};
use evenkeel_proxy::Keyring;
use pair::Pair;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ServerConfig};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Everything that was read for one configuration, and what was made of it.
#[derive(Clone, Debug, Default)]
pub struct Material {
    servers: HashMap<Arc<Termination>, Made<ServerConfig>>,
    clients: HashMap<Arc<Origination>, Made<ClientConfig>>,
}

/// What one way to speak TLS needs, and what that was made of.
#[derive(Clone, Debug)]
struct Made<Config> {
    config: Arc<Config>,
    pairs: Vec<Pair>,
    /// Those whose signature counts, if they are in a file.
    roots: Vec<CertificateDer<'static>>,
    /// The files and folders that were read, as they were then.
    files: Vec<Watched>,
}

/// A certificate that is shown to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Where it came from.
    pub file: PathBuf,
    /// The host names that it is for.
    pub names: Vec<String>,
    /// Since when it is valid.
    pub since: SystemTime,
    /// Until when.
    pub expires: SystemTime,
    /// Whether its key is an RSA key.
    pub is_rsa: bool,
    /// The name that it was obtained for from an authority, by evenkeel itself.
    pub obtained_for: Option<Arc<str>>,
}

/// What to do about a file that cannot be used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Everything is refused.
    Whole,
    /// What was made of the files before stays.
    Lenient,
}

impl Material {
    /// What `config` needs, and the admin API. Fails with everything that is wrong.
    pub fn read(config: &Config, admin: Option<&Arc<Termination>>) -> Result<Self, Vec<Trouble>> {
        let (material, troubles) = Self::gather(config, admin, &Self::default(), Manner::Whole);
        if troubles.is_empty() { Ok(material) } else { Err(troubles) }
    }

    /// The same after files have changed since `before`: where those that there are now cannot be used, or are not valid at this
    /// time, what was made of them before stays. Says what that was for.
    pub fn renew(config: &Config, admin: Option<&Arc<Termination>>, before: &Self) -> (Self, Vec<Trouble>) {
        let (material, troubles) = Self::gather(config, admin, before, Manner::Lenient);
        (material.follow(before), troubles)
    }

    fn gather(
        config: &Config,
        admin: Option<&Arc<Termination>>,
        before: &Self,
        manner: Manner,
    ) -> (Self, Vec<Trouble>) {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (mut material, mut troubles, system) = (Self::default(), Vec::new(), client::System::default());
        for terms in terminations(config, admin) {
            let made =
                server(&terms, &provider, manner, before.pairs(&terms)).map_err(|them| troubles.extend(them));
            let made = made.ok().or_else(|| before.servers.get(&terms).cloned());
            material.servers.extend(made.map(|made| (terms, made)));
        }
        for terms in originations(config) {
            let made = client(&terms, &system, &provider, manner).map_err(|them| troubles.extend(them));
            let made = made.ok().or_else(|| before.clients.get(&terms).cloned());
            material.clients.extend(made.map(|made| (terms, made)));
        }
        (material, troubles)
    }

    /// The certificates that are shown by these terms.
    fn pairs(&self, terms: &Termination) -> &[Pair] {
        self.servers.get(terms).map_or(&[], |made| &made.pairs)
    }

    /// The same after `before`: what has not changed is the very same as there, and TLS sessions from then can be taken up again
    /// as far as they still count.
    pub fn follow(mut self, before: &Self) -> Self {
        for (terms, made) in &mut self.servers {
            match before.servers.get(terms) {
                Some(was) if was.is_of(&made.pairs, &made.roots) => made.config = Arc::clone(&was.config),
                // Tickets count as long as the same clients do.
                Some(was) if was.roots == made.roots => {
                    Arc::make_mut(&mut made.config).ticketer = Arc::clone(&was.config.ticketer);
                }
                _ => {}
            }
        }
        for (terms, made) in &mut self.clients {
            if let Some(was) = before.clients.get(terms)
                && was.is_of(&made.pairs, &made.roots)
            {
                made.config = Arc::clone(&was.config);
            }
        }
        self
    }

    /// Whether anything is not the very same as in `before`.
    pub fn differs(&self, before: &Self) -> bool {
        differ(&self.servers, &before.servers) || differ(&self.clients, &before.clients)
    }

    /// What the plane needs of it.
    pub fn keyring(&self) -> Keyring {
        let mut keyring = Keyring::default();
        for (terms, made) in &self.servers {
            keyring.add_server(Arc::clone(terms), Arc::clone(&made.config), !made.pairs.is_empty());
        }
        for (terms, made) in &self.clients {
            keyring.add_client(Arc::clone(terms), Arc::clone(&made.config));
        }
        keyring
    }

    /// What clients of the admin API are met with.
    pub fn server(&self, terms: &Termination) -> Option<Arc<ServerConfig>> {
        self.servers.get(terms).map(|made| Arc::clone(&made.config))
    }

    /// What backends are met with, for whoever checks them.
    pub fn client(&self, terms: &Origination) -> Option<Arc<ClientConfig>> {
        self.clients.get(terms).map(|made| Arc::clone(&made.config))
    }

    /// The certificates that are shown, each once.
    pub fn shown(&self) -> Vec<Shown> {
        let pairs = self.servers.values().flat_map(|made| &made.pairs);
        let pairs = pairs.chain(self.clients.values().flat_map(|made| &made.pairs));
        let shown = |pair: &Pair| Shown {
            file: pair.path.clone(),
            names: pair.facts.names.clone(),
            since: pair.facts.not_before,
            expires: pair.facts.not_after,
            is_rsa: pair.is_rsa,
            obtained_for: pair.obtained_for.clone(),
        };
        let by_file: BTreeMap<_, _> = pairs.map(|pair| (pair.path.clone(), shown(pair))).collect();
        by_file.into_values().collect()
    }

    /// Certificates that are not valid now, with why.
    pub fn invalid(&self) -> Vec<Trouble> {
        let now = SystemTime::now();
        let of = |pair: &Pair| {
            let why = pair.validity(now).err()?;
            let what = format!("the certificate in {} {why}", pair.path.display());
            Some(Trouble::new(&pair.path, what, "clients will refuse it; it is shown all the same"))
        };
        let servers = self.servers.values().flat_map(|made| &made.pairs);
        servers.chain(self.clients.values().flat_map(|made| &made.pairs)).filter_map(of).collect()
    }

    /// The files and folders that it was read from, as they were then.
    pub fn files(&self) -> Vec<Watched> {
        let servers = self.servers.values().flat_map(|made| &made.files);
        servers.chain(self.clients.values().flat_map(|made| &made.files)).cloned().collect()
    }
}

/// What a command asks with, its files read for this once. Fails with everything that is wrong.
pub fn to_ask(terms: &Origination) -> Result<Arc<ClientConfig>, Vec<Trouble>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    client(terms, &client::System::default(), &provider, Manner::Whole).map(|made| made.config)
}

fn differ<Terms: Eq + Hash, Config>(
    now: &HashMap<Arc<Terms>, Made<Config>>,
    before: &HashMap<Arc<Terms>, Made<Config>>,
) -> bool {
    let same = |(terms, made): (&Arc<Terms>, &Made<Config>)| {
        before.get(terms).is_some_and(|was| Arc::ptr_eq(&was.config, &made.config))
    };
    now.len() != before.len() || !now.iter().all(same)
}

fn terminations(config: &Config, admin: Option<&Arc<Termination>>) -> impl Iterator<Item = Arc<Termination>> {
    let mut seen = HashSet::new();
    let all = config.listeners.iter().filter_map(|it| it.reception.tls.clone());
    all.chain(admin.cloned()).filter(move |it| seen.insert(Arc::clone(it)))
}

fn originations(config: &Config) -> impl Iterator<Item = Arc<Origination>> {
    let mut seen = HashSet::new();
    let of_checks = config.pools.iter().filter_map(|it| it.check.as_ref()?.tls.clone());
    let all = config.pools.iter().filter_map(|it| it.rules.tls.clone()).chain(of_checks);
    all.filter(move |it| seen.insert(Arc::clone(it)))
}

fn server(
    terms: &Termination,
    provider: &Arc<CryptoProvider>,
    manner: Manner,
    before: &[Pair],
) -> Result<Made<ServerConfig>, Vec<Trouble>> {
    let mut reading = Reading::default();
    let pairs = reading.pairs(&terms.certificates, provider, manner, before);
    let roots = terms.clients.as_ref().map(|clients| reading.roots(&clients.roots)).unwrap_or_default();
    reading.make(pairs, roots, |pairs, roots| server::config(terms, pairs, roots, provider))
}

fn client(
    terms: &Origination,
    system: &client::System,
    provider: &Arc<CryptoProvider>,
    manner: Manner,
) -> Result<Made<ClientConfig>, Vec<Trouble>> {
    let mut reading = Reading::default();
    let pairs = reading.pairs(terms.certificate.as_slice(), provider, manner, &[]);
    let roots = match &terms.trust {
        Trust::File(path) => reading.roots(path),
        Trust::System | Trust::Anybody => Vec::new(),
    };
    reading.make(pairs, roots, |pairs, roots| client::config(terms, pairs.first(), roots, system, provider))
}

/// What was read for one way to speak TLS, and what was wrong with it. To miss no change, files are looked at before they
/// are read.
#[derive(Default)]
struct Reading {
    files: Vec<Watched>,
    troubles: Vec<Trouble>,
}

impl Reading {
    fn pairs(
        &mut self,
        all: &[Certificate],
        provider: &CryptoProvider,
        manner: Manner,
        before: &[Pair],
    ) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for certificate in all {
            self.files.push(Watched::look(&certificate.chain));
            if let Some(name) = &certificate.obtained_for {
                pairs.extend(obtained(name, &certificate.chain, provider, manner, before));
                continue;
            }
            let found = self.take(pair::files(&certificate.chain, certificate.key.as_deref()));
            for (chain, key) in found.into_iter().flatten() {
                self.files.extend([&chain, &key].map(|path| Watched::look(path)));
                let pair = pair::read(&certificate.chain, &chain, &key, provider);
                pairs.extend(self.take(pair.and_then(|pair| judge(pair, manner))));
            }
        }
        pairs
    }

    fn roots(&mut self, path: &Path) -> Vec<CertificateDer<'static>> {
        self.files.push(Watched::look(path));
        self.take(pair::certificates(path, path)).unwrap_or_default()
    }

    fn take<T>(&mut self, read: Result<T, Trouble>) -> Option<T> {
        read.map_err(|trouble| self.troubles.push(trouble)).ok()
    }

    fn make<Config>(
        self,
        pairs: Vec<Pair>,
        roots: Vec<CertificateDer<'static>>,
        config: impl FnOnce(&[Pair], &[CertificateDer<'static>]) -> Result<Config, Trouble>,
    ) -> Result<Made<Config>, Vec<Trouble>> {
        if !self.troubles.is_empty() {
            return Err(self.troubles);
        }
        let config = config(&pairs, &roots).map_err(|trouble| vec![trouble])?;
        Ok(Made { config: Arc::new(config), pairs, roots, files: self.files })
    }
}

/// One that is obtained may not be there yet. That is no mistake, nor is a file that cannot be used: another one will come,
/// and until then the one that there was `before` stays.
fn obtained(
    name: &Arc<str>,
    path: &Path,
    provider: &CryptoProvider,
    manner: Manner,
    before: &[Pair],
) -> Option<Pair> {
    let read = pair::read(path, path, path, provider).and_then(|pair| judge(pair, manner));
    match read {
        Ok(pair) => Some(Pair { obtained_for: Some(Arc::clone(name)), ..pair }),
        Err(_) => before.iter().find(|it| it.path == path).cloned(),
    }
}

/// One that is not valid does not replace another.
fn judge(pair: Pair, manner: Manner) -> Result<Pair, Trouble> {
    match pair.validity(SystemTime::now()) {
        Err(why) if manner == Manner::Lenient => {
            Err(Trouble::new(&pair.path, format!("the certificate in {} {why}", pair.path.display()), None))
        }
        _ => Ok(pair),
    }
}

impl<Config> Made<Config> {
    fn is_of(&self, pairs: &[Pair], roots: &[CertificateDer<'static>]) -> bool {
        let same = |(one, other): (&Pair, &Pair)| one.certified.cert == other.certified.cert;
        self.roots == roots && self.pairs.len() == pairs.len() && self.pairs.iter().zip(pairs).all(same)
    }
}

#[cfg(test)]
mod tests;
