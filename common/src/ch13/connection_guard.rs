//! What each connection holds of the shutdown: it is counted, and it is told to finish.

use std::time::{Duration, Instant};

use crate::ch10::blocking::Blocking;
use crate::ch10::connection::Connection;
use crate::ch10::wait::Wait;
use crate::ch13::shutdown::Shutdown;

/// How long the server still reads from an idle connection once it is to stop. A request may
/// be on its way, or lie in the system unread.
const GRACE: Duration = Duration::from_millis(100);

/// Counts one connection until this is dropped. The server waits for that before it ends.
pub struct ConnectionGuard {
    shutdown: Shutdown,
    /// When the grace of an idle connection is over, once the server is to stop.
    ends_at: Option<Instant>,
}

impl ConnectionGuard {
    /// Counts a connection that has just been accepted.
    pub fn new(shutdown: &Shutdown) -> Self {
        shutdown.begin();
        Self {
            shutdown: shutdown.clone(),
            ends_at: None,
        }
    }

    /// Waits as [`Blocking::wait`] does. Where the server is to stop, it lets the connection
    /// finish: with its next response, or, where the client has not begun a request, once the
    /// grace is over. So a client that sent its request before the signal is answered.
    ///
    /// # Errors
    /// As [`Blocking::wait`].
    pub fn wait(
        &mut self,
        stream: &mut Blocking,
        connection: &mut Connection,
    ) -> anyhow::Result<bool> {
        let goes_on = stream.wait(connection)?;
        if self.is_requested() {
            let (has_begun, wait) = (connection.has_begun(), connection.waits_for());
            if self.must_finish(has_begun, wait, Instant::now()) {
                connection.finish_after_current();
            }
        }
        Ok(goes_on)
    }

    /// Whether the connection, which has just been read from, has to finish because the
    /// server is to stop: with the request that has begun, or, where none has and the
    /// connection waits for one, because its grace has just ended.
    pub fn must_finish(&mut self, has_begun: bool, wait: Wait, now: Instant) -> bool {
        let is_idle = !has_begun && matches!(wait, Wait::ToRead(_));
        self.grace_is_over(is_idle, now) || (has_begun && self.is_requested())
    }

    /// Whether the connection has been idle for all of its grace since the server was asked
    /// to stop. `true` only once.
    fn grace_is_over(&mut self, is_idle: bool, now: Instant) -> bool {
        if !self.is_requested() {
            return false;
        }
        let ends_at = match self.ends_at {
            None if is_idle => Some(now + GRACE),
            ends_at => ends_at.filter(|_| is_idle),
        };
        let is_over = ends_at.is_some_and(|end| now >= end);
        self.ends_at = ends_at.filter(|_| !is_over);
        is_over
    }

    /// Lets the grace begin anew, where the client could not send a request before. Over TLS
    /// the handshake comes first.
    pub fn restart_grace(&mut self) {
        self.ends_at = None;
    }

    /// When the grace is over, where one has begun.
    pub fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Whether the server is to stop.
    pub fn is_requested(&self) -> bool {
        self.shutdown.is_requested()
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.shutdown.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch10::wait::Timeouts;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    #[test]
    fn an_idle_connection_has_a_grace() {
        let now = Instant::now();
        let shutdown = Shutdown::new(Duration::ZERO);
        let mut guard = ConnectionGuard::new(&shutdown);
        assert!(!guard.grace_is_over(true, now + 9 * GRACE));
        shutdown.request();
        assert!(!guard.grace_is_over(true, now));
        assert_eq!(guard.ends_at(), Some(now + GRACE));
        // A request ends the grace, and the next one begins after it.
        let later = now + GRACE - Duration::from_millis(1);
        assert!(!guard.grace_is_over(false, later));
        assert_eq!(guard.ends_at(), None);
        assert!(!guard.grace_is_over(true, later));
        guard.restart_grace();
        assert!(!guard.grace_is_over(true, now + GRACE));
        assert!(guard.grace_is_over(true, now + 2 * GRACE));
        assert_eq!(guard.ends_at(), None);
    }

    /// An idle client, and one in the middle of a request, when the server is to stop.
    #[test]
    fn an_idle_connection_is_closed_and_a_begun_request_is_answered() {
        for (sent, answered) in [(&b""[..], false), (b"GET / HTTP/1.1\r\n", true)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            client.write_all(sent).unwrap();
            let (stream, _) = listener.accept().unwrap();
            let shutdown = Shutdown::new(Duration::from_secs(60));
            let mut guard = ConnectionGuard::new(&shutdown);
            let serving = thread::spawn(move || {
                let mut connection = Connection::new(Timeouts::default(), Instant::now());
                let mut stream = Blocking::new(&stream).unwrap();
                while guard.wait(&mut stream, &mut connection).unwrap() {
                    while let Some(request) = connection.next_request() {
                        let response = crate::Response::html("200 OK", "page");
                        connection.answer(&request, response);
                    }
                }
            });
            shutdown.request();
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
