//! HTTP/1.1 or HTTP/2, as the first bytes of a client tell.

use std::io;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch10::wait::Wait;
use crate::ch15::protocol::{Protocol, StreamId};
use crate::ch18::preface::PREFACE;

/// How much of the preface looks like a whole head of HTTP/1.1.
const HEAD: usize = b"PRI * HTTP/2.0\r\n\r\n".len();

/// Speaks HTTP/1.1 until the preface of HTTP/2 has come whole. So a client of HTTP/1.1 is
/// served as before, also one whose first byte is a `P`.
pub struct ByPreface {
    spoken: Box<dyn Protocol>,
    /// What may be spoken instead; `None` once that is decided.
    http2: Option<Box<dyn Protocol>>,
    /// How many bytes of the preface have come.
    length: usize,
}

impl ByPreface {
    /// Chooses one of the two, for a connection that has just been accepted.
    pub fn new(http1: Box<dyn Protocol>, http2: Box<dyn Protocol>) -> Self {
        Self {
            spoken: http1,
            http2: Some(http2),
            length: 0,
        }
    }
}

impl Protocol for ByPreface {
    fn receive(&mut self, bytes: &[u8], now: Instant) {
        if let Some(mut http2) = self.http2.take() {
            let wanted = &PREFACE[self.length..];
            let length = bytes.len().min(wanted.len());
            if length == wanted.len() && bytes.starts_with(wanted) {
                http2.receive(PREFACE, now);
                self.spoken = http2;
                // An empty slice would be the end of what the client sends.
                if length < bytes.len() {
                    self.spoken.receive(&bytes[length..], now);
                }
                return;
            }
            if length > 0 && bytes == &wanted[..length] {
                self.length += length;
                self.http2 = Some(http2);
            }
        }
        self.spoken.receive(bytes, now);
    }

    fn next_request(&mut self) -> Option<(StreamId, Request)> {
        match self.http2 {
            // HTTP/1.1 would refuse that head.
            Some(_) if self.length >= HEAD => None,
            _ => self.spoken.next_request(),
        }
    }

    fn answer(&mut self, stream: StreamId, request: &Request, response: Response) {
        self.spoken.answer(stream, request, response);
    }

    fn to_send(&mut self) -> io::Result<&[u8]> {
        self.spoken.to_send()
    }

    fn sent(&mut self, length: usize, now: Instant) {
        self.spoken.sent(length, now);
    }

    fn waits_for(&self) -> Wait {
        self.spoken.waits_for()
    }

    fn has_begun(&self) -> bool {
        self.spoken.has_begun()
    }

    fn time_passes(&mut self, now: Instant) {
        let is_late = matches!(self.waits_for().until(), Some(until) if now >= until);
        if is_late {
            // The rest of the preface does not come.
            self.http2 = None;
        }
        self.spoken.time_passes(now);
    }

    fn transport_moves(&mut self, now: Instant) {
        self.spoken.transport_moves(now);
    }

    fn finish_after_current(&mut self) {
        self.spoken.finish_after_current();
    }

    fn reject(&mut self, response: Response, error: RequestError, now: Instant) {
        self.spoken.reject(response, error, now);
    }

    fn take_refusal(&mut self) -> Option<RequestError> {
        self.spoken.take_refusal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch10::connection::Connection;
    use crate::ch10::wait::Timeouts;
    use crate::ch20::multiplexed_connection::MultiplexedConnection;

    /// What comes back for these pieces.
    fn answer_to<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, waits: bool) -> String {
        let (timeouts, now) = (Timeouts::default(), Instant::now());
        let http2 = MultiplexedConnection::new(timeouts, now);
        let mut protocol =
            ByPreface::new(Box::new(Connection::new(timeouts, now)), Box::new(http2));
        for piece in pieces {
            protocol.receive(piece, now);
            while let Some((stream, request)) = protocol.next_request() {
                protocol.answer(stream, &request, Response::empty("200 OK"));
            }
        }
        if waits {
            protocol.time_passes(now + timeouts.head);
            assert!(protocol.next_request().is_none());
        }
        let sent = protocol.to_send().unwrap();
        String::from_utf8_lossy(sent).into_owned()
    }

    #[test]
    fn each_client_is_answered_in_its_version_however_its_bytes_come() {
        let settings = b"\0\0\0\x04\0\0\0\0\0";
        for (sent, begins) in [
            (&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], "HTTP/1.1 200 OK"),
            (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK"),
            (b"PRI * HTTP/2.0\r\n\r\nGET", "HTTP/1.1 505"),
            (b"PRI * HTTP/1.1\r\n\r\n", "HTTP/1.1 400"),
            (&[PREFACE, &settings[..]].concat(), "\0\0\u{12}\u{4}"),
        ] {
            for length in 1..=sent.len() {
                let answer = answer_to(sent.chunks(length), false);
                assert!(answer.starts_with(begins), "{length}: {answer}");
            }
        }
    }

    #[test]
    fn a_connection_goes_on_behind_a_preface_that_comes_alone() {
        let frames = b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x06\0\0\0\0\0ABCDEFGH";
        let sent = [PREFACE, &frames[..]].concat();
        for length in 1..=sent.len() {
            let answer = answer_to(sent.chunks(length), false);
            assert!(answer.ends_with("ABCDEFGH"), "{length}: {answer}");
        }
    }

    #[test]
    fn a_preface_that_does_not_come_whole_is_refused_in_http_1() {
        for length in 1..PREFACE.len() {
            let answer = answer_to([&PREFACE[..length]], true);
            let status = if length < HEAD { "408" } else { "505" };
            let begins = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&begins), "{length}: {answer}");
        }
    }
}
