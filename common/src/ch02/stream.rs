//! Reads from a connection, and limits how long a read waits for the client.

use std::io::{self, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a client may take to send the head of a request. A head is small: even a slow
/// connection carries it in less time.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client may send nothing, or take nothing of what is sent to it. A long body
/// may take longer than this in total; it only has to make progress.
pub const INACTIVITY_TIME: Duration = Duration::from_secs(10);

/// A connection that can be read from until a deadline, and no single read of which waits
/// longer than the time of inactivity. A limit for each read alone would not be enough: a
/// client that sends one byte every nine seconds never reaches a limit of ten.
pub struct TimedStream<'a> {
    pub(crate) stream: &'a TcpStream,
    pub(crate) deadline: Instant,
    pub(crate) inactivity: Duration,
}

/// A buffered reader of what the client sends, for [`HEAD_TIME`] from now. TCP carries a
/// stream of bytes, not messages (RFC 9293 §2.2): one read may give half a line or two
/// requests, and the buffer keeps the bytes that are not needed yet.
pub fn reader(stream: &TcpStream) -> BufReader<TimedStream<'_>> {
    BufReader::new(TimedStream::new(stream, HEAD_TIME))
}

impl<'a> TimedStream<'a> {
    /// A connection that can be read from for this time from now.
    pub fn new(stream: &'a TcpStream, time: Duration) -> Self {
        Self {
            stream,
            deadline: Instant::now() + time,
            inactivity: INACTIVITY_TIME,
        }
    }
}

impl Read for TimedStream<'_> {
    /// # Errors
    /// [`ErrorKind::TimedOut`] if the deadline has passed, or if no byte has come for the
    /// time of inactivity. Otherwise the error of the connection.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match self
            .stream
            .set_read_timeout(Some(left.min(self.inactivity)))
        {
            // macOS refuses a limit on a connection that both sides have closed, but a
            // read from it never waits.
            Err(error) if error.kind() != ErrorKind::InvalidInput => return Err(error),
            _ => {}
        }
        self.stream
            .read(buffer)
            .map_err(|error| match error.kind() {
                // Unix reports the end of the time limit as WouldBlock, Windows as TimedOut.
                ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
                _ => error,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_secs(60);

    /// Both ends of a connection: the client's and the server's.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    /// What the server reads before a read times out.
    fn read_until_timeout(server: &TcpStream, time: Duration, inactivity: Duration) -> Vec<u8> {
        let mut reader = TimedStream::new(server, time);
        reader.inactivity = inactivity;
        let mut received = Vec::new();
        let error = reader.read_to_end(&mut received).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        received
    }

    #[test]
    fn a_read_that_waits_too_long_times_out() {
        for (time, inactivity) in [(SHORT, LONG), (LONG, SHORT)] {
            let (mut client, server) = connection();
            client.write_all(b"half a li").unwrap();
            assert_eq!(read_until_timeout(&server, time, inactivity), b"half a li");
        }
    }

    #[test]
    fn after_the_deadline_even_bytes_that_have_arrived_are_not_read() {
        let (mut client, server) = connection();
        client.write_all(b"late").unwrap();
        assert_eq!(read_until_timeout(&server, Duration::ZERO, LONG), b"");
    }

    /// Every system refuses a limit of zero, as macOS refuses any limit on a connection that
    /// both sides have closed.
    #[test]
    fn if_the_system_refuses_a_limit_the_read_goes_on() {
        let (mut client, server) = connection();
        client.write_all(b"the end").unwrap();
        let mut reader = TimedStream::new(&server, LONG);
        reader.inactivity = Duration::ZERO;
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 7);
    }
}
