//! Writing to a client: the response may be long, and the client slow.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::ch02::stream::TimedStream;

/// How long a single write may wait before it is tried again. A system wakes a waiting
/// writer only once a good part of its send buffer is free, and that may be megabytes.
/// During one long write, a slow client would look like a client that is gone.
///
/// After such a timeout, Windows does not promise how much the call has sent. Programs
/// there wait for readiness instead, which the standard library does not offer.
const TURN: Duration = Duration::from_secs(1);

/// A write goes on for as long as the client takes something.
impl Write for TimedStream<'_> {
    /// # Errors
    /// [`ErrorKind::TimedOut`] once the client has taken nothing for too long,
    /// however much it has taken before, besides what the connection reports.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_in_turns(self.stream, bytes, TURN, self.inactivity)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_in_turns(
    mut stream: &TcpStream,
    bytes: &[u8],
    turn: Duration,
    inactivity: Duration,
) -> io::Result<usize> {
    stream.set_write_timeout(Some(turn))?;
    let last_progress = Instant::now();
    loop {
        match stream.write(bytes) {
            // The turn is over. Unix reports it as WouldBlock, Windows as TimedOut.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if last_progress.elapsed() >= inactivity {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            written => return written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
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

    /// Writes with a turn and a time of inactivity that the test chooses.
    struct InTurns<'a>(&'a TcpStream, Duration, Duration);

    impl Write for InTurns<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            write_in_turns(self.0, bytes, self.1, self.2)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        let (_client, server) = connection();
        let mut writer = InTurns(&server, Duration::from_millis(10), SHORT);
        let error = writer.write_all(&vec![0; 64 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_slow_client_gets_everything() {
        const LENGTH: usize = 8 << 20;
        let (mut client, server) = connection();
        let writing = thread::spawn(move || {
            // Shorter than any pause: each one costs the writer many turns.
            let mut writer = InTurns(&server, Duration::from_millis(1), LONG);
            writer.write_all(&vec![0; LENGTH])
        });
        let mut received = 0;
        while received < LENGTH {
            // So little at a time that the writer waits for many turns in a row.
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
