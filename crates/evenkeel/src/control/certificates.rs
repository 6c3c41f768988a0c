//! Keys and certificates: read again when their files change, swapped in when they are good, and told of before they expire.

use super::watch::Watch;
use super::{Input, Loop};
use crate::logging::Notice;
use crate::tls::{Material, Shown, Trouble};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::mpsc::Sender;

/// Time between two looks at the files.
const EVERY: Duration = Duration::from_secs(5);

/// Time between two looks at when certificates expire.
const EXPIRY_EVERY: Duration = Duration::from_secs(600);

/// So many days before a certificate expires that is told, each once.
const DAYS: [usize; 4] = [14, 7, 1, 0];

const DAY: u64 = 24 * 60 * 60;

/// What is known of keys and certificates.
pub struct Keys {
    /// What was read.
    pub material: Material,
    /// Tells readings of an earlier configuration from others.
    reading: u64,
    watch: Option<Watch>,
    /// For each certificate: which of [`DAYS`] was told of, and of which end.
    told: BTreeMap<PathBuf, (SystemTime, usize)>,
    look_at: Instant,
}

impl Keys {
    /// These were read for the configuration in force. Needs a tokio runtime around it.
    pub fn new(material: Material, inputs: &Sender<Input>) -> Self {
        let watch = watch(&material, inputs);
        Self { material, reading: 0, watch, told: BTreeMap::new(), look_at: Instant::now() }
    }

    /// Another configuration holds, for which these were read.
    pub fn replace(&mut self, material: Material, inputs: &Sender<Input>) {
        self.reading += 1;
        self.watch = watch(&material, inputs);
        self.material = material;
        self.look_at = Instant::now();
    }

    /// What is to be told of certificates that expire.
    fn expiring(&mut self) -> Vec<Notice> {
        let now = SystemTime::now();
        let shown = self.material.shown();
        self.told.retain(|file, (end, _)| shown.iter().any(|it| it.file == *file && it.expires == *end));
        let mut notices = Vec::new();
        for Shown { file, names, expires, .. } in shown.into_iter().filter(|it| is_worth_telling(it, now)) {
            let left = expires.duration_since(now).map_or(0, |left| left.as_secs().div_ceil(DAY) as usize);
            let Some(days) = DAYS.into_iter().filter(|days| left <= *days).min() else { continue };
            if self.told.get(&file).is_none_or(|(_, told)| days < *told) {
                self.told.insert(file.clone(), (expires, days));
                notices.push(Notice::CertificateExpires { file, names, days: left });
            }
        }
        notices
    }
}

/// One that is obtained is renewed when a third of its time is left, however long that is: until well after that all is well.
fn is_worth_telling(shown: &Shown, now: SystemTime) -> bool {
    let lifetime = shown.expires.duration_since(shown.since).unwrap_or_default();
    shown.obtained_for.is_none() || now + lifetime / 5 >= shown.expires
}

fn watch(material: &Material, inputs: &Sender<Input>) -> Option<Watch> {
    let files = material.files();
    (!files.is_empty()).then(|| Watch::files(files, EVERY, || Input::KeysChanged, inputs.clone()))
}

impl Loop {
    /// Tells of certificates that expire, now and then.
    pub(super) fn look_at_certificates(&mut self, now: Instant) {
        if now < self.control.keys.look_at {
            return;
        }
        self.control.keys.look_at = now + EXPIRY_EVERY;
        for notice in self.control.keys.expiring() {
            self.control.log.tell(notice);
        }
    }

    /// Reads the files again, in the background.
    pub(super) fn read_keys(&mut self) {
        let (config, before) = (self.control.director.config(), self.control.keys.material.clone());
        let admin = self.control.settings.admin.as_ref().and_then(|it| it.tls.clone());
        let (reading, inputs) = (self.control.keys.reading, self.control.inputs.clone());
        let work = move || {
            let (material, troubles) = Material::renew(&config, admin.as_ref(), &before);
            let _ = inputs.blocking_send(Input::KeysRead(Box::new(material), troubles, reading));
        };
        if let Err(error) = thread::Builder::new().name("certificates".to_owned()).spawn(work) {
            self.control.log.tell(Notice::CertificateRefused { why: error.to_string() });
        }
    }

    /// Swaps in what is new and good.
    pub(super) fn handle_keys(&mut self, material: Material, troubles: Vec<Trouble>, reading: u64) {
        let keys = &self.control.keys;
        // Since then a configuration was loaded, and its files with it.
        if keys.reading != reading {
            return;
        }
        let (old, new) = (keys.material.shown(), material.shown());
        let changed = material.differs(&keys.material);
        if changed {
            self.publish_keys(&material);
        }
        for trouble in &troubles {
            self.control.log.tell(Notice::CertificateRefused { why: trouble.what.clone() });
        }
        if changed {
            let files = new.into_iter().filter(|it| !old.contains(it)).map(|it| it.file).collect();
            self.control.log.tell(Notice::CertificatesRenewed { files });
            match troubles.is_empty() {
                true => self.control.keys.replace(material, &self.control.inputs),
                // What is refused would look like a change to a new watch.
                false => self.control.keys.material = material,
            }
            self.control.renew_admin();
        }
    }

    pub(super) fn publish_keys(&mut self, material: &Material) {
        if let Some(current) = self.control.plane.publication().cloned() {
            self.control.plane.publish(current.with_keyring(self.keyring(material)));
        }
    }
}
