//! What a process has seen and was ordered, as bytes, for the one that goes on from there.

use super::member::{read_member, write_member};
use super::wire::{Reader, Writer};
use evenkeel_core::director::{BackendMemory, Duty, Memory, PoolMemory, Wish, WishMemory};
use evenkeel_core::eject::PackedEjection;
use evenkeel_core::health::{Health, HealthState};
use evenkeel_core::name::{BackendKey, PoolName, ServiceName};
use evenkeel_proxy::Open;

/// What is told before the new process accepts.
#[derive(Debug, PartialEq, Eq)]
pub struct Past {
    /// No session has a higher id.
    pub last_id: u64,
    /// Where sessions are open.
    pub open: Open,
    /// What the director has seen, and was ordered.
    pub memory: Memory,
    /// Whether what was on trial still is.
    pub is_on_trial: bool,
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
        write_duties(&mut to, &self.memory.duties);
        to.list(&self.memory.pools, write_pool);
        to.bool(self.is_on_trial);
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
        let memory = Memory { duties: read_duties(&mut from)?, pools: from.list(read_pool)? };
        let is_on_trial = from.bool()?;
        from.is_done().then_some(Self { last_id, open, memory, is_on_trial })
    }
}

/// Writes what operators want of services.
pub fn write_duties(to: &mut Writer, duties: &[(ServiceName, Duty)]) {
    to.list(duties, |to, (service, duty)| {
        to.text(service.as_str());
        write_duty(to, *duty);
    });
}

/// Reads it.
pub fn read_duties(from: &mut Reader<'_>) -> Option<Vec<(ServiceName, Duty)>> {
    from.list(|from| Some((ServiceName::new(from.text()?), read_duty(from)?)))
}

fn write_duty(to: &mut Writer, duty: Duty) {
    to.u8(match duty {
        Duty::On => 0,
        Duty::Drain => 1,
        Duty::Off => 2,
    });
}

fn read_duty(from: &mut Reader<'_>) -> Option<Duty> {
    Some(match from.u8()? {
        0 => Duty::On,
        1 => Duty::Drain,
        2 => Duty::Off,
        _ => return None,
    })
}

fn write_wish(to: &mut Writer, memory: &WishMemory) {
    let Wish { duty, weight, added, removed } = &memory.wish;
    to.addr(&memory.addr);
    write_duty(to, *duty);
    to.option(*weight, Writer::u32);
    to.option(added.as_ref(), write_member);
    to.bool(*removed);
    to.option(memory.configured.as_ref(), write_member);
}

fn read_wish(from: &mut Reader<'_>) -> Option<WishMemory> {
    Some(WishMemory {
        addr: from.addr()?,
        wish: Wish {
            duty: read_duty(from)?,
            weight: from.option(Reader::u32)?,
            added: from.option(read_member)?,
            removed: from.bool()?,
        },
        configured: from.option(read_member)?,
    })
}

/// Writes the identity of a backend.
pub fn write_key(to: &mut Writer, key: &BackendKey) {
    to.text(key.pool.as_str());
    to.addr(&key.addr);
}

/// Reads it.
pub fn read_key(from: &mut Reader<'_>) -> Option<BackendKey> {
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
    to.list(&pool.orders, write_wish);
    to.list(&pool.backends, write_backend);
}

fn read_pool(from: &mut Reader<'_>) -> Option<PoolMemory> {
    Some(PoolMemory {
        name: PoolName::new(from.text()?),
        born: from.option(Reader::instant)?,
        all_down: from.bool()?,
        backups_in: from.bool()?,
        names: from.list(|from| Some((from.text()?.into(), from.list(Reader::ip)?)))?,
        orders: from.list(read_wish)?,
        backends: from.list(read_backend)?,
    })
}

fn write_backend(to: &mut Writer, backend: &BackendMemory) {
    to.addr(&backend.addr);
    to.u32(backend.weight);
    to.bool(backend.backup);
    to.u8(match backend.health.state() {
        HealthState::Checking => 0,
        HealthState::Up => 1,
        HealthState::Down => 2,
    });
    to.u32(backend.health.streak());
    let PackedEjection { until, returned, doublings, passes, for_answers } = backend.ejection.pack();
    to.option(until, Writer::instant);
    to.option(returned, Writer::instant);
    to.u32(doublings);
    to.u32(passes);
    to.bool(for_answers);
    to.option(backend.failed_at, Writer::instant);
    to.option(backend.ramp_since, Writer::instant);
}

fn read_backend(from: &mut Reader<'_>) -> Option<BackendMemory> {
    let (addr, weight, backup) = (from.addr()?, from.u32()?, from.bool()?);
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
        for_answers: from.bool()?,
    };
    Some(BackendMemory {
        addr,
        weight,
        backup,
        health,
        ejection: ejection.into(),
        failed_at: from.option(Reader::instant)?,
        ramp_since: from.option(Reader::instant)?,
    })
}
