//! Every byte arrives, once and in order, or the session says that it was cut: random chunks, pauses, half-closes,
//! resets and slow readers in both directions at once. Bursts make a direction change to the kernel pipe and pauses
//! make it come back, many times in a session.

use crate::handover;
use crate::rig::Parts;
use crate::tls::{self, Keys};
use evenkeel_core::end::End;
use evenkeel_core::observe::{Mode, Rule};
use evenkeel_core::rate::Rate;
use evenkeel_core::side::Side;
use evenkeel_proxy::{Helm, SessionRecord};
use evenkeel_testkit::pattern::Pattern;
use evenkeel_testkit::tls::client;
use evenkeel_testkit::{Dice, Ending, PATIENCE, Peer, Place, Server, TlsPeer, port, seed};
use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const SESSIONS: u64 = 120;
const AT_ONCE: usize = 24;

/// What one side does in one session.
#[derive(Clone, Copy, Debug)]
struct Script {
    seed: u64,
    /// Bytes to send.
    len: u64,
    /// Sent or received at once, at most.
    write_max: u64,
    read_max: u64,
    /// One write or read in so many is followed by a pause; 0 is never.
    write_pause_in: u64,
    read_pause_in: u64,
    /// Send buffer of the socket in bytes; 0 leaves the kernel's.
    send_buffer: usize,
    /// Resets after so many bytes of `len` instead of ending in order.
    reset_after: Option<u64>,
    /// Says its FIN only when it has read the other's, not when it has sent everything.
    lets_the_other_finish_first: bool,
}

/// What both sides do in a session. Every session begins with its number from the client, eight bytes.
#[derive(Clone, Copy, Debug)]
struct Plan {
    client: Script,
    backend: Script,
}

impl Script {
    fn of(dice: &mut Dice) -> Self {
        let len = match dice.below(10) {
            0 => 0,
            1..=4 => dice.below(2_000),
            5..=7 => dice.below(200_000),
            _ => dice.below(3_000_000),
        };
        let chunk = |dice: &mut Dice| {
            let max = one_of(dice, [16, 1_500, 70_000, 262_144]);
            1 + dice.below(max)
        };
        Self {
            seed: dice.roll(),
            len,
            write_max: chunk(dice),
            read_max: chunk(dice),
            write_pause_in: one_of(dice, [0, 3, 30]),
            read_pause_in: one_of(dice, [0, 3, 30]),
            send_buffer: one_of(dice, [0, 0, 8_192, 65_536]),
            reset_after: None,
            lets_the_other_finish_first: false,
        }
    }
}

impl Plan {
    fn of(number: u64, seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut client, mut backend) = (Script::of(&mut dice), Script::of(&mut dice));
        // A megabyte in single bytes, with pauses, would take minutes.
        for script in [&mut client, &mut backend] {
            script.write_max = script.write_max.max(script.len / 400);
        }
        client.read_max = client.read_max.max(backend.len / 400);
        backend.read_max = backend.read_max.max(client.len / 400);
        match dice.below(8) {
            0 if client.len > 0 => client.reset_after = Some(dice.below(client.len)),
            1 if backend.len > 0 => backend.reset_after = Some(dice.below(backend.len)),
            2 | 3 => client.lets_the_other_finish_first = true,
            4 | 5 => backend.lets_the_other_finish_first = true,
            _ => {}
        }
        Self { client, backend }
    }

    fn summary(&self) -> (String, u64, u64) {
        let reset = |script: &Script, side| script.reset_after.map(|_| End::Reset(side));
        match reset(&self.client, Side::Client).or(reset(&self.backend, Side::Backend)) {
            None => ("closed".to_owned(), 8 + self.client.len, self.backend.len),
            Some(end) => (format!("{end:?}"), 0, 0),
        }
    }
}

/// One end of a session.
pub trait Talks: Sync {
    /// The socket below.
    fn peer(&self) -> &Peer;
    /// Sends all of `bytes`.
    fn send(&self, bytes: &[u8]) -> io::Result<()>;
    /// One read; 0 is the end.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Says that nothing follows, or finds out that nobody listens.
    fn finish(&self) -> io::Result<()>;
}

impl Talks for Peer {
    fn peer(&self) -> &Peer {
        self
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        Self::send(self, bytes)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::read(self, buffer)
    }

    fn finish(&self) -> io::Result<()> {
        Self::finish(self);
        Ok(())
    }
}

