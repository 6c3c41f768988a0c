//! What a process has seen and counted, as bytes, for the one that goes on from there.

use super::wire::{Reader, Writer};
use evenkeel_core::director::{BackendMemory, Memory, PoolMemory};
use evenkeel_core::eject::PackedEjection;
use evenkeel_core::health::{Health, HealthState};
use evenkeel_core::name::{BackendKey, PoolName, ServiceName};
use evenkeel_proxy::{BackendSums, Open, ServiceSums, Times, Totals, UserPlane};
use std::collections::BTreeMap;

/// What is told before the new process accepts.
#[derive(Debug, PartialEq, Eq)]
pub struct Past {
    /// No session has a higher id.
    pub last_id: u64,
    /// Where sessions are open.
    pub open: Open,
    /// What the director has seen.
    pub memory: Memory,
}

impl Past {
    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.u64(self.last_id);
        to.list(&self.open.services, |to, (service, sessions)| {
            to.text(service.as_str());
            to.u32(*sessions);
        });
        to.list(&self.open.backends, |to, (key, sessions)| {
            write_key(to, key);
            to.u32(*sessions);
        });
        to.list(&self.memory.pools, write_pool);
        to.bytes
    }

    /// From bytes.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut from = Reader::new(bytes);
        let last_id = from.u64()?;
        let open = Open {
            services: from.list(|from| Some((ServiceName::new(from.text()?), from.u32()?)))?,
            backends: from.list(|from| Some((read_key(from)?, from.u32()?)))?,
        };
        let memory = Memory { pools: from.list(read_pool)? };
        from.is_done().then_some(Self { last_id, open, memory })
    }
}

fn write_key(to: &mut Writer, key: &BackendKey) {
    to.text(key.pool.as_str());
    to.addr(&key.addr);
}

fn read_key(from: &mut Reader<'_>) -> Option<BackendKey> {
    Some(BackendKey { pool: PoolName::new(from.text()?), addr: from.addr()? })
}

fn write_pool(to: &mut Writer, pool: &PoolMemory) {
    to.text(pool.name.as_str());
    to.option(pool.born, Writer::instant);
    to.bool(pool.all_down);
    to.bool(pool.backups_in);
    to.list(&pool.names, |to, (host, addrs)| {
        to.text(host);
        to.list(addrs, Writer::ip);
    });
    to.list(&pool.backends, write_backend);
}

fn read_pool(from: &mut Reader<'_>) -> Option<PoolMemory> {
    Some(PoolMemory {
        name: PoolName::new(from.text()?),
        born: from.option(Reader::instant)?,
        all_down: from.bool()?,
        backups_in: from.bool()?,
        names: from.list(|from| Some((from.text()?.into(), from.list(Reader::ip)?)))?,
        backends: from.list(read_backend)?,
    })
}

fn write_backend(to: &mut Writer, backend: &BackendMemory) {
    to.addr(&backend.addr);
    to.u8(match backend.health.state() {
        HealthState::Checking => 0,
        HealthState::Up => 1,
        HealthState::Down => 2,
    });
    to.u32(backend.health.streak());
    let PackedEjection { until, returned, doublings, passes } = backend.ejection.pack();
    to.option(until, Writer::instant);
    to.option(returned, Writer::instant);
    to.u32(doublings);
    to.u32(passes);
    to.option(backend.failed_at, Writer::instant);
    to.option(backend.ramp_since, Writer::instant);
}

fn read_backend(from: &mut Reader<'_>) -> Option<BackendMemory> {
    let addr = from.addr()?;
    let state = match from.u8()? {
        0 => HealthState::Checking,
        1 => HealthState::Up,
        _ => HealthState::Down,
    };
    let health = Health::resume(state, from.u32()?);
    let ejection = PackedEjection {
        until: from.option(Reader::instant)?,
        returned: from.option(Reader::instant)?,
        doublings: from.u32()?,
        passes: from.u32()?,
    };
    Some(BackendMemory {
        addr,
        health,
        ejection: ejection.into(),
        failed_at: from.option(Reader::instant)?,
        ramp_since: from.option(Reader::instant)?,
    })
}

/// What a plane has counted.
#[derive(Debug)]
pub struct Counted {
    totals: Totals,
    services: BTreeMap<ServiceName, ServiceSums>,
    backends: BTreeMap<BackendKey, BackendSums>,
}

impl Counted {
    /// By `plane`, until now.
    pub fn by(plane: &UserPlane) -> Self {
        Self { totals: plane.totals(), services: plane.services(), backends: plane.backends() }
    }

    /// Lets `plane` go on from there.
    pub fn hand_to(&self, plane: &UserPlane) {
        plane.count_on_from(&self.totals, &self.services, &self.backends);
    }

    /// As bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::new();
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
            write_numbers(&mut to, &sums.ends);
            write_numbers(&mut to, &sums.observed);
            write_times(&mut to, &sums.duration);
            write_times(&mut to, &sums.queued);
        }
        to.size(self.backends.len());
        for (key, sums) in &self.backends {
            write_key(&mut to, key);
            for n in [sums.sessions, sums.to_backend, sums.to_client] {
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
                ends: read_numbers(from)?,
                observed: read_numbers(from)?,
                uncounted: 0,
                duration: read_times(from)?,
                queued: read_times(from)?,
            };
            Some((name, sums))
        })?;
        let backends = from.list(|from| {
            let key = read_key(from)?;
            let sums = BackendSums {
                sessions: from.u64()?,
                to_backend: from.u64()?,
                to_client: from.u64()?,
                failures: read_numbers(from)?,
                connect: read_times(from)?,
            };
            Some((key, sums))
        })?;
        let counted = Self {
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
