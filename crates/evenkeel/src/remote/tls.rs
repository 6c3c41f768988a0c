//! TLS with a running evenkeel: whom to trust, what to show, and what to do about what fails.

use crate::error::{Exit, RunError};
use crate::tls::{self, Trouble};
use evenkeel_core::tls::{Certificate, Origination, Trust};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, ClientConnection, Error, StreamOwned};
use std::io;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

/// A connection that speaks TLS.
pub type Tunnel = StreamOwned<ClientConnection, TcpStream>;

/// What a command line and the environment say about TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether any of it is said by the command line, and so is meant for this very command.
    pub is_typed: bool,
    /// A file with those whose signature counts; else those that the machine trusts.
    pub ca: Option<PathBuf>,
    /// A file with the certificate to show.
    pub cert: Option<PathBuf>,
    /// A file with its key, if it is not in the same one or beside it.
    pub key: Option<PathBuf>,
    /// The name that its certificate has to be for; else that in the address.
    pub name: Option<String>,
}

impl Tls {
    /// Whether anything is said.
    pub fn is_wanted(&self) -> bool {
        *self != Self::default()
    }

    fn terms(&self) -> Origination {
        let path = |it: &PathBuf| it.as_path().into();
        Origination {
            trust: self.ca.as_ref().map_or(Trust::System, |ca| Trust::File(path(ca))),
            server_name: None,
            certificate: self.cert.as_ref().map(|cert| Certificate {
                chain: path(cert),
                key: self.key.as_ref().map(path),
                obtained_for: None,
            }),
            alpn: ["http/1.1".into()].into(),
        }
    }
}

/// Speaks TLS over `stream`, which leads to `addr`; `place` is how the user calls it.
pub fn speak(mut stream: TcpStream, place: &str, addr: &str, tls: &Tls) -> Result<Tunnel, RunError> {
    let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host).trim_matches(['[', ']']);
    let name = tls.name.as_deref().unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(|_| {
        RunError::new(Exit::Usage, format!("no certificate can be for the name {name:?}"))
            .help("say by `--tls-name NAME` which name its certificate has")
    })?;
    let config = tls::to_ask(&tls.terms()).map_err(|troubles| unusable(&troubles))?;
    let failed = |error: io::Error| {
        refused(place, &error).unwrap_or_else(|| {
            RunError::new(Exit::Unavailable, format!("no TLS with {place}: {error}"))
                .help("if it speaks none, ask by `http://`")
        })
    };
    let mut connection =
        ClientConnection::new(config, name).map_err(|error| failed(io::Error::other(error)))?;
    // All of it before anything is asked: a token must not go to somebody else.
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(failed)?;
    }
    Ok(StreamOwned::new(connection, stream))
}

fn unusable(troubles: &[Trouble]) -> RunError {
    let what: Vec<_> = troubles.iter().map(|it| it.what.as_str()).collect();
    let error = RunError::new(Exit::NoInput, what.join("; "));
    match troubles {
        [one] if one.path == Path::new("") => {
            error.help("name a file with the certificate of its authority by `--tls-ca FILE`")
        }
        _ => error.help("`--tls-ca`, `--tls-cert` and `--tls-key` name files in PEM"),
    }
}

/// What `error` means, if it is TLS that failed.
pub fn refused(place: &str, error: &io::Error) -> Option<RunError> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    let told = |exit, what: &str| RunError::new(exit, format!("no TLS with {place}: {what}"));
    Some(match error {
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            told(Exit::NoPermission, "it wants to see a certificate")
                .help("name one that its `admin.tls.client-ca` counts by `--tls-cert FILE`")
        }
        Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::AccessDenied,
        ) => told(Exit::NoPermission, "it does not take the certificate that was shown").help(
            "`--tls-cert FILE` has to be valid, and signed by one of those in its `admin.tls.client-ca`",
        ),
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            told(Exit::Unavailable, "its certificate is signed by nobody who is trusted")
                .help("name a file with the certificate of its authority by `--tls-ca FILE`")
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => told(Exit::Unavailable, &error.to_string())
            .help("ask by a name that is in the certificate, or say by `--tls-name NAME` which one is"),
        Error::InvalidMessage(_) => told(Exit::Unavailable, "what it speaks is no TLS")
            .help("if it speaks plain HTTP, ask by `http://`"),
        error => told(Exit::Unavailable, &error.to_string()),
    })
}
