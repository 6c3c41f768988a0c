//! How a balancer begins: the moment of its start, and the size of what was started.

use crate::meter::monotonic_ns;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The last step before a program: notes the time and becomes the program.
#[derive(clap::Args, Debug)]
pub struct Launch {
    /// Write the time to this file
    #[arg(long)]
    note: PathBuf,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Launch {
    /// Returns only if it fails.
    pub fn carry_out(self) -> Result<()> {
        let (program, arguments) = self.command.split_first().context("no program")?;
        fs::write(&self.note, monotonic_ns().to_string())?;
        let error = Command::new(program).args(arguments).exec();
        Err(error).with_context(|| format!("cannot start {}", program.display()))
    }
}

/// When the program began whose start was noted in `note`.
pub fn began_ns(note: &Path) -> Result<u64> {
    Ok(fs::read_to_string(note)?.parse()?)
}

/// Bytes of a process's program, and of all files together, that are mapped into it: without what is only for
/// debuggers.
pub fn mapped_bytes(pid: u32) -> Option<(u64, u64)> {
    let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let file = |line: &str| {
        let (range, path) = (line.split_whitespace().next()?, line.split_whitespace().nth(5)?);
        let (begin, end) = range.split_once('-')?;
        let length = u64::from_str_radix(end, 16).ok()? - u64::from_str_radix(begin, 16).ok()?;
        path.starts_with('/').then(|| (path.to_owned(), length))
    };
    let files: Vec<_> = maps.lines().filter_map(file).collect();
    let own = files.iter().filter(|(path, _)| Path::new(path) == program);
    Some((own.map(|(_, length)| length).sum(), files.iter().map(|(_, length)| length).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::process::Stdio;

    #[test]
    fn a_program_is_mapped_into_its_process() {
        // Not ours: to tell where a panic came from maps our program a second time.
        let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // When it answers it has been mapped.
        cat.stdin.as_mut().unwrap().write_all(b"?").unwrap();
        cat.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let size = fs::metadata(format!("/proc/{}/exe", cat.id())).unwrap().len();
        let mapped = mapped_bytes(cat.id());
        cat.kill().unwrap();
        cat.wait().unwrap();
        let (program, all) = mapped.unwrap();
        assert!(program > 0 && program <= size + 65_536, "{program} of {size}");
        assert!(all >= program);
    }
}
