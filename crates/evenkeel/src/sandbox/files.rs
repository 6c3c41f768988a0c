//! Which files a configuration needs, and Landlock, which keeps all others away.

use crate::admin::place;
use crate::config::{AdminSettings, Loaded, LogTo, Source};
use crate::reach::Reach;
use evenkeel_core::addr::Addr;
use evenkeel_core::tls::Trust;
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use std::collections::BTreeSet;
use std::env;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// What the resolver, the C library and TLS read, on some system or other: names, authorities, modules. Folders, since their
/// files are replaced while we run.
const SYSTEM: [&str; 16] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/urandom",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
    "/run/nscd",
    "/var/lib/sss",
];

/// Variables that say where authorities are, if not where they usually are.
const AUTHORITIES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// What of the file system the kernel can be asked to guard; older ones guard what they know.
const KNOWN: ABI = ABI::V6;

impl Reach {
    /// What `loaded`, from `source`, needs, and what its `paths` allow beside that.
    pub fn of(loaded: &Loaded, source: Option<&Source>) -> Self {
        let mut reach = Self::default();
        SYSTEM.iter().for_each(|path| reach.read(Path::new(path)));
        let authorities = AUTHORITIES.iter().filter_map(env::var_os);
        authorities.for_each(|path| reach.read_near(Path::new(&path)));
        if let Ok(real) = fs::canonicalize("/etc/resolv.conf") {
            reach.read_near(&real);
        }
        if let Some(Source::File(path, _)) = source {
            reach.read_near(path);
        }
        reach.add(loaded);
        reach
    }

    /// What `loaded` needs, too.
    pub fn add(&mut self, loaded: &Loaded) {
        let files = loaded.files.config.iter().chain(&*loaded.files.lists);
        files.for_each(|file| self.read_near(file.path()));
        loaded.material.files().iter().for_each(|file| self.read_near(file.path()));
        let folders = loaded.config.listeners.iter().filter_map(|it| folder_of_socket(&it.name.addr));
        folders.for_each(|folder| self.write_in(folder));
        loaded.settings.admin.iter().for_each(|admin| self.add_admin(admin));
        if let LogTo::File(path) = &loaded.settings.log.to {
            self.write_log(path);
        }
        if let Some(acme) = &loaded.settings.acme {
            // What is not there cannot be named to the kernel; without it the first certificate says why.
            let _ = DirBuilder::new().recursive(true).mode(0o700).create(&acme.state);
            self.write_in(&acme.state);
            if let Trust::File(path) = &acme.tls.trust {
                self.read_near(path);
            }
        }
        loaded.settings.sandbox.paths.iter().for_each(|path| self.write(path));
    }

    fn add_admin(&mut self, admin: &AdminSettings) {
        admin.token_file.iter().for_each(|path| self.read_near(path));
        match &admin.listen {
            Some(addrs) => {
                addrs.iter().filter_map(folder_of_socket).for_each(|folder| self.write_in(folder));
            }
            None => place::folders().iter().for_each(|folder| self.write(folder)),
        }
    }

    /// A file or folder, and all below it.
    fn read(&mut self, path: &Path) {
        self.readable.extend(fs::canonicalize(path));
    }

    /// The folders of a file, since files are replaced by others: that in which its name stands, and that in which it is.
    /// A folder is readable as a whole.
    fn read_near(&mut self, path: &Path) {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        [&folder_of(path), &folder_of(&real), path].into_iter().for_each(|near| self.read(near));
        self.read.insert(real);
    }

    /// A folder that files of the configuration are in.
    fn write_in(&mut self, folder: &Path) {
        self.write(folder);
        self.written.insert(folder.to_owned());
    }

    fn write(&mut self, folder: &Path) {
        self.writable.extend(fs::canonicalize(folder));
    }

    /// The folder of the log, in which it is opened anew. Of devices and of what standard output is just those.
    fn write_log(&mut self, path: &Path) {
        let real = fs::canonicalize(path);
        let near =
            if path.starts_with("/dev") || path.starts_with("/proc") { real } else { Ok(folder_of(path)) };
        near.iter().for_each(|path| self.write_in(path));
        self.written.insert(path.to_owned());
    }
}

/// The folder of a Unix socket.
fn folder_of_socket(addr: &Addr) -> Option<&Path> {
    match addr {
        Addr::Unix(path) => path.parent(),
        Addr::Ip(_) => None,
    }
}

/// The folder that `path` is in; of what is in the root just that.
fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        None => path.to_owned(),
        Some(parent) if parent.as_os_str().is_empty() => ".".into(),
        Some(parent) if parent == Path::new("/") => path.to_owned(),
        Some(parent) => parent.to_owned(),
    }
}

/// Keeps this thread, and those that it starts, away from all files but those that are needed. Says what of it the kernel
/// can; the mistake is that it can nothing.
pub fn confine(reach: &Reach) -> Result<String, String> {
    let status = restrict(reach).map_err(|error| error.to_string())?;
    match status {
        LandlockStatus::Available { effective_abi, .. } => Ok(format!("ABI {}", effective_abi as i32)),
        LandlockStatus::NotEnabled => {
            Err("it is not enabled: `lsm=landlock,…` on the kernel's command line".to_owned())
        }
        LandlockStatus::NotImplemented => {
            Err("the kernel is older than 5.13 or built without it, or a container forbids it".to_owned())
        }
    }
}

fn restrict(reach: &Reach) -> Result<LandlockStatus, RulesetError> {
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?;
    // A service manager may be told at such a socket, and the journal of old ones be there.
    let ruleset = match env::var("NOTIFY_SOCKET").is_ok_and(|path| path.starts_with('@')) {
        true => ruleset,
        false => ruleset.scope(Scope::AbstractUnixSocket)?,
    };
    let created = ruleset.create()?;
    let created = allow(created, &reach.readable, AccessFs::ReadFile | AccessFs::ReadDir)?;
    let written = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeSock
        | AccessFs::MakeDir
        | AccessFs::RemoveFile;
    Ok(allow(created, &reach.writable, written)?.restrict_self()?.landlock)
}

fn allow(
    created: RulesetCreated,
    paths: &BTreeSet<PathBuf>,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let rules = path_beneath_rules(paths, access);
    created.add_rules(rules)
}
