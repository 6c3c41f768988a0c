//! Takes the session records from the plane, at a pace that spares the workers: while they are busy, they send to a
//! thread that sleeps, which costs them no system call.

use super::Item;
use evenkeel_proxy::SessionRecord;
use std::sync::mpsc::{Receiver, Sender, sync_channel};
use std::time::{Duration, Instant};

/// Time between two batches under load.
const PAUSE: Duration = Duration::from_millis(20);

/// Records that are handed on at once, at most.
const BATCH_MAX: usize = 10_000;

/// Room for records that is kept from one batch to the next.
const BATCH_KEPT: usize = 256;

/// Hands records to the writer until the plane or the writer has ended. The first after a pause goes at once.
///
/// One batch is on its way at a time: while the writer is stuck, records wait in the plane's bounded channel, and
/// nowhere else.
pub fn run(records: &Receiver<Vec<SessionRecord>>, to: &Sender<Item>) {
    let mut batch = Vec::new();
    let mut last: Option<Instant> = None;
    while let Ok(mut first) = records.recv() {
        if let Some(wait) = last.and_then(|last| PAUSE.checked_sub(last.elapsed())) {
            std::thread::sleep(wait);
        }
        batch.append(&mut first);
        while batch.len() < BATCH_MAX
            && let Ok(mut more) = records.try_recv()
        {
            batch.append(&mut more);
        }
        let (give_back, written) = sync_channel(1);
        if to.send(Item::Sessions(batch, give_back)).is_err() {
            return;
        }
        batch = match written.recv() {
            Ok(written) => written,
            Err(_) => return,
        };
        batch.shrink_to(BATCH_KEPT);
        last = Some(Instant::now());
    }
}
