//! The shutdown: a signal asks the server to stop, and its connections are finished first.

use std::process::exit;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::ch02::log::log_error;
use crate::ch12::access_log::AccessLog;
use crate::ch13::signals::{SIGHUP, SIGINT, SIGTERM, on_each};

/// How soon after a signal another one still belongs to it. Some programs send SIGTERM and
/// SIGHUP together, and mean one request to stop.
const SAME_TIME: Duration = Duration::from_millis(250);

/// How long the access log may take to write its last lines.
const LOG_TIME: Duration = Duration::from_secs(1);

/// The exit code after a second request to stop: that of a program that Ctrl-C has ended.
const EXIT_CODE: i32 = 130;

/// Whether the server is to stop, and how many connections it has. Clones share it.
#[derive(Clone)]
pub struct Shutdown(Arc<Shared>);

struct Shared {
    /// How long the connections may take to finish once the server is to stop.
    time: Duration,
    requested: OnceLock<Requested>,
    /// What to call when the server is to stop.
    wakers: Mutex<Vec<Box<Wake>>>,
    connections: Mutex<usize>,
    one_less: Condvar,
}

struct Requested {
    at: Instant,
    /// How many connections there were at that moment.
    with: usize,
}

type Wake = dyn Fn() + Send + Sync;

impl Shutdown {
    /// Lets Ctrl-C, and on Unix SIGTERM and SIGHUP, ask the server to stop. Its connections
    /// then have `time` to finish. A second request ends the server at once. This is called
    /// first in `main`: a signal that came before it would end the process at once.
    ///
    /// # Errors
    /// As [`on_each`].
    pub fn on_signal(time: Duration) -> anyhow::Result<Self> {
        let shutdown = Self::new(time);
        let requested = shutdown.clone();
        on_each(&[SIGINT, SIGTERM, SIGHUP], move |_| requested.request())?;
        Ok(shutdown)
    }

    /// A shutdown without signals: only [`Shutdown::request`] asks for it.
    pub(crate) fn new(time: Duration) -> Self {
        Self(Arc::new(Shared {
            time,
            requested: OnceLock::new(),
            wakers: Mutex::default(),
            connections: Mutex::new(0),
            one_less: Condvar::new(),
        }))
    }

    /// Asks the server to stop. One thread receives all signals, so calls never overlap.
    pub(crate) fn request(&self) {
        if let Some(first) = self.0.requested.get() {
            if first.at.elapsed() > SAME_TIME {
                exit(EXIT_CODE);
            }
            return;
        }
        let (at, with) = (Instant::now(), *self.connections());
        self.0.requested.get_or_init(|| Requested { at, with });
        for wake in &*self.wakers() {
            wake();
        }
    }

    /// Calls `wake` when the server is to stop, or at once where it already is. So a thread
    /// that waits for something else can be woken.
    pub fn on_request(&self, wake: impl Fn() + Send + Sync + 'static) {
        let mut wakers = self.wakers();
        if self.is_requested() {
            wake();
        }
        wakers.push(Box::new(wake));
    }

    /// Whether the server is to stop.
    pub fn is_requested(&self) -> bool {
        self.0.requested.get().is_some()
    }

    /// How long the connections may take to finish once the server is to stop.
    pub fn time(&self) -> Duration {
        self.0.time
    }

    /// Counts a connection.
    pub(crate) fn begin(&self) {
        *self.connections() += 1;
    }

    /// Counts down, where a connection has ended.
    pub(crate) fn end(&self) {
        *self.connections() -= 1;
        self.0.one_less.notify_all();
    }

    /// Waits for the connections to end, for [`Shutdown::time`] at the most, and then reports
    /// as [`Shutdown::report`] does.
    pub fn finish(&self, log: &AccessLog) {
        self.finish_and_tell(log, |_| {});
    }

    /// Does what [`Shutdown::finish`] does. Each time it looks, it calls `tell` with the number
    /// of connections, for tests. Gives how many are cut off.
    fn finish_and_tell(&self, log: &AccessLog, tell: impl Fn(usize)) -> usize {
        let is_busy = |connections: &mut usize| {
            tell(*connections);
            *connections > 0
        };
        let one_less = &self.0.one_less;
        let waited = one_less.wait_timeout_while(self.connections(), self.time(), is_busy);
        let cut_off = *waited.unwrap_or_else(PoisonError::into_inner).0;
        self.report(cut_off, log);
        cut_off
    }

    /// Waits for the access log, and writes to the error log what became of the connections
    /// that the server had when it was asked to stop.
    pub fn report(&self, cut_off: usize, log: &AccessLog) {
        let before = self.0.requested.get().map_or(0, |requested| requested.with);
        // A connection may have been accepted after the signal's count.
        let before = before.max(cut_off);
        let lost = log.finish(LOG_TIME);
        log_error(format_args!(
            "Stopped: {} of {before} connections have ended, {cut_off} are cut off; \
             {lost} lines of the access log are lost",
            before - cut_off
        ));
    }

    /// How many connections there are. The count is right even where a thread panicked while
    /// it held the lock.
    pub(crate) fn connections(&self) -> MutexGuard<'_, usize> {
        let connections = self.0.connections.lock();
        connections.unwrap_or_else(PoisonError::into_inner)
    }

    fn wakers(&self) -> MutexGuard<'_, Vec<Box<Wake>>> {
        let wakers = self.0.wakers.lock();
        wakers.unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::mpsc::channel;
    use std::thread;

    #[test]
    fn finish_waits_for_each_connection() {
        let shutdown = Shutdown::new(Duration::from_secs(60));
        let log = AccessLog::start(1, io::sink()).unwrap();
        shutdown.begin();
        shutdown.begin();
        let (tell, told) = channel();
        thread::scope(|scope| {
            let tell = move |count| tell.send(count).unwrap();
            let finishing = scope.spawn(|| shutdown.finish_and_tell(&log, tell));
            // Each connection ends once `finish_and_tell` is known to wait for it. Without
            // the wait, it would tell nothing, or count connections as cut off.
            for left in [2, 1] {
                while told.recv().unwrap() > left {}
                shutdown.end();
            }
            assert_eq!(finishing.join().unwrap(), 0);
        });
    }

    #[test]
    fn finish_waits_no_longer_than_its_time() {
        let shutdown = Shutdown::new(Duration::ZERO);
        let log = AccessLog::start(1, io::sink()).unwrap();
        shutdown.begin();
        assert_eq!(shutdown.finish_and_tell(&log, |_| {}), 1);
    }

    #[test]
    fn wakers_are_called_on_request_and_at_once_after_it() {
        let shutdown = Shutdown::new(Duration::ZERO);
        let (woken, wakes) = channel();
        let early = woken.clone();
        shutdown.on_request(move || early.send("early").unwrap());
        assert!(wakes.try_recv().is_err());
        shutdown.request();
        shutdown.on_request(move || woken.send("late").unwrap());
        assert_eq!(wakes.try_iter().collect::<Vec<_>>(), ["early", "late"]);
    }
}
