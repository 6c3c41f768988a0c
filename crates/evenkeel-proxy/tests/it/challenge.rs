//! An authority that asks whether a name leads here (RFC 8737), on the port of the service; and clients before there is a
//! certificate.

use crate::rig::Parts;
use crate::tls::{Keys, NAME, terminate};
use evenkeel_core::end::End;
use evenkeel_core::rejection::Rejection;
use evenkeel_core::side::Side;
use evenkeel_core::tls::Fault;
use evenkeel_proxy::{CHALLENGE_PROTOCOL, Challenge};
use evenkeel_testkit::tls::client;
use evenkeel_testkit::{Credential, Ending, PATIENCE, Server, TlsPeer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};
use std::sync::Arc;

/// What shows that `NAME` leads here.
fn challenge(shows: &Credential) -> Arc<Challenge> {
    let mut config = shows.server(None);
    config.alpn_protocols = vec![CHALLENGE_PROTOCOL.to_vec()];
    Arc::new(Challenge { name: NAME.into(), config: Arc::new(config) })
}

/// A client that believes everybody and would speak these protocols.
fn speaks(protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let mut config = client(None, None);
    config.alpn_protocols = protocols.iter().map(|it| it.to_vec()).collect();
    Arc::new(config)
}

#[test]
fn who_asks_for_the_challenge_sees_it_and_nothing_else() {
    let (keys, server) = (Keys::new(), Server::echo());
    let shows = keys.authority.sign(&[NAME]);
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(None), PATIENCE);
    parts.keyring.set_challenge(Some(challenge(&shows)));
    let mut rig = parts.start();

    let authority = TlsPeer::connect(&rig.place, &speaks(&[CHALLENGE_PROTOCOL]), NAME).unwrap();
    assert_eq!(authority.shown(), shows.chain[0].to_vec());
    assert_eq!(authority.read_to_end(), (vec![], Some(Ending::Fin)));
    let record = rig.record();
    assert_eq!((record.end, record.backend), (End::Proved, None));
}

#[test]
fn others_never_see_the_challenge() {
    let (keys, server) = (Keys::new(), Server::echo());
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(None), PATIENCE);
    parts.keyring.set_challenge(Some(challenge(&keys.authority.sign(&[NAME]))));
    let mut rig = parts.start();
    for (protocols, name) in [
        (&[][..], NAME),
        (&[b"h2".as_slice()], NAME),
        (&[b"h2".as_slice(), CHALLENGE_PROTOCOL], NAME),
        (&[CHALLENGE_PROTOCOL], "other.example"),
    ] {
        let client = TlsPeer::connect(&rig.place, &speaks(protocols), name).unwrap();
        assert_eq!(client.shown(), keys.web.chain[0].to_vec(), "{name} {protocols:?}");
        client.check_echo("hello");
        client.finish();
        assert_eq!(rig.record().end, End::Closed(Side::Client));
    }
}

/// Has no certificate to show.
#[derive(Debug)]
struct Nothing;

impl ResolvesServerCert for Nothing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

#[test]
fn without_a_certificate_a_handshake_fails_by_name_and_the_challenge_is_shown() {
    let (keys, server) = (Keys::new(), Server::echo());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.unwrap().with_no_client_auth().with_cert_resolver(Arc::new(Nothing));
    let mut parts = Parts::to(&[server.place()]);
    terminate(&mut parts, keys.web.server(None), PATIENCE);
    let terms = parts.reception.tls.clone().unwrap();
    parts.keyring.add_server(terms, Arc::new(config), false);
    parts.keyring.set_challenge(Some(challenge(&keys.web)));
    let mut rig = parts.start();

    let refused = TlsPeer::connect(&rig.place, &keys.client(), NAME).and_then(|peer| peer.receive(1));
    assert!(refused.is_err());
    let record = rig.record();
    assert_eq!(
        (record.end, record.end.by()),
        (End::Rejected(Rejection::Tls(Fault::Unready)), Side::Evenkeel)
    );
    let authority = TlsPeer::connect(&rig.place, &speaks(&[CHALLENGE_PROTOCOL]), NAME).unwrap();
    assert_eq!(authority.read_to_end(), (vec![], Some(Ending::Fin)));
    assert_eq!(rig.record().end, End::Proved);
}
