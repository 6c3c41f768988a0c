//! Finds out which process listens at an address that we cannot have. Best effort: without privileges only the
//! user's own processes can be seen.

use evenkeel_core::addr::Addr;
use std::fs;
use std::os::unix::fs::FileTypeExt;

/// The process that listens at `addr`, as `http-server (pid 123)`.
pub fn of(addr: &Addr) -> Option<String> {
    let inode = match addr {
        Addr::Ip(addr) => ["/proc/net/tcp", "/proc/net/tcp6"]
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok())
            .find_map(|table| listening_inode(&table, addr.port()))?,
        Addr::Unix(path) => unix_inode(&fs::read_to_string("/proc/net/unix").ok()?, path.to_str()?)?,
    };
    owner(&format!("socket:[{inode}]"))
}

/// Whether a file that is not a socket is where a Unix socket would be.
pub fn is_plain_file(addr: &Addr) -> bool {
    let Addr::Unix(path) = addr else { return false };
    fs::symlink_metadata(path).is_ok_and(|file| !file.file_type().is_socket())
}

/// The inode of a socket that listens on `port`, from the text of proc_net_tcp(5).
fn listening_inode(table: &str, port: u16) -> Option<u64> {
    const LISTEN: &str = "0A";
    let ends_with = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        if local.ends_with(&ends_with) && *state == LISTEN { inode.parse().ok() } else { None }
    })
}

/// The inode of the Unix socket bound to `path`, from the text of /proc/net/unix.
fn unix_inode(table: &str, path: &str) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if *fields.get(7)? == path { fields.get(6)?.parse().ok() } else { None }
    })
}

/// The process that has a descriptor which is a link to `link`.
fn owner(link: &str) -> Option<String> {
    let processes =
        fs::read_dir("/proc").ok()?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    for pid in processes {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for descriptor in descriptors.flatten() {
            if fs::read_link(descriptor.path()).is_ok_and(|target| target.as_os_str() == link) {
                let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
                return Some(format!("{} (pid {pid})", name.trim_end()));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of(&Addr::Ip(listener.local_addr().unwrap())).unwrap();
        assert!(holder.ends_with(&format!("(pid {})", std::process::id())), "{holder}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let holder = of(&Addr::Unix(path.into())).unwrap();
        assert!(holder.ends_with(&format!("(pid {})", std::process::id())), "{holder}");
    }

    #[test]
    fn only_sockets_that_listen_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1389 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 11 1\n\
            1: 0100007F:1389 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 22 1\n";
        assert_eq!(listening_inode(table, 5001), Some(22));
        assert_eq!(listening_inode(table, 5002), None);
        assert_eq!(listening_inode("nonsense\nmore nonsense", 1), None);
    }
}
