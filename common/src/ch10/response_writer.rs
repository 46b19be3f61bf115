//! Writes responses, one behind the other. The last one may be long.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::time::Instant;

use crate::ch09::response::{Body, Response, Watcher};
use crate::ch10::body_decoder::BodyEncoder;
use crate::ch10::buffer::Buffer;

/// How much may lie ready to be sent, in bytes, besides one head. A longer body is read as
/// the client takes it.
pub const ROOM: usize = 64 * 1024;

/// How much content is read at once for a transfer coding, in bytes.
const PIECE: usize = 16 * 1024;

/// How much room such a piece may take with what the coding puts around it, in bytes.
const CODED_PIECE: usize = PIECE + 32;

/// For how many watched responses room is kept.
const KEPT: usize = 4;

/// The responses that are to be sent.
#[derive(Default)]
pub struct ResponseWriter {
    buffer: Buffer,
    /// The content of the last response, if not all of it has been read.
    body: Option<Content>,
    failure: Option<io::Error>,
    /// How many bytes have been sent, in all.
    sent: u64,
    watched: VecDeque<Watched>,
    /// Which of all bytes that are ever sent belong to a transfer coding and not to the
    /// content. Ranges that were sent are removed.
    around: VecDeque<Range<u64>>,
}

/// Content that is being read.
enum Content {
    /// It goes out as it is.
    Plain(Body),
    /// It goes out in pieces of a transfer coding.
    Coded {
        source: Box<dyn Read + Send>,
        encoder: Box<dyn BodyEncoder>,
        piece: Box<[u8]>,
    },
}

/// A response that is watched. Its content lies between these two of all bytes that are
/// ever sent; the end is not known until the content has been read.
struct Watched {
    start: u64,
    end: Option<u64>,
    watcher: Box<dyn Watcher>,
}

impl ResponseWriter {
    /// Whether one more response may be added: the one before has been read to its end, and
    /// there is room.
    pub fn has_room(&self) -> bool {
        self.body.is_none() && self.buffer.rest().len() < ROOM
    }

    /// Whether everything has been sent.
    pub fn is_done(&self) -> bool {
        self.body.is_none() && self.buffer.rest().is_empty()
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.buffer.add(bytes);
    }

    /// Adds a response, or, for `HEAD`, its head alone. Its content goes through the
    /// transfer coding, where there is one.
    pub fn add_response(
        &mut self,
        response: Response,
        encoder: Option<Box<dyn BodyEncoder>>,
        is_head: bool,
        now: Instant,
    ) {
        self.add(response.head_at(now).as_bytes());
        let has_body = !is_head && response.may_have_content();
        if let Some(watcher) = response.watcher {
            let start = self.added();
            let end = (!has_body).then_some(start);
            self.watched.push_back(Watched {
                start,
                end,
                watcher,
            });
        }
        if has_body {
            self.body = Some(match encoder {
                None => Content::Plain(response.body),
                Some(encoder) => Content::Coded {
                    source: response.body.source,
                    encoder,
                    piece: vec![0; PIECE].into_boxed_slice(),
                },
            });
            // A failure is reported once all that was read before it has been sent.
            self.failure = self.read_body().err();
        }
    }

    /// How many bytes have been added, in all.
    fn added(&self) -> u64 {
        self.sent + self.buffer.rest().len() as u64
    }

    /// The bytes to be sent next.
    ///
    /// # Errors
    /// The body could not be read to the end that was announced. The connection has to
    /// end here: that is how the client learns of it.
    pub fn to_send(&mut self) -> io::Result<&[u8]> {
        if self.buffer.rest().is_empty() {
            match self.failure.take() {
                Some(error) => return Err(error),
                None => self.read_body()?,
            }
        }
        Ok(self.buffer.rest())
    }

    /// Says how many of these bytes were sent.
    pub fn sent(&mut self, length: usize) {
        let (from, to) = (self.sent, self.sent + length as u64);
        self.sent = to;
        while let Some(watched) = self.watched.front_mut() {
            let end = watched.end.unwrap_or(to);
            let sent = watched.start.clamp(from, to)..end.clamp(from, to);
            let around: u64 = self.around.iter().map(|one| overlap(one, &sent)).sum();
            watched.watcher.sent(sent.end - sent.start - around);
            if watched.end.is_none_or(|end| end > to) {
                break;
            }
            self.watched.pop_front();
        }
        if self.watched.is_empty() {
            self.watched.shrink_to(KEPT);
        }
        while self.around.front().is_some_and(|one| one.end <= to) {
            self.around.pop_front();
        }
        self.buffer.take(length);
    }

