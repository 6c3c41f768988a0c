//! A backend that an operator added, and what becomes of sessions, as bytes.

use super::wire::{Reader, Writer};
use evenkeel_core::director::{Leaving, Member, Target};

/// Writes a member of a pool.
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
    to.option(member.max_sessions, Writer::u32);
    to.option(member.check_port, Writer::u16);
    to.option(member.check_addr.as_ref(), Writer::ip);
}

/// Reads it.
pub fn read_member(from: &mut Reader<'_>) -> Option<Member> {
    Some(Member {
        target: match from.bool()? {
            true => Target::Addr(from.addr()?),
            false => Target::Name { host: from.text()?.into(), port: from.u16()? },
        },
        weight: from.u32()?,
        backup: from.bool()?,
        max_sessions: from.option(Reader::u32)?,
        check_port: from.option(Reader::u16)?,
        check_addr: from.option(Reader::ip)?,
    })
}

/// Writes what becomes of sessions.
pub fn write_leaving(to: &mut Writer, leaving: Leaving) {
    let (word, time) = match leaving {
        Leaving::Keep => (0, None),
        Leaving::Drain(time) => (1, Some(time)),
        Leaving::Cut => (2, None),
    };
    to.u8(word);
    to.duration(time.unwrap_or_default());
}

/// Reads it.
pub fn read_leaving(from: &mut Reader<'_>) -> Option<Leaving> {
    let (word, time) = (from.u8()?, from.duration()?);
    Some(match word {
        0 => Leaving::Keep,
        1 => Leaving::Drain(time),
        2 => Leaving::Cut,
        _ => return None,
    })
}
