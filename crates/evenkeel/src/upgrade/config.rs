//! A whole configuration as bytes: one that is on trial is in no file.

use super::session::{read_listener, read_rules, read_socket, write_listener, write_rules, write_socket};
use super::wire::{Reader, Writer};
use evenkeel_core::balance::Balance;
use evenkeel_core::director::{
    AllDown, Config, EjectionRules, Leaving, Member, PoolConfig, SlowStart, Target,
};
use evenkeel_core::health::{Check, CheckKind, ExchangeCheck, HttpCheck};
use evenkeel_core::name::PoolName;
use evenkeel_core::snapshot::Listener;
use std::sync::Arc;

pub fn write(to: &mut Writer, config: &Config) {
    to.list(&config.listeners, |to, listener| {
        let Listener { name, pool, open, backlog, max_sessions, socket, unix_mode, reception: _ } =
            &**listener;
        write_listener(to, name);
        to.option(pool.as_ref().map(PoolName::as_str), Writer::text);
        to.bool(*open);
        to.u32(*backlog);
        to.u32(*max_sessions);
        write_socket(to, *socket);
        to.u32(*unix_mode);
    });
    to.list(&config.pools, write_pool);
}

pub fn read(from: &mut Reader<'_>) -> Option<Config> {
    let listeners = from.list(|from| {
        Some(Arc::new(Listener {
            name: read_listener(from)?,
            pool: from.option(|from| Some(PoolName::new(from.text()?)))?,
            reception: Arc::default(),
            open: from.bool()?,
            backlog: from.u32()?,
            max_sessions: from.u32()?,
            socket: read_socket(from)?,
            unix_mode: from.u32()?,
        }))
    })?;
    Some(Config { listeners, pools: from.list(read_pool)? })
}

fn write_pool(to: &mut Writer, pool: &PoolConfig) {
    to.text(pool.name.as_str());
    to.list(&pool.members, write_member);
    write_balance(to, pool.balance);
    to.option(pool.check.as_deref(), write_check);
    to.option(pool.ejection, |to, EjectionRules { failures, time, max_time }| {
        to.u32(failures);
        to.duration(time);
        to.duration(max_time);
    });
    to.option(pool.slow_start, |to, SlowStart { duration, from_percent }| {
        to.duration(duration);
        to.u32(from_percent);
    });
    to.bool(pool.all_down == AllDown::Try);
    write_leaving(to, pool.on_remove);
    write_leaving(to, pool.on_down);
    write_rules(to, &pool.rules);
}

fn read_pool(from: &mut Reader<'_>) -> Option<PoolConfig> {
    Some(PoolConfig {
        name: PoolName::new(from.text()?),
        members: from.list(read_member)?,
        balance: read_balance(from)?,
        check: from.option(read_check)?.map(Arc::new),
        ejection: from.option(|from| {
            Some(EjectionRules { failures: from.u32()?, time: from.duration()?, max_time: from.duration()? })
        })?,
        slow_start: from
            .option(|from| Some(SlowStart { duration: from.duration()?, from_percent: from.u32()? }))?,
        all_down: if from.bool()? { AllDown::Try } else { AllDown::Close },
        on_remove: read_leaving(from)?,
        on_down: read_leaving(from)?,
        rules: Arc::new(read_rules(from)?),
    })
}

pub fn write_member(to: &mut Writer, member: &Member) {
    match &member.target {
        Target::Addr(addr) => {
            to.bool(true);
            to.addr(addr);
        }
        Target::Name { host, port } => {
            to.bool(false);
            to.text(host);
            to.u16(*port);
        }
    }
    to.u32(member.weight);
    to.bool(member.backup);
    to.u32(member.max_sessions);
    to.u32(member.max_connecting);
    to.option(member.check_port, Writer::u16);
    to.option(member.check_addr.as_ref(), Writer::ip);
}

