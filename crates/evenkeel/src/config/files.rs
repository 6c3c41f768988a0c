//! Reads the first file and those that it includes, one after the other.

use super::place::{At, Place, Text};
use super::problem::{Problem, Problems};
use super::tree::Reader;
use super::typed::{self, Typed};
use super::watched::Watched;
use super::{Given, Source, World, units};
use crate::reach;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file that lists networks, at most: a million networks with comments.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// A configuration is at most this long, all files together.
const BYTES_MAX: usize = 16 << 20;

/// Everything that is typed in `source`. If its first file cannot be read, only that is told.
pub fn read(source: &Source, world: &World<'_>, problems: &mut Problems) -> Typed {
    let mut files = Files { world, typed: Typed::default(), chain: Vec::new(), seen: Vec::new(), bytes: 0 };
    let flags = match source {
        Source::Flags(flags) => {
            let tree = flags.tree(problems);
            typed::add_file(&mut files.typed, &tree, problems);
            return files.typed;
        }
        Source::Given(Given { path, text }, flags) => {
            files.add(path, text.clone().into_bytes(), problems);
            flags
        }
        Source::Text(text) => {
            files.add(Path::new("built in"), text.clone().into_bytes(), problems);
            return files.typed;
        }
        Source::File(path, flags) => {
            files.typed.files.push(Watched::look(path));
            // It may come out of another program: `-c <(…)`.
            let read = File::open(path).and_then(read_file);
            files.first(path.display().to_string(), read, path, problems);
            flags
        }
        Source::Stdin(flags) => {
            let mut text = Vec::new();
            let read = io::stdin().lock().take(BYTES_MAX as u64 + 1).read_to_end(&mut text).map(|_| text);
            files.first("standard input".into(), read, Path::new("<stdin>"), problems);
            flags
        }
    };
    if let Some(flags) = flags {
        let mut above = Typed::default();
        typed::add_file(&mut above, &flags.tree(problems), problems);
        files.typed.flags = above.process;
    }
    files.typed
}

struct Files<'a> {
    world: &'a World<'a>,
    typed: Typed,
    /// The files that are being read, each included by the one before.
    chain: Vec<PathBuf>,
    /// Every file that was read.
    seen: Vec<PathBuf>,
    bytes: usize,
}

impl Files<'_> {
    fn first(&mut self, name: String, read: io::Result<Vec<u8>>, path: &Path, problems: &mut Problems) {
        match read {
            Ok(bytes) => self.add(path, bytes, problems),
            Err(error) => {
                problems.unreadable = true;
                problems
                    .push(Problem::error(format!("cannot read {name}: {}", reach::unreadable(path, &error))));
            }
        }
    }

    fn add(&mut self, path: &Path, bytes: Vec<u8>, problems: &mut Problems) {
        self.bytes += bytes.len();
        // Until it is read, anything may be missing.
        let damaged = std::mem::replace(&mut self.typed.damaged, true);
        let text = match String::from_utf8(bytes) {
            Ok(_) if self.bytes > BYTES_MAX => {
                problems.push(Problem::error(format!(
                    "{} makes the configuration longer than {} MiB",
                    path.display(),
                    BYTES_MAX >> 20
                )));
                return;
            }
            Ok(text) => Text::from_file(path, text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                problems.push(Problem::error(format!("{} is not UTF-8, at byte {at}", path.display())));
                return;
            }
        };
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.chain.push(canonical.clone());
        self.seen.push(canonical);
        let expand = |text: &str| units::expand(text, self.world.variable);
        let (table, broken) = Reader::new(&text, 0, &expand).document(problems);
        self.typed.damaged = damaged || broken;
        for pattern in typed::add_file(&mut self.typed, &table, problems) {
            self.include(&text, &pattern, problems);
        }
        self.chain.pop();
    }

    fn include(&mut self, text: &Arc<Text>, pattern: &At<String>, problems: &mut Problems) {
        let place = &pattern.place;
        if pattern.value.contains(['*', '?']) {
            // A file that comes later may fit, too.
            let path = text.dir.join(&pattern.value);
            self.typed.files.extend(path.parent().map(Watched::look));
        }
        let paths = match matching(&text.dir, &pattern.value) {
            Ok(paths) => paths,
            Err(what) => {
                problems.push(Problem::error(format!("cannot include `{}`", pattern.value)).at(place, what));
                return;
            }
        };
        for path in paths {
            if let Some(what) = self.again(&path) {
                problems.push(Problem::error(format!("{} {what}", path.display())).at(place, "by this line"));
                continue;
            }
            self.typed.files.push(Watched::look(&path));
            match reach::open(&path).and_then(read_file) {
                Ok(bytes) => self.add(&path, bytes, problems),
                Err(error) => {
                    self.typed.damaged = true;
                    problems.push(unreadable(&path, place, &error));
                }
            }
        }
    }

    /// Why `path` may not be read now, if it was read before.
    fn again(&self, path: &Path) -> Option<&'static str> {
        let canonical = path.canonicalize().ok()?;
        match (self.chain.contains(&canonical), self.seen.contains(&canonical)) {
            (true, _) => Some("includes itself"),
            (false, true) => Some("is included twice"),
            (false, false) => None,
        }
    }
}

