//! How clients are met.

use super::choose::Chooser;
use super::pair::{Pair, Trouble};
use evenkeel_core::tls::{Termination, Version};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::path::Path;
use std::sync::Arc;

/// The configuration of rustls for `terms`, with these certificates to show, and these `roots` of clients'.
pub fn config(
    terms: &Termination,
    pairs: &[Pair],
    roots: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConfig, Trouble> {
    let about = terms.certificates.first().map_or(Path::new(""), |it| &*it.chain);
    let unusable = |error: rustls::Error| Trouble::new(about, format!("TLS cannot be spoken: {error}"), None);
    let versions: &[&SupportedProtocolVersion] = match terms.oldest {
        Version::Tls12 => &[&TLS13, &TLS12],
        Version::Tls13 => &[&TLS13],
    };
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider));
    let builder = builder.with_protocol_versions(versions).map_err(unusable)?;
    let builder = match &terms.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let wrong = |error: String| {
                let what = format!("{} cannot be used for clients: {error}", clients.roots.display());
                Trouble::new(&clients.roots, what, None)
            };
            let mut store = RootCertStore::empty();
            for root in roots {
                store.add(root.clone()).map_err(|error| wrong(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(store.into(), Arc::clone(provider));
            let verifier = if clients.required { verifier } else { verifier.allow_unauthenticated() };
            builder.with_client_cert_verifier(verifier.build().map_err(|error| wrong(error.to_string()))?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(Chooser::new(pairs)));
    config.alpn_protocols = terms.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    // Keys that rotate, and the same for all workers; nothing is stored, so there is no lock.
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(config)
}
