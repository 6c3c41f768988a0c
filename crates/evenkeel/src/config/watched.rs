//! What tells that a file is another one by now, or has another text.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Device, inode, length, and when it was changed. A folder changes when something in it comes or goes.
type Stamp = (u64, u64, u64, i64, i64);

/// A file or a folder, and how it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    path: PathBuf,
    stamp: Option<Stamp>,
}

impl Watched {
    /// How `path` is now. To miss no change, look before it is read.
    pub fn look(path: &Path) -> Self {
        let stamp = std::fs::metadata(path)
            .ok()
            .map(|it| (it.dev(), it.ino(), it.len(), it.mtime(), it.mtime_nsec()));
        Self { path: path.to_owned(), stamp }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How the same one is now.
    pub fn again(&self) -> Self {
        Self::look(&self.path)
    }
}

/// Everything that a configuration was loaded from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchedFiles {
    /// The files that were read, and the folders that were searched for more.
    pub config: Arc<[Watched]>,
    /// The files that list networks.
    pub lists: Arc<[Watched]>,
}

impl WatchedFiles {
    /// How the same ones are now.
    pub fn again(&self) -> Self {
        let again = |files: &[Watched]| files.iter().map(Watched::again).collect();
        Self { config: again(&self.config), lists: again(&self.lists) }
    }

    /// These, and those of `others` that are not among them.
    pub fn and(&self, others: &Self) -> Self {
        let join = |ours: &[Watched], others: &[Watched]| {
            let is_new = |other: &&Watched| ours.iter().all(|it| it.path != other.path);
            ours.iter().chain(others.iter().filter(is_new)).cloned().collect()
        };
        Self { config: join(&self.config, &others.config), lists: join(&self.lists, &others.lists) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_that_come_change_are_replaced_or_go_are_others() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        let mut before = Watched::look(&path);
        let mut is_another = |what: &str, expected: bool| {
            let now = before.again();
            assert_eq!(std::mem::replace(&mut before, now.clone()) != now, expected, "{what}");
        };
        is_another("none", false);
        fs::write(&path, "text").unwrap();
        is_another("it came", true);
        is_another("nothing", false);
        fs::write(&path, "longer").unwrap();
        is_another("it has changed", true);
        fs::write(&other, "longer").unwrap();
        fs::rename(&other, &path).unwrap();
        is_another("it was replaced", true);
        fs::remove_file(&path).unwrap();
        is_another("it went", true);
    }

    #[test]
    fn those_of_two_are_each_there_once_as_the_first_saw_them() {
        let folder = tempfile::tempdir().unwrap();
        let look = |names: &[&str]| WatchedFiles {
            config: names.iter().map(|name| Watched::look(&folder.path().join(name))).collect(),
            lists: Arc::default(),
        };
        let others = look(&["a", "b"]);
        fs::write(folder.path().join("a"), "text").unwrap();
        let both = look(&["c", "a"]).and(&others);
        assert_eq!(both, look(&["c", "a", "b"]));
        assert_eq!(others.again(), look(&["a", "b"]));
    }

    #[test]
    fn a_folder_changes_with_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let before = Watched::look(folder.path());
        fs::write(folder.path().join("a"), "").unwrap();
        assert_ne!(before.again(), before);
    }
}
