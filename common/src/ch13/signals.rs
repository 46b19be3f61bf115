//! Signals: what the system, or somebody at a terminal, tells a process.

#[cfg(unix)]
pub use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Calls this for each of these signals that comes, in one thread, so it must not wait
/// for anything: while it does, no other signal is heard. One that was ignored when the
/// process began stays ignored, as `nohup` demands that of SIGHUP.
///
/// # Errors
/// The system does not let us.
#[cfg(unix)]
pub fn on_each(signals: &[i32], notify: impl Fn(i32) + Send + 'static) -> anyhow::Result<()> {
    use signal_hook::iterator::Signals;
    use std::{fs, thread};

    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    let heard = signals
        .iter()
        .filter(|signal| ignored >> (**signal - 1) & 1 == 0);
    let mut signals = Signals::new(heard)?;
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || signals.forever().for_each(notify))?;
    Ok(())
}

/// The signals that are ignored, a bit for each, as Linux says it of a process. There is no
/// way to ask a system without `unsafe`; where none says it so, none is taken to be ignored.
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

/// Calls this when Ctrl-C, or Ctrl-Break, is pressed, which is SIGINT here. There are no
/// other signals.
///
/// # Errors
/// The system does not let us, or something else does it already.
#[cfg(not(unix))]
pub fn on_each(_: &[i32], notify: impl Fn(i32) + Send + 'static) -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(move || notify(SIGINT))?)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(unix)]
    fn what_linux_says_of_ignored_signals() {
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
