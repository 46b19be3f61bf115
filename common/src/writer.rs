//! Writing a long answer to a client that takes its time.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long a client may take nothing of a long answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a single write may wait. A system wakes a writer that waits only
/// once a good part of its send buffer is free, and that may be megabytes: to a
/// slow client a longer write could not be told from one to a client that is gone.
const TURN: Duration = Duration::from_secs(1);

/// A connection that can be written to for as long as the client goes on taking
/// something.
pub struct PatientStream<'a> {
    stream: &'a TcpStream,
    last_progress: Instant,
}

/// Writes to a client that may be slow. A write fails once the client has taken
/// nothing for 10 s, however much of the answer it has taken before.
///
/// # Errors
/// The connection takes no time limit, which means that it is broken.
pub fn writer(stream: &TcpStream) -> io::Result<PatientStream<'_>> {
    stream.set_write_timeout(Some(TURN))?;
    Ok(PatientStream {
        stream,
        last_progress: Instant::now(),
    })
}

impl Write for PatientStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(bytes) {
                Ok(length) => {
                    self.last_progress = Instant::now();
                    return Ok(length);
                }
                // The turn is over; Windows says TimedOut.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
                        && self.last_progress.elapsed() < PATIENCE => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
