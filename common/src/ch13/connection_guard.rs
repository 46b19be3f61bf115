//! A connection that the end of the server waits for.

use std::time::{Duration, Instant};

use crate::ch10::blocking::Blocking;
use crate::ch10::connection::Connection;
use crate::ch10::wait::Wait;
use crate::ch13::shutdown::Shutdown;

/// How long an idle connection is still looked at once the server is to stop. A request
/// may be on its way, and a client that is told to close loses none.
const GRACE: Duration = Duration::from_millis(100);

/// A connection that has begun. The server waits for its end, which is when this is
/// dropped.
pub struct ConnectionGuard {
    shutdown: Shutdown,
    /// Until when it is looked at, where it is idle and the server is to stop.
    ends_at: Option<Instant>,
}

impl ConnectionGuard {
    /// One that [`Shutdown::begin`] has counted.
    pub(crate) fn new(shutdown: Shutdown) -> Self {
        let ends_at = None;
        Self { shutdown, ends_at }
    }

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
        self.finish_after_current(connection, Instant::now());
        Ok(goes_on)
    }

    /// Lets a connection that has just been looked at end where the server is to stop:
    /// with its next answer, or, where nothing is under way, once it has been idle for
    /// a moment more. So nobody is let go who asked before the signal. Whether it has
    /// just been let go.
    pub fn finish_after_current(&mut self, connection: &mut Connection, now: Instant) -> bool {
        if !self.shutdown.is_requested() {
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
            connection.finish_after_current();
        }
        is_over
    }

    /// Lets that moment begin anew, as the client could not ask for anything before. Over
    /// TLS the two agree on keys first.
    pub fn restart(&mut self) {
        self.ends_at = None;
    }

    /// Until when it is looked at, where it is idle and the server is to stop.
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

    /// A request may be on its way to a connection that is idle when the server is to stop.
    #[test]
    fn who_is_idle_may_still_ask_for_a_moment() {
        const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for asks in [true, false] {
            let now = Instant::now();
            let shutdown = Shutdown::new(Duration::ZERO);
            let mut guard = shutdown.begin();
            let mut connection = Connection::new(Timeouts::default(), now);
            assert!(!guard.finish_after_current(&mut connection, now));
            shutdown.request();
            assert!(!guard.finish_after_current(&mut connection, now));
            assert_eq!(guard.ends_at(), Some(now + GRACE));
            let later = now + GRACE - Duration::from_millis(1);
            if asks {
                connection.receive(GET, later);
            }
            assert!(!guard.finish_after_current(&mut connection, later));
            if asks {
                let request = connection.next_request().unwrap();
                connection.answer(&request, crate::Response::html("200 OK", "page"));
                let answer = String::from_utf8_lossy(connection.to_send().unwrap());
                assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            } else {
                assert!(guard.finish_after_current(&mut connection, now + GRACE));
                assert!(connection.next_request().is_none());
                assert!(matches!(connection.waits_for(), Wait::ToLinger(_)));
            }
            assert_eq!(guard.ends_at(), None);
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
            let shutdown = Shutdown::new(Duration::from_secs(60));
            let mut guard = shutdown.begin();
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
