//! What a signal asks a server of TLS for: to stop, or to read its certificate again.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread};

use crate::ch13::shutdown::Shutdown;
use crate::ch13::signals::{SIGHUP, SIGINT, SIGTERM, on_each};
use crate::ch17::tls::Tls;

/// Lets Ctrl-C, and on Unix SIGTERM, ask the server to stop, as [`Shutdown::on_signal`] does.
/// SIGHUP, which there means the same, is what servers that stay are told by to read
/// their files again, and so it does that here. (Windows has no signal for it.)
///
/// # Errors
/// As [`on_each`], or the system gives no thread.
pub fn shutdown_or_reload(time: Duration, tls: &Tls) -> anyhow::Result<Shutdown> {
    let shutdown = Shutdown::new(time);
    let tls = tls.clone();
    let (asked, reload) = (shutdown.clone(), teller(move || tls.reload())?);
    on_each(&[SIGINT, SIGTERM, SIGHUP], move |signal| match signal {
        // Where one waits already, it reads what is there then.
        SIGHUP => drop(reload.try_send(())),
        _ => asked.request(),
    })?;
    Ok(shutdown)
}

/// Starts a thread that does this whenever it is told to. A file may keep it waiting for
/// ever, as one of a network does whose other end is gone; the thread that hears of
/// signals must go on, or nothing could stop the server any more.
fn teller(read: impl Fn() + Send + 'static) -> io::Result<SyncSender<()>> {
    let (tell, told) = sync_channel(1);
    let thread = thread::Builder::new().name("certificate".to_owned());
    thread.spawn(move || told.iter().for_each(|()| read()))?;
    Ok(tell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// It is told while it reads, and then it reads once more, and not once for each time.
    #[test]
    fn who_tells_it_to_read_does_not_wait_for_it() {
        let (reads, has_begun) = channel();
        let (advance, may_go_on) = channel::<()>();
        let tell = teller(move || {
            reads.send(()).unwrap();
            let _ = may_go_on.recv();
        });
        let tell = tell.unwrap();
        tell.try_send(()).unwrap();
        has_begun.recv().unwrap();
        tell.try_send(()).unwrap();
        assert!(tell.try_send(()).is_err());
        drop((advance, tell));
        assert_eq!(has_begun.iter().count(), 1);
    }
}
