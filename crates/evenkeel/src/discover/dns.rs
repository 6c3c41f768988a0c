//! Looks a host name up with the resolver of the system, which knows files, DNS and whatever else is set up, but does
//! not tell how long an answer holds.

use crate::control::Input;
use evenkeel_core::dice::Dice;
use evenkeel_core::name::PoolName;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// Until a name is looked up again.
const INTERVAL: Duration = Duration::from_secs(30);

/// Until a name that could not be resolved is looked up again, and the least time between two lookups.
const RETRY: Duration = Duration::from_secs(2);

/// Lookups at once, whatever their number: a server that is silent holds each of them for many seconds, and whoever looks at files
/// needs a thread, too.
pub const LOOKUPS_MAX: usize = 24;

/// Of which a lookup has one until its thread is free again, also when nobody waits for it any more.
static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_MAX);

/// Tells each of `pools` what `host` stands for, now and again and again, sooner when woken, until nobody listens.
pub async fn follow(host: Arc<str>, pools: BTreeSet<PoolName>, inputs: Sender<Input>, wake: Arc<Notify>) {
    let mut dice = Dice::new(RandomState::new().hash_one(&host));
    loop {
        let addrs = resolve(&host).await;
        let is_known = addrs.is_ok();
        for pool in &pools {
            let input = Input::Resolved { pool: pool.clone(), host: Arc::clone(&host), addrs: addrs.clone() };
            if inputs.send(input).await.is_err() {
                return;
            }
        }
        sleep(jittered(RETRY, &mut dice)).await;
        if is_known {
            let _ = timeout(jittered(INTERVAL - RETRY, &mut dice), wake.notified()).await;
        }
    }
}

/// Every address of `host`, in order, each once; or why there is none.
async fn resolve(host: &Arc<str>) -> Result<Vec<IpAddr>, Arc<str>> {
    let name = Arc::clone(host);
    let ask = move || (&*name, 0).to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>);
    let answer = in_turn(ask).await.and_then(|answer| answer).map_err(|error| reason(&error))?;
    let addrs: BTreeSet<IpAddr> = answer.into_iter().map(|addr| addr.ip()).collect();
    if addrs.is_empty() { Err("it has no address".into()) } else { Ok(addrs.into_iter().collect()) }
}

/// What `ask` says, which may take long: on another thread, as soon as few enough are asking.
async fn in_turn<T: Send + 'static>(ask: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let permit = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let task = spawn_blocking(move || {
        let _permit = permit;
        ask()
    });
    task.await.map_err(io::Error::other)
}

/// What the resolver said, without the part that only says that it was the resolver.
fn reason(error: &io::Error) -> Arc<str> {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).into()
}

/// A tenth more or less, so that many names are not asked for at once.
fn jittered(time: Duration, dice: &mut Dice) -> Duration {
    time.mul_f64(0.9 + dice.below(2001) as f64 / 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn localhost_is_this_machine_and_each_address_comes_once() {
        let addrs = resolve(&"localhost".into()).await.unwrap();
        assert!(!addrs.is_empty() && addrs.iter().all(IpAddr::is_loopback), "{addrs:?}");
        assert!(addrs.is_sorted_by(|one, other| one < other), "{addrs:?}");
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_is_told_with_the_reason_only() {
        // Names in `.invalid` never exist, RFC 6761.
        let error = resolve(&"no-such-host.invalid".into()).await.unwrap_err();
        assert!(!error.contains("failed to lookup"), "{error}");
    }

    #[test]
    fn lookups_that_hang_leave_threads_for_others() {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().max_blocking_threads(LOOKUPS_MAX + 1).build().unwrap();
        let (ends, silences): (Vec<_>, Vec<_>) =
            (0..3 * LOOKUPS_MAX).map(|_| std::sync::mpsc::channel::<()>()).unzip();
        runtime.block_on(async {
            let hang = |silence: std::sync::mpsc::Receiver<()>| in_turn(move || silence.recv());
            let mut lookups: tokio::task::JoinSet<_> = silences.into_iter().map(hang).collect();
            while LOOKUPS.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            timeout(evenkeel_testkit::PATIENCE, spawn_blocking(|| ())).await.unwrap().unwrap();
            // Nobody waits for these any more, and they hang all the same.
            lookups.abort_all();
            while lookups.join_next().await.is_some() {}
            assert_eq!(LOOKUPS.available_permits(), 0);
        });
        drop(ends);
    }

    #[tokio::test]
    async fn every_pool_with_the_name_is_told() {
        let (inputs, mut told) = tokio::sync::mpsc::channel(4);
        let pools = BTreeSet::from([PoolName::new("one"), PoolName::new("two")]);
        let task = tokio::spawn(follow("localhost".into(), pools.clone(), inputs, Arc::default()));
        for expected in pools {
            let Some(Input::Resolved { pool, addrs, .. }) = told.recv().await else { panic!("nothing told") };
            assert_eq!(pool, expected);
            assert!(addrs.is_ok());
        }
        task.abort();
    }

    #[tokio::test]
    async fn a_doubt_brings_the_next_lookup_forward() {
        let (inputs, mut told) = tokio::sync::mpsc::channel(4);
        let wake = Arc::new(Notify::new());
        let pools = BTreeSet::from([PoolName::new("one")]);
        let task = tokio::spawn(follow("localhost".into(), pools, inputs, Arc::clone(&wake)));
        told.recv().await.unwrap();
        let began = std::time::Instant::now();
        wake.notify_one();
        told.recv().await.unwrap();
        let took = began.elapsed();
        assert!(took >= RETRY.mul_f64(0.9) && took < INTERVAL / 2, "{took:?}");
        task.abort();
    }

    #[test]
    fn jitter_is_a_tenth_at_most() {
        let mut dice = Dice::new(7);
        for _ in 0..1000 {
            let time = jittered(INTERVAL, &mut dice);
            assert!(time >= INTERVAL.mul_f64(0.9) && time <= INTERVAL.mul_f64(1.1001), "{time:?}");
        }
    }
}
