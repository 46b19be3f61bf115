//! Stopping without cutting anybody off.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::exit;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::access_log::AccessLog;
use crate::admission::{Admission, Place};
use crate::bell::Bell;
use crate::listen::{listen, try_accept};
use crate::log::log_error;
use crate::signals::{SIGHUP, SIGINT, SIGTERM, on_each};
use crate::under_way::UnderWay;

/// How soon after a signal another one belongs to it. Who ends a session or closes a
/// terminal sends SIGTERM and SIGHUP in one go, and asks once.
const SAME_TIME: Duration = Duration::from_millis(250);

/// How many are let in that have knocked before the server is to stop. Who is not is lost
/// with the listener, and no more than that wait at ours.
pub(crate) const AT_LAST: usize = 1024;

/// How long the access log may take to write its last lines.
const LOG_TIME: Duration = Duration::from_secs(1);

/// The exit code of a server that is told to stop twice: that of a program that Ctrl-C
/// ended.
const AT_ONCE: i32 = 130;

/// Whether the server is to stop, and who is still under way.
#[derive(Clone)]
pub struct Stop(Arc<Shared>);

struct Shared {
    /// How long those may take then that are under way.
    time: Duration,
    asked: OnceLock<Asked>,
    bell: OnceLock<Bell>,
    /// How many were let in after it was asked.
    let_in: AtomicUsize,
    under_way: Mutex<usize>,
    one_less: Condvar,
}

struct Asked {
    at: Instant,
    /// How many were under way then.
    with: usize,
}

impl Stop {
    /// Lets Ctrl-C, and on Unix SIGTERM and SIGHUP, ask the server to stop, and gives
    /// those that are under way then so much time. To ask again ends it at once. It comes
    /// before all else, so that there is no moment at which a client may be there and a
    /// signal still cuts it off.
    ///
    /// # Errors
    /// As [`on_each`].
    pub fn on_signal(time: Duration) -> anyhow::Result<Self> {
        let stop = Self::new(time);
        let asked = stop.clone();
        on_each(&[SIGINT, SIGTERM, SIGHUP], move |_| asked.ask())?;
        Ok(stop)
    }

    /// One that only [`Stop::ask`] asks.
    pub(crate) fn new(time: Duration) -> Self {
        Self(Arc::new(Shared {
            time,
            asked: OnceLock::new(),
            bell: OnceLock::new(),
            let_in: AtomicUsize::new(0),
            under_way: Mutex::new(0),
            one_less: Condvar::new(),
        }))
    }

    /// Asks the server to stop. All signals come to one thread, one after the other.
    pub(crate) fn ask(&self) {
        if let Some(first) = self.0.asked.get() {
            if first.at.elapsed() > SAME_TIME {
                exit(AT_ONCE);
            }
            return;
        }
        let (at, with) = (Instant::now(), *self.under_way());
        self.0.asked.get_or_init(|| Asked { at, with });
        if let Some(bell) = self.0.bell.get() {
            bell.ring();
        }
    }

    /// Listens, as [`listen`] does, until the server is to stop.
    ///
    /// # Errors
    /// As there, or the system gives no socket.
    pub fn listen(&self) -> anyhow::Result<TcpListener> {
        let listener = listen()?;
        let bell = Bell::of(listener.local_addr()?)?;
        // Who asks before this finds no bell, and [`Stop::accept`] looks before it waits.
        let _ = self.0.bell.set(bell);
        Ok(listener)
    }

    /// Whether the server is to stop.
    pub fn is_asked(&self) -> bool {
        self.0.asked.get().is_some()
    }

    /// Waits for the next client that has a place, as [`Admission::accept`] does; `None`
    /// once the server is to stop and all are let in who have knocked by then. The
    /// connection counts from here on, before it has a thread: if its thread counted it,
    /// the end might come in between and not wait for it.
    pub fn accept(
        &self,
        listener: &TcpListener,
        admission: &Admission,
    ) -> Option<(TcpStream, Place, UnderWay)> {
        loop {
            let accepted = match self.is_asked() {
                false => try_accept(listener, log_error),
                true => Some(self.who_has_knocked(listener)?),
            };
            let Some((stream, client)) = accepted else {
                continue;
            };
            if self.0.bell.get().is_some_and(|bell| bell.is(client)) {
                continue;
            }
            match admission.admit(client.ip()) {
                Some(place) => return Some((stream, place, self.begin())),
                None => admission.turn_away(stream),
            }
        }
    }

