//! The body of a request, as DATA brings it.

use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch06::body::MAX_BODY;
use crate::ch09::request::Request;
use crate::ch10::wait::Timeouts;
use crate::ch18::http2_error::Http2Error;
use crate::ch19::incoming::wrong_length;
use crate::ch19::window::Window;
use crate::ch20::receive_window::STREAM_WINDOW;

/// A request whose body has not come whole.
pub struct RequestBody {
    pub request: Request,
    /// How long the body is, where the client has said so.
    length: Option<usize>,
    /// Whether the client may send all of it, and not only what each stream begins with.
    is_granted: bool,
    since: Instant,
    moved: Instant,
}

/// What has become of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Added {
    /// More of it may come.
    Open,
    /// It is too long.
    Refused(RequestError),
}

impl RequestBody {
    /// A request without its body, of which the client has said how long it is.
    pub fn new(request: Request, length: Option<usize>, now: Instant) -> Self {
        Self {
            request,
            length,
            is_granted: false,
            since: now,
            moved: now,
        }
    }

    /// Adds what a DATA frame holds. The body has room for as much as the client may send at
    /// first, and for all of it once that is granted, so it never takes twice its length.
    ///
    /// # Errors
    /// PROTOCOL_ERROR if the body is longer than was announced (RFC 9113 §8.1.1).
    pub fn add(&mut self, data: &[u8], now: Instant) -> Result<Added, Http2Error> {
        self.moved = now;
        let first = self.most().min(STREAM_WINDOW as usize);
        let body = &mut self.request.body;
        if body.capacity() == 0 {
            body.reserve_exact(first);
        }
        match self.length {
            Some(length) if body.len() + data.len() > length => Err(wrong_length()),
            None if body.len() + data.len() > MAX_BODY => Ok(Added::Refused(RequestError::new(
                "413 Content Too Large",
                "the body is longer than 1 MiB",
            ))),
            _ => {
                body.extend_from_slice(data);
                Ok(Added::Open)
            }
        }
    }

    /// The request, now that the client has sent all of it.
    ///
    /// # Errors
    /// PROTOCOL_ERROR if the body is shorter than was announced.
    pub fn end(self) -> Result<Request, Http2Error> {
        match self.length {
            Some(length) if length != self.request.body.len() => Err(wrong_length()),
            _ => Ok(self.request),
        }
    }

    /// How long the body may become.
    pub fn most(&self) -> usize {
        self.length.unwrap_or(MAX_BODY + 1)
    }

    /// Whether the client may send all of it already.
    pub fn is_granted(&self) -> bool {
        self.is_granted
    }

    /// Whether it may be longer than what the client may send at first.
    pub fn is_long(&self) -> bool {
        self.most() > STREAM_WINDOW as usize
    }

    /// Lets the client send all of the body: gives by how much the window of the stream is
    /// raised for that. One byte more than is taken shows that a body is too long.
    pub fn grant(&mut self, window: Window, now: Instant) -> u32 {
        (self.is_granted, self.moved) = (true, now);
        let left = self.most() - self.request.body.len();
        self.request.body.reserve_exact(left);
        window.missing(left)
    }

    /// Takes note that a part of it is on its way.
    pub fn note_progress(&mut self, now: Instant) {
        self.moved = now;
    }

    /// When the client is late. While it waits for a larger window than this, no part is late.
    pub fn deadline(&self, window: Window, timeouts: &Timeouts) -> Instant {
        let of_all = self.since + timeouts.body;
        match self.is_long() && !self.is_granted && window.room() == 0 {
            true => of_all,
            false => of_all.min(self.moved + timeouts.inactivity),
        }
    }
}
