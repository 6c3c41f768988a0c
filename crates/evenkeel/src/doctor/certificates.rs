//! Whether certificates that are obtained could be kept.

use super::finding::Finding;
use crate::config::Loaded;
use rustix::fs::{Access, access};
use std::path::Path;

/// Looks at the folder of `acme.state`, if anything is to be kept there.
pub fn judge(loaded: &Loaded) -> Vec<Finding> {
    loaded.settings.acme.iter().map(|acme| folder(&acme.state)).collect()
}

fn folder(state: &Path) -> Finding {
    let shown = state.display();
    // What is not there yet is made.
    let there = state.ancestors().find(|it| it.symlink_metadata().is_ok()).unwrap_or(Path::new("."));
    match there.is_dir() && access(there, Access::WRITE_OK | Access::EXEC_OK).is_ok() {
        true => Finding::ok("certificates", format!("those that are obtained can be kept in {shown}")),
        false => {
            let what = format!("this user cannot write to {shown}: certificates cannot be obtained");
            Finding::problem("certificates", what)
                .mend("# with USER for whom evenkeel runs as; with systemd `StateDirectory=evenkeel` does it")
                .mend(format!("install -d -m 700 -o USER {shown}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Level;

    #[test]
    fn a_folder_that_can_be_made_will_do_and_one_that_cannot_is_told() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(folder(dir.path()).level, Level::Ok);
        assert_eq!(folder(&dir.path().join("a/b")).level, Level::Ok);
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let told = folder(&file.join("state"));
        assert_eq!((told.level, told.commands.len()), (Level::Problem, 2));
    }
}
