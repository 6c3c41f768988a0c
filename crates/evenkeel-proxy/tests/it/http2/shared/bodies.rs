//! Bodies side by side on one connection: none stands in the way of another.

use super::*;

#[test]
fn who_reads_slowly_holds_up_nobody_else() {
    const LONG: usize = 5_000_000;
    let server = Server::start(
        &Place::any(),
        http2::serve(|request, mut respond| async move {
            let mut stream = respond.send_response(Response::new(()), false).unwrap();
            let body = if request.uri().path() == "/" { 0 } else { LONG };
            let _ = stream.send_data(Bytes::from(vec![b'x'; body]), true);
            http2::until(|| stream.capacity() > LONG).await;
        }),
    );
    let rig = front(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    client.get("/").unwrap();
    let unread: Vec<_> = (0..31).map(|_| client.begin_unread(request("GET", "/slow"))).collect();
    assert_eq!(client.get("/fast").unwrap().body.len(), LONG);
    assert_eq!(server.accepted(), 1);
    drop(unread);
}

#[test]
fn long_bodies_go_both_ways_by_many_at_once() {
    const LONG: usize = 400_000;
    let server = Server::start(
        &Place::any(),
        http2::serve(|request, respond| async move {
            let mut go = send_back(request, respond).await;
            let _ = go.send_data(Bytes::new(), true);
        }),
    );
    let rig = front(&[&server], rules());
    let peer = rig.connect();
    let client = Client::new(&peer);
    client.ask(request("POST", "/"), b"", HeaderMap::new()).unwrap();
    let body = |number: usize| -> Vec<u8> { (0..LONG).map(|at| (at / 100 + number) as u8).collect() };
    let begun: Vec<_> = (0..30)
        .map(|number| {
            let (answer, mut stream) = client.begin(request("POST", "/"), false);
            stream.send_data(Bytes::from(body(number)), true).unwrap();
            answer
        })
        .collect();
    for (number, answer) in begun.into_iter().enumerate() {
        assert!(client.wait(answer).unwrap().body == body(number), "{number}");
    }
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_backend_that_takes_nothing_while_it_answers_is_heard() {
    let (come, stuck) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (all_come, is_stuck) = (Arc::clone(&come), Arc::clone(&stuck));
    let roomy = raw::frame(kind::WINDOW_UPDATE, 0, 0, &[1, 0, 0, 0]);
    let hello = [raw::frame(kind::SETTINGS, 0, 0, &[0, 4, 1, 0, 0, 0]), roomy].concat();
    let server = Server::start(&Place::any(), move |peer: &Peer| {
        // So that little is under way.
        let _ = peer.socket().set_send_buffer_size(0x8000);
        let _ = peer.receive(24).and_then(|_| peer.send(&hello));
        let frames = std::iter::from_fn(|| Frame::read(|length| peer.receive(length)).ok());
        let mut asked = frames.filter(|frame| frame.kind == kind::HEADERS).map(|frame| frame.stream);
        let _ = asked.next().map(|first| peer.send(&ok(first)));
        let asked: Vec<_> = asked.take(8).collect();
        all_come.store(true, Relaxed);
        eventually("the upload is stuck", || is_stuck.load(Relaxed).then_some(()));
        for stream in asked {
            let _ = peer.send(&raw::frame(kind::HEADERS, raw::END_HEADERS, stream, &[0x88]));
            for end in [0, 0, 0, 0, 0, 0, 0, raw::END_STREAM] {
                let _ = peer.send(&raw::frame(kind::DATA, end, stream, &[b'x'; 16_000]));
            }
        }
        let _ = peer.read_to_end();
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let clients = [(); 8].map(|()| asked(&rig, "GET", "/"));
    eventually("all have come", || come.load(Relaxed).then_some(()));
    let upload = rig.connect();
    upload.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n").unwrap();
    upload.set_patience(SOON);
    while upload.send(&[b'x'; 100_000]).is_ok() {}
    stuck.store(true, Relaxed);
    assert!(clients.iter().all(|client| web::read_answer(client).unwrap().text().len() == 128_000));
    assert_eq!(server.accepted(), 1);
}

#[test]
fn the_room_that_a_backend_has_for_all_bodies_goes_round() {
    const FIRST: usize = 65_535;
    let (note, noted) = mpsc::channel();
    let come = AtomicUsize::new(0);
    let room = raw::frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]);
    // Each stream has more than enough; after the first bytes of all there is room for one more, over and over.
    let server = frames(&[0, 4, 0, 0x40, 0, 0], move |_, frame| match frame.kind {
        kind::HEADERS if frame.stream == 1 => Some(ok(1)),
        kind::DATA => {
            note.send((frame.stream, frame.payload.len())).ok()?;
            let before = come.fetch_add(frame.payload.len(), Relaxed);
            let is_used_up = before + frame.payload.len() >= FIRST;
            Some(if is_used_up { room.clone() } else { Vec::new() })
        }
        _ => Some(Vec::new()),
    });
    let rig = front(&[&server], rules());
    assert_eq!(status(&asked(&rig, "GET", "/")), 200);
    let clients = [(); 3].map(|()| {
        let client = rig.connect();
        client.send(&web::request("POST / HTTP/1.1\nHost: a\nContent-Length: 100001", "x")).unwrap();
        client
    });
    let next = || noted.recv_timeout(PATIENCE).unwrap();
    assert_eq!([next(), next(), next()].map(|(_, length)| length), [1, 1, 1]);
    clients.iter().for_each(|client| client.send(&[b'x'; 100_000]).unwrap());
    let one_by_one = std::iter::repeat_with(next).skip_while(|(_, length)| *length > 1);
    let turns: Vec<u32> = one_by_one.take(60).map(|(stream, _)| stream).collect();
    let streams = BTreeSet::from_iter(&turns[40..]);
    assert_eq!(streams.len(), 3, "{turns:?}");
    assert!(turns[40..].windows(2).all(|two| two[0] != two[1]), "{turns:?}");
}
