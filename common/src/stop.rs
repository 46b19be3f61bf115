//! Stopping without cutting anybody off.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::exit;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::access_log::AccessLog;
use crate::admission::{Admission, Place};
use crate::bell::Bell;
use crate::blocking::Blocking;
use crate::connection::Connection;
use crate::listen::{listen, try_accept};
use crate::log::log_error;
use crate::waiting::Wait;

/// How soon after a signal another one belongs to it. Who ends a session or closes a
/// terminal sends SIGTERM and SIGHUP in one go, and asks once.
const SAME_TIME: Duration = Duration::from_millis(250);

/// How long an idle connection is still looked at once the server is to stop. A request
/// may be on its way, and a client that is told to close loses none.
const GRACE: Duration = Duration::from_millis(100);

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
    under_way: Mutex<usize>,
    one_less: Condvar,
}

struct Asked {
    at: Instant,
    /// How many were under way then.
    with: usize,
}

/// A connection that has begun. The server waits for its end, which is when this is
/// dropped.
pub struct UnderWay {
    stop: Stop,
    /// Until when it is looked at, where it is idle and the server is to stop.
    ends_at: Option<Instant>,
}

impl Stop {
    /// Lets Ctrl-C, and on Unix SIGTERM and SIGHUP, ask the server to stop, and gives
    /// those that are under way then so much time. To ask again ends it at once. It comes
    /// before all else, so that there is no moment at which a client may be there and a
    /// signal still cuts it off.
    ///
    /// # Errors
    /// The system does not let us, or something else does it already.
    pub fn on_signal(time: Duration) -> anyhow::Result<Self> {
        let stop = Self::new(time);
        let asked = stop.clone();
        ctrlc::set_handler(move || asked.ask())?;
        Ok(stop)
    }

