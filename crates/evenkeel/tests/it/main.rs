//! The promises, one file each: the real binary, real sockets, and clients who look at what they get.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod abuse;
mod admin;
mod admin_limits;
mod admin_reload;
mod admin_tls;
mod ask;
mod carry;
mod chain;
mod changes;
mod choose;
mod cli;
mod dashboard;
mod failover;
mod gate;
mod grafana;
mod harness;
mod health;
mod limits;
mod listen;
mod load;
mod log;
mod log_sessions;
mod log_to;
mod notify;
mod orders;
mod plan;
mod sockets;
mod stop;
mod tls;
mod top;
mod upgrade;
mod upgrade_command;
mod upgrade_orders;
mod upgrade_skew;
mod why;
