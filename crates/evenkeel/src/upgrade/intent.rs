//! What operators want that the new process has to know before it binds: services that are to take nothing new, and a
//! configuration that is in no file.

use super::wire::{Reader, Writer};
use super::{config, past};
use crate::config::AdminSettings;
use evenkeel_core::director::{Config, Connects, Duty};
use evenkeel_core::name::ServiceName;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

/// What they want.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Of services.
    pub duties: Vec<(ServiceName, Duty)>,
    /// What is on trial.
    pub trial: Option<OnTrial>,
}

/// A configuration on trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnTrial {
    /// It goes unless it is confirmed before.
    pub until: Instant,
    /// What holds.
    pub now: Held,
    /// What comes back.
    pub before: Held,
    /// What was counted when the trial began.
    pub connects: Vec<(ServiceName, Connects)>,
}

/// What a reload changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Services and pools.
    pub config: Config,
    /// How long to keep accepting after SIGTERM.
    pub lame_duck: Duration,
    /// How long sessions may then take to end.
    pub drain: Duration,
    /// How long a new process may take to be ready.
    pub upgrade_timeout: Duration,
    /// Where the admin API is.
    pub admin: Option<AdminSettings>,
}

impl Intent {
    /// Writes it.
    pub fn write(&self, to: &mut Writer) {
        past::write_duties(to, &self.duties);
        to.option(self.trial.as_ref(), |to, trial| {
            to.instant(trial.until);
            write_held(to, &trial.now);
            write_held(to, &trial.before);
            to.list(&trial.connects, |to, (service, connects)| {
                to.text(service.as_str());
                to.u64(connects.tried);
                to.u64(connects.failed);
            });
        });
    }

    /// Reads it.
    pub fn read(from: &mut Reader<'_>) -> Option<Self> {
        let duties = past::read_duties(from)?;
        let trial = from.option(|from| {
            Some(OnTrial {
                until: from.instant()?,
                now: read_held(from)?,
                before: read_held(from)?,
                connects: from.list(|from| {
                    let service = ServiceName::new(from.text()?);
                    Some((service, Connects { tried: from.u64()?, failed: from.u64()? }))
                })?,
            })
        })?;
        Some(Self { duties, trial })
    }
}

fn write_held(to: &mut Writer, held: &Held) {
    config::write(to, &held.config);
    [held.lame_duck, held.drain, held.upgrade_timeout].into_iter().for_each(|time| to.duration(time));
    to.option(held.admin.as_ref(), |to, AdminSettings { listen, token_file }| {
        to.option(listen.as_ref(), |to, addrs| to.list(addrs, Writer::addr));
        to.option(token_file.as_ref(), |to, path| to.bytes(path.as_os_str().as_bytes()));
    });
}

fn read_held(from: &mut Reader<'_>) -> Option<Held> {
    Some(Held {
        config: config::read(from)?,
        lame_duck: from.duration()?,
        drain: from.duration()?,
        upgrade_timeout: from.duration()?,
        admin: from.option(|from| {
            Some(AdminSettings {
                listen: from.option(|from| from.list(Reader::addr))?,
                token_file: from.option(|from| Some(OsStr::from_bytes(from.bytes()?).into()))?,
            })
        })?,
    })
}
