//! Puts what was built together as a package: the program, and all that a host wants beside it.

use crate::{ROOT, cargo, run};
use anyhow::Context;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The revision of the package of one version.
const REVISION: &str = "1";

/// Files that are as they are in the repository: from, to, mode.
const FILES: [(&str, &str, u32); 9] = [
    ("packaging/evenkeel.toml", "etc/evenkeel/evenkeel.toml", 0o644),
    ("packaging/evenkeel.service", "usr/lib/systemd/system/evenkeel.service", 0o644),
    ("packaging/sysusers.conf", "usr/lib/sysusers.d/evenkeel.conf", 0o644),
    ("packaging/tmpfiles.conf", "usr/lib/tmpfiles.d/evenkeel.conf", 0o644),
    ("packaging/debian/copyright", "usr/share/doc/evenkeel/copyright", 0o644),
    ("examples/full.toml", "usr/share/doc/evenkeel/examples/full.toml", 0o644),
    ("packaging/debian/postinst", "DEBIAN/postinst", 0o755),
    ("packaging/debian/prerm", "DEBIAN/prerm", 0o755),
    ("packaging/debian/postrm", "DEBIAN/postrm", 0o755),
];

/// What the program says of itself: arguments, where that belongs, and whether it is compressed there.
const SAID: [(&[&str], &str, bool); 4] = [
    (&["man"], "usr/share/man/man1/evenkeel.1", true),
    (&["completions", "bash"], "usr/share/bash-completion/completions/evenkeel", false),
    (&["completions", "zsh"], "usr/share/zsh/vendor-completions/_evenkeel", false),
    (&["completions", "fish"], "usr/share/fish/vendor_completions.d/evenkeel.fish", false),
];

/// Builds `target/package/evenkeel_VERSION_ARCHITECTURE.deb`, of `program` or else of a release, and says where it is. `more` is
/// added to the version.
pub fn deb(program: Option<&str>, more: &str) -> anyhow::Result<()> {
    let built = Path::new(ROOT).join("target/release/evenkeel");
    let program = match program {
        Some(program) => PathBuf::from(program),
        None => {
            cargo(&["build", "--release", "--locked", "--package", "evenkeel"], &[], &[])?;
            built
        }
    };
    let version = format!(
        "{}{more}-{REVISION}",
        said(&program, &["version"])?.split_whitespace().nth(1).context("no version")?
    );
    let architecture = run(Command::new("dpkg").arg("--print-architecture"))?;
    let folder = Path::new(ROOT).join("target/package");
    let stage = folder.join("deb");
    if stage.exists() {
        fs::remove_dir_all(&stage)?;
    }
    fill(&stage, &program, &version)?;
    control(&stage, &version, architecture.trim())?;
    let package = folder.join(format!("evenkeel_{version}_{}.deb", architecture.trim()));
    run(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).args([&stage, &package]))?;
    writeln!(std::io::stdout(), "{}", package.canonicalize()?.display())?;
    Ok(())
}

fn fill(stage: &Path, program: &Path, version: &str) -> anyhow::Result<()> {
    put(stage, "usr/bin/evenkeel", &fs::read(program)?, 0o755)?;
    run(Command::new("strip").arg("--strip-unneeded").arg(stage.join("usr/bin/evenkeel")))?;
    for (from, to, mode) in FILES {
        put(stage, to, &fs::read(Path::new(ROOT).join(from)).context(from)?, mode)?;
    }
    for (arguments, to, compressed) in SAID {
        put(stage, to, said(program, arguments)?.as_bytes(), 0o644)?;
        if compressed {
            compress(&stage.join(to))?;
        }
    }
    let docs = "usr/share/doc/evenkeel";
    let changes = format!(
        "evenkeel ({version}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n -- The evenkeel authors \
         <evenkeel@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n"
    );
    for (name, text) in [
        ("changelog", fs::read(Path::new(ROOT).join("CHANGELOG.md"))?),
        ("changelog.Debian", changes.into_bytes()),
    ] {
        let to = format!("{docs}/{name}");
        put(stage, &to, &text, 0o644)?;
        compress(&stage.join(to))?;
    }
    Ok(())
}

fn control(stage: &Path, version: &str, architecture: &str) -> anyhow::Result<()> {
    let size = run(Command::new("du").args(["-sk", "--exclude=DEBIAN"]).arg(stage))?;
    let size = size.split_whitespace().next().context("du says nothing")?.to_owned();
    // It was linked with this one, and asks for nothing newer.
    let libc = run(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let libc = libc.split_whitespace().nth(1).context("no glibc")?.to_owned();
    let control = format!(
        "Package: evenkeel\nVersion: {version}\nArchitecture: {architecture}\nSection: net\nPriority: optional\n\
         Maintainer: The evenkeel authors <evenkeel@example.org>\nInstalled-Size: {size}\n\
         Depends: adduser, libc6 (>= {libc}), libgcc-s1\nRecommends: ca-certificates\n\
         Description: layer-4 load balancer that drops nothing\n evenkeel listens at the front, picks a healthy backend, and \
         carries bytes both\n ways until the connection ends. Configuration, certificates and the program\n itself are replaced \
         while every session goes on.\n"
    );
    put(stage, "DEBIAN/control", control.as_bytes(), 0o644)?;
    put(stage, "DEBIAN/conffiles", b"/etc/evenkeel/evenkeel.toml\n", 0o644)?;
    let sums = "find usr etc -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum";
    let sums = run(Command::new("sh").args(["-c", sums]).current_dir(stage))?;
    put(stage, "DEBIAN/md5sums", sums.as_bytes(), 0o644)
}

/// Writes a file, and makes the folders that it is in.
fn put(stage: &Path, to: &str, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let path = stage.join(to);
    let mut folder = stage.to_owned();
    for part in Path::new(to).parent().into_iter().flat_map(Path::iter) {
        fs::create_dir_all(&folder)?;
        folder.push(part);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    }
    fs::write(&path, bytes)?;
    Ok(fs::set_permissions(&path, fs::Permissions::from_mode(mode))?)
}

fn compress(path: &Path) -> anyhow::Result<()> {
    run(Command::new("gzip").arg("-9n").arg(path)).map(drop)
}

/// What `program` prints.
fn said(program: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    run(Command::new(program).args(arguments))
}
