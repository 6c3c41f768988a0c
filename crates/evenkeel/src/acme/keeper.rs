//! The task that keeps certificates: knows which are due, obtains them one after the other, and remembers what failed. When
//! is decided by the core.

use super::ask::Asker;
use super::failure::Failure;
use super::obtain::obtain;
use super::stage::Stage;
use super::store::{AllLately, Lately, Store, Unopened};
use super::{Held, News, Wanted};
use crate::control::Input;
use crate::tls::{self, obtained::folder};
use evenkeel_core::renewal::{Failures, Pace, Standing};
use instant_acme::{Account, AccountCredentials, NewAccount};
use rustls::ClientConfig;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long failures keep from trying again, at most: of a name, and of the authority.
const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
const LONGEST_GENERAL: Duration = Duration::from_secs(60 * 60);

/// How long one certificate may take.
const TIME_MAX: Duration = Duration::from_secs(6 * 60);

/// How soon to look again whether the folder is free.
const SOON: Duration = Duration::from_secs(1);

/// The longest sleep: a clock may be set meanwhile.
const NAP: Duration = Duration::from_secs(60 * 60);

/// By this name the authority stands among the names.
const AUTHORITY: &str = "";

/// Keeps what is wanted until nobody wants anything any more.
pub async fn run(mut wanted: watch::Receiver<Arc<Wanted>>, inputs: Sender<Input>) {
    let mut asked = wanted.borrow().asked;
    loop {
        let want = Arc::clone(&wanted.borrow_and_update());
        match Keeper::open(&want, &inputs) {
            Ok(mut keeper) => {
                let is_asked = std::mem::replace(&mut asked, want.asked) != want.asked;
                keeper.keep(&mut wanted, is_asked).await;
            }
            Err(Unopened::Taken) => {
                rest(&mut wanted, SOON).await;
            }
            Err(Unopened::Failed(failure)) => {
                let again = want.settings.retry;
                let news = News::Failed { name: None, why: failure.why, again: SystemTime::now() + again };
                let _ = inputs.send(news.into()).await;
                rest(&mut wanted, again).await;
            }
        }
        if wanted.has_changed().is_err() {
            return;
        }
    }
}

/// Sleeps so long, or until something else is wanted.
async fn rest(wanted: &mut watch::Receiver<Arc<Wanted>>, time: Duration) {
    tokio::select! {
        _ = wanted.changed() => wanted.mark_changed(),
        () = sleep(time) => {}
    }
}

/// Keeps what is wanted now.
struct Keeper {
    want: Arc<Wanted>,
    inputs: Sender<Input>,
    store: Store,
    stage: Stage,
    tls: Arc<ClientConfig>,
    names: BTreeMap<Arc<str>, Standing>,
    /// Of it only the failures count.
    authority: Standing,
    lately: AllLately,
}

impl Keeper {
    fn open(want: &Arc<Wanted>, inputs: &Sender<Input>) -> Result<Self, Unopened> {
        let tls = tls::to_ask(&want.settings.tls).map_err(|troubles| {
            let why = troubles.first().map_or_else(String::new, |it| it.what.clone());
            Unopened::Failed(Failure::general(why))
        })?;
        let store = Store::open(&folder(&want.settings))?;
        let lots = RandomState::new();
        let mut lately = store.lately();
        lately.retain(|name, _| &**name == AUTHORITY || want.names.contains(name));
        let standing = |name: &str| Standing {
            held: store.validity(name).filter(|_| name != AUTHORITY),
            failures: lately.get(name).map(|it| it.failures),
            lot: lots.hash_one(name) as u32,
        };
        let names = want.names.iter().map(|name| (Arc::clone(name), standing(name))).collect();
        let authority = standing(AUTHORITY);
        let stage = Stage::new(&want.settings, inputs);
        let (want, inputs) = (Arc::clone(want), inputs.clone());
        Ok(Self { want, inputs, store, stage, tls, names, authority, lately })
    }

    /// Obtains what is due when it is, until something else is wanted.
    async fn keep(&mut self, wanted: &mut watch::Receiver<Arc<Wanted>>, is_asked: bool) {
        if is_asked {
            self.names.values_mut().chain([&mut self.authority]).for_each(Standing::ask);
        }
        // What is sent elsewhere is so from the start, not only when somebody asks.
        let _ = self.stage.open().await;
        while matches!(wanted.has_changed(), Ok(false)) {
            self.tell_standing().await;
            let now = SystemTime::now();
            let next = self.names.keys().map(|name| (self.due(name, now), Arc::clone(name))).min();
            match next {
                Some((due, name)) if due <= now => self.renew(&name).await,
                Some((due, _)) => rest(wanted, due.duration_since(now).unwrap_or_default().min(NAP)).await,
                None => rest(wanted, NAP).await,
            }
        }
    }

    fn due(&self, name: &str, now: SystemTime) -> SystemTime {
        let retry = self.want.settings.retry;
        let pace = |longest| Pace { first: retry.min(longest), longest };
        let of_name = self.names.get(name).map_or(now, |it| it.due(pace(LONGEST), now));
        of_name.max(self.authority.due(pace(LONGEST_GENERAL), now))
    }

