//! TLS of tests: somebody who signs certificates, and peers that speak it by the usual, buffered interface of rustls.
#![expect(clippy::disallowed_types, reason = "a test reads and writes one connection from two threads")]

use crate::peer::{Ending, Peer};
use crate::place::Place;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    ClientConfig, ClientConnection, Connection, DigitallySignedStruct, Error, RootCertStore, ServerConfig,
    ServerConnection, SignatureScheme,
};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};

/// Signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: CertificateDer<'static>,
    pem: String,
}

/// A certificate and its key.
pub struct Credential {
    /// The certificate, with the authority's behind it.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key.
    pub key: PrivateKeyDer<'static>,
    /// The certificate as PEM.
    pub certificate_pem: String,
    /// The key as PEM.
    pub key_pem: String,
}

/// Years for which a certificate is valid.
#[derive(Clone, Copy)]
pub enum Valid {
    /// Long since, and for long.
    Now,
    /// No more.
    Past,
    /// Not yet.
    Future,
}

impl Authority {
    /// One of its own, by this name.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (der, pem) = (certificate.der().clone(), certificate.pem());
        Self { issuer: Issuer::new(params, key), der, pem }
    }

    /// Its own certificate as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Those that trust it alone.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        roots
    }

    /// A certificate for these names.
    pub fn sign(&self, names: &[&str]) -> Credential {
        self.sign_for(names, Valid::Now)
    }

    /// The same for other years.
    pub fn sign_for(&self, names: &[&str], valid: Valid) -> Credential {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        (params.not_before, params.not_after) = match valid {
            Valid::Now => (date_time_ymd(2020, 1, 1), date_time_ymd(2120, 1, 1)),
            Valid::Past => (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1)),
            Valid::Future => (date_time_ymd(2110, 1, 1), date_time_ymd(2120, 1, 1)),
        };
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Credential {
            chain: vec![certificate.der().clone(), self.der.clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            certificate_pem: certificate.pem() + &self.pem,
            key_pem: key.serialize_pem(),
        }
    }
}

impl Credential {
    /// The certificate and its key in one text.
    pub fn pem(&self) -> String {
        format!("{}{}", self.certificate_pem, self.key_pem)
    }

    /// A server that shows it; `clients`: and asks them for a certificate of this authority.
    pub fn server(&self, clients: Option<&Authority>) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let roots = Arc::new(authority.roots());
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        builder.with_single_cert(self.chain.clone(), self.key.clone_key()).unwrap()
    }
}

/// A client that trusts this authority, or anybody.
pub fn client(trusts: Option<&Authority>, shows: Option<&Credential>) -> ClientConfig {
    client_with(&[&rustls::version::TLS12, &rustls::version::TLS13], trusts, shows)
}

/// The same with these versions alone.
pub fn client_with(
    versions: &[&'static rustls::SupportedProtocolVersion],
    trusts: Option<&Authority>,
    shows: Option<&Credential>,
) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(versions).unwrap();
    let builder = match trusts {
        Some(authority) => builder.with_root_certificates(authority.roots()),
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Gullible)),
    };
    match shows {
        None => builder.with_no_client_auth(),
        Some(it) => builder.with_client_auth_cert(it.chain.clone(), it.key.clone_key()).unwrap(),
    }
}

/// Believes every certificate.
#[derive(Debug)]
struct Gullible;

impl ServerCertVerifier for Gullible {
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A peer that speaks TLS. One thread may read while another writes.
pub struct TlsPeer {
    peer: Peer,
    connection: Mutex<Connection>,
    /// Held while something is sent, so that records go out in the order in which they were sealed.
    sends: Mutex<()>,
    /// What came and rustls has not taken yet.
    came: Mutex<Vec<u8>>,
}

impl TlsPeer {
    /// Connects, and agrees on everything.
    pub fn connect(place: &Place, config: &Arc<ClientConfig>, name: &str) -> io::Result<Self> {
        Self::over(Peer::try_connect(place)?, config, name)
    }

    /// Over a connection that is there.
    pub fn over(peer: Peer, config: &Arc<ClientConfig>, name: &str) -> io::Result<Self> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        Self::open(peer, connection.into())
    }

    /// With a client that has connected.
    pub fn accept(peer: Peer, config: &Arc<ServerConfig>) -> io::Result<Self> {
        let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        Self::open(peer, connection.into())
    }

    fn open(peer: Peer, mut connection: Connection) -> io::Result<Self> {
        while connection.is_handshaking() {
            connection.complete_io(&mut peer.socket())?;
        }
        while connection.wants_write() {
            connection.write_tls(&mut peer.socket())?;
        }
        Ok(Self { peer, connection: Mutex::new(connection), sends: Mutex::new(()), came: Mutex::default() })
    }

    /// What is below.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The certificate that the other side has shown.
    pub fn shown(&self) -> Vec<u8> {
        self.connection().peer_certificates().unwrap()[0].to_vec()
    }

    /// What rustls knows of it.
    pub fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap()
    }

    /// Sends all of `bytes`.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.say(|connection| connection.writer().write_all(bytes))
    }

    fn say(&self, what: impl FnOnce(&mut Connection) -> io::Result<()>) -> io::Result<()> {
        let _sends = self.sends.lock().unwrap();
        let mut connection = self.connection();
        connection.set_buffer_limit(None);
        what(&mut connection)?;
        let mut sealed = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut sealed)?;
        }
        drop(connection);
        self.peer.send(&sealed)
    }

    /// One read; 0 is the end that was said to be one, `UnexpectedEof` is another.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut came = self.came.lock().unwrap();
        loop {
            match self.connection().reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
            if came.is_empty() {
                came.resize(4096, 0);
                let read = self.peer.read(&mut came).inspect_err(|_| came.clear())?;
                came.truncate(read);
            }
            // It takes no more than it has room for until that is read.
            let mut connection = self.connection();
            let taken = connection.read_tls(&mut &came[..])?;
            came.drain(..taken);
            let processed = connection.process_new_packets();
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Exactly `len` bytes.
    pub fn receive(&self, len: usize) -> io::Result<Vec<u8>> {
        let (mut bytes, mut at) = (vec![0; len], 0);
        while at < len {
            match self.read(&mut bytes[at..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => at += n,
            }
        }
        Ok(bytes)
    }

    /// Everything until the end, and which end that was; `None`: one that was not said to be one.
    pub fn read_to_end(&self) -> (Vec<u8>, Option<Ending>) {
        let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
        loop {
            match self.read(&mut buffer) {
                Ok(0) => return (bytes, Some(Ending::Fin)),
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return (bytes, None),
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return (bytes, Some(Ending::Reset));
                }
                Err(error) => panic!("no end after {} bytes: {error}", bytes.len()),
            }
        }
    }

    /// Panics unless `text` sent comes back.
    pub fn check_echo(&self, text: &str) {
        self.send(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&self.receive(text.len()).unwrap()), text);
    }

    /// Says that nothing follows; receiving goes on.
    pub fn finish(&self) {
        let _ = self.say_end();
        self.peer.finish();
    }

    /// The same without a FIN behind it.
    pub fn say_end(&self) -> io::Result<()> {
        self.say(|connection| {
            connection.send_close_notify();
            Ok(())
        })
    }
}