impl Talks for TlsPeer {
    fn peer(&self) -> &Peer {
        self.peer()
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.send(bytes)
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    fn finish(&self) -> io::Result<()> {
        self.say_end().map(|()| self.peer().finish())
    }
}

/// Plays one side to its end; the other side plays `theirs`.
fn play(peer: &impl Talks, mine: Script, theirs: Script) {
    if mine.send_buffer > 0 {
        peer.peer().socket().set_send_buffer_size(mine.send_buffer).unwrap();
    }
    let (total, ending) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(peer, mine, theirs));
        let mut write_failed = write(peer, mine).is_err();
        if mine.reset_after.is_some() {
            // The reset comes when the socket is dropped, so the reader has to end now.
            peer.peer().reset_on_drop();
            let _ = peer.peer().socket().shutdown(Shutdown::Read);
        } else if !mine.lets_the_other_finish_first {
            write_failed |= peer.finish().is_err();
        }
        let (total, ending) = reader.join().unwrap();
        if mine.reset_after.is_none() && mine.lets_the_other_finish_first {
            let _ = peer.finish();
        }
        // The kernel tells of a reset once: whoever asks next sees an end like any other.
        (total, if write_failed { Ending::Reset } else { ending })
    });
    if mine.reset_after.is_none() {
        let expected = if theirs.reset_after.is_some() { Ending::Reset } else { Ending::Fin };
        assert_eq!(ending, expected, "after {total} bytes of {theirs:?} by {mine:?}");
        assert!(ending == Ending::Reset || total == theirs.len, "{total} bytes of {theirs:?} by {mine:?}");
    }
}

fn write(peer: &impl Talks, mine: Script) -> io::Result<()> {
    let (pattern, mut dice) = (Pattern::new(mine.seed), Dice::new(mine.seed));
    let end = mine.reset_after.unwrap_or(mine.len);
    let mut at = 0;
    while at < end {
        let len = (1 + dice.below(mine.write_max)).min(end - at);
        let slice = pattern.slice(at, len as usize);
        peer.send(slice)?;
        at += slice.len() as u64;
        pause(&mut dice, mine.write_pause_in);
    }
    Ok(())
}

/// Reads to the end: how many bytes of the other's pattern came, and how it ended.
fn read(peer: &impl Talks, mine: Script, theirs: Script) -> (u64, Ending) {
    let (pattern, mut dice) = (Pattern::new(theirs.seed), Dice::new(!mine.seed));
    let mut buffer = vec![0; mine.read_max as usize];
    let mut at = 0;
    let a_side_resets = mine.reset_after.is_some() || theirs.reset_after.is_some();
    let sent_at_most = theirs.reset_after.unwrap_or(theirs.len);
    loop {
        let len = 1 + dice.below(mine.read_max) as usize;
        match peer.read(&mut buffer[..len]) {
            Ok(0) => return (at, Ending::Fin),
            Ok(n) => {
                pattern.check(at, &buffer[..n]);
                at += n as u64;
                assert!(at <= sent_at_most, "{at} bytes of {theirs:?}");
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return (at, Ending::Reset),
            // An end of the own reading, or behind a reset that was told to the writer, is not said to be one.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && a_side_resets => {
                return (at, Ending::Fin);
            }
            Err(error) => panic!("after {at} bytes of {theirs:?}: {error}"),
        }
        pause(&mut dice, mine.read_pause_in);
    }
}

fn one_of<T: Copy, const N: usize>(dice: &mut Dice, these: [T; N]) -> T {
    these[dice.below(N as u64) as usize]
}

fn pause(dice: &mut Dice, one_in: u64) {
    if one_in > 0 && dice.below(one_in) == 0 {
        std::thread::sleep(Duration::from_micros(dice.below(1_500)));
    }
}

#[test]
fn every_byte_arrives_once_and_in_order_or_the_session_was_cut() {
    run(Place::any(), Place::local(port::free()), Plan::of);
}

#[test]
fn every_byte_arrives_through_unix_sockets_too() {
    let dir = tempfile::tempdir().unwrap();
    let [backend, front] = ["backend", "front"].map(|name| Place::Unix(dir.path().join(name)));
    // They know no reset.
    run(backend, front, |number, seed| {
        let mut plan = Plan::of(number, seed);
        (plan.client.reset_after, plan.backend.reset_after) = (None, None);
        plan
    });
}

#[test]
fn every_byte_arrives_while_sessions_move_from_process_to_process() {
    let (done, seed) = (AtomicBool::new(false), seed());
    let (front, sides) = (Place::local(port::free()), Sides::plain());
    play_all(Place::any(), front, Plan::of, seed, sides, |helm, play| {
        std::thread::scope(|scope| {
            let mover = scope.spawn(|| {
                let (mut dice, mut moved) = (Dice::new(seed), 0);
                while !done.load(Relaxed) {
                    moved += handover::move_all(helm);
                    std::thread::sleep(Duration::from_micros(dice.below(10_000)));
                }
                moved
            });
            play();
            done.store(true, Relaxed);
            let moved = mover.join().unwrap();
            assert!(moved > SESSIONS as usize, "{moved} moves only");
        });
    });
}

#[test]
fn every_byte_arrives_that_is_under_tls_on_either_side_or_both() {
    for (client, backend) in [(true, false), (false, true), (true, true)] {
        // Sealing takes long in a debug build.
        let sides = Sides { client, backend, sessions: 40, at_once: 8, ..Sides::plain() };
        play_all(Place::any(), Place::local(port::free()), Plan::of, seed(), sides, |_, play| play());
    }
}

