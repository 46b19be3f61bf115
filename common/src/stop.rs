//! Stopping without cutting anybody off.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::exit;
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::access_log::AccessLog;
use crate::admission::{Admission, Place};
use crate::blocking::Blocking;
use crate::connection::Connection;
use crate::listen::{listen, try_accept};
use crate::log::log_error;
use crate::waiting::Wait;

/// How soon after a signal another one belongs to it. Who ends a session or closes a
/// terminal sends SIGTERM and SIGHUP in one go, and asks once.
const SAME_TIME: Duration = Duration::from_millis(250);

/// How long the bell may ring.
const RING_TIME: Duration = Duration::from_millis(100);

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
pub struct UnderWay(Stop);

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
    /// once the server is to stop. The connection counts from here on, before it has a
    /// thread: if its thread counted it, the end might come in between and not wait for
    /// it.
    pub fn accept(
        &self,
        listener: &TcpListener,
        admission: &Admission,
    ) -> Option<(TcpStream, Place, UnderWay)> {
        while !self.is_asked() {
            let Some((stream, client)) = try_accept(listener) else {
                continue;
            };
            if self.is_asked() {
                // It may be our own, that rang.
                break;
            }
            match admission.admit(client.ip()) {
                Some(place) => return Some((stream, place, self.begin())),
                None => admission.turn_away(stream),
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
        UnderWay(self.clone())
    }

    /// Waits for those who are under way, for [`Stop::time`] at the most, and says what
    /// was done, as [`Stop::report`] does.
    pub fn finish(&self, log: &AccessLog) {
        let waited =
            self.0
                .one_less
                .wait_timeout_while(self.under_way(), self.time(), |under_way| *under_way > 0);
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
        let line = format!(
            "Stopped: {} of {before} connections have ended, {cut_off} are cut off; \
             {lost} lines of the access log are lost",
            before - cut_off
        );
        // Where nobody reads standard error, the end does not wait for it.
        let (told, is_told) = channel();
        let telling = thread::Builder::new().spawn(move || {
            log_error(line);
            let _ = told.send(());
        });
        if telling.is_ok() {
            let _ = is_told.recv_timeout(LOG_TIME);
        }
    }

    /// A thread that panicked while it held the lock has left the count right.
    pub(crate) fn under_way(&self) -> MutexGuard<'_, usize> {
        let under_way = self.0.under_way.lock();
        under_way.unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Whether it is to end, as the server is to stop.
    pub fn is_to_end(&self) -> bool {
        self.0.is_asked()
    }

    /// Waits as [`Blocking::wait`] does, and lets the connection end where the server is
    /// to stop: with its next answer, or at once where nothing is under way. That has been
    /// looked at once more by then, so nobody is let go who asked before the signal.
    ///
    /// # Errors
    /// As there.
    pub fn wait(&self, stream: &mut Blocking, connection: &mut Connection) -> anyhow::Result<bool> {
        let looks = self.0.is_asked() && matches!(connection.waits_for(), Wait::ToRead(_));
        let goes_on = stream.wait(connection)?;
        if looks || self.0.is_asked() && connection.has_begun() {
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

/// Who waits for a client hears of nothing but a client, so this is one. It has its
/// socket from the beginning: a server that is to stop may have no file descriptor left.
struct Bell {
    socket: Socket,
    address: SocketAddr,
}

impl Bell {
    fn of(listener: SocketAddr) -> io::Result<Self> {
        let address = within_reach(listener);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        Ok(Self { socket, address })
    }

    fn ring(&self) {
        // It fails where so many wait to be accepted that nobody has to be woken.
        let address = self.address.into();
        let _ = self.socket.connect_timeout(&address, RING_TIME);
    }
}

/// Where this machine reaches an address that it listens on: `0.0.0.0` stands for all
/// that it has.
fn within_reach(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiting::Times;
    use std::io::{Read, Write};
    use std::thread;

    #[test]
    fn an_address_within_reach() {
        for (address, reached) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("[fe80::1%2]:80", "[fe80::1%2]:80"),
        ] {
            let address = within_reach(address.parse().unwrap());
            assert_eq!(address.to_string(), reached);
        }
    }

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

    /// An idle client, and one in the middle of a request, when the server is to stop.
    #[test]
    fn who_is_idle_is_let_go_and_who_is_not_gets_its_answer() {
        for (sent, answered) in [(&b""[..], false), (b"GET / HTTP/1.1\r\n", true)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(sent).unwrap();
            let (stream, _) = listener.accept().unwrap();
            let stop = Stop::new(Duration::from_secs(60));
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
