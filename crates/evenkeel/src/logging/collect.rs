//! Takes the session records from the plane, at a pace that spares the workers: while they are busy, they send to a
//! thread that sleeps, which costs them no system call.

use super::Item;
use evenkeel_proxy::Records;
use std::sync::mpsc::{Receiver, Sender, sync_channel};
use std::time::{Duration, Instant};

/// Time between two batches under load.
const PAUSE: Duration = Duration::from_millis(20);

/// Records that are handed on at once, at most.
const BATCH_MAX: usize = 10_000;

/// Hands records to the writer, and then to `keep`, until the plane or the writer has ended. The first
/// after a pause goes at once.
///
/// One batch is on its way at a time: while the writer is stuck, records wait in the plane's bounded channel, and
/// nowhere else.
pub fn run(records: &Receiver<Records>, to: &Sender<Item>, mut keep: impl FnMut(Records)) {
    let mut last: Option<Instant> = None;
    while let Ok(mut batch) = records.recv() {
        if let Some(wait) = last.and_then(|last| PAUSE.checked_sub(last.elapsed())) {
            std::thread::sleep(wait);
        }
        while batch.len() < BATCH_MAX
            && let Ok(more) = records.try_recv()
        {
            batch.append(more);
        }
        let Some(written) = write(batch, to) else { return };
        keep(written);
        last = Some(Instant::now());
    }
}

/// The same, once all are written or are not to be; `None`: the writer has ended.
fn write(records: Records, to: &Sender<Item>) -> Option<Records> {
    let (give_back, written) = sync_channel(1);
    to.send(Item::Sessions(records, give_back)).ok()?;
    written.recv().ok()
}