#[test]
fn every_byte_arrives_at_a_bandwidth_that_has_a_limit() {
    for client in [false, true] {
        let limit = Rate { per_second: 20_000_000, burst: 20_000 };
        let bandwidth = Some(Rule { limit, mode: Mode::Enforce });
        let sides = Sides { client, bandwidth, sessions: 40, at_once: 8, ..Sides::plain() };
        play_all(Place::any(), Place::local(port::free()), Plan::of, seed(), sides, |_, play| play());
    }
}

fn run(backend: Place, front: Place, plan_of: fn(u64, u64) -> Plan) {
    play_all(backend, front, plan_of, seed(), Sides::plain(), |_, play| play());
}

/// Which sides speak TLS, and what else is special.
struct Sides {
    client: bool,
    backend: bool,
    bandwidth: Option<Rule<Rate>>,
    keys: Keys,
    sessions: u64,
    at_once: usize,
}

impl Sides {
    fn plain() -> Self {
        Self {
            client: false,
            backend: false,
            bandwidth: None,
            keys: Keys::new(),
            sessions: SESSIONS,
            at_once: AT_ONCE,
        }
    }

    fn apply(&self, parts: &mut Parts) {
        parts.rules.session.bandwidth = self.bandwidth;
        if self.client {
            tls::terminate(parts, self.keys.web.server(None), PATIENCE);
        }
        if self.backend {
            tls::originate(parts, client(Some(&self.keys.authority), None), None);
        }
    }
}

/// Plays the backend of whatever session this is.
fn play_backend(peer: &impl Talks, plan_of: fn(u64, u64) -> Plan, seed: u64) {
    let (mut number, mut at) = ([0; 8], 0);
    while at < number.len() {
        match peer.read(&mut number[at..]) {
            Ok(n @ 1..) => at += n,
            // A client that resets at once may take its number with it.
            _ => return,
        }
    }
    let plan = plan_of(u64::from_le_bytes(number), seed);
    play(peer, plan.backend, plan.client);
}

/// Plays the client of session `number`.
fn play_client(peer: &impl Talks, plan: Plan, number: u64) {
    peer.send(&number.to_le_bytes()).unwrap();
    play(peer, plan.client, plan.backend);
}

/// Plays all sessions; `around` is told when to.
fn play_all(
    backend: Place,
    front: Place,
    plan_of: fn(u64, u64) -> Plan,
    seed: u64,
    sides: Sides,
    around: impl FnOnce(&Helm, &(dyn Fn() + Sync)),
) {
    let server = match sides.backend {
        true => tls::tls_server(&sides.keys, move |peer| play_backend(peer, plan_of, seed)),
        false => Server::start(&backend, move |peer: &Peer| play_backend(peer, plan_of, seed)),
    };
    let mut parts = Parts::to(&[server.place()]);
    sides.apply(&mut parts);
    // On a machine that is busy with something else a connect may take long: that is not what is tested here.
    (parts.rules.connect.timeout, parts.rules.connect.total) = (PATIENCE, PATIENCE);
    let mut rig = parts.start_at(front);
    let (next, config) = (AtomicU64::new(0), sides.keys.client());
    let play_clients = || {
        while let number = next.fetch_add(1, Relaxed)
            && number < sides.sessions
        {
            let plan = plan_of(number, seed);
            let peer = Peer::connect(&rig.place);
            match sides.client {
                true => play_client(&TlsPeer::over(peer, &config, tls::NAME).unwrap(), plan, number),
                false => play_client(&peer, plan, number),
            }
        }
    };
    let helm = rig.plane.as_ref().unwrap().helm();
    around(&helm, &|| {
        std::thread::scope(|scope| {
            (0..sides.at_once).for_each(|_| drop(scope.spawn(play_clients)));
        });
    });
    // Unix clients have no name, so records are matched with plans by what they tell.
    let mut told: Vec<_> = (0..sides.sessions).map(|_| rig.record()).map(|record| summary(&record)).collect();
    let mut expected: Vec<_> = (0..sides.sessions).map(|number| plan_of(number, seed).summary()).collect();
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    let totals = rig.plane().totals();
    assert_eq!((totals.accepted, totals.open, totals.records_dropped), (sides.sessions, 0, 0));
}

/// How a session ended, and the bytes each way if that is known from its plan.
fn summary(record: &SessionRecord) -> (String, u64, u64) {
    match record.end {
        End::Closed(_) => ("closed".to_owned(), record.to_backend, record.to_client),
        // One that resets at once may be gone before the backend is connected.
        End::ClientLeft => (format!("{:?}", End::Reset(Side::Client)), 0, 0),
        end => (format!("{end:?}"), 0, 0),
    }
}
