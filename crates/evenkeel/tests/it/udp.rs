//! Datagrams: what goes in comes out, from where it was asked, and a flow stays where it is.

mod carry;
mod fail;
mod flood;
mod orders;
mod quic;
mod rules;
mod setup;
mod stay;
