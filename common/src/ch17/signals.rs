//! What a signal asks a server for: to stop, or to read its certificate again.

use std::time::Duration;

use crate::ch13::shutdown::Shutdown;
use crate::ch17::tls::Tls;

/// Lets Ctrl-C, and on Unix SIGTERM, ask the server to stop, as [`Shutdown::on_signal`] does.
/// SIGHUP, which there means the same, is what servers that stay are told by to read
/// their files again, and so it does that here.
///
/// # Errors
/// The system does not let us.
#[cfg(unix)]
pub fn shutdown_or_reload(time: Duration, tls: &Tls) -> anyhow::Result<Shutdown> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use std::thread;

    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let shutdown = Shutdown::new(time);
    let (asked, tls) = (shutdown.clone(), tls.clone());
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGHUP => tls.reload(),
                _ => asked.request(),
            }
        }
    })?;
    Ok(shutdown)
}

/// Lets Ctrl-C ask the server to stop. There is no signal here to read files again by.
///
/// # Errors
/// The system does not let us.
#[cfg(not(unix))]
pub fn shutdown_or_reload(time: Duration, _: &Tls) -> anyhow::Result<Shutdown> {
    Shutdown::on_signal(time)
}
