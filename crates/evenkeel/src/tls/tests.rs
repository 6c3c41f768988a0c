//! What is read, when it is read again, and what stays.

use super::*;
use evenkeel_core::addr::Addr;
use evenkeel_core::flow::FlowRules;
use evenkeel_core::name::{ListenerName, Protocol, ServiceName};
use evenkeel_core::reception::Reception;
use evenkeel_core::snapshot::{Listener, SocketOptions};
use evenkeel_core::sockets::Inward;
use evenkeel_core::tls::{ClientCertificates, Version};
use evenkeel_testkit::tls::Valid;
use evenkeel_testkit::{Authority, Credential};
use std::fs;
use std::time::Duration;

/// A folder with `web.pem` and `ca.pem`, and a service that shows the one and asks for certificates of the other.
struct Scene {
    folder: tempfile::TempDir,
    authority: Authority,
    config: Config,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| Arc::from(folder.path().join(name));
        let terms = Termination {
            certificates: [Certificate { chain: path("web.pem"), key: None, obtained_for: None }].into(),
            alpn: [].into(),
            oldest: Version::Tls12,
            clients: Some(ClientCertificates { roots: path("ca.pem"), required: true }),
            timeout: Duration::from_secs(1),
        };
        let reception = Reception { tls: Some(Arc::new(terms)), ..Reception::default() };
        let listener = Listener {
            name: ListenerName {
                service: ServiceName::new("web"),
                protocol: Protocol::Tcp,
                addr: Addr::Ip("127.0.0.1:1".parse().unwrap()),
            },
            pool: None,
            reception: Arc::new(reception),
            open: true,
            backlog: 1,
            max_sessions: 1,
            socket: SocketOptions { keepalive: None, user_timeout: None },
            unix_mode: 0,
            flows: FlowRules::default(),
            inward: Inward::default(),
        };
        let config = Config { listeners: vec![Arc::new(listener)], ..Config::default() };
        let scene = Self { folder, authority: Authority::new("x"), config };
        scene.put("ca.pem", scene.authority.pem());
        scene.show(&scene.authority.sign(&["a"]));
        scene
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn show(&self, credential: &Credential) {
        self.put("web.pem", &credential.pem());
    }

    fn read(&self) -> Material {
        Material::read(&self.config, None).unwrap()
    }
}

fn server(material: &Material) -> &Arc<ServerConfig> {
    &material.servers.values().next().unwrap().config
}

fn same_tickets(one: &Material, other: &Material) -> bool {
    Arc::ptr_eq(&server(one).ticketer, &server(other).ticketer)
}

#[test]
fn what_has_not_changed_is_the_very_same() {
    let scene = Scene::new();
    let before = scene.read();
    let after = scene.read().follow(&before);
    assert!(Arc::ptr_eq(server(&before), server(&after)) && !after.differs(&before));
}

#[test]
fn tickets_outlive_a_certificate_but_not_whose_clients_count() {
    let scene = Scene::new();
    let first = scene.read();
    scene.show(&scene.authority.sign(&["a"]));
    let second = scene.read().follow(&first);
    assert!(second.differs(&first) && same_tickets(&first, &second));
    scene.put("ca.pem", Authority::new("y").pem());
    let third = scene.read().follow(&second);
    assert!(third.differs(&second) && !same_tickets(&second, &third));
}

#[test]
fn what_cannot_be_used_or_is_not_valid_leaves_what_was_before() {
    let scene = Scene::new();
    let before = scene.read();
    let other = scene.authority.sign(&["a"]);
    let expired = scene.authority.sign_for(&["a"], Valid::Past);
    let future = scene.authority.sign_for(&["a"], Valid::Future);
    for (text, why) in [
        (String::new(), "no certificate in"),
        (other.certificate_pem.clone(), "no private key in"),
        (format!("{}{}", other.certificate_pem, expired.key_pem), "is not that of the certificate"),
        (expired.pem(), "has expired"),
        (future.pem(), "is not valid yet"),
    ] {
        scene.put("web.pem", &text);
        let (material, troubles) = Material::renew(&scene.config, None, &before);
        assert!(!material.differs(&before), "{why}");
        assert!(troubles.len() == 1 && troubles[0].what.contains(why), "{why}: {troubles:?}");
    }
    scene.put("web.pem", &other.pem());
    let (material, troubles) = Material::renew(&scene.config, None, &before);
    assert!(material.differs(&before) && troubles.is_empty());
}

#[test]
fn one_that_is_obtained_may_come_later_and_then_stays() {
    let mut scene = Scene::new();
    let path: Arc<Path> = scene.folder.path().join("certificates/b.pem").into();
    let listener = Arc::make_mut(&mut scene.config.listeners[0]);
    let reception = Arc::make_mut(&mut listener.reception);
    let terms = Arc::make_mut(reception.tls.as_mut().unwrap());
    let certificate = Certificate { chain: Arc::clone(&path), key: None, obtained_for: Some("b".into()) };
    terms.certificates = [certificate].into();

    let before = scene.read();
    assert!(before.shown().is_empty(), "that there is none is no mistake");
    fs::create_dir(path.parent().unwrap()).unwrap();
    let renew = |before: &Material| {
        let (material, troubles) = Material::renew(&scene.config, None, before);
        assert!(troubles.is_empty(), "{troubles:?}");
        material
    };
    fs::write(&path, scene.authority.sign(&["b"]).pem()).unwrap();
    let there = renew(&before);
    assert!(there.differs(&before) && there.shown()[0].obtained_for.as_deref() == Some("b"));
    for text in [String::new(), scene.authority.sign_for(&["b"], Valid::Past).pem()] {
        fs::write(&path, text).unwrap();
        assert!(!renew(&there).differs(&there));
    }
    fs::remove_file(&path).unwrap();
    assert!(!renew(&there).differs(&there));
}

#[test]
fn a_folder_holds_certificates_with_their_keys_as_everybody_keeps_them() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new("x"));
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let [both, beside, certbot, cube] =
        ["both", "beside", "certbot", "cube"].map(|name| authority.sign(&[name]));
    put("1.pem", &format!("{}{}", both.key_pem, both.certificate_pem));
    put("2.crt", &beside.certificate_pem);
    put("2.key", &beside.key_pem);
    put("3/fullchain.pem", &certbot.certificate_pem);
    put("3/privkey.pem", &certbot.key_pem);
    put("4/tls.crt", &cube.certificate_pem);
    put("4/tls.key", &cube.key_pem);
    put("4/ca.crt", authority.pem());
    put("..hidden/tls.crt", &cube.certificate_pem);
    put("README", "nothing");
    let provider = aws_lc_rs::default_provider();
    let files = pair::files(folder.path(), None).unwrap();
    let pairs = files.iter().map(|(chain, key)| pair::read(folder.path(), chain, key, &provider).unwrap());
    let names: Vec<_> = pairs.flat_map(|pair| pair.facts.names).collect();
    assert_eq!(names, ["both", "beside", "certbot", "cube"]);
    let one = |name: &str| pair::files(&folder.path().join(name), None).unwrap();
    put("3/cert.pem", &certbot.certificate_pem);
    assert_eq!(one("3"), [(folder.path().join("3/fullchain.pem"), folder.path().join("3/privkey.pem"))]);
    assert_eq!(one("4"), [(folder.path().join("4/tls.crt"), folder.path().join("4/tls.key"))]);
}