    /// One that only [`Stop::ask`] asks.
    pub(crate) fn new(time: Duration) -> Self {
        Self(Arc::new(Shared {
            time,
            asked: OnceLock::new(),
            bell: OnceLock::new(),
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
            let accepted = match self.0.asked.get() {
                None => try_accept(listener, log_error),
                Some(_) if self.time_left() > Duration::ZERO => Some(who_has_knocked(listener)?),
                Some(_) => return None,
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

    /// How long those may take then that are under way.
    pub fn time(&self) -> Duration {
        self.0.time
    }

    /// How much of that time is left, counted from when the server was asked.
    fn time_left(&self) -> Duration {
        let passed = self.0.asked.get().map(|asked| asked.at.elapsed());
        self.time().saturating_sub(passed.unwrap_or_default())
    }

    /// Counts a connection, from the moment on that it is accepted.
    pub fn begin(&self) -> UnderWay {
        *self.under_way() += 1;
        UnderWay {
            stop: self.clone(),
            ends_at: None,
        }
    }

    /// Waits for those who are under way, for what is left of [`Stop::time`], and says what
    /// was done, as [`Stop::report`] does.
    pub fn finish(&self, log: &AccessLog) {
        let is_busy = |under_way: &mut usize| *under_way > 0;
        let one_less = &self.0.one_less;
        let waited = one_less.wait_timeout_while(self.under_way(), self.time_left(), is_busy);
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

/// Somebody who waits to be accepted, where there is one.
fn who_has_knocked(listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
    listener.set_nonblocking(true).ok()?;
    let (stream, client) = listener.accept().ok()?;
    // Some systems hand that on from the listener.
    stream.set_nonblocking(false).ok()?;
    Some((stream, client))
}

impl UnderWay {
    /// Waits as [`Blocking::wait`] does, and winds up where the server is to stop.
    ///
    /// # Errors
    /// As there.
    pub fn wait(
        &mut self,
        stream: &mut Blocking,
        connection: &mut Connection,
    ) -> anyhow::Result<bool> {
        let goes_on = stream.wait(connection)?;
        self.wind_up(connection, Instant::now());
        Ok(goes_on)
    }

    /// Lets a connection that has just been looked at end where the server is to stop:
    /// with its next answer, or, where nothing is under way, once it has been idle for
    /// a moment more. So nobody is let go who asked before the signal. Whether it has
    /// just been let go.
    pub fn wind_up(&mut self, connection: &mut Connection, now: Instant) -> bool {
        if !self.stop.is_asked() {
            return false;
        }
        let is_idle = !connection.has_begun() && matches!(connection.waits_for(), Wait::ToRead(_));
        let ends_at = match self.ends_at {
            None if is_idle => Some(now + GRACE),
            ends_at => ends_at.filter(|_| is_idle),
        };
        let is_over = ends_at.is_some_and(|end| now >= end);
        self.ends_at = ends_at.filter(|_| !is_over);
        if is_over || connection.has_begun() {
            connection.wind_up();
        }
        is_over
    }

    /// Lets that moment begin anew, as the client could not ask for anything before. Over
    /// TLS the two agree on keys first.
    pub fn put_off(&mut self) {
        self.ends_at = None;
    }

    /// Until when it is looked at, where it is idle and the server is to stop.
    pub fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Whether the server is to stop.
    pub fn is_to_end(&self) -> bool {
        self.stop.is_asked()
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.stop.under_way() -= 1;
        self.stop.0.one_less.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::waiting::Times;
    use std::io::{self, Read, Write};
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

    /// A request may be on its way to a connection that is idle when the server is to stop.
    #[test]
    fn who_is_idle_may_still_ask_for_a_moment() {
        const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for asks in [true, false] {
            let now = Instant::now();
            let stop = Stop::new(Duration::ZERO);
            let mut under_way = stop.begin();
            let mut connection = Connection::new(Times::default(), now);
            assert!(!under_way.wind_up(&mut connection, now));
            stop.ask();
            assert!(!under_way.wind_up(&mut connection, now));
            assert_eq!(under_way.ends_at(), Some(now + GRACE));
            let later = now + GRACE - Duration::from_millis(1);
            if asks {
                connection.receive(GET, later);
            }
            assert!(!under_way.wind_up(&mut connection, later));
            if asks {
                let request = connection.next_request().unwrap();
                connection.answer(&request, crate::Response::html("200 OK", "page"));
                let answer = String::from_utf8_lossy(connection.to_send().unwrap());
                assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            } else {
                assert!(under_way.wind_up(&mut connection, now + GRACE));
                assert!(connection.next_request().is_none());
                assert!(matches!(connection.waits_for(), Wait::ToLinger(_)));
            }
            assert_eq!(under_way.ends_at(), None);
        }
    }

    /// An idle client, and one in the middle of a request, when the server is to stop.
    #[test]
    fn who_is_idle_is_let_go_and_who_is_not_gets_its_answer() {
        for (sent, answered) in [(&b""[..], false), (b"GET / HTTP/1.1\r\n", true)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(sent).unwrap();
            let (stream, _) = listener.accept().unwrap();
            let stop = Stop::new(Duration::from_secs(60));
            let mut under_way = stop.begin();
            let serving = thread::spawn(move || {
                let mut connection = Connection::new(Times::default(), Instant::now());
                let mut stream = Blocking::new(&stream).unwrap();
                while under_way.wait(&mut stream, &mut connection).unwrap() {
                    while let Some(request) = connection.next_request() {
                        let response = crate::Response::html("200 OK", "page");
                        connection.answer(&request, response);
                    }
                }
            });
            stop.ask();
            if answered {
                client.write_all(b"Host: a\r\n\r\n").unwrap();
            }
            let mut received = String::new();
            client.read_to_string(&mut received).unwrap();
            drop(client);
            serving.join().unwrap();
            assert_eq!(received.contains("\r\nConnection: close\r\n"), answered);
            assert_eq!(received.ends_with("page"), answered, "{received}");
        }
    }
}
