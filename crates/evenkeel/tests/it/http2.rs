//! HTTP/2 with clients, through the whole program.

use crate::chain::Chain;
use crate::harness::Setup;
use evenkeel_testkit::http2::{Client, request};
use evenkeel_testkit::{Peer, Place, Server, eventually, web};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

#[test]
fn an_upgrade_tells_a_client_to_go_and_finishes_its_streams() {
    let (asked, open) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (seen, gate) = (Arc::clone(&asked), Arc::clone(&open));
    let server = Server::start(
        &Place::any(),
        web::serve(move |request| {
            if request.first_line().contains("/slow") {
                seen.store(true, SeqCst);
                eventually("it may answer", || gate.load(SeqCst).then_some(()));
            }
            web::ok("done")
        }),
    );
    let mut chain = Chain::new(Setup::to([server.place()]).http());
    let peer = Peer::connect(&chain.place);
    let client = Client::new(&peer);
    assert_eq!(client.get("/").unwrap().text(), "done");
    let (answer, _body) = client.begin(request("GET", "/slow"), true);
    client.wait_until(|| asked.load(SeqCst));
    chain.upgrade();
    client.wait_for_goodbye();
    let next = Peer::connect(&chain.place);
    assert_eq!(Client::new(&next).get("/").unwrap().text(), "done", "the new process");
    open.store(true, SeqCst);
    assert_eq!(client.wait(answer).unwrap().text(), "done");
    chain.wait_alone();
}
