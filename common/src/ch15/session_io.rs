//! How a session reads and writes: what can be done at once, and nothing more.

use std::io::{self, ErrorKind};
use std::time::Instant;

use anyhow::Context;

use crate::ch12::connection_limiter::busy;
use crate::ch15::session::{ReadState, Session};

impl Session {
    /// Reads once, where that may bring something, and gives the protocol what has come.
    pub(crate) fn read(&mut self, now: Instant, piece: &mut [u8]) -> io::Result<()> {
        // At its deadline the session looks: the bytes may be there, and their event late.
        let is_due = |until| now >= until;
        if self.reading == ReadState::Waiting && !self.deadline().is_some_and(is_due) {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.transport.is_handshaking() {
            self.guard.restart_grace();
        }
        let read = self.transport.read(piece);
        let has_all = match &read {
            Ok(length) => {
                let is_short = *length < piece.len() && self.transport.short_read_is_all();
                is_short && self.reading == ReadState::Ready
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        };
        if has_all {
            self.reading = ReadState::Waiting;
        }
        let length = read?;
        if let Some(refusal) = self.transport.refusal() {
            self.protocol().reject(busy(&refusal), refusal, now);
        }
        self.protocol().receive(&piece[..length], now);
        Ok(())
    }

    /// Reads and writes what it can. It would have to wait only where both would.
    pub(crate) fn read_or_write(
        &mut self,
        now: Instant,
        piece: &mut [u8],
    ) -> anyhow::Result<io::Result<()>> {
        let read = self.read(now, piece);
        Ok(match (self.write(now)?, read) {
            (Err(error), read) if error.kind() == ErrorKind::WouldBlock => read,
            (written, Err(error)) if error.kind() == ErrorKind::WouldBlock => written,
            (written, read) => written.and(read),
        })
    }

    /// Tells the client, once, that nothing more comes, and reads off what it still sends.
    pub(crate) fn linger(&mut self, now: Instant, piece: &mut [u8]) -> io::Result<()> {
        if !self.is_half_closed {
            self.transport.half_close()?;
            self.is_half_closed = true;
        }
        self.read(now, piece)
    }

    /// Writes once, from what the protocol has to send.
    pub(crate) fn write(&mut self, now: Instant) -> anyhow::Result<io::Result<()>> {
        let Some(protocol) = &mut self.protocol else {
            return Ok(Ok(()));
        };
        let to_send = protocol.to_send().context("a response is cut off")?;
        let sent = self.transport.write(to_send);
        Ok(sent.map(|length| protocol.sent(length, now)))
    }
}
