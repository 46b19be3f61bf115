//! The waiting of a thread that has one connection to care for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::ch02::log::log_error;
use crate::ch02::stream::TimedStream;
use crate::ch10::connection::Connection;
use crate::ch10::wait::Wait;

/// How much is read at once, in bytes: many short requests, or a good part of a body.
const PIECE: usize = 16 * 1024;

/// How long one look at the connection takes, at the most. A system wakes a writer that
/// waits only once there is much room, so a client that takes its time is not told from
/// one that is gone but by looking again and again. Of what Windows promises then, the
/// module `stream` tells.
const LOOK: Duration = Duration::from_millis(100);

/// A thread's end of a connection.
pub struct Blocking<'a> {
    stream: &'a TcpStream,
    piece: [u8; PIECE],
}

impl<'a> Blocking<'a> {
    /// The end of this connection.
    ///
    /// # Errors
    /// What the connection reports: it may be broken already.
    pub fn new(stream: &'a TcpStream) -> anyhow::Result<Self> {
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(LOOK))?;
        Ok(Self {
            stream,
            piece: [0; PIECE],
        })
    }

    /// Does what the connection waits for, or looks for a moment whether it can be done.
    /// `false` is the end of it.
    ///
    /// # Errors
    /// What the connection reports, or the body of a response.
    pub fn wait(&mut self, connection: &mut Connection) -> anyhow::Result<bool> {
        if let Some(error) = connection.take_refusal() {
            log_error(&error);
        }
        let waited = match connection.waits_for() {
            Wait::ToRead(_) => {
                let received = self.stream.read(&mut self.piece);
                received.map(|length| connection.receive(&self.piece[..length], Instant::now()))
            }
            Wait::ToWrite(_) | Wait::ToReadOrWrite(_) => {
                let to_send = connection.to_send().context("a response is cut off")?;
                let sent = self.stream.write(to_send);
                sent.map(|length| connection.sent(length, Instant::now()))
            }
            Wait::ToLinger(until) => {
                self.linger(until.saturating_duration_since(Instant::now()));
                return Ok(false);
            }
            Wait::ToClose => return Ok(false),
        };
        match waited {
            Err(error) if is_nothing(error.kind()) => connection.time_passes(Instant::now()),
            waited => waited.context("the connection broke")?,
        }
        Ok(true)
    }

    /// Does what [`linger`](crate::linger) does, for so long at the most.
    fn linger(&self, time: Duration) {
        let mut rest = TimedStream::new(self.stream, time);
        if self.stream.shutdown(Shutdown::Write).is_ok() {
            let _ = io::copy(&mut rest, &mut io::sink());
        }
    }
}

/// Whether nothing has happened. Unix says `WouldBlock` at the end of a time limit,
/// Windows `TimedOut`.
fn is_nothing(error: ErrorKind) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error, WouldBlock | TimedOut | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch10::wait::Timeouts;
    use std::net::TcpListener;

    /// Who is gone is not looked for until its time is over.
    #[test]
    fn a_connection_that_broke_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        // What is left unread makes the client's end a reset.
        (&server).write_all(b"unread").unwrap();
        client.peek(&mut [0]).unwrap();
        drop(client);

        let mut connection = Connection::new(Timeouts::default(), Instant::now());
        let mut blocking = Blocking::new(&server).unwrap();
        let error = loop {
            assert_eq!(connection.next_request(), None);
            match blocking.wait(&mut connection) {
                Ok(goes_on) => assert!(goes_on, "the end came without an error"),
                Err(error) => break format!("{error:#}"),
            }
        };
        assert!(error.starts_with("the connection broke: "), "{error}");
    }
}
