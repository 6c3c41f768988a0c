//! What TLS needs beside its configuration: keys, certificates, whom to trust; made ready for rustls by whoever reads
//! files. It travels with a publication.

use evenkeel_core::tls::{Origination, Termination};
use rustls::{ClientConfig, ServerConfig};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The protocol in which an authority asks whether a name leads here (RFC 8737).
pub const CHALLENGE_PROTOCOL: &[u8] = b"acme-tls/1";

/// For each way in which TLS is spoken, what is needed for it.
#[derive(Clone, Default)]
pub struct Keyring {
    servers: HashMap<Arc<Termination>, (Arc<ServerConfig>, bool)>,
    clients: HashMap<Arc<Origination>, Arc<ClientConfig>>,
    challenge: Option<Arc<Challenge>>,
}

/// What clients are met with.
#[derive(Clone)]
pub struct Server {
    /// How TLS is spoken with them.
    pub config: Arc<ServerConfig>,
    /// Whether there is a certificate to show them.
    pub is_ready: bool,
    /// What an authority is met with instead.
    pub challenge: Option<Arc<Challenge>>,
}

/// What shows an authority that a name leads here.
pub struct Challenge {
    /// The name, in lower case.
    pub name: Box<str>,
    /// How TLS is spoken with it.
    pub config: Arc<ServerConfig>,
}

impl Keyring {
    /// Clients that are met by `terms` are met with this; not `is_ready`: there is no certificate yet.
    pub fn add_server(&mut self, terms: Arc<Termination>, config: Arc<ServerConfig>, is_ready: bool) {
        self.servers.insert(terms, (config, is_ready));
    }

    /// Backends that are met by `terms` are met with this.
    pub fn add_client(&mut self, terms: Arc<Origination>, config: Arc<ClientConfig>) {
        self.clients.insert(terms, config);
    }

    /// An authority that asks is met with this, on whatever listener that speaks TLS.
    pub fn set_challenge(&mut self, challenge: Option<Arc<Challenge>>) {
        self.challenge = challenge;
    }

    /// What clients are met with.
    pub fn server(&self, terms: &Termination) -> Option<Server> {
        let (config, is_ready) = self.servers.get(terms)?;
        let (config, challenge) = (Arc::clone(config), self.challenge.clone());
        Some(Server { config, is_ready: *is_ready, challenge })
    }

    /// What backends are met with.
    pub fn client(&self, terms: &Origination) -> Option<&Arc<ClientConfig>> {
        self.clients.get(terms)
    }
}

/// Whether it is the very same.
impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        let of = |it: &Self| (Arc::as_ptr(&it.config), it.challenge.as_ref().map(Arc::as_ptr));
        of(self) == of(other)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring of {} and {}", self.servers.len(), self.clients.len())
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Challenge for {}", self.name)
    }
}
