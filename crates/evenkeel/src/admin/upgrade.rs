//! Hands everything over to a new process, for somebody who waits for what comes of it.

use super::Desk;
use super::args::Args;
use super::guard::Peer;
use super::place;
use super::reply::{Refused, Reply};
use crate::control::{NotUpgraded, Question, Upgraded, Wanted};
use crate::logging::{Took, count};
use hyper::StatusCode;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

/// Upgrades, and answers when that is over.
pub async fn upgrade(desk: &Desk, peer: Peer, args: &Args) -> Result<Reply, Refused> {
    let binary = match args.text("binary") {
        None => None,
        Some(path) => {
            may_name_a_program(&peer)?;
            Some(program(path.into()).await?)
        }
    };
    let what = binary.as_ref().map_or_else(|| "upgrade".into(), |it| format!("upgrade to {}", it.display()));
    let wanted = Wanted { by: peer.to_string(), what };
    let (sender, answer) = oneshot::channel();
    desk.send(Question::Upgrade(binary, wanted, sender)).await?;
    // `upgrade-timeout` and limits of its own see to it that this ends.
    let outcome = answer.await.map_err(|_| Refused::unavailable("it ends before that was done"))?;
    let refused = |status, what| Refused { status, what };
    let upgraded = outcome.map_err(|error| match error {
        NotUpgraded::Impossible(why) => refused(StatusCode::CONFLICT, why.to_owned()),
        NotUpgraded::Failed(why) => refused(StatusCode::UNPROCESSABLE_ENTITY, why),
    })?;
    let Upgraded { old_pid, pid, sessions, pause, left, kept } = upgraded;
    let mut message = format!(
        "upgraded: pid {old_pid} is now {pid}; {} moved in {}",
        count(sessions as usize, "session"),
        Took(pause),
    );
    if left > 0 {
        message.push_str(&format!(", {} left to end in the old process", count(left as usize, "session")));
    }
    if let Some(kept) = kept {
        message.push_str(&format!("; {kept}"));
    }
    Ok(Reply::Json(json!({
        "old_pid": old_pid,
        "pid": pid,
        "sessions": sessions,
        "pause_ms": pause.as_secs_f64() * 1000.0,
        "left": left,
        "kept": kept,
        "message": message,
    })))
}

/// Whoever names a program has it run as our user: only who is that user, or root, may do so.
fn may_name_a_program(peer: &Peer) -> Result<(), Refused> {
    let refused = |what: &str| Err(Refused { status: StatusCode::FORBIDDEN, what: what.to_owned() });
    match peer {
        Peer::Unix { uid, .. } if [0, place::user()].contains(uid) => Ok(()),
        Peer::Unix { .. } => refused("only root, and the user that it runs as, may name a program to run"),
        Peer::Tcp(_) | Peer::Tls { .. } => refused(
            "a program to run may be named at the Unix socket only; over TCP, leave `binary` out: the one at the path \
             that it was started by is started again",
        ),
    }
}

/// The program at `path`, if there is one. Looked at on another thread: a file system may hang.
async fn program(path: PathBuf) -> Result<PathBuf, Refused> {
    if !path.is_absolute() {
        return Err(Refused::bad(format!("`binary` is not an absolute path: {}", path.display())));
    }
    let looked = spawn_blocking(move || match why_not(&path) {
        None => Ok(path),
        Some(why) => {
            let what = format!("cannot upgrade to {}: {why}", path.display());
            Err(Refused { status: StatusCode::UNPROCESSABLE_ENTITY, what })
        }
    });
    looked.await.map_err(|error| Refused::unavailable(error.to_string()))?
}

/// Why the file at `path` cannot be run, as far as can be seen.
fn why_not(path: &Path) -> Option<String> {
    match std::fs::metadata(path) {
        Err(error) => Some(error.to_string()),
        Ok(file) if !file.is_file() => Some("it is no file".to_owned()),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => Some("it may not be executed".to_owned()),
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::guard::Peer;

    #[test]
    fn only_its_user_and_root_may_name_a_program_and_nobody_over_tcp() {
        let status = |peer: Peer| may_name_a_program(&peer).err().map(|it| it.status.as_u16());
        assert_eq!(status(Peer::Unix { uid: 0, pid: None }), None);
        assert_eq!(status(Peer::Unix { uid: place::user(), pid: Some(1) }), None);
        assert_eq!(status(Peer::Unix { uid: 54_321, pid: Some(1) }), Some(403));
        assert_eq!(status(Peer::Unix { uid: u32::MAX, pid: None }), Some(403), "nobody knows who that is");
        let addr = "127.0.0.1:1".parse().unwrap();
        assert_eq!(status(Peer::Tcp(addr)), Some(403));
        assert_eq!(status(Peer::Tls { addr, certificate: Some("ops".into()) }), Some(403));
    }

    #[test]
    fn what_cannot_be_run_is_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        assert!(why_not(&path).unwrap().contains("No such file"));
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(why_not(&path).unwrap(), "it may not be executed");
        assert_eq!(why_not(folder.path()).unwrap(), "it is no file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(why_not(&path), None);
    }
}
