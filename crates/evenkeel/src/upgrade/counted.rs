//! What is known only when sessions stand still, as bytes: what was counted, and which of them are to be closed.

use super::member::{read_leaving, write_leaving};
use super::past::{read_key, write_key};
use super::wire::{Reader, Writer};
use evenkeel_core::director::{Closed, Leaving};
use evenkeel_core::name::{BackendKey, ServiceName};
use evenkeel_proxy::{BackendSums, DatagramSums, RequestSums, ServiceSums, Times, Totals, UserPlane};
use std::collections::BTreeMap;
use std::time::Instant;

/// Sessions to close that are to be looked for once more, and when.
pub type Closings = Vec<(Instant, Closed, Leaving)>;

fn write_closing(to: &mut Writer, (at, closed, leaving): &(Instant, Closed, Leaving)) {
    to.instant(*at);
    match closed {
        Closed::Backend(key) => {
            to.bool(true);
            write_key(to, key);
        }
        Closed::Service(service) => {
            to.bool(false);
            to.text(service.as_str());
        }
    }
    write_leaving(to, *leaving);
}

fn read_closing(from: &mut Reader<'_>) -> Option<(Instant, Closed, Leaving)> {
    let at = from.instant()?;
    let closed = match from.bool()? {
        true => Closed::Backend(read_key(from)?),
        false => Closed::Service(ServiceName::new(from.text()?)),
    };
    Some((at, closed, read_leaving(from)?))
}

/// What a plane has counted, and which sessions of it are still to be closed.
#[derive(Debug)]
pub struct Counted {
    /// Those that are to be closed.
    pub closings: Closings,
    totals: Totals,
    services: BTreeMap<ServiceName, ServiceSums>,
    backends: BTreeMap<BackendKey, BackendSums>,
}

impl Counted {
    /// By `plane`, until now.
    pub fn by(plane: &UserPlane, closings: Closings) -> Self {
        Self { closings, totals: plane.totals(), services: plane.services(), backends: plane.backends() }
    }

    /// Lets `plane` go on from there.
    pub fn hand_to(&self, plane: &UserPlane) {
        plane.count_on_from(&self.totals, &self.services, &self.backends);
    }

    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.list(&self.closings, write_closing);
        let totals = &self.totals;
        for n in [
            totals.accepted,
            totals.ceilings,
            totals.accept_failures,
            totals.panics,
            totals.records_dropped,
            totals.reports_dropped,
        ] {
            to.u64(n);
        }
        to.size(self.services.len());
        for (name, sums) in &self.services {
            to.text(name.as_str());
            for n in [sums.accepted, sums.retries, sums.to_backend, sums.to_client] {
                to.u64(n);
            }
            to.u64(sums.datagrams.to_backend);
            to.u64(sums.datagrams.to_client);
            write_numbers(&mut to, &sums.datagrams.lost);
            write_numbers(&mut to, &sums.ends);
            write_numbers(&mut to, &sums.observed);
            write_times(&mut to, &sums.duration);
            write_times(&mut to, &sums.queued);
            write_numbers(&mut to, &sums.requests.answers);
            write_numbers(&mut to, &sums.requests.outcomes);
            write_numbers(&mut to, &sums.requests.calls);
            write_times(&mut to, &sums.requests.duration);
            write_times(&mut to, &sums.requests.first_byte);
        }
        to.size(self.backends.len());
        for (key, sums) in &self.backends {
            write_key(&mut to, key);
            for n in [sums.sessions, sums.requests, sums.errors, sums.to_backend, sums.to_client] {
                to.u64(n);
            }
            write_numbers(&mut to, &sums.failures);
            write_times(&mut to, &sums.connect);
        }
        to.bytes
    }

    /// From bytes.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let from = &mut Reader::new(bytes);
        let closings = from.list(read_closing)?;
        let totals = Totals {
            accepted: from.u64()?,
            ceilings: from.u64()?,
            accept_failures: from.u64()?,
            panics: from.u64()?,
            records_dropped: from.u64()?,
            reports_dropped: from.u64()?,
            ..Totals::default()
        };
        let services = from.list(|from| {
            let name = ServiceName::new(from.text()?);
            let sums = ServiceSums {
                accepted: from.u64()?,
                open: 0,
                retries: from.u64()?,
                to_backend: from.u64()?,
                to_client: from.u64()?,
                datagrams: DatagramSums {
                    to_backend: from.u64()?,
                    to_client: from.u64()?,
                    lost: read_numbers(from)?,
                },
                ends: read_numbers(from)?,
                observed: read_numbers(from)?,
                uncounted: 0,
                // They begin anew.
                tls_full: 0,
                tls_resumed: 0,
                duration: read_times(from)?,
                queued: read_times(from)?,
                requests: RequestSums {
                    answers: read_numbers(from)?,
                    outcomes: read_numbers(from)?,
                    calls: read_numbers(from)?,
                    duration: read_times(from)?,
                    first_byte: read_times(from)?,
                },
            };
            Some((name, sums))
        })?;
        let backends = from.list(|from| {
            let key = read_key(from)?;
            let sums = BackendSums {
                sessions: from.u64()?,
                requests: from.u64()?,
                errors: from.u64()?,
                to_backend: from.u64()?,
                to_client: from.u64()?,
                failures: read_numbers(from)?,
                connect: read_times(from)?,
            };
            Some((key, sums))
        })?;
        let counted = Self {
            closings,
            totals,
            services: services.into_iter().collect(),
            backends: backends.into_iter().collect(),
        };
        from.is_done().then_some(counted)
    }
}

/// With how many they are: a version that counts more kinds of something reads what there is.
fn write_numbers<const N: usize>(to: &mut Writer, numbers: &[u64; N]) {
    to.list(numbers, |to, n| to.u64(*n));
}

fn read_numbers<const N: usize>(from: &mut Reader<'_>) -> Option<[u64; N]> {
    let read = from.list(Reader::u64)?;
    let mut numbers = [0; N];
    numbers.iter_mut().zip(read).for_each(|(number, read)| *number = read);
    Some(numbers)
}

fn write_times(to: &mut Writer, times: &Times) {
    write_numbers(to, &times.buckets);
    to.u64(times.micros);
}

fn read_times(from: &mut Reader<'_>) -> Option<Times> {
    Some(Times { buckets: read_numbers(from)?, micros: from.u64()? })
}
