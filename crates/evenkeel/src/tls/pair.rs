//! Certificates and their keys, out of files.

use super::der::{self, Facts};
use crate::reach;
use evenkeel_core::renewal::Validity;
use rustls::SignatureAlgorithm;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// The largest file that is read: no chain is as long.
const FILE_MAX: u64 = 1024 * 1024;

/// Certificates of a folder at most.
const FOLDER_MAX: usize = 10_000;

/// A certificate that can be shown.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Where it came from.
    pub path: PathBuf,
    /// With its chain and its key.
    pub certified: Arc<CertifiedKey>,
    /// What it says.
    pub facts: Facts,
    /// Whether its key is an RSA key, with which a handshake costs several times as much.
    pub is_rsa: bool,
    /// The name that it was obtained for from an authority, by evenkeel itself.
    pub obtained_for: Option<Arc<str>>,
}

/// Something that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// As it is configured.
    pub path: PathBuf,
    /// What is wrong, with the file that it is about.
    pub what: String,
    /// What to do about it.
    pub help: Option<&'static str>,
}

impl Trouble {
    /// This is wrong.
    pub fn new(path: &Path, what: impl Into<String>, help: impl Into<Option<&'static str>>) -> Self {
        Self { path: path.to_owned(), what: what.into(), help: help.into() }
    }
}

impl Pair {
    /// Whether it is valid then; else why not.
    pub fn validity(&self, now: SystemTime) -> Result<(), &'static str> {
        match &self.facts {
            it if now < it.not_before => Err("is not valid yet"),
            it if now >= it.not_after => Err("has expired"),
            _ => Ok(()),
        }
    }
}

/// The files that the certificate at `path` stands for: itself, or those in the folder. Each with its key.
pub fn files(path: &Path, key: Option<&Path>) -> Result<Vec<(PathBuf, PathBuf)>, Trouble> {
    if !path.is_dir() {
        return Ok(vec![(path.to_owned(), key.map_or_else(|| key_of(path), Path::to_owned))]);
    }
    let unreadable = |error: io::Error| {
        let why = reach::outside(path).map_or_else(|| error.to_string(), str::to_owned);
        Trouble::new(path, format!("cannot read {}: {why}", path.display()), None)
    };
    let mut chains = Vec::new();
    // Others of the same name stand beside it: the certificate alone, the chain alone, that of an authority.
    match known_chain(path) {
        Some(chain) => chains.push(chain),
        None => {
            for entry in fs::read_dir(path).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?.path();
                // Kubernetes keeps the same files under hidden names, too.
                let is_hidden =
                    entry.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
                let chain = known_chain(&entry).or_else(|| is_chain(&entry).then(|| entry.clone()));
                chains.extend(chain.filter(|_| !is_hidden));
            }
        }
    }
    chains.sort();
    match chains.len() {
        0 => Err(Trouble::new(
            path,
            format!("no certificate in {}", path.display()),
            "certificates end in `.pem`, `.crt` or `.cer`, or are `fullchain.pem` or `tls.crt` in a folder of their own",
        )),
        too_many if too_many > FOLDER_MAX => Err(Trouble::new(
            path,
            format!("{too_many} certificates in {}, at most {FOLDER_MAX}", path.display()),
            None,
        )),
        _ => Ok(chains.into_iter().map(|chain| (chain.clone(), key_of(&chain))).collect()),
    }
}

/// The certificate in a folder as certbot keeps it, or as Kubernetes mounts it.
fn known_chain(folder: &Path) -> Option<PathBuf> {
    ["fullchain.pem", "tls.crt"].map(|name| folder.join(name)).into_iter().find(|it| it.is_file())
}

fn is_chain(path: &Path) -> bool {
    let extension = path.extension().and_then(|it| it.to_str());
    let stem = path.file_stem().and_then(|it| it.to_str()).unwrap_or_default();
    let is_key = stem.ends_with("key") || stem == "privkey";
    matches!(extension, Some("pem" | "crt" | "cer")) && !is_key && path.is_file()
}

