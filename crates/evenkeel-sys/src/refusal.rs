//! System calls that a seccomp filter traps: they fail with `EPERM`, and are counted.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many there were.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// The number of the last one.
static LAST: AtomicU32 = AtomicU32::new(0);

/// Takes the signal of trapped calls (`SIGSYS`) from now on.
pub fn count() {
    // SAFETY: all bytes zero is a value of it: no flags, no signals blocked meanwhile.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = refuse as extern "C" fn(_, _, _) as usize;
    // Whoever was in a call that is no longer allowed must not be in the next one.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the action is whole, and the handler touches nothing but atomics and the registers that it is given.
    unsafe { libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut()) };
}

/// How many calls were refused so far, and the number of the last one.
pub fn refused() -> (u64, u32) {
    (REFUSED.load(Relaxed), LAST.load(Relaxed))
}

extern "C" fn refuse(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: a handler with `SA_SIGINFO` is given the context of the thread, for it alone.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    LAST.store(answer(context, -libc::EPERM), Relaxed);
    REFUSED.fetch_add(1, Relaxed);
}

/// Has the call return `errno`; gives its number.
#[cfg(target_arch = "x86_64")]
fn answer(context: &mut libc::ucontext_t, errno: i32) -> u32 {
    let register = &mut context.uc_mcontext.gregs[libc::REG_RAX as usize];
    std::mem::replace(register, errno.into()) as u32
}

/// Has the call return `errno`; gives its number.
#[cfg(target_arch = "aarch64")]
fn answer(context: &mut libc::ucontext_t, errno: i32) -> u32 {
    context.uc_mcontext.regs[0] = i64::from(errno).cast_unsigned();
    context.uc_mcontext.regs[8] as u32
}

/// Nothing can be answered: no filter is put up here.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn answer(_: &mut libc::ucontext_t, _: i32) -> u32 {
    0
}