    /// Reads as much of the body as there is room for.
    fn read_body(&mut self) -> io::Result<()> {
        loop {
            let room = ROOM.saturating_sub(self.buffer.rest().len());
            let read = match &mut self.body {
                None => return Ok(()),
                Some(Content::Plain(body)) if body.length == Some(0) => Ok(0),
                Some(Content::Plain(body)) if room > 0 => read_plain(body, room, &mut self.buffer),
                Some(Content::Coded { .. }) if room >= CODED_PIECE => self.read_coded(),
                Some(_) => return Ok(()),
            };
            match read {
                Ok(0) => self.body_is_read(),
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// Reads a piece of content, and adds it with what the coding puts around it.
    fn read_coded(&mut self) -> io::Result<usize> {
        let start = self.added();
        let Some(Content::Coded {
            source,
            encoder,
            piece,
        }) = &mut self.body
        else {
            return Ok(0);
        };
        let length = source.read(piece)?;
        let (before, behind) = encoder.around(&piece[..length]);
        for bytes in [before.as_bytes(), &piece[..length], behind.as_bytes()] {
            self.buffer.add(bytes);
        }
        let content = start + before.len() as u64;
        let content_end = content + length as u64;
        self.note_around(start..content);
        self.note_around(content_end..content_end + behind.len() as u64);
        Ok(length)
    }

    /// Notes bytes that are not content. The bytes behind one piece and those before the
    /// next make one range.
    fn note_around(&mut self, range: Range<u64>) {
        match self.around.back_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.around.push_back(range),
        }
    }

    fn body_is_read(&mut self) {
        self.body = None;
        let end = self.added();
        if let Some(watched) = self.watched.back_mut() {
            // A body that is not the last was read before.
            watched.end.get_or_insert(end);
        }
    }
}

/// Reads as much as there is room for, and no more than was announced.
///
/// # Errors
/// The source ends before as much has come as was announced.
fn read_plain(body: &mut Body, room: usize, buffer: &mut Buffer) -> io::Result<usize> {
    let Body { length, source } = body;
    let most = length.map_or(room, |left| room.min(left.try_into().unwrap_or(room)));
    let count = buffer.add_from(most, |bytes| source.read(bytes))?;
    match length {
        Some(_) if count == 0 => return Err(ErrorKind::UnexpectedEof.into()),
        Some(left) => *left -= count as u64,
        None => {}
    }
    Ok(count)
}

/// How many bytes two ranges share.
fn overlap(one: &Range<u64>, other: &Range<u64>) -> u64 {
    let end = one.end.min(other.end);
    end.saturating_sub(one.start.max(other.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::mem;

    fn response(length: Option<u64>, source: impl Read + Send + 'static) -> Response {
        let source = Box::new(source);
        Response::new("200 OK", "text/plain", Body { length, source })
    }

    /// Sends all of it, so many bytes at a time, and gives the bodies.
    fn send_all(writer: &mut ResponseWriter, step: usize) -> io::Result<Vec<u8>> {
        let mut sent = Vec::new();
        while !writer.is_done() {
            let to_send = writer.to_send()?;
            assert!(to_send.len() < ROOM + 1024, "{}", to_send.len());
            let step = step.min(to_send.len());
            sent.extend_from_slice(&to_send[..step]);
            writer.sent(step);
        }
        Ok(sent)
    }

    #[test]
    fn a_long_body_comes_whole_and_never_lies_here_whole() {
        const LENGTH: usize = 300_000;
        for length in [Some(LENGTH as u64), None] {
            for step in [1000, ROOM, usize::MAX] {
                let mut writer = ResponseWriter::default();
                let source = io::repeat(b'x').take(LENGTH as u64);
                writer.add_response(response(length, source), None, false, Instant::now());
                assert!(!writer.has_room());
                let sent = send_all(&mut writer, step).unwrap();
                assert!(sent.ends_with(&vec![b'x'; LENGTH]));
                assert!(writer.has_room());
            }
        }
    }

    #[test]
    fn short_responses_lie_behind_each_other() {
        let mut writer = ResponseWriter::default();
        for is_head in [false, true, false] {
            assert!(writer.has_room());
            writer.add_response(
                response(Some(3), &b"abc"[..]),
                None,
                is_head,
                Instant::now(),
            );
        }
        let sent = send_all(&mut writer, usize::MAX).unwrap();
        let sent = String::from_utf8(sent).unwrap();
        assert_eq!(sent.matches("Content-Length: 3\r\n").count(), 3);
        assert_eq!(sent.matches("\r\n\r\nabc").count(), 2);
    }

    /// Heads alone fill it too.
    #[test]
    fn the_room_has_an_end() {
        let mut writer = ResponseWriter::default();
        writer.add(&[b'x'; ROOM - 1]);
        assert!(writer.has_room());
        writer.add(b"x");
        assert!(!writer.has_room());
    }

    #[test]
    fn a_body_that_ends_early_or_breaks_ends_the_connection() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk"))
            }
        }
        for source in [
            Box::new(&b"1234"[..]) as Box<dyn Read + Send>,
            Box::new(b"1234".chain(Broken)),
        ] {
            let mut writer = ResponseWriter::default();
            writer.add_response(response(Some(5), source), None, false, Instant::now());
            let head = String::from_utf8_lossy(writer.to_send().unwrap()).into_owned();
            assert!(
                head.ends_with("\r\n\r\n1234"),
                "what there is may go: {head}"
            );
            assert!(send_all(&mut writer, usize::MAX).is_err());
        }
    }

    #[test]
    fn a_source_that_was_interrupted_is_read_again() {
        struct Interrupted(bool);
        impl Read for Interrupted {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                match mem::replace(&mut self.0, true) {
                    false => Err(ErrorKind::Interrupted.into()),
                    true => Ok(0),
                }
            }
        }
        let mut writer = ResponseWriter::default();
        let source = Interrupted(false).chain(&b"abc"[..]);
        writer.add_response(response(Some(3), source), None, false, Instant::now());
        let sent = send_all(&mut writer, usize::MAX).unwrap();
        assert!(sent.ends_with(b"\r\n\r\nabc"));
    }

    #[test]
    fn no_more_is_read_than_was_announced() {
        let mut writer = ResponseWriter::default();
        writer.add_response(response(Some(2), &b"1234"[..]), None, false, Instant::now());
        assert!(send_all(&mut writer, 1).unwrap().ends_with(b"\r\n\r\n12"));
    }
}
