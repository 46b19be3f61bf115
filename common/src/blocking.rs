//! The waiting of a thread that has one connection to care for.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::close::linger;
use crate::connection::Connection;
use crate::log::log_error;
use crate::stream::TimedStream;
use crate::waiting::Wait;

/// How much is read at once, in bytes: many short requests, or a good part of a body.
const PIECE: usize = 16 * 1024;

/// Does what a connection waits for, once. `false` is the end of it.
///
/// # Errors
/// What the connection reports, or the body of a response.
pub fn wait(stream: &TcpStream, connection: &mut Connection) -> anyhow::Result<bool> {
    wait_at_most(stream, connection, Duration::MAX)
}

/// Does the same, but gives up for now after so long, and says `true` then.
///
/// # Errors
/// The same.
pub fn wait_at_most(
    stream: &TcpStream,
    connection: &mut Connection,
    most: Duration,
) -> anyhow::Result<bool> {
    if let Some(error) = connection.take_refusal() {
        log_error(&error);
    }
    let waited = match connection.waits_for() {
        Wait::ToRead(until) => {
            let mut piece = [0; PIECE];
            let received = timed(stream, until, most).read(&mut piece);
            received.map(|length| connection.receive(&piece[..length], Instant::now()))
        }
        Wait::ToWrite(until) => {
            let to_send = connection.to_send().context("a response is cut off")?;
            let sent = timed(stream, until, most).write(to_send);
            sent.map(|length| connection.sent(length, Instant::now()))
        }
        Wait::ToLinger(_) => {
            linger(stream);
            return Ok(false);
        }
        Wait::ToClose => return Ok(false),
    };
    match waited {
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            connection.time_passes(Instant::now());
        }
        waited => waited.context("the connection broke")?,
    }
    Ok(true)
}

fn timed(stream: &TcpStream, until: Instant, most: Duration) -> TimedStream<'_> {
    let left = until.saturating_duration_since(Instant::now());
    TimedStream::new(stream, left.min(most))
}
