//! The one layer that reads from a connection: buffered, and not for ever.

use std::io::{self, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a client may take to send its whole request.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that can be read from until a moment in time, and not after.
///
/// A limit for each read alone would not do: a client that sends one byte
/// every nine seconds never runs into it.
pub struct TimedStream<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
}

/// Reads what the client sends through a buffer, for [`REQUEST_TIMEOUT`] from
/// now. TCP carries a stream of bytes, not messages (RFC 9293 §2.2): one read
/// may bring half a line or two requests, and the buffer keeps what its reader
/// does not need yet.
pub fn reader(stream: &TcpStream) -> BufReader<TimedStream<'_>> {
    reader_until(stream, Instant::now() + REQUEST_TIMEOUT)
}

pub(crate) fn reader_until(stream: &TcpStream, deadline: Instant) -> BufReader<TimedStream<'_>> {
    BufReader::new(TimedStream { stream, deadline })
}

impl Read for TimedStream<'_> {
    /// # Errors
    /// [`ErrorKind::TimedOut`] once the deadline has passed, besides what the
    /// connection itself reports.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        match self.stream.set_read_timeout(Some(left)) {
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

    #[test]
    fn what_was_sent_arrives_until_the_deadline_and_then_the_wait_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.write_all(b"half a li").unwrap();

        let deadline = Instant::now() + Duration::from_millis(200);
        let mut reader = reader_until(&server, deadline);
        let mut received = Vec::new();
        let error = reader.read_to_end(&mut received).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(received, b"half a li");
        assert_eq!(
            reader.read(&mut [0]).unwrap_err().kind(),
            ErrorKind::TimedOut
        );
    }
}
