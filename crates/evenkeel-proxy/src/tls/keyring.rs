//! What TLS needs beside its configuration: keys, certificates, whom to trust; made ready for rustls by whoever reads
//! files. It travels with a publication.

use evenkeel_core::tls::{Origination, Termination};
use rustls::{ClientConfig, ServerConfig};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// For each way in which TLS is spoken, what is needed for it.
#[derive(Clone, Default)]
pub struct Keyring {
    servers: HashMap<Arc<Termination>, Arc<ServerConfig>>,
    clients: HashMap<Arc<Origination>, Arc<ClientConfig>>,
}

impl Keyring {
    /// Clients that are met by `terms` are met with this.
    pub fn add_server(&mut self, terms: Arc<Termination>, config: Arc<ServerConfig>) {
        self.servers.insert(terms, config);
    }

    /// Backends that are met by `terms` are met with this.
    pub fn add_client(&mut self, terms: Arc<Origination>, config: Arc<ClientConfig>) {
        self.clients.insert(terms, config);
    }

    /// What clients are met with.
    pub fn server(&self, terms: &Termination) -> Option<&Arc<ServerConfig>> {
        self.servers.get(terms)
    }

    /// What backends are met with.
    pub fn client(&self, terms: &Origination) -> Option<&Arc<ClientConfig>> {
        self.clients.get(terms)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring of {} and {}", self.servers.len(), self.clients.len())
    }
}