/// `path`, which was written at `place`, cannot be read.
pub fn unreadable(path: &Path, place: &Place, error: &io::Error) -> Problem {
    let what = format!("cannot read {}", path.display());
    match reach::outside(path).filter(|_| error.kind() == io::ErrorKind::PermissionDenied) {
        Some(why) => Problem::error(format!("{what}: {why}")).at(place, "permission denied"),
        None => Problem::error(what).at(place, reach::unreadable(path, error)),
    }
}

/// What a file that lists networks holds.
pub fn read_list(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reach::open(path)?.take(LIST_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LIST_BYTES_MAX {
        true => Err(io::Error::other(format!("it is larger than {} MiB", LIST_BYTES_MAX >> 20))),
        false => Ok(bytes),
    }
}

/// At most as much as is allowed to be read, so that `-c /dev/zero` ends.
fn read_file(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The files that `pattern`, relative to `dir`, stands for, in alphabetical order.
fn matching(dir: &Path, pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = dir.join(pattern);
    let is_pattern = |text: &str| text.contains(['*', '?']);
    if !is_pattern(pattern) {
        return Ok(vec![path]);
    }
    let (Some(parent), Some(last)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err("it names no file".into());
    };
    if parent.to_str().is_none_or(is_pattern) {
        return Err("`*` and `?` may only stand in the last part of a path".into());
    }
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let entries = match std::fs::read_dir(parent) {
        // An empty `conf.d` and none at all are the same.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(reach::unreadable(parent, &error)),
        Ok(entries) => entries,
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let is_hidden = |name: &str| name.starts_with('.') && !last.starts_with('.');
    let mut names: Vec<_> =
        names.filter(|name| !is_hidden(name) && fits(last.as_bytes(), name.as_bytes())).collect();
    names.sort();
    Ok(names.into_iter().map(|name| path.with_file_name(name)).collect())
}

/// Whether `name` fits `pattern`, in which `*` is any bytes and `?` is one. What the last `*` stands for grows until the rest
/// fits; those before it have what they need.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut of) = (0, 0);
    let mut star = None;
    while of < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, of));
                at += 1;
            }
            Some(it) if *it == b'?' || *it == name[of] => (at, of) = (at + 1, of + 1),
            _ => {
                let Some((after, from)) = star else { return false };
                star = Some((after, from + 1));
                (at, of) = (after, from + 1);
            }
        }
    }
    pattern[at..].iter().all(|it| *it == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        let fits = |pattern: &str, name: &str| fits(pattern.as_bytes(), name.as_bytes());
        assert!(fits("*.toml", "a.toml") && fits("*", "") && fits("a?c*", "abcd") && fits("*ab*b", "aababb"));
        assert!(!fits("*.toml", "a.toml~") && !fits("?", "") && !fits("a", "ab") && !fits("*a?", "ba"));
        // Not so many ways that nobody waits for them.
        assert!(!fits(&("*a".repeat(100) + "b"), &"a".repeat(200)));
    }

    #[test]
    fn included_files_come_in_order_and_hidden_ones_do_not() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.toml", "a.toml", ".c.toml", "d.txt"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let found = matching(dir.path(), "*.toml").unwrap();
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        assert_eq!(names, ["a.toml", "b.toml"]);
        assert_eq!(matching(dir.path(), "none.d/*.toml"), Ok(vec![]));
        assert!(matching(dir.path(), "*/x.toml").is_err());
    }
}
