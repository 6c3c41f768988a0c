//! What is kept, what is shown to authorities, and what is told of one that cannot be asked; obtaining itself is tried with a
//! real one in `scripts/real-world acme`.

use super::stage::challenge;
use super::store::{AllLately, Lately, Store, Unopened};
use super::*;
use crate::config::AcmeSettings;
use crate::config::Challenge as Kind;
use crate::tls::obtained::{file, folder};
use evenkeel_core::renewal::Failures;
use evenkeel_core::tls::{Origination, Trust};
use evenkeel_testkit::tls::{Valid, client};
use evenkeel_testkit::{Authority, PATIENCE, Place, Server, TlsPeer, port, serve};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::timeout;

const NAME: &str = "web.example";

fn settings(state: &Path) -> AcmeSettings {
    let ca = state.join("ca.pem");
    fs::write(&ca, Authority::new("directory").pem()).unwrap();
    let trust = Trust::File(ca.into());
    AcmeSettings {
        is_agreed: true,
        directory: format!("https://localhost:{}/dir", port::free()).into(),
        tls: Arc::new(Origination { trust, server_name: None, certificate: None, alpn: Box::default() }),
        contact: Box::default(),
        challenge: Kind::Tls,
        listen: Vec::new(),
        redirects: false,
        state: state.to_owned(),
        retry: Duration::from_secs(300),
    }
}

fn open(folder: &Path) -> Store {
    Store::open(folder).unwrap_or_else(|_| unreachable!("it is free"))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_certificate_is_kept_for_nobody_else_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/b");
    let store = open(&folder);
    assert_eq!(store.validity(NAME), None);
    let signed = Authority::new("x").sign(&[NAME]);
    let validity = store.keep(NAME, &signed.pem()).unwrap();
    assert_eq!(store.validity(NAME), Some(validity));
    let path = file(&folder, NAME);
    assert_eq!((mode(&path), mode(path.parent().unwrap()), mode(&folder)), (0o600, 0o700, 0o700));
    drop(store);
    assert_eq!(open(&folder).validity(NAME), Some(validity));
}

#[test]
fn one_that_is_no_good_does_not_replace_another() {
    let dir = tempfile::tempdir().unwrap();
    let (store, authority) = (open(dir.path()), Authority::new("x"));
    let good = authority.sign(&[NAME]);
    store.keep(NAME, &good.pem()).unwrap();
    let other = authority.sign(&[NAME]);
    for (pem, why) in [
        (good.key_pem.clone() + &other.certificate_pem, "is not that of the certificate"),
        (authority.sign(&["other.example"]).pem(), "for another name"),
        (authority.sign_for(&[NAME], Valid::Past).pem(), "not valid now"),
        (good.key_pem.clone(), "no certificate"),
        (String::new(), "no certificate"),
    ] {
        let failure = store.keep(NAME, &pem).unwrap_err();
        assert!(failure.why.contains(why) && !failure.is_general, "{}", failure.why);
        assert_eq!(fs::read_to_string(file(dir.path(), NAME)).unwrap(), good.pem());
    }
    // What is left of it is in nobody's way.
    store.keep(NAME, &other.pem()).unwrap();
    assert_eq!(fs::read_to_string(file(dir.path(), NAME)).unwrap(), other.pem());
}

#[test]
fn one_process_at_a_time_has_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    assert!(matches!(Store::open(dir.path()), Err(Unopened::Taken)));
    drop(store);
    open(dir.path());
    let in_the_way = dir.path().join("file");
    fs::write(&in_the_way, "").unwrap();
    assert!(matches!(Store::open(&in_the_way), Err(Unopened::Failed(_))));
}

#[test]
fn failures_are_remembered_and_what_cannot_be_read_counts_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let failures = Failures { times: 3, last: UNIX_EPOCH + Duration::from_secs(7) };
    let lately = Lately { failures, why: "no".into() };
    let all: AllLately = [("".into(), lately.clone()), (NAME.into(), lately)].into();
    store.keep_lately(&all).unwrap();
    assert_eq!(store.lately(), all);
    for text in
        ["", "[]", "{\"a\": 1, \"b\": {\"times\": -1}}", "\u{1}", "{\"a\": {\"times\": 1, \"last\": 1e300}}"]
    {
        fs::write(dir.path().join("failures.json"), text).unwrap();
        assert_eq!(store.lately(), AllLately::new(), "{text}");
    }
    let huge = json!({"a": {"times": 1, "last": u64::MAX, "why": ""}}).to_string();
    fs::write(dir.path().join("failures.json"), huge).unwrap();
    assert_eq!(store.lately(), AllLately::new());
}

