//! Certificates that are obtained: has them obtained while this process is in charge, shows authorities what they ask for, and
//! knows how it stands.

use super::stop::Phase;
use super::{Input, Loop};
use crate::acme::{Acme, Held, News, Wanted};
use crate::logging::Notice;
use crate::tls::{Material, obtained::names};
use evenkeel_proxy::{Challenge, Keyring};
use std::sync::Arc;
use std::time::SystemTime;

/// What is known of certificates that are obtained.
#[derive(Default)]
pub(super) struct Obtaining {
    wanted: Option<Arc<Wanted>>,
    /// While this process is the one that obtains them.
    running: Option<Acme>,
    /// What an authority that asks is shown.
    challenge: Option<Arc<Challenge>>,
    tally: Obtained,
}

/// How it stands with certificates that are obtained.
#[derive(Clone, Debug, Default)]
pub struct Obtained {
    /// By name.
    pub held: Vec<Held>,
    /// How often one was obtained.
    pub obtained: u64,
    /// How often none could be.
    pub failed: u64,
}

impl Loop {
    /// The configuration in force is another one, or somebody had it loaded again.
    pub(super) fn want_certificates(&mut self) {
        let names = names(&self.control.director.config());
        let asked = self.obtaining.wanted.as_ref().map_or(0, |it| it.asked + 1);
        let settings = self.control.settings.acme.clone();
        self.obtaining.wanted = settings.map(|settings| Arc::new(Wanted { settings, names, asked }));
        let wanted = self.obtaining.wanted.iter().flat_map(|it| &it.names);
        let known = std::mem::take(&mut self.obtaining.tally.held);
        let held = |name: &Arc<str>| known.iter().find(|it| it.name == *name).cloned();
        self.obtaining.tally.held =
            wanted.map(|name| held(name).unwrap_or_else(|| Held::new(name))).collect();
        self.obtain_certificates();
    }

    /// Has them obtained by this process alone, and only as long as it is to stay: authorities ask whoever is there next.
    pub(super) fn obtain_certificates(&mut self) {
        let in_charge = self.phase == Phase::Running && !self.is_moving();
        match (&self.obtaining.wanted, &self.obtaining.running) {
            (Some(wanted), Some(running)) if in_charge => running.want(wanted),
            (Some(wanted), None) if in_charge => {
                match Acme::start(Arc::clone(wanted), self.control.inputs.clone()) {
                    Ok(acme) => self.obtaining.running = Some(acme),
                    Err(error) => {
                        let what = format!("no certificates are obtained: {error}");
                        self.control.log.tell(Notice::Warning(what));
                    }
                }
            }
            (_, Some(_)) => {
                self.obtaining.running = None;
                self.show(None);
            }
            (_, None) => {}
        }
    }

    pub(super) fn handle_acme(&mut self, news: News) {
        match news {
            News::Show(challenge, done) => {
                // One that has ended meanwhile wants nothing any more.
                if self.obtaining.running.is_some() {
                    self.show(challenge);
                }
                let _ = done.send(());
            }
            News::Obtained(name, until) => {
                self.obtaining.tally.obtained += 1;
                self.control.log.tell(Notice::CertificateObtained { name, until });
                self.read_keys();
            }
            News::Failed { name, why, again } => {
                self.obtaining.tally.failed += 1;
                let wait = again.duration_since(SystemTime::now()).unwrap_or_default();
                self.control.log.tell(Notice::CertificateNotObtained { name, why, wait });
            }
            News::Standing(held) => self.obtaining.tally.held = held,
        }
    }

    /// How it stands with them.
    pub(super) fn obtained(&self) -> Obtained {
        self.obtaining.tally.clone()
    }

    /// What the plane needs of `material`, and what it shows authorities.
    pub(super) fn keyring(&self, material: &Material) -> Arc<Keyring> {
        let mut keyring = material.keyring();
        keyring.set_challenge(self.obtaining.challenge.clone());
        Arc::new(keyring)
    }

    fn show(&mut self, challenge: Option<Arc<Challenge>>) {
        if challenge.is_none() && self.obtaining.challenge.is_none() {
            return;
        }
        self.obtaining.challenge = challenge;
        let material = self.control.keys.material.clone();
        self.publish_keys(&material);
    }
}

impl From<News> for Input {
    fn from(news: News) -> Self {
        Self::Acme(news)
    }
}
