//! Takes the session records from the plane, at a pace that spares the workers: while they are busy, they send to a
//! thread that sleeps, which costs them no system call.

use super::Item;
use evenkeel_proxy::SessionRecord;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, Instant};

/// Time between two batches under load.
const PAUSE: Duration = Duration::from_millis(20);

/// Records that are handed on at once, at most; what is beyond waits in the plane's bounded channel.
const BATCH_MAX: usize = 10_000;

/// Hands records to the writer until the plane or the writer has ended. The first after a pause goes at once.
pub fn run(records: &Receiver<Vec<SessionRecord>>, to: &SyncSender<Item>) {
    let mut last: Option<Instant> = None;
    while let Ok(mut batch) = records.recv() {
        let wait = last.and_then(|last| PAUSE.checked_sub(last.elapsed()));
        if let Some(wait) = wait {
            std::thread::sleep(wait);
        }
        while batch.len() < BATCH_MAX
            && let Ok(mut more) = records.try_recv()
        {
            batch.append(&mut more);
        }
        if to.send(Item::Sessions(batch)).is_err() {
            return;
        }
        last = Some(Instant::now());
    }
}
