//! What a failure of rustls says about the other side.

use evenkeel_core::tls::Fault;
use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible};

/// What `error` is; `opening`: nothing of what came made sense as TLS yet.
pub fn fault(error: &Error, opening: bool) -> Fault {
    match error {
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) if opening => Fault::NotTls,
        Error::NoCertificatesPresented => Fault::NoCertificate,
        Error::NoApplicationProtocol => Fault::Protocol,
        Error::AlertReceived(alert) => Fault::Alert(u8::from(*alert)),
        Error::InvalidCertificate(error) => certificate(error),
        Error::PeerIncompatible(error) => incompatible(error),
        Error::General(_)
        | Error::EncryptError
        | Error::FailedToGetCurrentTime
        | Error::FailedToGetRandomBytes
        | Error::HandshakeNotComplete
        | Error::InconsistentKeys(_)
        | Error::BadMaxFragmentSize
        | Error::UnsupportedNameType
        | Error::InvalidCertRevocationList(_)
        | Error::Other(_) => Fault::Ours,
        _ => Fault::Misbehaved,
    }
}

fn certificate(error: &CertificateError) -> Fault {
    use CertificateError as E;
    match error {
        E::UnknownIssuer => Fault::UnknownIssuer,
        E::Expired | E::ExpiredContext { .. } => Fault::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => Fault::NotYetValid,
        E::NotValidForName | E::NotValidForNameContext { .. } => Fault::WrongName,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => Fault::WrongPurpose,
        _ => Fault::Certificate,
    }
}

fn incompatible(error: &PeerIncompatible) -> Fault {
    use PeerIncompatible as E;
    match error {
        E::ServerDoesNotSupportTls12Or13
        | E::ServerTlsVersionIsDisabledByOurConfig
        | E::SupportedVersionsExtensionRequired
        | E::Tls12NotOffered
        | E::Tls12NotOfferedOrEnabled => Fault::Version,
        _ => Fault::Nothing,
    }
}

/// Whether a fault is an end that the other side wanted, rather than bytes that cannot be read.
pub fn is_alert(error: &Error) -> bool {
    matches!(error, Error::AlertReceived(alert) if *alert != AlertDescription::CloseNotify)
}
