//! What becomes of signals before anybody takes them.

use rustix::process::Signal;

/// Has the kernel drop this signal, until something else is said about it.
pub fn ignore(signal: Signal) {
    // SAFETY: `SIG_IGN` is no function that could be called at a bad moment, and the number is that of a signal. It
    // fails for signals that cannot be ignored, and for no others.
    unsafe { libc::signal(signal.as_raw(), libc::SIG_IGN) };
}

/// Has the kernel do with this signal what it does unless somebody says otherwise.
pub fn heed(signal: Signal) {
    // SAFETY: as above.
    unsafe { libc::signal(signal.as_raw(), libc::SIG_DFL) };
}
