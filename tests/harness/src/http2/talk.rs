//! A conversation in HTTP/2 as the player of a transcript has it: it answers the PINGs that
//! a server may send at any time, and knows when as much has come as is expected.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::Instant;

use super::frame::{Frame, Payload, Piece, bytes_of};
use super::names::{flags, kinds};
use super::progress::Progress;
use super::reader::Reader;
use crate::play::{
    CLOSE_PATIENCE, Connection, End, PATIENCE, REST, has_been_read, receive_some, rests_behind,
};
use crate::transcript::Step;

/// What a PING holds that is sent to see whether a connection is open.
pub const OPAQUE: [u8; 8] = *b"are you?";

/// What has gone over one connection.
#[derive(Default)]
pub struct Talk {
    /// What the client has sent.
    pub sent: Vec<Piece>,
    /// What was expected to come, with what only now is known put in.
    pub expected: Vec<Piece>,
    /// What has come.
    pub reader: Reader,
    /// How many of the pieces that have come were looked at.
    looked_at: usize,
}

impl Talk {
    /// The conversation of one connection of a transcript; none where it is not in HTTP/2.
    pub fn of(steps: &[Step]) -> Option<Self> {
        let expected = steps.iter().filter_map(|step| match step {
            Step::ReceiveFrames(frames) => Some(frames.as_slice()),
            _ => None,
        });
        steps.contains(&Step::Http2).then(|| Self {
            expected: expected.collect::<Vec<_>>().concat(),
            ..Self::default()
        })
    }

    /// Sends pieces in one write. A server that has heard enough may have closed.
    pub fn send(&mut self, stream: &mut dyn Connection, pieces: Vec<Piece>) -> io::Result<()> {
        stream.limit_reads(PATIENCE)?;
        let _ = stream.write_all(&bytes_of(&pieces));
        self.sent.extend(pieces);
        Ok(())
    }

    /// Sends pieces, each of their bytes in a write of its own.
    pub fn send_one_by_one(
        &mut self,
        stream: &mut dyn Connection,
        pieces: Vec<Piece>,
    ) -> io::Result<()> {
        stream.limit_reads(PATIENCE)?;
        let bytes = bytes_of(&pieces);
        for (position, byte) in bytes.iter().enumerate() {
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
            if rests_behind(position + 1, bytes.len()) {
                has_been_read(stream);
                thread::sleep(REST);
            }
        }
        self.sent.extend(pieces);
        Ok(())
    }

    /// Receives until as much has come as these pieces are, or the server closes.
    ///
    /// # Errors
    /// It does not come in time, or the connection fails.
    pub fn receive(
        &mut self,
        stream: &mut dyn Connection,
        received: &mut Vec<u8>,
        expected: &[Piece],
    ) -> io::Result<()> {
        let wanted = Progress::of(expected);
        let deadline = Instant::now() + PATIENCE;
        while !Progress::of(self.reader.pieces()).reaches(&wanted) {
            if !self.receive_some(stream, received, deadline)? {
                break;
            }
        }
        Ok(())
    }

    /// Receives until the server closes, for which it has a moment after it has said so.
    pub fn wait_for_the_end(
        &mut self,
        stream: &mut dyn Connection,
        received: &mut Vec<u8>,
    ) -> io::Result<End> {
        let mut deadline = Instant::now() + PATIENCE;
        let mut was_told = false;
        loop {
            if !was_told && Progress::of(self.reader.pieces()).last_stream.is_some() {
                was_told = true;
                deadline = Instant::now() + CLOSE_PATIENCE;
            }
            match self.receive_some(stream, received, deadline) {
                Ok(true) => {}
                Ok(false) => return Ok(End::Closed),
                Err(error) if is_late(&error) && was_told => return Ok(End::HeldOpen),
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks with a PING whether the connection is open.
    pub fn ask_once_more(
        &mut self,
        stream: &mut dyn Connection,
        received: &mut Vec<u8>,
    ) -> io::Result<End> {
        // What should not come, and an end, have a moment to come.
        let moment = Instant::now() + 4 * REST;
        loop {
            match self.receive_some(stream, received, moment) {
                Ok(true) => {}
                Err(error) if is_late(&error) => break,
                Err(error) if error.kind() == ErrorKind::FileTooLarge => return Err(error),
                _ => return Ok(End::ClosedEarly),
            }
        }
        let ping = Frame::new(kinds::PING, 0, 0, Payload::Ping(OPAQUE));
        stream.limit_reads(PATIENCE)?;
        let _ = stream.write_all(&bytes_of(&[Piece::Frame(ping)]));
        let deadline = Instant::now() + PATIENCE;
        let answer = Frame::new(kinds::PING, flags::ACK, 0, Payload::Ping(OPAQUE));
        let answer = Piece::Frame(answer);
        while !self.reader.pieces().any(|piece| *piece == answer) {
            match self.receive_some(stream, received, deadline) {
                Ok(true) => {}
                Err(error) if is_late(&error) => return Ok(End::Unanswered),
                Err(error) if error.kind() == ErrorKind::FileTooLarge => return Err(error),
                _ => return Ok(End::ClosedEarly),
            }
        }
        Ok(End::Open)
    }

    /// Receives something, and answers a PING; `false` where it has closed.
    fn receive_some(
        &mut self,
        stream: &mut dyn Connection,
        received: &mut Vec<u8>,
        deadline: Instant,
    ) -> io::Result<bool> {
        let before = received.len();
        let is_open = receive_some(stream, received, deadline)?;
        self.reader.receive(&received[before..]);
        let came: Vec<Piece> = self.reader.pieces().skip(self.looked_at).cloned().collect();
        self.looked_at += came.len();
        for piece in came {
            if let Piece::Frame(frame) = piece
                && let Payload::Ping(_) = frame.payload
                && !frame.has(flags::ACK)
            {
                let answer = Frame::new(kinds::PING, flags::ACK, 0, frame.payload);
                let _ = stream.write_all(&bytes_of(&[Piece::Frame(answer)]));
            }
        }
        Ok(is_open)
    }
}

/// Whether nothing came in time.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock)
}
