//! Looks a host name up with the resolver of the system, which knows files, DNS and whatever else is set up, but does
//! not tell how long an answer holds.

use crate::control::Input;
use evenkeel_core::dice::Dice;
use evenkeel_core::name::PoolName;
use std::collections::BTreeSet;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::sync::Notify;
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};

/// Until a name is looked up again.
const INTERVAL: Duration = Duration::from_secs(30);

/// Until a name that could not be resolved is looked up again, and the least time between two lookups.
const RETRY: Duration = Duration::from_secs(2);

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
async fn resolve(host: &str) -> Result<Vec<IpAddr>, Arc<str>> {
    let answer = lookup_host((host, 0)).await.map_err(|error| reason(&error))?;
    let addrs: BTreeSet<IpAddr> = answer.map(|addr| addr.ip()).collect();
    if addrs.is_empty() { Err("it has no address".into()) } else { Ok(addrs.into_iter().collect()) }
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
        let addrs = resolve("localhost").await.unwrap();
        assert!(!addrs.is_empty() && addrs.iter().all(IpAddr::is_loopback), "{addrs:?}");
        assert!(addrs.is_sorted_by(|one, other| one < other), "{addrs:?}");
    }

    #[tokio::test]
    async fn a_name_that_cannot_be_is_told_with_the_reason_only() {
        // Names in `.invalid` never exist, RFC 6761.
        let error = resolve("no-such-host.invalid").await.unwrap_err();
        assert!(!error.contains("failed to lookup"), "{error}");
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
