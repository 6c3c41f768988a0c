//! Puts a new text in the place of a file: as a whole and for good, and with the rights that the file had.

use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// Why a file is as it was.
#[derive(Debug)]
pub enum NotReplaced {
    /// It, or its folder, cannot be read or written.
    Unusable(io::Error),
    /// It is another one than the new text was made of: what somebody has just written there would be lost.
    Changed,
    /// The new one cannot belong to the user and the group of the old one: those who could read that could not read this.
    Owner(u32, u32, io::Error),
}

impl From<io::Error> for NotReplaced {
    fn from(error: io::Error) -> Self {
        Self::Unusable(error)
    }
}

impl fmt::Display for NotReplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(error) => error.fmt(f),
            Self::Changed => f.write_str("it has changed in between; nothing was saved, ask again"),
            Self::Owner(user, group, error) => {
                write!(f, "it belongs to user {user} and group {group}, and a new one cannot: {error}")
            }
        }
    }
}

impl std::error::Error for NotReplaced {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unusable(error) | Self::Owner(.., error) => Some(error),
            Self::Changed => None,
        }
    }
}

/// Gives the file at `path` the text `new`, if its text is still `old`; of a link, the file behind it.
///
/// Whoever reads meanwhile reads the old one or the new one, also after the power has failed.
pub fn replace(path: &Path, old: &str, new: &str) -> Result<(), NotReplaced> {
    let path = path.canonicalize()?;
    let before = fs::metadata(&path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    // One that cannot be opened is told while everything is as it was.
    let open_folder = File::open(folder)?;
    let beside = Beside::create(folder)?;
    beside.fill(new, &before)?;
    // As late as can be: what an editor writes after this moment is lost, but nothing that it wrote before.
    if fs::read(&path)? != old.as_bytes() {
        return Err(NotReplaced::Changed);
    }
    beside.become_file(&path)?;
    Ok(open_folder.sync_all()?)
}

/// A new file beside the one that it will replace, which goes unless it does.
struct Beside {
    path: PathBuf,
    file: File,
}

impl Beside {
    /// An empty one that nobody else may look into.
    fn create(folder: &Path) -> io::Result<Self> {
        // Hidden, as an `include` of everything here must not take it; and nobody can know the keys of this hash, and so
        // have a file or a link there already.
        let number = RandomState::new().hash_one(folder);
        let path = folder.join(format!(".evenkeel-save-{number:016x}"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// Writes it down, for those who could read the one `before`.
    fn fill(&self, text: &str, before: &Metadata) -> Result<(), NotReplaced> {
        (&self.file).write_all(text.as_bytes())?;
        let (user, group) = (before.uid(), before.gid());
        let own = self.file.metadata()?;
        if (own.uid(), own.gid()) != (user, group) {
            fchown(&self.file, Some(user), Some(group))
                .map_err(|error| NotReplaced::Owner(user, group, error))?;
        }
        // Only now: until it belonged to the right ones, its rights would have been those of others.
        self.file.set_permissions(before.permissions())?;
        Ok(self.file.sync_all()?)
    }

    fn become_file(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // Where it has become the file there is none any more.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn only_the_text_is_another_one_and_nothing_is_left_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        fs::write(&path, "old").unwrap();
        // Whoever may give it to another group shows that it stays there.
        let is_root = chown(&path, None, Some(54_321)).is_ok();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let before = fs::metadata(&path).unwrap();
        replace(&path, "old", "new").unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
        assert!(!is_root || after.gid() == 54_321);
        assert_ne!(after.ino(), before.ino(), "who has it open reads the old one to its end");
        assert_eq!(names(folder.path()), ["p.toml"]);
    }

    #[test]
    fn a_link_stays_one() {
        let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let (link, path) = (here.path().join("link"), there.path().join("p.toml"));
        fs::write(&path, "old").unwrap();
        symlink(&path, &link).unwrap();
        replace(&link, "old", "new").unwrap();
        assert_eq!(fs::read_link(&link).unwrap(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!((names(here.path()), names(there.path())), (vec!["link".into()], vec!["p.toml".into()]));
    }

    #[test]
    fn one_that_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("folder");
        fs::create_dir(&path).unwrap();
        assert!(matches!(replace(&path, "", "new"), Err(NotReplaced::Unusable(_))));
        assert_eq!(names(folder.path()), ["folder"]);
        assert!(replace(&folder.path().join("none"), "", "new").is_err());
    }

    #[test]
    fn one_that_somebody_has_changed_since_it_was_read_stays_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.toml");
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(replace(&path, "old", "new"), Err(NotReplaced::Changed)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names(folder.path()), ["p.toml"]);
    }

    #[test]
    fn a_new_file_is_never_open_to_others_before_it_has_its_rights() {
        let folder = tempfile::tempdir().unwrap();
        let beside = Beside::create(folder.path()).unwrap();
        assert_eq!(fs::metadata(&beside.path).unwrap().mode() & 0o777, 0o600);
        let other = Beside::create(folder.path()).unwrap();
        assert_ne!(beside.path, other.path);
        drop((beside, other));
        assert_eq!(names(folder.path()).len(), 0);
    }
}
