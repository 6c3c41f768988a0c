//! On what footing a link stands: what was configured for connections to its backend when it was made. After a reload it may be
//! another one, and who asks for TLS must not be served by what was connected without.

use crate::pools::LocalPool;
use evenkeel_core::backend::Backend;
use evenkeel_core::snapshot::PoolRules;
use rustls::ClientConfig;
use std::sync::Arc;

/// What a connection to a backend is made by.
pub struct Footing {
    rules: Arc<PoolRules>,
    /// The name that the backend goes by.
    host: Option<Arc<str>>,
    /// What was read from files for TLS: what has not changed is the very same.
    tls: Option<Arc<ClientConfig>>,
}

impl Footing {
    /// Of connections that are made by `rules` now to `backend`, of the pool `local`.
    pub fn new(local: &LocalPool, rules: &Arc<PoolRules>, backend: &Backend) -> Self {
        Self { rules: Arc::clone(rules), host: backend.host.clone(), tls: local.tls() }
    }

    /// Whether a connection that is made so now would be as good as one on this footing.
    pub fn is_still(&self, local: &LocalPool, rules: &Arc<PoolRules>, backend: &Backend) -> bool {
        let is_same = Arc::ptr_eq(&self.rules, rules) || self.rules.connect_like(rules);
        let tls = local.tls();
        is_same
            && self.host == backend.host
            && self.tls.as_ref().map(Arc::as_ptr) == tls.as_ref().map(Arc::as_ptr)
    }
}
