//! The one layer between a chapter and its connection: nothing in it waits for
//! a client without a limit. All limits of time for a client stand here.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a client may take to send the head of a request. A head is small,
/// so who has not sent it by then is silent or means no good.
pub const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client that sends a body, or takes an answer, may do nothing at
/// all. Both may be long and the client slow, so what counts is that it goes on.
pub const INACTIVITY_TIME: Duration = Duration::from_secs(10);

/// How long a client may take to send a whole body. Going on is not enough: a
/// byte every nine seconds is going on too. The longest body, 1 MiB, comes in
/// this time at 6 KiB a second, which is a bad telephone line.
pub const BODY_TIME: Duration = Duration::from_secs(3 * 60);

/// How long a client that has its answer may go on sending.
pub const LINGER_TIME: Duration = Duration::from_secs(1);

/// How long a single write may wait. A system wakes a writer that waits only
/// once a good part of its send buffer is free, and that may be megabytes: to a
/// slow client a longer write could not be told from one to a client that is gone.
///
/// Windows promises less than Unix of a connection on which a call has run out of time: how
/// much that call has sent or received. Its programs wait for readiness instead, which the
/// standard library cannot.
const TURN: Duration = Duration::from_secs(1);

/// A connection on which neither reading nor writing waits for ever.
///
/// It can be read from until a moment in time, and no read waits longer than its
/// patience. A limit for each read alone would not do: a client that sends one
/// byte every nine seconds never runs into it. It can be written to for as long
/// as the client goes on taking something.
pub struct TimedStream<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
    inactivity: Duration,
    turn: Duration,
}

/// Reads what the client sends through a buffer, for [`HEAD_TIME`] from now;
/// [`TimedStream::expect_body`] gives it more. TCP carries a stream of bytes, not
/// messages (RFC 9293 §2.2): one read may bring half a line or two requests, and
/// the buffer keeps what its reader does not need yet.
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
            turn: TURN,
        }
    }

    /// Starts the time for a body: [`BODY_TIME`] from now, and [`INACTIVITY_TIME`] for
    /// each read.
    pub fn expect_body(&mut self) {
        self.deadline = Instant::now() + BODY_TIME;
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

impl Write for TimedStream<'_> {
    /// # Errors
    /// [`ErrorKind::TimedOut`] once the client has taken nothing for too long,
    /// however much it has taken before, besides what the connection reports.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.turn))?;
        let last_progress = Instant::now();
        loop {
            match self.stream.write(bytes) {
                // A turn is over.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if last_progress.elapsed() >= self.inactivity {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                written => return written,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

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
        let mut reader = TimedStream::new(&server, Duration::ZERO);
        reader.expect_body();
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 4);
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

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        let (_client, server) = connection();
        let mut writer = TimedStream::new(&server, LONG);
        (writer.turn, writer.inactivity) = (Duration::from_millis(10), SHORT);
        let error = writer.write_all(&vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_client_that_takes_its_time_gets_everything() {
        const LENGTH: usize = 8 << 20;
        let (mut client, server) = connection();
        let writing = thread::spawn(move || {
            let mut writer = TimedStream::new(&server, LONG);
            // Shorter than any pause: each one costs the writer many turns.
            (writer.turn, writer.inactivity) = (Duration::from_millis(1), LONG);
            writer
                .write_all(&vec![0; LENGTH])
                .and_then(|()| writer.flush())
        });
        let mut received = 0;
        while received < LENGTH {
            // So little at a time that the writer has to wait for turns on end.
            received += client.read(&mut [0; 64]).unwrap();
        }
        writing.join().unwrap().unwrap();
    }

    #[test]
    fn a_broken_connection_is_not_called_slow() {
        let (client, server) = connection();
        drop(client);
        let mut writer = TimedStream::new(&server, LONG);
        let error = loop {
            if let Err(error) = writer.write_all(b"to nobody") {
                break error;
            }
        };
        assert_ne!(error.kind(), ErrorKind::TimedOut);
    }
}
