//! What a signal asks a server for: to stop, or to read its certificate again.

use std::time::Duration;

use crate::stop::Stop;
use crate::tls::Tls;

/// Lets Ctrl-C, and on Unix SIGTERM, ask the server to stop, as [`Stop::on_signal`] does.
/// SIGHUP, which there means the same, is what servers that stay are told by to read
/// their files again, and so it does that here.
///
/// # Errors
/// The system does not let us.
#[cfg(unix)]
pub fn stop_or_reload(time: Duration, tls: &Tls) -> anyhow::Result<Stop> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use std::thread;

    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let stop = Stop::new(time);
    let (asked, tls) = (stop.clone(), tls.clone());
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGHUP => tls.reload(),
                _ => asked.ask(),
            }
        }
    })?;
    Ok(stop)
}

/// Lets Ctrl-C ask the server to stop. There is no signal here to read files again by.
///
/// # Errors
/// The system does not let us.
#[cfg(not(unix))]
pub fn stop_or_reload(time: Duration, _: &Tls) -> anyhow::Result<Stop> {
    Stop::on_signal(time)
}
