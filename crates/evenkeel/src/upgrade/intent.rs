//! What operators want that the new process has to know before it binds: services that are to take nothing new, and a
//! configuration that is in no file.

use super::past;
use super::wire::{Reader, Writer};
use crate::config::Given;
use evenkeel_core::director::{Connects, Duty};
use evenkeel_core::name::ServiceName;
use std::time::Instant;

/// What they want.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Of services.
    pub duties: Vec<(ServiceName, Duty)>,
    /// What is on trial.
    pub trial: Option<OnTrial>,
}

/// A configuration on trial. What comes back is what the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnTrial {
    /// It goes unless it is confirmed before.
    pub until: Instant,
    /// Its text.
    pub given: Given,
    /// What was counted when the trial began.
    pub connects: Vec<(ServiceName, Connects)>,
}

impl Intent {
    /// Writes it.
    pub fn write(&self, to: &mut Writer) {
        past::write_duties(to, &self.duties);
        to.option(self.trial.as_ref(), |to, trial| {
            to.instant(trial.until);
            to.text(&trial.given.path.to_string_lossy());
            to.text(&trial.given.text);
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
                given: Given { path: from.text()?.into(), text: from.text()?.to_owned() },
                connects: from.list(|from| {
                    let service = ServiceName::new(from.text()?);
                    Some((service, Connects { tried: from.u64()?, failed: from.u64()? }))
                })?,
            })
        })?;
        Some(Self { duties, trial })
    }
}
