//! Which program an upgrade starts: the one at the path that this one was started by, whoever is there by then.

use std::env;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};

/// The path that this process was started by. Call it early: the current directory and the file may change.
pub fn path() -> PathBuf {
    let running = env::current_exe().map(|path| undeleted(&path)).unwrap_or_default();
    let named = env::args_os().next().and_then(|name| named(&name, &running));
    named.unwrap_or(running)
}

/// The path that `name` stands for, if that is this program: a link keeps its name, so that it may point elsewhere later.
fn named(name: &OsStr, running: &Path) -> Option<PathBuf> {
    let candidates: Vec<PathBuf> = match name.as_bytes().contains(&b'/') {
        true => absolute(name).into_iter().collect(),
        false => env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).collect(),
    };
    let is_it = |path: &Path| {
        let (one, other) = (std::fs::metadata(path).ok()?, std::fs::metadata(running).ok()?);
        Some((one.dev(), one.ino()) == (other.dev(), other.ino()))
    };
    candidates.into_iter().find(|path| path.is_absolute() && is_it(path) == Some(true))
}

/// The kernel marks a file that was replaced since (proc_pid_exe(5)).
fn undeleted(path: &Path) -> PathBuf {
    let bytes = path.as_os_str().as_bytes();
    PathBuf::from(OsStr::from_bytes(bytes.strip_suffix(b" (deleted)").unwrap_or(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_its_name_and_a_stranger_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, other) =
            (folder.path().join("evenkeel-1"), folder.path().join("evenkeel"), folder.path().join("other"));
        std::fs::write(&file, "1").unwrap();
        std::fs::write(&other, "2").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(named(link.as_os_str(), &file), Some(link));
        assert_eq!(named(other.as_os_str(), &file), None, "an `argv[0]` of somebody's choice");
    }

    #[test]
    fn a_replaced_file_is_known_by_its_name() {
        assert_eq!(undeleted(Path::new("/usr/bin/evenkeel (deleted)")), Path::new("/usr/bin/evenkeel"));
        assert_eq!(undeleted(Path::new("/usr/bin/evenkeel")), Path::new("/usr/bin/evenkeel"));
    }
}
