//! Reads frames from a connection.

use std::io::{ErrorKind, Read};

use anyhow::Context;

use crate::ch18::frame::Frame;
use crate::ch18::header::{FrameHeader, HEADER_LENGTH};
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};

/// Reads one frame, and no byte behind it. `None` means that the client has closed the
/// connection behind a whole frame, which is no error.
///
/// # Errors
/// An [`Http2Error`] if the frame is refused by [`FrameHeader::parse`], which reads no
/// payload then, or by [`Frame::parse`]; PROTOCOL_ERROR if the client closes the connection
/// within the frame or runs out of time there; NO_ERROR if it runs out of time between two
/// frames. Otherwise the error of the connection.
pub fn read_frame(mut reader: impl Read) -> anyhow::Result<Option<Frame>> {
    let mut header = [0; HEADER_LENGTH];
    let (first, rest) = header.split_at_mut(1);
    match fill(&mut reader, first)? {
        Fill::Whole => {}
        Fill::Closed => return Ok(None),
        Fill::TimedOut => return Err(time_is_up().into()),
    }
    fill_whole(&mut reader, rest)?;
    let header = FrameHeader::parse(&header)?;
    let mut payload = vec![0; header.length];
    fill_whole(&mut reader, &mut payload)?;
    Ok(Some(Frame::parse(header, &payload)?))
}

/// Reads the first frame of a connection, which has to be SETTINGS (RFC 9113 §3.4).
///
/// # Errors
/// The errors of [`read_frame`], and PROTOCOL_ERROR if it is another frame.
pub fn read_settings(reader: impl Read) -> anyhow::Result<Option<Frame>> {
    match read_frame(reader)? {
        None => Ok(None),
        Some(frame @ Frame::Settings(_)) => Ok(Some(frame)),
        Some(_) => Err(protocol_error("the first frame is not SETTINGS").into()),
    }
}

/// How an attempt to fill a buffer ended.
pub(crate) enum Fill {
    Whole,
    /// The client has closed its side of the connection before.
    Closed,
    /// The time limit of the reader has passed before.
    TimedOut,
}

/// Reads until the buffer is full.
pub(crate) fn fill(reader: &mut impl Read, mut buffer: &mut [u8]) -> anyhow::Result<Fill> {
    while !buffer.is_empty() {
        match reader.read(buffer) {
            Ok(0) => return Ok(Fill::Closed),
            Ok(length) => buffer = &mut buffer[length..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => return Ok(Fill::TimedOut),
            Err(error) => return Err(error).context("the connection broke"),
        }
    }
    Ok(Fill::Whole)
}

/// Fills a buffer within a frame, where the connection must not end.
fn fill_whole(reader: &mut impl Read, buffer: &mut [u8]) -> anyhow::Result<()> {
    match fill(reader, buffer)? {
        Fill::Whole => Ok(()),
        Fill::Closed => Err(protocol_error("the connection ends within a frame").into()),
        Fill::TimedOut => Err(protocol_error("the frame did not arrive in time").into()),
    }
}

/// What ends a connection that has taken its time, without a fault of the client.
fn time_is_up() -> Http2Error {
    Http2Error::connection(ErrorCode::NO_ERROR, "the connection's time is up")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    /// A SETTINGS frame, a PING, DATA of an unknown length of padding, and a frame of an
    /// unknown type.
    const FRAMES: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x02\0\0\0\0\
        \0\0\x08\x06\0\0\0\0\x0012345678\
        \0\0\x04\0\x09\0\0\0\x01\x01ab\0\
        \0\0\0\x10\xff\0\0\0\0";

    fn read_all(mut reader: impl Read) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        while let Some(frame) = read_frame(&mut reader)? {
            lines.push(frame.to_string());
        }
        Ok(lines)
    }

    #[test]
    fn frames_may_be_cut_anywhere() {
        let whole = read_all(FRAMES).unwrap();
        assert_eq!(whole.len(), 4);
        for split in 0..=FRAMES.len() {
            let (first, second) = FRAMES.split_at(split);
            assert_eq!(read_all(first.chain(second)).unwrap(), whole, "{split}");
        }
    }

    #[test]
    fn a_connection_ends_between_two_frames() {
        let ends = [0, 15, 32, 45, 54];
        for length in 0..=FRAMES.len() {
            match read_all(&FRAMES[..length]) {
                Ok(lines) => assert_eq!(ends[lines.len()], length),
                Err(error) => {
                    let error: Http2Error = error.downcast().unwrap();
                    assert_eq!(error.code, ErrorCode::PROTOCOL_ERROR);
                    assert!(!ends.contains(&length), "{length}");
                }
            }
        }
    }

    #[test]
    fn no_byte_behind_the_frame_is_read() {
        let mut sent = FRAMES;
        read_frame(&mut sent).unwrap();
        assert_eq!(sent.len(), FRAMES.len() - 15);
    }

    #[test]
    fn the_payload_of_a_frame_that_is_too_long_is_not_waited_for() {
        struct Waits;
        impl Read for Waits {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                panic!("the payload is read");
            }
        }
        let header = b"\xff\xff\xff\0\0\0\0\0\x01";
        let error = read_frame(header.chain(Waits)).unwrap_err();
        let error: Http2Error = error.downcast().unwrap();
        assert_eq!(error.code, ErrorCode::FRAME_SIZE_ERROR);
    }

    /// Runs out of time.
    struct TimesOut;

    impl Read for TimesOut {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::TimedOut.into())
        }
    }

    #[test]
    fn a_client_that_runs_out_of_time() {
        for length in 0..15 {
            let error = read_frame(FRAMES[..length].chain(TimesOut)).unwrap_err();
            let error: Http2Error = error.downcast().unwrap();
            let expected = match length {
                0 => ErrorCode::NO_ERROR,
                _ => ErrorCode::PROTOCOL_ERROR,
            };
            assert_eq!(error.code, expected, "{length}");
        }
    }

    #[test]
    fn the_first_frame_is_settings() {
        assert!(read_settings(FRAMES).unwrap().is_some());
        assert!(read_settings(&b""[..]).unwrap().is_none());
        for first in [&FRAMES[15..], b"\0\0\0\x04\x01\0\0\0\0", &FRAMES[45..]] {
            let error: Http2Error = read_settings(first).unwrap_err().downcast().unwrap();
            assert_eq!(error.code, ErrorCode::PROTOCOL_ERROR);
        }
    }
}
