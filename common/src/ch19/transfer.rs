//! Moves the bytes between a socket and the connection of HTTP/2 that a thread has.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use anyhow::Context;

use crate::ch02::log::log_error;
use crate::ch02::stream::TimedStream;
use crate::ch03::close::linger;
use crate::ch10::wait::Wait;
use crate::ch19::http2_connection::Http2Connection;

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// Does what the connection waits for. `false` if the connection is over.
///
/// # Errors
/// What the socket reports, and that the client has taken nothing for too long.
pub fn transfer(stream: &TcpStream, connection: &mut Http2Connection) -> anyhow::Result<bool> {
    while let Some(error) = connection.take_error() {
        log_error(error);
    }
    let wait = connection.waits_for();
    let time = wait.until().unwrap_or_else(Instant::now);
    let mut timed = TimedStream::new(stream, time.saturating_duration_since(Instant::now()));
    match wait {
        Wait::ToWrite(_) | Wait::ToReadOrWrite(_) => {
            let sent = timed.write(connection.to_send());
            connection.sent(sent.context("the connection broke")?, Instant::now());
        }
        Wait::ToRead(_) => {
            let mut piece = [0; PIECE];
            match timed.read(&mut piece) {
                Ok(length) => connection.receive(&piece[..length], Instant::now()),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    connection.time_passes(Instant::now());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the connection broke"),
            }
        }
        Wait::ToLinger(_) => {
            linger(stream);
            return Ok(false);
        }
        Wait::ToClose => return Ok(false),
    }
    Ok(true)
}
