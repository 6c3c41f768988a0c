//! Clients that ask for TLS before they say what they want, as those of PostgreSQL do.

use crate::rig::{Parts, Rig, backend};
use evenkeel_core::attempt::ConnectFailure;
use evenkeel_core::end::End;
use evenkeel_core::name::PoolName;
use evenkeel_core::reception::{Routes, Strangers};
use evenkeel_core::rejection::Rejection;
use evenkeel_core::route::{Route, RouteTable};
use evenkeel_core::wire::postgres::TLS_REQUEST;
use evenkeel_testkit::hello::Hello;
use evenkeel_testkit::{Ending, PATIENCE, Peer, Place, Server, serve};

const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30];

/// A database that answers the question like this, and then sends back what it gets.
fn database(answer: u8) -> Server {
    Server::start(&Place::any(), move |peer| {
        if peer.receive(8).is_ok_and(|request| request == TLS_REQUEST) && peer.send(&[answer]).is_ok() {
            serve::echo(peer);
        }
    })
}

fn rig(server: &Server) -> Rig {
    let mut parts = Parts::to(&[]);
    parts.has_default = false;
    parts.rules.connect.attempts = 1;
    parts.routed = vec![(PoolName::new("db"), backend(server.place()))];
    let names = vec!["db.example.com".parse().unwrap()];
    let route = Route { names, alpn: Vec::new(), from: Vec::new(), to: PoolName::new("db") };
    parts.reception.routes = Some(Routes {
        table: RouteTable::new(vec![route]).unwrap(),
        by_hello: true,
        timeout: PATIENCE,
        longest: 4096,
        strangers: Strangers::Served,
    });
    parts.start()
}

fn hello() -> Vec<u8> {
    Hello::default().server_name("db.example.com").bytes()
}

fn ask(client: &Peer, request: [u8; 8]) -> u8 {
    client.send(&request).unwrap();
    client.receive(1).unwrap()[0]
}

#[test]
fn a_client_that_asks_is_answered_and_gets_to_the_database_that_it_names() {
    let server = database(b'S');
    let mut rig = rig(&server);
    let client = rig.connect();
    assert_eq!(ask(&client, GSS_REQUEST), b'N');
    assert_eq!(ask(&client, TLS_REQUEST), b'S');
    assert!(client.exchange(&hello()).unwrap() == hello());
    client.check_echo("and on");
    client.finish();
    assert_eq!(client.ending(), Ending::Fin);
    let record = rig.record();
    assert_eq!((record.server_name.as_deref(), record.end.is_ok()), (Some("db.example.com"), true));
    assert_eq!(record.to_backend, hello().len() as u64 + 6, "the question was ours");
}

#[test]
fn a_database_without_tls_is_one_that_cannot_be_reached() {
    let server = database(b'N');
    let mut rig = rig(&server);
    let client = rig.connect();
    assert_eq!(ask(&client, TLS_REQUEST), b'S');
    client.send(&hello()).unwrap();
    assert_eq!(client.ending(), Ending::Reset);
    assert_eq!(rig.record().end, End::NotConnected(ConnectFailure::NoTls));
}

#[test]
fn what_is_said_before_the_answer_is_not_taken() {
    let server = database(b'S');
    let mut rig = rig(&server);
    let client = rig.connect();
    client.send(&[&TLS_REQUEST[..], &hello()].concat()).unwrap();
    assert_eq!(client.ending(), Ending::Reset);
    assert_eq!(rig.record().end, End::Rejected(Rejection::NoRoute), "no default for strangers");
}

#[test]
fn whoever_was_answered_and_goes_on_without_tls_is_closed() {
    let server = database(b'S');
    let mut rig = rig(&server);
    let client = rig.connect();
    assert_eq!(ask(&client, TLS_REQUEST), b'S');
    client.send(b"user postgres").unwrap();
    assert_eq!(client.ending(), Ending::Reset);
    assert_eq!(rig.record().end, End::Rejected(Rejection::NotTls));
}
