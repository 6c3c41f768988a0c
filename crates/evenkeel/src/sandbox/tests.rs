//! What is forbidden fails: each layer in a process of its own, since nothing takes it down again.

use super::*;
use crate::reach;
use rustix::io::Errno;
use rustix::thread::CapabilitySet;
use std::path::Path;
use std::process::{Command, Stdio};

/// Set in the process in which a layer is put up.
const INSIDE: &str = "EVENKEEL_TEST_INSIDE";

/// Runs the test of this name once more, in a process of its own; there, `test`.
fn alone(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = format!("sandbox::tests::{name}");
    command.args([&name, "--exact", "--nocapture", "--test-threads=1"]).env(INSIDE, "1").stdin(Stdio::null());
    let output = command.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

#[test]
fn a_call_that_is_not_allowed_fails_and_is_counted() {
    alone("a_call_that_is_not_allowed_fails_and_is_counted", || {
        if !Path::new("/proc/sys/kernel/seccomp").exists() {
            return eprintln!("not tested: this kernel has no seccomp");
        }
        rustix::thread::set_no_new_privs(true).unwrap();
        let earlier = std::thread::spawn(std::thread::park);
        calls::confine().unwrap();
        let before = refused().0;
        assert_eq!(rustix::process::chroot("/"), Err(Errno::PERM));
        assert_eq!(refused(), (before + 1, libc::SYS_chroot as u32), "and the next one is counted, too");
        assert_eq!(rustix::process::setpriority_process(None, 19), Err(Errno::PERM));
        assert_eq!(refused().0, before + 2);
        // It is allowed by its number, but not for this kind of socket.
        let packet =
            rustix::net::socket(rustix::net::AddressFamily::PACKET, rustix::net::SocketType::RAW, None);
        assert_eq!(packet.err(), Some(Errno::PERM));
        assert!(Command::new("true").status().is_err(), "no process is made");
        // What a balancer does goes on, on threads of before and of after.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::thread::spawn(move || std::net::TcpStream::connect(listener.local_addr().unwrap()));
        client.join().unwrap().unwrap();
        std::net::ToSocketAddrs::to_socket_addrs("localhost:80").unwrap();
        let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path().join("status"));
        for task in tasks {
            let status = fs::read_to_string(task).unwrap_or_default();
            assert!(status.is_empty() || status.contains("Seccomp:\t2"), "{status}");
        }
        earlier.thread().unpark();
    });
}

#[test]
fn a_file_that_is_not_needed_cannot_be_opened_and_nothing_be_run() {
    alone("a_file_that_is_not_needed_cannot_be_opened_and_nothing_be_run", || {
        if evenkeel_sys::limits::landlock().is_none() {
            return eprintln!("not tested: this kernel has no Landlock");
        }
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (key, log) = (ours.path().join("key.pem"), theirs.path().join("log"));
        fs::write(&key, "key").unwrap();
        fs::write(theirs.path().join("secret"), "secret").unwrap();
        let mut reach = Reach::default();
        reach.readable.insert(ours.path().to_owned());
        rustix::thread::set_no_new_privs(true).unwrap();
        files::confine(&reach).unwrap();
        reach.hold();
        assert_eq!(fs::read_to_string(&key).unwrap(), "key");
        // Files are replaced by others of their name.
        let denied = |outcome: std::io::Result<()>| {
            outcome.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
        };
        assert!(denied(fs::read(theirs.path().join("secret")).map(drop)));
        assert!(denied(fs::write(&log, "line")) && denied(fs::write(&key, "mine")));
        assert!(denied(Command::new("/bin/sh").status().map(drop)));
        assert!(reach::outside(&log).is_some_and(|why| why.contains("sandbox.paths")), "and it is told why");
        assert_eq!(reach::outside(&key), None);
    });
}

#[test]
fn what_was_given_up_does_not_come_back() {
    alone("what_was_given_up_does_not_come_back", || {
        let had = rustix::thread::capabilities(None).unwrap().permitted;
        if !had.contains(CapabilitySet::SYS_ADMIN) {
            return eprintln!("not tested: there is nothing to give up without root");
        }
        let given_up = capabilities::keep(CapabilitySet::NET_BIND_SERVICE).unwrap();
        assert_eq!(given_up, had - CapabilitySet::NET_BIND_SERVICE);
        assert_eq!(capabilities::names(), ["CAP_NET_BIND_SERVICE"]);
        assert!(rustix::process::chroot("/").is_err() && capabilities::keep(had).is_ok());
        assert_eq!(capabilities::names(), ["CAP_NET_BIND_SERVICE"]);
    });
}

#[test]
fn nothing_is_put_up_beside_other_threads_and_where_all_is_required_that_is_an_end() {
    let other = std::thread::spawn(std::thread::park);
    let settings = SandboxSettings { on: true, ..SandboxSettings::default() };
    let sandbox = put_up(&settings, &Config::default(), &Reach::default()).unwrap();
    assert_eq!(sandbox.missing().count(), LAYERS.len(), "{sandbox:?}");
    let required = SandboxSettings { required: true, ..settings.clone() };
    let error = put_up(&required, &Config::default(), &Reach::default()).unwrap_err();
    assert!(
        error.what.starts_with("the sandbox cannot have capabilities: more than one thread"),
        "{}",
        error.what
    );
    let off = SandboxSettings { on: false, ..settings };
    let sandbox = put_up(&off, &Config::default(), &Reach::default()).unwrap();
    assert!(sandbox.layers.iter().all(|(_, layer)| *layer == Layer::Off));
    other.thread().unpark();
    other.join().unwrap();
}
