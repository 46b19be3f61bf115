//! What a signal asks of a server that speaks TLS: to stop, or to reload its certificate.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread};

use crate::ch13::shutdown::Shutdown;
use crate::ch13::signals::{SIGHUP, SIGINT, SIGTERM, on_each};
use crate::ch17::tls::Tls;

/// Lets Ctrl-C, and on Unix SIGTERM, ask the server to stop, as [`Shutdown::on_signal`] does.
/// SIGHUP, which means the same there, makes it read the certificate and the key again, as is
/// the custom of servers on Unix. (Windows has no signal for it.)
///
/// # Errors
/// As [`on_each`], or the system gives no thread.
pub fn shutdown_or_reload(time: Duration, tls: &Tls) -> anyhow::Result<Shutdown> {
    let shutdown = Shutdown::new(time);
    let tls = tls.clone();
    let notify = on_signal(reader(move || tls.reload())?, shutdown.clone());
    on_each(&[SIGINT, SIGTERM, SIGHUP], notify)?;
    Ok(shutdown)
}

/// What is done at a signal. It never waits.
fn on_signal(reload: SyncSender<()>, shutdown: Shutdown) -> impl Fn(i32) + Send + 'static {
    move |signal| match signal {
        // Where a request to reload waits already, it will read the files as they are then.
        SIGHUP => drop(reload.try_send(())),
        _ => shutdown.request(),
    }
}

/// Starts a thread that reads whenever it is told to. A read may never end, such as one from
/// a network file system whose server is gone. The thread that receives signals must go on
/// all the same, or nothing could stop the server any more.
fn reader(read: impl Fn() + Send + 'static) -> io::Result<SyncSender<()>> {
    let (tell, told) = sync_channel(1);
    let thread = thread::Builder::new().name("certificate".to_owned());
    thread.spawn(move || told.iter().for_each(|()| read()))?;
    Ok(tell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    /// How long the signals may take. It ends a test that has failed.
    const SIGNAL_TIME: Duration = Duration::from_secs(30);

    #[test]
    fn a_file_that_never_comes_holds_up_no_signal() {
        let (_advance, may_go_on) = channel::<()>();
        let reload = reader(move || {
            let _ = may_go_on.recv();
        });
        let reload = reload.unwrap();
        let shutdown = Shutdown::new(Duration::ZERO);
        let notify = on_signal(reload, shutdown.clone());
        let (done, is_done) = channel();
        thread::spawn(move || {
            for signal in [SIGHUP, SIGHUP, SIGHUP, SIGTERM] {
                notify(signal);
            }
            done.send(()).unwrap();
        });
        is_done.recv_timeout(SIGNAL_TIME).unwrap();
        assert!(shutdown.is_requested());
    }

    /// It is told several times while it reads. After that it reads once more, and no oftener.
    #[test]
    fn a_request_to_read_does_not_wait_for_the_file() {
        let (reads, has_begun) = channel();
        let (advance, may_go_on) = channel::<()>();
        let tell = reader(move || {
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
