//! Which system calls, syscalls(2), may be made, and seccomp, which refuses all others: `EPERM`, counted and told, since a
//! balancer that is killed by a call that nobody thought of cuts every session.
//!
//! Those of the data path are allowed by their number alone: the kernel keeps that in a bitmap, and runs no filter for them.

use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::SeccompCmpOp::{Eq, MaskedEq, Ne};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter_all_threads,
};
use std::collections::BTreeMap;

/// Rules for each call: any of them is enough, and none at all means that it is meant whatever its arguments.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What is allowed whatever its arguments, on every architecture.
const ALLOWED: &[i64] = &[
    // Bytes.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_splice,
    libc::SYS_tee,
    libc::SYS_vmsplice,
    libc::SYS_sendfile,
    libc::SYS_copy_file_range,
    // Sockets.
    libc::SYS_socketpair,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept4,
    libc::SYS_accept,
    libc::SYS_connect,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_shutdown,
    // Readiness and time.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_eventfd2,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_signalfd4,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_times,
    // Descriptors.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_pipe2,
    libc::SYS_flock,
    // Files: which ones is for Landlock to say.
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_newfstatat,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_lseek,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_readlinkat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_fchmodat,
    libc::SYS_fchmod,
    libc::SYS_ftruncate,
    libc::SYS_fallocate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    libc::SYS_inotify_init1,
    libc::SYS_inotify_add_watch,
    libc::SYS_inotify_rm_watch,
    // Memory.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_brk,
    libc::SYS_membarrier,
    // Threads.
    libc::SYS_futex,
    libc::SYS_futex_waitv,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getcpu,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_restart_syscall,
    // Signals.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigsuspend,
    libc::SYS_sigaltstack,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_wait4,
    libc::SYS_waitid,
    // Who and where we are.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_capget,
    libc::SYS_getpriority,
    libc::SYS_prlimit64,
    libc::SYS_getrusage,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    libc::SYS_umask,
    libc::SYS_getrandom,
];

/// Those that newer architectures do without.
#[cfg(target_arch = "x86_64")]
const OF_OLD: &[i64] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_mkdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_chmod,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_time,
    libc::SYS_getrlimit,
    libc::SYS_getpgrp,
    libc::SYS_pause,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const OF_OLD: &[i64] = &[];

/// Those that make a process and never a thread.
#[cfg(target_arch = "x86_64")]
const FORKS: &[i64] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const FORKS: &[i64] = &[];

/// Kinds of sockets: to services, to Unix sockets; and to the kernel, which the resolver asks for this machine's addresses.
const FAMILIES: [i32; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

/// What a thread may want of itself, prctl(2): its name, and names of its memory.
const OWN_AFFAIRS: [i32; 6] = [
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_VMA,
    libc::PR_GET_DUMPABLE,
    libc::PR_GET_NO_NEW_PRIVS,
    libc::PR_GET_SECCOMP,
];

/// Puts characters into the terminal that somebody else types at, or a console: ways out by way of who sits there.
const TYPING: [u64; 2] = [0x5412, 0x541C];

/// Whether the kernel and this architecture have it, and it holds from now on for this process.
pub fn confine() -> Result<(), String> {
    let programs = programs().map_err(|error| error.to_string())?;
    evenkeel_sys::refusal::count();
    programs
        .iter()
        .try_for_each(|program| apply_filter_all_threads(program))
        .map_err(|error| error.to_string())
}

/// What is allowed, and what is refused in a way of its own.
fn programs() -> Result<Vec<BpfProgram>, BackendError> {
    let errno = |errno: i32| SeccompAction::Errno(errno.cast_unsigned());
    let (allow, trap) = (SeccompAction::Allow, SeccompAction::Trap);
    [
        // Whose arguments no filter can see: told that it is not there, the C library takes `clone`.
        (Rules::from([(libc::SYS_clone3, vec![])]), allow.clone(), errno(libc::ENOSYS)),
        // The C library would not hear of a trap there: it lets no signals in meanwhile.
        (processes()?, allow.clone(), errno(libc::EPERM)),
        // The last one: putting up filters is not allowed by it.
        (allowed()?, trap, allow),
    ]
    .into_iter()
    .map(|(rules, otherwise, then)| {
        SeccompFilter::new(rules, otherwise, then, std::env::consts::ARCH.try_into()?)?.try_into()
    })
    .collect()
}

fn allowed() -> Result<Rules, BackendError> {
    // What makes processes is for the filter before this one to refuse.
    let plain = [ALLOWED, OF_OLD, FORKS, &[libc::SYS_clone, libc::SYS_clone3]];
    let mut rules: Rules = plain.into_iter().flatten().map(|call| (*call, vec![])).collect();
    let is = |argument, value: i32| SeccompCondition::new(argument, Dword, Eq, value.cast_unsigned().into());
    let mut sockets: Vec<_> = FAMILIES
        .into_iter()
        .map(|family| SeccompRule::new(vec![is(0, family)?]))
        .collect::<Result<_, _>>()?;
    sockets.push(SeccompRule::new(vec![is(0, libc::AF_NETLINK)?, is(2, libc::NETLINK_ROUTE)?])?);
    rules.insert(libc::SYS_socket, sockets);
    let own = OWN_AFFAIRS.into_iter().map(|affair| SeccompRule::new(vec![is(0, affair)?]));
    rules.insert(libc::SYS_prctl, own.collect::<Result<_, _>>()?);
    let typing = TYPING.into_iter().map(|request| SeccompCondition::new(1, Dword, Ne, request));
    rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(typing.collect::<Result<_, _>>()?)?]);
    Ok(rules)
}

/// Whatever makes a process, and no thread of this one.
fn processes() -> Result<Rules, BackendError> {
    let thread = libc::CLONE_THREAD as u64;
    let no_thread = SeccompRule::new(vec![SeccompCondition::new(0, Dword, MaskedEq(thread), 0)?])?;
    let forks = FORKS.iter().map(|call| (*call, vec![]));
    Ok(forks.chain([(libc::SYS_clone, vec![no_thread])]).collect())
}
