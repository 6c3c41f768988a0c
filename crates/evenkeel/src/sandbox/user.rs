//! Becoming another user than root, before anything is read or bound: what works at the start works at a reload, too.

use super::capabilities;
use crate::admin::place;
use crate::error::{Exit, RunError};
use rustix::fs::chown;
use rustix::process::{Gid, Uid};
use rustix::thread;
use std::env;
use std::fs;
use std::io;
use std::path::Path;

/// A user with its groups, as setuid(2) and its like want them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    uid: u32,
    gid: u32,
    groups: Vec<u32>,
}

/// Becomes the user that `text` names, `USER` or `USER:GROUP`, each a name or a number. Of the capabilities those stay that a
/// balancer may have a use for. Call it while the process has one thread.
pub fn become_user(text: &str) -> Result<(), RunError> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let user = find(text, &read("/etc/passwd"), &read("/etc/group"))
        .map_err(|what| RunError::new(Exit::Usage, format!("cannot run as `{text}`: {what}")))?;
    if place::user() == user.uid {
        return Ok(());
    }
    let failed = |error: io::Error| {
        RunError::new(Exit::NoPermission, format!("cannot run as `{text}`: {error}"))
            .help("only root can become another user: start it as root, or as that user without `--user`")
    };
    // A service manager gives its own. Without any the admin socket is elsewhere.
    if env::var_os("RUNTIME_DIRECTORY").is_none() {
        let _ = give_folder(Path::new(place::FOLDER), &user);
    }
    change(&user).map_err(failed)
}

fn change(user: &User) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    let groups: Vec<Gid> = user.groups.iter().copied().map(Gid::from_raw).collect();
    thread::set_keep_capabilities(true)?;
    thread::set_thread_groups(&groups)?;
    thread::set_thread_res_gid(gid, gid, gid)?;
    thread::set_thread_res_uid(uid, uid, uid)?;
    capabilities::keep(capabilities::USEFUL).map(drop)
}

/// Makes `folder` that user's, if nobody else's things are in it.
fn give_folder(folder: &Path, user: &User) -> io::Result<()> {
    if let Err(error) = fs::create_dir(folder)
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    let is_free = fs::symlink_metadata(folder)?.is_dir() && fs::read_dir(folder)?.next().is_none();
    if is_free {
        chown(folder, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)))?;
    }
    Ok(())
}

/// The user that `text` stands for, by the texts of passwd(5) and group(5).
fn find(text: &str, passwd: &str, group: &str) -> Result<User, String> {
    let (name, of_group) = text.split_once(':').map_or((text, None), |(name, group)| (name, Some(group)));
    let known = lines(passwd).find(|it| it.first() == Some(&name));
    let by_number =
        || name.parse().ok().map(|uid: u32| lines(passwd).find(|it| number(it, 2) == Some(uid)).ok_or(uid));
    let (uid, primary, login) = match known {
        Some(line) => (number(&line, 2), number(&line, 3), Some(name.to_owned())),
        None => match by_number() {
            Some(Ok(line)) => (number(&line, 2), number(&line, 3), line.first().map(|it| (*it).to_owned())),
            Some(Err(uid)) => (Some(uid), None, None),
            None => return Err(format!("there is no user `{name}` in /etc/passwd; a number does without")),
        },
    };
    let uid = uid.ok_or("its line in /etc/passwd has no number")?;
    let gid = match of_group {
        Some(name) => {
            group_number(name, group).ok_or_else(|| format!("there is no group `{name}` in /etc/group"))?
        }
        None => primary.ok_or("a user that /etc/passwd does not know has no group: say `USER:GROUP`")?,
    };
    let is_in = |line: &Vec<&str>| {
        login.as_deref().is_some_and(|it| line.get(3).is_some_and(|all| all.split(',').any(|one| one == it)))
    };
    let more = lines(group).filter(is_in).filter_map(|line| number(&line, 2)).filter(|it| *it != gid);
    Ok(User { uid, gid, groups: [gid].into_iter().chain(more).collect() })
}

fn group_number(name: &str, group: &str) -> Option<u32> {
    let known = lines(group).find(|it| it.first() == Some(&name));
    known.map_or_else(|| name.parse().ok(), |line| number(&line, 2))
}

fn lines(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().map(|line| line.split(':').collect())
}

fn number(line: &[&str], field: usize) -> Option<u32> {
    line.get(field)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nlb:x:997:996::/:/usr/sbin/nologin\nbroken\n";
    const GROUP: &str = "root:x:0:\nlb:x:996:\ncerts:x:50:www,lb\nadm:x:4:www\n";

    #[test]
    fn a_user_comes_with_all_its_groups() {
        let lb = User { uid: 997, gid: 996, groups: vec![996, 50] };
        assert_eq!(find("lb", PASSWD, GROUP), Ok(lb.clone()));
        assert_eq!(find("997", PASSWD, GROUP), Ok(lb));
        assert_eq!(find("lb:adm", PASSWD, GROUP).unwrap(), User { uid: 997, gid: 4, groups: vec![4, 50] });
        assert_eq!(find("12:34", PASSWD, GROUP).unwrap(), User { uid: 12, gid: 34, groups: vec![34] });
    }

    #[test]
    fn whom_nobody_knows_is_refused() {
        for (text, why) in
            [("nope", "no user"), ("lb:nope", "no group"), ("12", "USER:GROUP"), ("", "no user")]
        {
            let told = find(text, PASSWD, GROUP).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