    /// Obtains one, and says what came of it.
    async fn renew(&mut self, name: &Arc<str>) {
        let obtained = timeout(TIME_MAX, self.obtain(name)).await;
        self.stage.clear().await;
        let too_late = Failure::of_name(format_args!("not done within {} min", TIME_MAX.as_secs() / 60));
        let kept = obtained.unwrap_or(Err(too_late)).and_then(|pem| self.store.keep(name, &pem));
        match kept {
            Ok(validity) => {
                self.note(name, None);
                self.note(AUTHORITY, None);
                if let Some(standing) = self.names.get_mut(name) {
                    standing.held = Some(validity);
                }
                let _ = self.inputs.send(News::Obtained(Arc::clone(name), validity.until).into()).await;
            }
            Err(failure) => self.fail(name, failure).await,
        }
    }

    async fn fail(&mut self, name: &Arc<str>, failure: Failure) {
        let (why, is_general) = (Arc::clone(&failure.why), failure.is_general);
        if !is_general {
            // It was there to say so.
            self.note(AUTHORITY, None);
        }
        self.note(if is_general { AUTHORITY } else { name }, Some(failure));
        let again = self.due(name, SystemTime::now());
        let name = (!is_general).then(|| Arc::clone(name));
        let _ = self.inputs.send(News::Failed { name, why, again }.into()).await;
    }

    /// Remembers what went wrong with a name or with the authority, or that nothing did.
    fn note(&mut self, name: &str, failure: Option<Failure>) {
        let standing = match name {
            AUTHORITY => Some(&mut self.authority),
            name => self.names.get_mut(name),
        };
        let before = self.lately.get(name).map(|it| it.failures);
        let lately = failure
            .map(|failure| Lately { failures: Failures::after(before, SystemTime::now()), why: failure.why });
        if let Some(standing) = standing {
            standing.failures = lately.as_ref().map(|it| it.failures);
        }
        let is_other = lately.is_some() || before.is_some();
        match lately {
            Some(lately) => drop(self.lately.insert(name.into(), lately)),
            None => drop(self.lately.remove(name)),
        }
        // What cannot be written is remembered here all the same, and was told when a certificate could not be.
        if is_other {
            let _ = self.store.keep_lately(&self.lately);
        }
    }

    async fn obtain(&mut self, name: &str) -> Result<String, Failure> {
        self.stage.open().await?;
        let account = self.account().await.map_err(Failure::for_all)?;
        let obtained = obtain(&account, name, &self.stage).await;
        match obtained {
            // It was lost there: we make another one.
            Err(failure) if failure.is_stranger => {
                let account = self.make_account().await.map_err(Failure::for_all)?;
                obtain(&account, name, &self.stage).await
            }
            obtained => obtained,
        }
    }

    /// The account, made if there is none, and told whom it may write to if that has changed.
    async fn account(&self) -> Result<Account, Failure> {
        let Some(mut kept) = self.store.account()? else { return self.make_account().await };
        let credentials: AccountCredentials =
            serde_json::from_value(kept["credentials"].take()).map_err(|error| {
                Failure::general(format_args!("the account that is kept is no good: {error}"))
            })?;
        let again = serde_json::to_value(&credentials).unwrap_or_default();
        let builder = Account::builder_with_http(Box::new(Asker { tls: Arc::clone(&self.tls) }));
        let account = builder.from_credentials(credentials).await?;
        if kept["contact"] != json!(self.want.settings.contact) {
            match account.update_contacts(&self.contact()).await.map_err(Failure::from) {
                Err(failure) if failure.is_stranger => return self.make_account().await,
                updated => updated?,
            }
            self.keep_account(again)?;
        }
        Ok(account)
    }

    async fn make_account(&self) -> Result<Account, Failure> {
        let builder = Account::builder_with_http(Box::new(Asker { tls: Arc::clone(&self.tls) }));
        let new = NewAccount {
            contact: &self.contact(),
            terms_of_service_agreed: self.want.settings.is_agreed,
            only_return_existing: false,
        };
        let (account, credentials) =
            builder.create(&new, self.want.settings.directory.to_string(), None).await?;
        self.keep_account(serde_json::to_value(&credentials).unwrap_or_default())?;
        Ok(account)
    }

    fn keep_account(&self, credentials: Value) -> Result<(), Failure> {
        let contact = &self.want.settings.contact;
        self.store.keep_account(&json!({"credentials": credentials, "contact": contact}))
    }

    fn contact(&self) -> Vec<&str> {
        self.want.settings.contact.iter().map(|it| &**it).collect()
    }

    async fn tell_standing(&self) {
        let now = SystemTime::now();
        let held = |(name, standing): (&Arc<str>, &Standing)| {
            let lately = self.lately.get(name).or_else(|| self.lately.get(AUTHORITY));
            Held {
                name: Arc::clone(name),
                until: standing.held.map(|it| it.until),
                due: self.due(name, now).max(now),
                failures: lately.map_or(0, |it| it.failures.times),
                problem: lately.map(|it| Arc::clone(&it.why)),
            }
        };
        let all = self.names.iter().map(held).collect();
        let _ = self.inputs.send(News::Standing(all).into()).await;
    }
}
