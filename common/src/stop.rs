//! Stopping without cutting anybody off.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::exit;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::access_log::AccessLog;
use crate::admission::{Admission, Place};
use crate::blocking::Blocking;
use crate::connection::Connection;
use crate::log::log_error;

/// How long those may take that are under way when the server is to stop.
pub const STOP_TIME: Duration = Duration::from_secs(10);

/// How long the access log may take to write its last lines.
const LOG_TIME: Duration = Duration::from_secs(1);

/// How long the acceptor may take to hear of it.
const WAKE_TIME: Duration = Duration::from_secs(1);

/// The exit code of a server that is told to stop twice: that of a program that Ctrl-C
/// ended.
const AT_ONCE: i32 = 130;

/// Whether the server is to stop, and who is still under way.
#[derive(Clone, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Default)]
struct Shared {
    is_asked: AtomicBool,
    /// How many were under way then.
    asked_with: AtomicUsize,
    under_way: Mutex<usize>,
    one_less: Condvar,
}

/// A connection that has begun. The server waits for its end, which is when this is
/// dropped.
pub struct UnderWay(Stop);

impl Stop {
    /// Lets Ctrl-C, and on Unix SIGTERM and SIGHUP, ask the server to stop, which then
    /// accepts nobody else from this listener. To ask twice ends it at once.
    ///
    /// # Errors
    /// The system does not let us, or something else does it already.
    pub fn on_signal(listener: &TcpListener) -> anyhow::Result<Self> {
        let stop = Self::default();
        let asked = stop.clone();
        let address = within_reach(listener.local_addr()?);
        ctrlc::set_handler(move || {
            if asked.0.is_asked.swap(true, Ordering::SeqCst) {
                exit(AT_ONCE);
            }
            let under_way = *asked.under_way();
            asked.0.asked_with.store(under_way, Ordering::SeqCst);
            // Who waits in accept hears of nothing but a client.
            let _ = TcpStream::connect_timeout(&address, WAKE_TIME);
        })?;
        Ok(stop)
    }

    /// Whether the server is to stop.
    pub fn is_asked(&self) -> bool {
        self.0.is_asked.load(Ordering::SeqCst)
    }

    /// Waits for the next client, as [`Admission::accept`] does; `None` also where the
    /// server is to stop. The connection counts from here on, before it has a thread: if
    /// its thread counted it, the end might come in between and not wait for it.
    pub fn accept(
        &self,
        listener: &TcpListener,
        admission: &Admission,
    ) -> Option<(TcpStream, Place, UnderWay)> {
        let (stream, place) = admission.accept(listener)?;
        // Else it may be our own, that woke us.
        (!self.is_asked()).then(|| (stream, place, self.begin()))
    }

    /// Counts a connection, from the moment on that it is accepted.
    pub fn begin(&self) -> UnderWay {
        *self.under_way() += 1;
        UnderWay(self.clone())
    }

    /// Waits for those who are under way, for [`STOP_TIME`] at the most, and says what
    /// was done, as [`Stop::report`] does.
    pub fn finish(&self, log: &AccessLog) {
        let waited = self
            .0
            .one_less
            .wait_timeout_while(self.under_way(), STOP_TIME, |under_way| *under_way > 0);
        let cut_off = *waited.unwrap_or_else(PoisonError::into_inner).0;
        self.report(cut_off, log);
    }

    /// Waits for the log, and says what became of those who were under way when the
    /// server was asked to stop.
    pub fn report(&self, cut_off: usize, log: &AccessLog) {
        let before = self.0.asked_with.load(Ordering::SeqCst);
        let lost = log.finish(LOG_TIME);
        log_error(format_args!(
            "Stopped: {} of {before} connections have ended, {cut_off} are cut off; \
             {lost} lines of the access log are lost",
            before.saturating_sub(cut_off)
        ));
    }

    fn under_way(&self) -> MutexGuard<'_, usize> {
        let under_way = self.0.under_way.lock();
        under_way.unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Waits as [`Blocking::wait`] does, and lets the connection end where the server is
    /// to stop: at once where nothing is under way, else with its next answer.
    ///
    /// # Errors
    /// As there.
    pub fn wait(&self, stream: &mut Blocking, connection: &mut Connection) -> anyhow::Result<bool> {
        let goes_on = stream.wait(connection)?;
        if self.0.is_asked() {
            connection.wind_up();
        }
        Ok(goes_on)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        *self.0.under_way() -= 1;
        self.0.0.one_less.notify_all();
    }
}

/// Where this machine reaches an address that it listens on: `0.0.0.0` stands for all
/// that it has.
fn within_reach(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiting::Times;
    use std::io::{self, Read, Write};
    use std::thread;
    use std::time::Instant;

    #[test]
    fn an_address_within_reach() {
        for (address, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            let address = within_reach(address.parse().unwrap());
            assert_eq!(address.to_string(), reached);
        }
    }

    #[test]
    fn the_end_waits_for_who_is_under_way() {
        let stop = Stop::default();
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

    /// An idle client, and one in the middle of a request, when the server is to stop.
    #[test]
    fn who_is_idle_is_let_go_and_who_is_not_gets_its_answer() {
        for (sent, answered) in [(&b""[..], false), (b"GET / HTTP/1.1\r\n", true)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(sent).unwrap();
            let (stream, _) = listener.accept().unwrap();
            let stop = Stop::default();
            let under_way = stop.begin();
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
            stop.0.is_asked.store(true, Ordering::SeqCst);
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
