//! Where an authority that asks finds its answer: at the port of the service, or at a listener of its own.

use super::News;
use super::answer::{Answer, Answering};
use super::failure::Failure;
use crate::config::{AcmeSettings, Challenge as Kind};
use crate::control::Input;
use evenkeel_core::addr::Addr;
use evenkeel_proxy::{CHALLENGE_PROTOCOL, Challenge};
use instant_acme::{ChallengeType, KeyAuthorization};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio::sync::{oneshot, watch};

/// Shows authorities that names lead here, one at a time.
pub struct Stage {
    kind: Kind,
    addrs: Vec<SocketAddr>,
    redirects: bool,
    answers: watch::Sender<Option<Answer>>,
    /// Who answers by HTTP, once that could be bound.
    answering: Option<Answering>,
    inputs: Sender<Input>,
}

impl Stage {
    /// As `settings` have it; `inputs` lead to who answers at the port of the service.
    pub fn new(settings: &AcmeSettings, inputs: &Sender<Input>) -> Self {
        Self {
            kind: settings.challenge,
            addrs: settings.listen.iter().filter_map(Addr::ip).collect(),
            redirects: settings.redirects,
            answers: watch::Sender::new(None),
            answering: None,
            inputs: inputs.clone(),
        }
    }

    /// What the authority is to ask for.
    pub fn kind(&self) -> ChallengeType {
        match self.kind {
            Kind::Tls => ChallengeType::TlsAlpn01,
            Kind::Http => ChallengeType::Http01,
        }
    }

    /// Sees to it that somebody would answer.
    pub async fn open(&mut self) -> Result<(), Failure> {
        if self.kind == Kind::Http && self.answering.is_none() {
            let answers = self.answers.subscribe();
            let answering = Answering::start(&self.addrs, self.redirects, &answers).await;
            self.answering = Some(answering.map_err(Failure::general)?);
        }
        Ok(())
    }

    /// From now on an authority that asks for `name` is answered.
    pub async fn show(&self, name: &str, token: &str, key: &KeyAuthorization) -> Result<(), Failure> {
        match self.kind {
            Kind::Http => {
                let answer = Answer { token: token.to_owned(), text: key.as_str().to_owned() };
                self.answers.send_replace(Some(answer));
            }
            Kind::Tls => self.tell(Some(Arc::new(challenge(name, key.digest().as_ref())?))).await,
        }
        Ok(())
    }

    /// Nobody is answered any more.
    pub async fn clear(&self) {
        match self.kind {
            Kind::Http => drop(self.answers.send_replace(None)),
            Kind::Tls => self.tell(None).await,
        }
    }

    async fn tell(&self, challenge: Option<Arc<Challenge>>) {
        let (done, is_done) = oneshot::channel();
        // Nobody listens any more when the process ends.
        let _ = self.inputs.send(News::Show(challenge, done).into()).await;
        let _ = is_done.await;
    }
}

/// A certificate for `name`, signed by itself, with the digest that the authority wants to see (RFC 8737, section 3).
pub fn challenge(name: &str, digest: &[u8]) -> Result<Challenge, Failure> {
    let failed = |error: &dyn Display| Failure::general(format_args!("cannot make an answer: {error}"));
    if digest.len() != 32 {
        return Err(failed(&"a digest of another length"));
    }
    let key = KeyPair::generate().map_err(|error| failed(&error))?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(|error| failed(&error))?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(|error| failed(&error))?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(|error| failed(&error))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = provider.key_provider.load_private_key(key).map_err(|error| failed(&error))?;
    // Not looked at by rustls, which knows no such extension.
    let shown = SingleCertAndKey::from(CertifiedKey::new(vec![certificate.der().clone()], key));
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| failed(&error))?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(Arc::new(shown));
    config.alpn_protocols = vec![CHALLENGE_PROTOCOL.to_vec()];
    // It is asked once, and nothing is to be taken up again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Challenge { name: name.into(), config: Arc::new(config) })
}
