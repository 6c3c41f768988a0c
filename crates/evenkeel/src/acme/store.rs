//! What is kept in the folder of an authority, readable by nobody else: the account, the certificates, what failed lately.
//! Every file is there as a whole or not at all; who has the lock is the only one who writes.

use super::failure::Failure;
use crate::tls::obtained::file;
use crate::tls::{Kept, kept};
use evenkeel_core::renewal::{Failures, Validity};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, OpenOptions, rename};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The largest file of ours that is read.
const FILE_MAX: u64 = 1 << 20;

/// What went wrong lately, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lately {
    /// How often, and when.
    pub failures: Failures,
    /// What.
    pub why: Arc<str>,
}

/// The same for each name, and for the authority, which is called by no name at all.
pub type AllLately = BTreeMap<Arc<str>, Lately>;

/// The folder of an authority.
pub struct Store {
    folder: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// Why the folder cannot be used.
pub enum Unopened {
    /// Another process uses it: the one before this, mostly.
    Taken,
    /// Something is wrong with it.
    Failed(Failure),
}

impl Store {
    /// Makes the folder, if it is not there, and locks it.
    pub fn open(folder: &Path) -> Result<Self, Unopened> {
        let failed = |what: &Path, error: &dyn std::fmt::Display| {
            Unopened::Failed(Failure::general(format_args!("cannot use {}: {error}", what.display())))
        };
        let certificates = folder.join("certificates");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&certificates);
        made.map_err(|error| failed(&certificates, &error))?;
        let path = folder.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(|error| failed(&path, &error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Unopened::Taken),
            Err(error) => Err(failed(&path, &error)),
        }
    }

    /// How long the certificate for `name` is valid, if there is one that can be shown.
    pub fn validity(&self, name: &str) -> Option<Validity> {
        kept(&file(&self.folder, name)).ok().map(|it| it.validity)
    }

    /// Keeps the certificate for `name` in place of the one before, if it is valid and can be shown.
    pub fn keep(&self, name: &str, pem: &str) -> Result<Validity, Failure> {
        let path = file(&self.folder, name);
        let new = write_new(&path, pem.as_bytes()).map_err(|error| unwritten(&path, &error))?;
        let no_good = |what: &dyn std::fmt::Display| {
            Failure::of_name(format_args!("what the authority has signed is no good: {what}"))
        };
        let Kept { validity, names } = kept(&new).map_err(|why| no_good(&why))?;
        if !names.iter().any(|it| it == name) {
            return Err(no_good(&"it is for another name"));
        }
        if !(validity.since..validity.until).contains(&SystemTime::now()) {
            return Err(no_good(&"it is not valid now; is the clock right?"));
        }
        replace(&new, &path).map_err(|error| unwritten(&path, &error))?;
        Ok(validity)
    }

    /// The account, if there is one.
    pub fn account(&self) -> Result<Option<Value>, Failure> {
        let path = self.folder.join("account.json");
        let unreadable = |why: &dyn std::fmt::Display| {
            Failure::general(format_args!("cannot read {}: {why}", path.display()))
        };
        match read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| unreadable(&error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unreadable(&error)),
        }
    }

    /// Keeps the account in place of the one before.
    pub fn keep_account(&self, account: &Value) -> Result<(), Failure> {
        let path = self.folder.join("account.json");
        write(&path, format!("{account:#}\n").as_bytes()).map_err(|error| unwritten(&path, &error))
    }

    /// What failed lately. What cannot be read counts for nothing.
    pub fn lately(&self) -> AllLately {
        let bytes = read(&self.folder.join("failures.json")).unwrap_or_default();
        let all: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let one = |(name, value): (&String, &Value)| {
            let last = UNIX_EPOCH.checked_add(Duration::from_secs(value["last"].as_u64()?))?;
            let times = u32::try_from(value["times"].as_u64()?).ok()?.max(1);
            let lately = Lately { failures: Failures { times, last }, why: value["why"].as_str()?.into() };
            Some((Arc::from(name.as_str()), lately))
        };
        all.as_object().into_iter().flatten().filter_map(one).collect()
    }

    /// Keeps what failed lately.
    pub fn keep_lately(&self, all: &AllLately) -> Result<(), Failure> {
        let one = |(name, Lately { failures, why }): (&Arc<str>, &Lately)| {
            let last = failures.last.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            (name.to_string(), json!({"times": failures.times, "last": last, "why": **why}))
        };
        let all: serde_json::Map<_, _> = all.iter().map(one).collect();
        let path = self.folder.join("failures.json");
        let text = format!("{:#}\n", Value::Object(all));
        write(&path, text.as_bytes()).map_err(|error| unwritten(&path, &error))
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::general(format_args!("cannot write {}: {error}", path.display()))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = write_new(path, bytes)?;
    replace(&new, path)
}

/// Writes `bytes` down, beside where they will be.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let new = PathBuf::from([path.as_os_str(), OsStr::new(".new")].into_iter().collect::<OsString>());
    // One that was left behind may be anybody's.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(new)
}

fn replace(new: &Path, path: &Path) -> io::Result<()> {
    rename(new, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}
