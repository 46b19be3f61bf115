//! How a thread that blocks waits for one connection.

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

/// How long one read or write blocks, at most. A system wakes a blocked writer only once
/// there is much room, so a client that reads slowly can be told from a client that is gone
/// only by trying again. The module `stream` says what Windows promises then.
const LOOK: Duration = Duration::from_millis(100);

/// A thread's end of a connection.
///
/// A call that blocks waits to read or to write, and not for whichever comes first. So this
/// takes [`Wait::ToReadOrWrite`] for [`Wait::ToWrite`]. A [`Connection`] never asks for it. A
/// protocol that does, because only what the client sends lets it write on, needs a poller.
pub struct Blocking<'a> {
    stream: &'a TcpStream,
    piece: [u8; PIECE],
}

impl<'a> Blocking<'a> {
    /// The thread's end of this connection.
    ///
    /// # Errors
    /// What the system reports of the socket: the connection may be broken already.
    pub fn new(stream: &'a TcpStream) -> anyhow::Result<Self> {
        stream.set_read_timeout(Some(LOOK))?;
        stream.set_write_timeout(Some(LOOK))?;
        Ok(Self {
            stream,
            piece: [0; PIECE],
        })
    }

    /// Does what the connection waits for, or tries for a tenth of a second to do it.
    /// `false` if the connection is over.
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

    /// Does what [`linger`](crate::linger) does, for at most that long.
    fn linger(&self, time: Duration) {
        let mut rest = TimedStream::new(self.stream, time);
        if self.stream.shutdown(Shutdown::Write).is_ok() {
            let _ = io::copy(&mut rest, &mut io::sink());
        }
    }
}

/// Whether nothing has happened. When a read or a write has used up its time, Unix says
/// `WouldBlock`, and Windows `TimedOut`.
fn is_nothing(error: ErrorKind) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error, WouldBlock | TimedOut | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch10::wait::Timeouts;
    use std::net::TcpListener;

    /// That a client is gone is noticed at once, and not when its time is over.
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
