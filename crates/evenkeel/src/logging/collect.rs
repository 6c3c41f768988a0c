//! Takes the records from the plane, batch by batch as they come: a batch is so small that it is still in the caches of the
//! processor when it is written, and nobody waits long for whom the writer shares a core with.

use super::Item;
use evenkeel_proxy::Records;
use std::sync::mpsc::{Receiver, Sender, sync_channel};

/// Hands records to the writer, and then to `keep`, until the plane or the writer has ended.
///
/// One batch is on its way at a time: while the writer is stuck, records wait in the plane's bounded channel, and
/// nowhere else.
pub fn run(records: &Receiver<Records>, to: &Sender<Item>, mut keep: impl FnMut(Records)) {
    for batch in records {
        let Some(written) = write(batch, to) else { return };
        keep(written);
    }
}

/// The same, once all are written or are not to be; `None`: the writer has ended.
fn write(records: Records, to: &Sender<Item>) -> Option<Records> {
    let (give_back, written) = sync_channel(1);
    to.send(Item::Sessions(records, give_back)).ok()?;
    written.recv().ok()
}
