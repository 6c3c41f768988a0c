//! Writes the lines, on a thread of its own: a slow terminal or a full disk delays nothing but the log.

use super::entry::Entry;
use super::notice::Notice;
use super::outlet::{Format, Outlet};
use super::{Item, Tally, json, queue};
use evenkeel_proxy::Records;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

/// Bytes of buffer that are kept from one batch to the next.
const BUFFER_KEPT: usize = 64 * 1024;

/// How often it is told at most that lines were lost.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Turns items into lines, and writes them.
pub struct Writer<K> {
    outlet: Outlet,
    /// Takes records that are written.
    keep: K,
    buffer: String,
    /// Lines that go aside.
    beside: String,
    tally: Arc<Tally>,
    /// Lines that could not be written since the last that could.
    lost: u64,
    /// When their number was told last.
    told: Option<Instant>,
}

impl<K: FnMut(Records)> Writer<K> {
    /// Writes to `outlet`, counts in `tally` what is not written, and then gives records to `keep`.
    pub fn new(outlet: Outlet, keep: K, tally: Arc<Tally>) -> Self {
        Self { outlet, keep, buffer: String::new(), beside: String::new(), tally, lost: 0, told: None }
    }

    /// Writes whatever comes, until nobody is left to send.
    pub fn run(mut self, items: &Receiver<Item>) {
        loop {
            match queue::next(items, self.outlet.gate.ends()) {
                Ok(item) => self.take(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            while self.buffer.len() < BUFFER_KEPT
                && let Ok(item) = items.try_recv()
            {
                self.take(item);
            }
            if self.outlet.gate.ends().is_some_and(|due| due <= Instant::now()) {
                self.sum_up();
            }
            self.flush();
        }
        self.sum_up();
        self.flush();
        self.told = None;
        self.tell_lost();
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Notice(at, notice, place) => {
                drop(place);
                self.put(&Entry::Notice(at, &notice));
            }
            Item::Sessions(records, _place) => {
                self.sessions(&records);
                // Before its place is free: while the output is stuck, no more are taken.
                self.flush();
                (self.keep)(records);
            }
            Item::Turn(outlet, _turn) => {
                self.sum_up();
                self.flush();
                self.outlet = *outlet;
            }
        }
    }

    fn sessions(&mut self, records: &Records) {
        let now = Instant::now();
        let open = records.open.iter().map(Entry::Open);
        let requests = records.requests.iter().map(Entry::Request);
        for entry in open.chain(requests).chain(records.ended.iter().map(Entry::Ended)) {
            let is_shown =
                entry.session().is_none_or(|(service, kind)| self.outlet.gate.admits(now, service, kind));
            if is_shown {
                self.put(&entry);
            }
        }
    }

    /// Makes the line of `entry`.
    fn put(&mut self, entry: &Entry<'_>) {
        let Outlet { format, sink, aside, .. } = &mut self.outlet;
        if !sink.is_on() {
            return;
        }
        match (format, entry) {
            (Format::Text(text), _) => text.line(&mut self.buffer, entry),
            (Format::Json, _) => json::line(&mut self.buffer, entry),
            (Format::Combined(combined), Entry::Request(record)) => {
                combined.request(&mut self.buffer, record);
            }
            (Format::Combined(_), _) => {
                aside.iter_mut().for_each(|aside| aside.text.line(&mut self.beside, entry));
                return;
            }
        }
        match sink.take(&mut self.buffer, entry) {
            0 if self.buffer.is_empty() => self.tell_lost(),
            0 => {}
            lost => self.lose(lost),
        }
    }

    /// Tells what was left out.
    fn sum_up(&mut self) {
        for left_out in self.outlet.gate.close() {
            self.tally.left_out.fetch_add(left_out.lines, Relaxed);
            self.put(&Entry::Notice(SystemTime::now(), &Notice::LeftOut(left_out)));
        }
    }

    /// Writes the buffer. What cannot be written is given up and counted: the balancer goes on without a log.
    fn flush(&mut self) {
        self.flush_aside();
        if self.buffer.is_empty() {
            return;
        }
        let lost = self.outlet.sink.write(&self.buffer);
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT);
        match lost {
            0 => self.tell_lost(),
            lost => self.lose(lost),
        }
    }

    fn flush_aside(&mut self) {
        if let Some(aside) = self.outlet.aside.as_mut().filter(|_| !self.beside.is_empty()) {
            let lost = aside.sink.write(&self.beside);
            self.tally.lost.fetch_add(lost, Relaxed);
        }
        self.beside.clear();
        self.beside.shrink_to(BUFFER_KEPT);
    }

    /// Now that lines are taken again, tells how many were not; not too often, where only some are.
    fn tell_lost(&mut self) {
        if self.lost == 0 || self.told.is_some_and(|told| told.elapsed() < TOLD_EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let lines = std::mem::take(&mut self.lost);
        self.put(&Entry::Notice(SystemTime::now(), &Notice::LinesDropped { lines }));
        self.flush();
        if self.lost > 0 {
            // That was not taken either.
            self.lost += lines;
        }
    }

    fn lose(&mut self, lines: u64) {
        self.lost += lines;
        self.tally.lost.fetch_add(lines, Relaxed);
    }
}
