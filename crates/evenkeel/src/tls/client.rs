//! How backends are met.

use super::pair::{Pair, Trouble};
use evenkeel_core::tls::{Origination, Trust};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

/// The configuration of rustls for `terms`, with this certificate to show, and these `roots`, if they come from a file, else those of the `system`.
pub fn config(
    terms: &Origination,
    pair: Option<&Pair>,
    roots: &[CertificateDer<'static>],
    system: &System,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, Trouble> {
    let about = match &terms.trust {
        Trust::File(path) => &**path,
        Trust::System | Trust::Anybody => Path::new(""),
    };
    let unusable = |error: Error| Trouble::new(about, format!("TLS cannot be spoken: {error}"), None);
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(unusable)?;
    let builder = match &terms.trust {
        Trust::Anybody => {
            let verifier = Arc::new(Anybody(Arc::clone(provider)));
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
        Trust::File(path) => {
            let mut store = RootCertStore::empty();
            for root in roots {
                store.add(root.clone()).map_err(|error| {
                    Trouble::new(path, format!("{} cannot be used: {error}", path.display()), None)
                })?;
            }
            builder.with_root_certificates(store)
        }
        Trust::System => builder.with_root_certificates(system.roots()?),
    };
    let mut config = match pair {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let shown = rustls::sign::SingleCertAndKey::from(Arc::clone(&pair.certified));
            builder.with_client_cert_resolver(Arc::new(shown))
        }
    };
    config.alpn_protocols = terms.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Ok(config)
}

/// Those that this machine trusts. They are found once, however many pools need them.
#[derive(Default)]
pub struct System(OnceCell<Arc<RootCertStore>>);

impl System {
    fn roots(&self) -> Result<Arc<RootCertStore>, Trouble> {
        let roots = self.0.get_or_init(|| {
            let mut store = RootCertStore::empty();
            // What cannot be read does not count.
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Arc::new(store)
        });
        match roots.is_empty() {
            true => Err(Trouble::new(
                Path::new(""),
                "this machine trusts nobody: no certificates of authorities were found",
                "install `ca-certificates`, or name a file by `to-tls.ca`",
            )),
            false => Ok(Arc::clone(roots)),
        }
    }
}

/// Takes everybody for who he says he is.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