/// Where the key of the certificate at `chain` is: beside it, if there is such a file, else in the same one.
fn key_of(chain: &Path) -> PathBuf {
    let beside = [chain.with_extension("key"), chain.with_file_name("privkey.pem")];
    let is_certbot = chain.file_name().is_some_and(|name| name == "fullchain.pem");
    let candidates = beside.into_iter().take(if is_certbot { 2 } else { 1 });
    candidates.into_iter().find(|it| it != chain && it.is_file()).unwrap_or_else(|| chain.to_owned())
}

/// The certificate in `chain` with the key in `key`; `path` is what is configured.
pub fn read(path: &Path, chain: &Path, key: &Path, provider: &CryptoProvider) -> Result<Pair, Trouble> {
    let certificates = certificates(path, chain)?;
    let private = PrivateKeyDer::from_pem_slice(&bytes(path, key)?).map_err(|error| {
        let what = format!("no private key in {}: {}", key.display(), told(&error));
        Trouble::new(
            path,
            what,
            "name its file by `key`, or put it into the same file, as PEM without a password",
        )
    })?;
    let signing = provider.key_provider.load_private_key(private).map_err(|error| {
        Trouble::new(path, format!("the key in {} cannot be used: {error}", key.display()), None)
    })?;
    let is_rsa = signing.algorithm() == SignatureAlgorithm::RSA;
    let unusable =
        |what: String| Trouble::new(path, format!("the certificate in {} {what}", chain.display()), None);
    let facts = der::facts(&certificates[0]).ok_or_else(|| unusable("cannot be read".to_owned()))?;
    let certified = CertifiedKey::new(certificates, signing);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(Trouble::new(
                path,
                format!("the key in {} is not that of the certificate in {}", key.display(), chain.display()),
                "the certificate itself comes first in its file, those who signed it behind it",
            ));
        }
        Err(error) => return Err(unusable(format!("cannot be used: {error}"))),
    }
    Ok(Pair { path: chain.to_owned(), certified: Arc::new(certified), facts, is_rsa, obtained_for: None })
}

/// What a file says in which we keep a certificate, its chain and its key.
pub struct Kept {
    /// How long it is valid.
    pub validity: Validity,
    /// The host names that it is for.
    pub names: Vec<String>,
}

/// What the file at `path` says; or why it cannot be shown.
pub fn kept(path: &Path) -> Result<Kept, String> {
    let pair = read(path, path, path, &aws_lc_rs::default_provider()).map_err(|trouble| trouble.what)?;
    let Facts { names, not_before, not_after, .. } = pair.facts;
    Ok(Kept { validity: Validity { since: not_before, until: not_after }, names })
}

/// The certificates in a file, one at least.
pub fn certificates(path: &Path, file: &Path) -> Result<Vec<CertificateDer<'static>>, Trouble> {
    let bytes = bytes(path, file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let what = match all {
        Ok(all) if !all.is_empty() => return Ok(all),
        Ok(_) => format!("no certificate in {}", file.display()),
        Err(error) => format!("no certificate in {}: {}", file.display(), told(&error)),
    };
    Err(Trouble::new(path, what, "it has to be PEM, which begins with `-----BEGIN CERTIFICATE-----`"))
}

fn bytes(path: &Path, file: &Path) -> Result<Vec<u8>, Trouble> {
    let length = fs::metadata(file).map(|it| it.len()).unwrap_or_default();
    if length > FILE_MAX {
        return Err(Trouble::new(
            path,
            format!("{} is far too large for a certificate", file.display()),
            None,
        ));
    }
    let mut bytes = Vec::new();
    let read = reach::open(file).and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::PermissionDenied if reach::outside(file).is_none() => {
                Some("the user that evenkeel runs as has to be allowed to read it")
            }
            _ => None,
        };
        let why = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            io::ErrorKind::PermissionDenied => reach::denied(file),
            _ => error.to_string(),
        };
        Trouble::new(path, format!("cannot read {}: {why}", file.display()), help)
    })
}

fn told(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "there is none".to_owned(),
        error => error.to_string(),
    }
}