    /// Somebody who waits to be accepted, where there is one and not too many have been
    /// let in so.
    fn who_has_knocked(&self, listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
        listener.set_nonblocking(true).ok()?;
        while self.0.let_in.fetch_add(1, Ordering::Relaxed) < AT_LAST {
            match listener.accept() {
                Ok((stream, client)) => {
                    // Some systems hand that on from the listener.
                    stream.set_nonblocking(false).ok()?;
                    return Some((stream, client));
                }
                Err(error) if is_of_one(error.kind()) => {}
                Err(_) => break,
            }
        }
        None
    }

    /// How long those may take then that are under way.
    pub fn time(&self) -> Duration {
        self.0.time
    }

    /// Counts a connection, from the moment on that it is accepted.
    pub fn begin(&self) -> UnderWay {
        *self.under_way() += 1;
        UnderWay::new(self.clone())
    }

    /// Counts one that has ended.
    pub(crate) fn end(&self) {
        *self.under_way() -= 1;
        self.0.one_less.notify_all();
    }

    /// Waits for those who are under way, for [`Stop::time`] at the most, and says what
    /// was done, as [`Stop::report`] does.
    pub fn finish(&self, log: &AccessLog) {
        let is_busy = |under_way: &mut usize| *under_way > 0;
        let one_less = &self.0.one_less;
        let waited = one_less.wait_timeout_while(self.under_way(), self.time(), is_busy);
        let cut_off = *waited.unwrap_or_else(PoisonError::into_inner).0;
        self.report(cut_off, log);
    }

    /// Waits for the log, and says what became of those who were under way when the
    /// server was asked to stop.
    pub fn report(&self, cut_off: usize, log: &AccessLog) {
        let before = self.0.asked.get().map_or(0, |asked| asked.with);
        // One may have been accepted in the very moment of the signal.
        let before = before.max(cut_off);
        let lost = log.finish(LOG_TIME);
        log_error(format_args!(
            "Stopped: {} of {before} connections have ended, {cut_off} are cut off; \
             {lost} lines of the access log are lost",
            before - cut_off
        ));
    }

    /// A thread that panicked while it held the lock has left the count right.
    pub(crate) fn under_way(&self) -> MutexGuard<'_, usize> {
        let under_way = self.0.under_way.lock();
        under_way.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an `accept` that failed says nothing of those who wait behind, as where one hung
/// up while it waited.
pub(crate) fn is_of_one(error: ErrorKind) -> bool {
    matches!(
        error,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use std::io;
    use std::thread;

    #[test]
    fn the_end_waits_for_who_is_under_way() {
        let stop = Stop::new(Duration::from_secs(60));
        let log = AccessLog::start(1, io::sink()).unwrap();
        let under_way = stop.begin();
        let finished = thread::scope(|scope| {
            let finishing = scope.spawn(|| stop.finish(&log));
            thread::yield_now();
            let finished = finishing.is_finished();
            drop(under_way);
            finished
        });
        assert!(!finished);
    }

    #[test]
    fn who_has_knocked_before_the_stop_is_let_in() {
        let log = AccessLog::start(1, io::sink()).unwrap();
        let admission = Admission::start(Limits::default(), log).unwrap();
        let stop = Stop::new(Duration::from_secs(60));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _ = stop.0.bell.set(Bell::of(address).unwrap());
        let clients: Vec<_> = (0..3)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        stop.ask();
        for client in clients {
            let (stream, ..) = stop.accept(&listener, &admission).unwrap();
            assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
        }
        assert!(stop.accept(&listener, &admission).is_none());
    }
}
