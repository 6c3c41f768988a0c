//! Which files this process may reach once it is in its sandbox, and what to say of others.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Folders and files, as they really are, that are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// To read, with all below them.
    pub readable: BTreeSet<PathBuf>,
    /// To write, to make, to remove files in.
    pub writable: BTreeSet<PathBuf>,
    /// Of these, what the configuration names to read.
    pub read: BTreeSet<PathBuf>,
    /// And to write.
    pub written: BTreeSet<PathBuf>,
}

/// What the kernel lets this process reach; empty as long as it may reach all that its user may.
static REACH: OnceLock<Reach> = OnceLock::new();

impl Reach {
    /// From now on the kernel lets this process reach nothing else, for good.
    pub fn hold(self) {
        // Nothing can be taken back, so the first one holds.
        let _ = REACH.set(self);
    }
}

/// Opens the file at `path` to read it. What is no file could keep whoever reads it waiting for ever, as a FIFO does.
pub fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    match kind.is_file() || kind.is_dir() {
        true => File::open(path),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// What is to be said of `path`, which this process may not open, if that is because of its sandbox.
pub fn outside(path: &Path) -> Option<&'static str> {
    let reach = REACH.get()?;
    let near = path.ancestors().find_map(|near| fs::canonicalize(near).ok())?;
    let is_within = reach.readable.iter().chain(&reach.writable).any(|folder| near.starts_with(folder));
    (!is_within).then_some(
        "it is outside of what the sandbox was made for at the start: `evenkeel upgrade` makes a new one for this \
         configuration; `sandbox.paths` names folders beforehand",
    )
}

/// Why `path` cannot be read, for a person.
pub fn unreadable(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::PermissionDenied => denied(path),
        ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => plain(error),
    }
}

/// What `error` says, without the number that the system has for it.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let Some((words, _)) = text.split_once(" (os error ") else { return text };
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Why `path` may not be opened.
pub fn denied(path: &Path) -> String {
    outside(path).map_or_else(|| "permission denied".to_owned(), |why| format!("permission denied: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let error = open(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(unreadable(Path::new("/dev/zero"), &error), "it is no regular file");
        assert!(open(Path::new("/proc/self/status")).is_ok());
    }
}
