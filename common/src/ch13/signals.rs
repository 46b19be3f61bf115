//! Signals: what the system, another program or a user at a terminal tells a process.

#[cfg(unix)]
pub use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Calls `notify` for each of these signals that arrives, always in the same thread. It must
/// not wait for anything: meanwhile the next signal would not be noticed. A signal that was
/// ignored when the process began stays ignored, which `nohup` relies on for SIGHUP.
///
/// # Errors
/// The system refuses to register a handler, or to start the thread.
#[cfg(unix)]
pub fn on_each(signals: &[i32], notify: impl Fn(i32) + Send + 'static) -> anyhow::Result<()> {
    use signal_hook::iterator::Signals;
    use std::{fs, thread};

    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    let handled = signals
        .iter()
        .filter(|signal| ignored >> (**signal - 1) & 1 == 0);
    let mut signals = Signals::new(handled)?;
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || signals.forever().for_each(notify))?;
    Ok(())
}

/// The signals that are ignored, a bit for each, from `/proc/self/status` of Linux. Other
/// systems have only a call that needs `unsafe`; there, no signal is taken to be ignored.
#[cfg(unix)]
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or_default()
}

#[cfg(not(unix))]
pub const SIGINT: i32 = 2;
#[cfg(not(unix))]
pub const SIGTERM: i32 = 15;
#[cfg(not(unix))]
pub const SIGHUP: i32 = 1;

/// Calls `notify` with SIGINT when Ctrl-C or Ctrl-Break is pressed. This system has no other
/// signals.
///
/// # Errors
/// The system refuses to register a handler, or the process has one already.
#[cfg(not(unix))]
pub fn on_each(_: &[i32], notify: impl Fn(i32) + Send + 'static) -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(move || notify(SIGINT))?)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(unix)]
    fn ignored_signals_as_linux_writes_them() {
        for (status, mask) in [
            ("Name:\ta\nSigIgn:\t0000000000001003\nSigCgt:\t1\n", 0x1003),
            ("SigIgn:\t8000000000000000\n", 1 << 63),
            ("SigIgn:\tsome\n", 0),
            ("", 0),
        ] {
            assert_eq!(super::ignored(status), mask, "{status}");
        }
    }
}