#[test]
fn an_authority_sees_its_digest_and_the_name() {
    let digest = [7; 32];
    let shown = challenge(NAME, &digest).unwrap();
    let waits = |peer: &TlsPeer| drop(peer.read_to_end());
    let server = Server::start(&Place::any(), serve::tls(Arc::clone(&shown.config), waits));
    let mut asks = client(None, None);
    asks.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let peer = TlsPeer::connect(server.place(), &Arc::new(asks), NAME).unwrap();
    assert_eq!(peer.connection().alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let der = peer.shown();
    // 1.3.6.1.5.5.7.1.31, critical, an octet string in an octet string (RFC 8737, section 3).
    let extension = [6, 8, 0x2b, 6, 1, 5, 5, 7, 1, 31, 1, 1, 0xff, 4, 34, 4, 32];
    let wanted = [&extension[..], &digest].concat();
    assert!(der.windows(wanted.len()).any(|it| it == wanted));
    assert!(der.windows(NAME.len()).any(|it| it == NAME.as_bytes()));
    assert!(challenge(NAME, &[7; 31]).is_err());
}

/// The next news that are `of` interest, under a deadline.
async fn news<T>(inputs: &mut mpsc::Receiver<Input>, of: impl Fn(News) -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Input::Acme(news) = inputs.recv().await.unwrap()
                && let Some(found) = of(news)
            {
                return found;
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("not in time")
}

fn failure(news: News) -> Option<(Option<Arc<str>>, Arc<str>, Duration)> {
    match news {
        News::Failed { name, why, again } => Some((name, why, again.duration_since(SystemTime::now()).ok()?)),
        News::Show(_, done) => done.send(()).ok().and(None),
        _ => None,
    }
}

#[tokio::test]
async fn an_authority_that_is_not_there_is_told_and_left_alone_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let wanted = Arc::new(Wanted { names: [NAME.into(), "b.example".into()].into(), settings, asked: 0 });
    let (inputs, mut received) = mpsc::channel(100);
    let acme = Acme::start(Arc::clone(&wanted), inputs.clone()).unwrap();
    let (name, why, wait) = news(&mut received, failure).await;
    assert_eq!(name, None, "it is nobody's fault");
    assert!(why.contains("no answer from localhost:") && why.contains("refused"), "{why}");
    assert!((290..=375).contains(&wait.as_secs()), "{wait:?}");
    let standing = news(&mut received, |news| match news {
        News::Standing(all) if all.iter().all(|it| it.failures == 1) => Some(all),
        _ => None,
    });
    assert_eq!(standing.await.len(), 2, "the other name waits as well");

    // Whoever asks has it tried again at once.
    acme.want(&Arc::new(Wanted { asked: 1, ..(*wanted).clone() }));
    let (_, _, wait) = news(&mut received, failure).await;
    assert!(wait.as_secs() >= 590, "{wait:?}");
    drop(acme);

    // A process that starts again does not begin anew with it.
    let acme = Acme::start(wanted, inputs).unwrap();
    let standing = news(&mut received, |news| match news {
        News::Standing(all) => Some(all),
        _ => None,
    });
    assert!(standing.await.iter().all(|it| it.due > SystemTime::now() + Duration::from_secs(500)));
    drop(acme);
}

#[tokio::test]
async fn who_asks_while_another_process_has_the_folder_is_not_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let store = open(&folder(&settings));
    let failures = Failures { times: 1, last: SystemTime::now() };
    store.keep_lately(&[("".into(), Lately { failures, why: "no".into() })].into()).unwrap();
    let wanted = Wanted { names: [NAME.into()].into(), settings, asked: 0 };
    let (tell, told) = watch::channel(Arc::new(wanted.clone()));
    let (inputs, mut received) = mpsc::channel(100);
    let keeps = tokio::spawn(keeper::run(told, inputs));
    yield_now().await;
    tell.send_replace(Arc::new(Wanted { asked: 1, ..wanted }));
    // It has heard that, and waits for the folder still.
    yield_now().await;
    drop(store);
    let (_, _, wait) = news(&mut received, failure).await;
    assert!(wait.as_secs() >= 590, "{wait:?}");
    keeps.abort();
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    fs::write(&state, "").unwrap();
    let settings = AcmeSettings { state, ..settings(dir.path()) };
    let wanted = Arc::new(Wanted { names: [NAME.into()].into(), settings, asked: 0 });
    let (inputs, mut received) = mpsc::channel(100);
    let _acme = Acme::start(wanted, inputs).unwrap();
    let (_, why, _) = news(&mut received, failure).await;
    assert!(why.starts_with("cannot use ") && why.contains("Not a directory"), "{why}");
}
