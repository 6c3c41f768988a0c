//! Anybody may send under any address.

use super::setup::{Setup, ask_patiently, named};
use evenkeel_testkit::UdpServer;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const FLOOD: usize = 100_000;

/// Sends a datagram from one address after the other.
fn flood(to: SocketAddr) {
    for number in 0..FLOOD {
        let [.., b, c, d] = number.to_be_bytes();
        let socket = UdpSocket::bind((Ipv4Addr::new(127, 64 + b, c, d), 0)).unwrap();
        // The kernel may have no room for another one.
        let _ = socket.send_to(b"flood", to);
    }
}

/// A hundred thousand senders beside eight clients that are in a conversation with `server`; how those were served.
fn under_flood(server: &UdpServer) -> String {
    // As many lines of a log are not what is tested here.
    let setup = Setup::to([server]).top("log-to = \"/dev/null\"").keys("max-sessions = 1000");
    let mut running = setup.plain().spawn();
    let clients: Vec<_> = (0..8).map(|_| setup.client()).collect();
    for client in &clients {
        ask_patiently(client, "first");
        ask_patiently(client, "second");
    }
    let open = running.descriptors();
    let (mut asked, mut longest) = (0, Duration::ZERO);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| flood(setup.addr()));
        while !flood.is_finished() {
            for client in &clients {
                let began = Instant::now();
                ask_patiently(client, &format!("?{asked}"));
                (asked, longest) = (asked + 1, longest.max(began.elapsed()));
            }
            assert!(running.descriptors() <= open + 1100, "a flow for each sender");
        }
    });
    let ids = |running: &crate::harness::Running| {
        let all = running.ask("GET", "/api/v1/sessions?service=dns&client=127.0.0.1&limit=100").json();
        let of = |client: &evenkeel_testkit::UdpClient| {
            let list = all["sessions"].as_array().expect("a list");
            let addr = client.addr().to_string();
            list.iter()
                .find(|it| it["client"] == addr.as_str())
                .and_then(|it| it["datagrams"]["to_backend"].as_u64())
        };
        clients.iter().map(of).collect::<Vec<_>>()
    };
    let carried: u64 = ids(&running).into_iter().map(|it| it.expect("its first flow is still there")).sum();
    assert!(carried >= asked + 16, "{carried}: none of them began anew");
    running.check_alive();
    format!("{FLOOD} senders; meanwhile {asked} answers, the slowest after {longest:?}")
}

#[test]
fn a_flood_that_nobody_answers_takes_nothing_of_clients_in_a_conversation() {
    let talkative = UdpServer::start(|question| (question != b"flood").then(|| question.to_vec()));
    eprintln!("{}", under_flood(&talkative));
}

#[test]
fn a_flood_that_is_answered_does_not_either() {
    eprintln!("{}", under_flood(&named("")));
}
