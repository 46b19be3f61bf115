//! How long a client may take to send a body.

use std::time::{Duration, Instant};

use crate::ch02::stream::TimedStream;

/// How long a client may take to send a whole body. The limit for each read is not
/// enough: a client that sends a byte every nine seconds never reaches it. The longest
/// body, 1 MiB, arrives in this time at 6 KiB a second, which is the speed of a modem.
pub const BODY_TIME: Duration = Duration::from_secs(3 * 60);

impl TimedStream<'_> {
    /// Moves the deadline to [`BODY_TIME`] from now. The limit for each read stays.
    pub fn expect_body(&mut self) {
        self.deadline = Instant::now() + BODY_TIME;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{ErrorKind, Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_body_has_time_where_a_head_has_none_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.write_all(b"late").unwrap();
        let mut reader = TimedStream::new(&server, Duration::ZERO);
        let error = reader.read(&mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        reader.expect_body();
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 4);
    }
}
