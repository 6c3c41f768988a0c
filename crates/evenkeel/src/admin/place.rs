//! Where the admin socket is when nobody says so: `control.sock` in the first folder that its user may have, so that
//! commands find it by themselves.

use evenkeel_sys::socket::{self, FileIdentity};
use std::fs::{self, DirBuilder, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The name of the socket. A second process in the same folder has its process id in it.
const NAME: &str = "control";

/// The folder that only root can make.
pub const FOLDER: &str = "/run/evenkeel";

/// Only its user, and root, may connect.
const MODE: u32 = 0o600;

/// Connections that may wait to be accepted.
pub const BACKLOG: u32 = 64;

/// A Unix socket's file, removed on drop unless it is another one's by now.
pub struct File {
    path: PathBuf,
    identity: Option<FileIdentity>,
}

impl File {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.identity.is_some() && FileIdentity::at(&self.path) == self.identity {
            // A file that is gone already is as good.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Listens at `path`.
pub fn bind(path: &Path) -> io::Result<(OwnedFd, File)> {
    let socket = socket::listen_unix(path, MODE, BACKLOG)?;
    Ok((socket, File { path: path.to_owned(), identity: FileIdentity::at(path) }))
}

/// Listens where the commands look for it; fails with the first folder's reason.
pub fn bind_default() -> io::Result<(OwnedFd, File)> {
    let mut first = None;
    for folder in folders() {
        let bound = make(&folder).and_then(|()| match bind(&folder.join(format!("{NAME}.sock"))) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                bind(&folder.join(format!("{NAME}-{}.sock", std::process::id())))
            }
            other => other,
        });
        match bound {
            Ok(bound) => return Ok(bound),
            Err(error) => first = first.or(Some(io::Error::new(error.kind(), describe(&folder, &error)))),
        }
    }
    Err(first.unwrap_or_else(|| ErrorKind::NotFound.into()))
}

/// Whether that is where the commands look first in a folder.
pub fn is_default(path: &Path) -> bool {
    folders().iter().any(|folder| folder.join(format!("{NAME}.sock")) == path)
}

fn describe(folder: &Path, error: &io::Error) -> String {
    format!("{}: {error}", folder.display())
}

/// Whether a socket could be in `folder`: the folder, or what stands against it. Nothing is made for that.
pub fn usable(folder: PathBuf) -> Result<PathBuf, (PathBuf, &'static str)> {
    let may_write = |path: &Path| rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok();
    match fs::metadata(&folder) {
        Ok(found) if !found.is_dir() => Err((folder, "it is no folder")),
        Ok(_) if may_write(&folder) => Ok(folder),
        Ok(_) => Err((folder, "this user may not write there")),
        Err(_) => Err((folder, "there is no such folder")),
    }
}

/// The folder in which it would be when nobody says so, or why the best of them cannot be used.
pub fn usable_default() -> Result<PathBuf, (PathBuf, &'static str)> {
    let could_make = |folder: &Path| {
        fs::symlink_metadata(folder).is_err()
            && folder.parent().is_some_and(|it| usable(it.to_owned()).is_ok())
    };
    let mut first = None;
    for folder in folders() {
        if could_make(&folder) {
            return Ok(folder);
        }
        let found = usable(folder).and_then(|folder| match make(&folder) {
            Ok(()) => Ok(folder),
            Err(_) => Err((folder, "others may write there")),
        });
        match found {
            Ok(folder) => return Ok(folder),
            Err(why) => first = first.or(Some(why)),
        }
    }
    Err(first.unwrap_or_default())
}

/// Every socket that somebody listens at, where this user's may be. What a stranger has put where anybody may is none: it would be
/// told what only ours is to know, and obeyed by those who ask.
pub fn find() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders().into_iter().filter(|folder| *folder != temporary() || check(folder).is_ok()) {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut names: Vec<_> = entries.filter_map(|it| it.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        let sockets = names.into_iter().filter(|it| it.starts_with(NAME) && it.ends_with(".sock"));
        found.extend(sockets.map(|it| folder.join(it)).filter(|it| UnixStream::connect(it).is_ok()));
    }
    found
}

/// The folders in which it may be, the best first.
pub fn folders() -> Vec<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    // systemd.exec(5): `RuntimeDirectory=` may name several, with colons between.
    let of_unit = variable("RUNTIME_DIRECTORY").and_then(|list| std::env::split_paths(&list).next());
    let of_login = variable("XDG_RUNTIME_DIR").map(|it| it.join("evenkeel"));
    distinct([of_unit, Some(FOLDER.into()), of_login, Some(temporary())].into_iter().flatten())
}

/// Where it is when there is nowhere else. Anybody may make that.
fn temporary() -> PathBuf {
    std::env::temp_dir().join(format!("evenkeel-{}", user()))
}

/// Each folder once, by whichever name it comes first: a unit's runtime folder is often that which all know.
fn distinct(folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    folders
        .filter(|folder| {
            let real = fs::canonicalize(folder).unwrap_or_else(|_| folder.clone());
            let is_new = !seen.contains(&real);
            seen.push(real);
            is_new
        })
        .collect()
}

/// Makes `folder` if it is not there.
fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o755).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => check(folder),
    }
}

/// A folder that others may write to, or put there, is not ours to use.
fn check(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    let found = if found.is_symlink() && found.uid() == 0 { fs::metadata(folder)? } else { found };
    if found.is_dir() && is_safe(&found) {
        Ok(())
    } else {
        Err(io::Error::new(ErrorKind::PermissionDenied, "others may write there"))
    }
}

/// Whether nobody may write to a file or folder but its owner, who is root or the user that this process acts as.
pub fn is_safe(found: &Metadata) -> bool {
    found.mode() & 0o022 == 0 && [0, user()].contains(&found.uid())
}

/// The user that this process acts as.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_socket_is_for_its_user_alone_and_gone_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let (socket, file) = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(bind(&path).err().map(|it| it.kind()), Some(ErrorKind::AddrInUse));
        drop((socket, file));
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_of_several_names_is_looked_into_once() {
        let folder = tempfile::tempdir().unwrap();
        let (real, alias) = (folder.path().join("evenkeel"), folder.path().join("alias"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &alias).unwrap();
        let absent = folder.path().join("absent");
        let named = [&real, &alias, &absent, &real, &absent].map(PathBuf::clone);
        assert_eq!(distinct(named.into_iter()), [real, absent]);
    }

    #[test]
    fn the_file_of_a_successor_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let (socket, file) = bind(&path).unwrap();
        drop(socket);
        let (_socket, _file) = bind(&path).unwrap();
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        make(&own).unwrap();
        make(&own).unwrap();
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(make(&own).err().map(|it| it.kind()), Some(ErrorKind::PermissionDenied));
    }
}
