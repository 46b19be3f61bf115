//! The one layer between a chapter and its connection: nothing in it waits for a client
//! without a limit.

use std::io::{self, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a client may take to send the head of a request. A head is small,
/// so who has not sent it by then is silent or means no good.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client may do nothing at all. What it sends or takes may be long, and the
/// client slow; what counts is that it goes on.
pub const INACTIVITY_TIME: Duration = Duration::from_secs(10);

/// A connection on which no read waits for ever. It can be read from until a deadline, and
/// no single read waits longer than a time of inactivity. A limit for each read alone would
/// not do: a client that sends one byte every nine seconds never reaches it.
pub struct TimedStream<'a> {
    pub(crate) stream: &'a TcpStream,
    pub(crate) deadline: Instant,
    pub(crate) inactivity: Duration,
}

/// Reads what the client sends through a buffer, for [`HEAD_TIME`] from now. TCP carries a
/// stream of bytes, not messages (RFC 9293 §2.2): one read may bring half a line or two
/// requests, and the buffer keeps what its reader does not need yet.
pub fn reader(stream: &TcpStream) -> BufReader<TimedStream<'_>> {
    BufReader::new(TimedStream::new(stream, HEAD_TIME))
}

impl<'a> TimedStream<'a> {
    /// A connection that can be read from for so long from now.
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
    /// [`ErrorKind::TimedOut`] once the deadline has passed or nothing has come
    /// for too long, besides what the connection itself reports.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match self
            .stream
            .set_read_timeout(Some(left.min(self.inactivity)))
        {
            // macOS takes no time limit for a connection that both sides have
            // ended; nor does reading from it have to wait.
            Err(error) if error.kind() != ErrorKind::InvalidInput => return Err(error),
            _ => {}
        }
        self.stream
            .read(buffer)
            .map_err(|error| match error.kind() {
                // What Unix calls the end of the time limit; Windows says TimedOut.
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

    /// What the server reads before it gives up a client that falls silent.
    fn read_until_silence(server: &TcpStream, time: Duration, inactivity: Duration) -> Vec<u8> {
        let mut reader = TimedStream::new(server, time);
        reader.inactivity = inactivity;
        let mut received = Vec::new();
        let error = reader.read_to_end(&mut received).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        received
    }

    #[test]
    fn what_was_sent_arrives_and_then_the_wait_ends() {
        for (time, inactivity) in [(SHORT, LONG), (LONG, SHORT)] {
            let (mut client, server) = connection();
            client.write_all(b"half a li").unwrap();
            assert_eq!(read_until_silence(&server, time, inactivity), b"half a li");
        }
    }

    #[test]
    fn after_the_deadline_nothing_is_read_even_if_it_is_there() {
        let (mut client, server) = connection();
        client.write_all(b"late").unwrap();
        assert_eq!(read_until_silence(&server, Duration::ZERO, LONG), b"");
    }

    /// The system takes no limit of zero, as macOS takes none for a connection that both
    /// sides have ended.
    #[test]
    fn where_the_system_takes_no_limit_what_is_there_is_read() {
        let (mut client, server) = connection();
        client.write_all(b"the end").unwrap();
        let mut reader = TimedStream::new(&server, LONG);
        reader.inactivity = Duration::ZERO;
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 7);
    }
}
