//! The decisions of evenkeel, in reading order: what things are called ([`addr`], [`network`], [`host_name`], [`name`]),
//! the picture the planes obey ([`snapshot`], [`sockets`], [`load`], [`ports`]), how a backend is chosen ([`balance`]),
//! who may be chosen ([`health`], [`eject`], [`eligible`], [`ramp`]), who changes the picture ([`director`]) and what is
//! remembered of it ([`history`]), who may connect and how often ([`access`], [`rate`], [`sources`], [`observe`],
//! [`admit`]), the life of a session ([`reception`], [`early`], [`wire`], [`route`], [`tls`], [`attempt`], [`budget`],
//! [`half`], [`deadline`], [`vanish`], [`end`]), of a flow ([`flow`]) and of a request ([`http`], [`http2`]), when certificates are
//! obtained ([`renewal`]), how to wait ([`awake`], [`foresight`]), and what is counted ([`counts`]).
//!
//! Nothing here does I/O, asks for the time or rolls dice: time and dice are arguments.
#![forbid(unsafe_code)]
#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "a virtual clock has to begin somewhere"))]

pub mod access;
pub mod addr;
pub mod admit;
pub mod attempt;
pub mod awake;
pub mod backend;
pub mod balance;
pub mod budget;
pub mod counts;
pub mod deadline;
pub mod dice;
pub mod digits;
pub mod director;
pub mod doubt;
pub mod early;
pub mod eject;
pub mod eligible;
pub mod end;
pub mod flow;
pub mod foresight;
pub mod half;
pub mod hash;
pub mod health;
pub mod history;
pub mod host_name;
pub mod http;
pub mod http2;
pub mod line;
pub mod live;
pub mod load;
pub mod name;
pub mod network;
pub mod objection;
pub mod observe;
pub mod ports;
pub mod ramp;
pub mod rate;
pub mod reception;
pub mod rejection;
pub mod renewal;
pub mod route;
pub mod side;
pub mod side_by_side;
pub mod snapshot;
pub mod sockets;
pub mod sources;
pub mod span;
pub mod stride;
pub mod tls;
pub mod vanish;
pub mod wire;