pub fn read_member(from: &mut Reader<'_>) -> Option<Member> {
    Some(Member {
        target: match from.bool()? {
            true => Target::Addr(from.addr()?),
            false => Target::Name { host: from.text()?.into(), port: from.u16()? },
        },
        weight: from.u32()?,
        backup: from.bool()?,
        max_sessions: from.u32()?,
        max_connecting: from.u32()?,
        check_port: from.option(Reader::u16)?,
        check_addr: from.option(Reader::ip)?,
    })
}

fn write_balance(to: &mut Writer, balance: Balance) {
    let (word, number) = match balance {
        Balance::Random { choices } => (0, choices.into()),
        Balance::RoundRobin => (1, 0),
        Balance::LeastConn => (2, 0),
        Balance::Maglev { hash_key } => (3, hash_key),
        Balance::First => (4, 0),
    };
    to.u8(word);
    to.u64(number);
}

fn read_balance(from: &mut Reader<'_>) -> Option<Balance> {
    let (word, number) = (from.u8()?, from.u64()?);
    Some(match word {
        0 => Balance::Random { choices: number.try_into().ok()? },
        1 => Balance::RoundRobin,
        2 => Balance::LeastConn,
        3 => Balance::Maglev { hash_key: number },
        4 => Balance::First,
        _ => return None,
    })
}

pub fn write_leaving(to: &mut Writer, leaving: Leaving) {
    let (word, time) = match leaving {
        Leaving::Keep => (0, None),
        Leaving::Drain(time) => (1, Some(time)),
        Leaving::Cut => (2, None),
    };
    to.u8(word);
    to.duration(time.unwrap_or_default());
}

pub fn read_leaving(from: &mut Reader<'_>) -> Option<Leaving> {
    let (word, time) = (from.u8()?, from.duration()?);
    Some(match word {
        0 => Leaving::Keep,
        1 => Leaving::Drain(time),
        2 => Leaving::Cut,
        _ => return None,
    })
}

fn write_check(to: &mut Writer, check: &Check) {
    let Check { kind, addr, port, interval, fast_interval, timeout, rise, fall, introduce: _ } = check;
    write_kind(to, kind);
    to.option(addr.as_ref(), Writer::ip);
    to.option(*port, Writer::u16);
    [interval, fast_interval, timeout].into_iter().for_each(|time| to.duration(*time));
    to.u32(*rise);
    to.u32(*fall);
}

fn read_check(from: &mut Reader<'_>) -> Option<Check> {
    Some(Check {
        kind: read_kind(from)?,
        addr: from.option(Reader::ip)?,
        port: from.option(Reader::u16)?,
        interval: from.duration()?,
        fast_interval: from.duration()?,
        timeout: from.duration()?,
        rise: from.u32()?,
        fall: from.u32()?,
        introduce: None,
    })
}

fn write_kind(to: &mut Writer, kind: &CheckKind) {
    match kind {
        CheckKind::Tcp => to.u8(0),
        CheckKind::Http(HttpCheck { method, path, host, status, body }) => {
            to.u8(1);
            to.text(method);
            to.text(path);
            to.option(host.as_deref(), Writer::text);
            to.list(status, |to, (first, last)| {
                to.u16(*first);
                to.u16(*last);
            });
            to.option(body.as_deref(), Writer::text);
        }
        CheckKind::Exchange(ExchangeCheck { send, expect }) => {
            to.u8(2);
            to.bytes(send);
            to.bytes(expect);
        }
    }
}

fn read_kind(from: &mut Reader<'_>) -> Option<CheckKind> {
    Some(match from.u8()? {
        0 => CheckKind::Tcp,
        1 => CheckKind::Http(HttpCheck {
            method: from.text()?.into(),
            path: from.text()?.into(),
            host: from.option(Reader::text)?.map(Into::into),
            status: from.list(|from| Some((from.u16()?, from.u16()?)))?.into(),
            body: from.option(Reader::text)?.map(Into::into),
        }),
        2 => CheckKind::Exchange(ExchangeCheck { send: from.bytes()?.into(), expect: from.bytes()?.into() }),
        _ => return None,
    })
}
