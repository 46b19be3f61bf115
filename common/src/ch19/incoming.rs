//! A request whose body is on its way, and one that waits for its response.

use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::request::Request;
use crate::ch10::wait::Timeouts;
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};
use crate::ch19::window::{DEFAULT_WINDOW, Window};

/// How many bytes of content a client may send on a stream, or a server, before the other
/// side allows more (RFC 9113 §6.9.2). Here no side ever allows more on a stream.
pub const WINDOW: usize = DEFAULT_WINDOW as usize;

/// A request whose body has not come whole.
pub struct Incoming {
    pub(crate) request: Request,
    /// How long its body is, where the client has said so.
    pub(crate) length: Option<usize>,
    /// How much of its window is used up: the body, and padding.
    pub(crate) used: usize,
    /// How much content of the response the client takes.
    pub(crate) window: Window,
    since: Instant,
    moved: Instant,
}

impl Incoming {
    /// A request without its body, of which the client has said how long it is.
    pub fn new(request: Request, length: Option<usize>, window: Window, now: Instant) -> Self {
        Self {
            request,
            length,
            used: 0,
            window,
            since: now,
            moved: now,
        }
    }

    /// Adds what a DATA frame holds.
    ///
    /// # Errors
    /// FLOW_CONTROL_ERROR past the window, and PROTOCOL_ERROR for a body that is longer than
    /// was announced (RFC 9113 §8.1.1).
    pub(crate) fn add(
        &mut self,
        data: &[u8],
        padding: usize,
        now: Instant,
    ) -> Result<(), Http2Error> {
        self.used += data.len() + padding;
        if self.used > WINDOW {
            return Err(Http2Error::connection(
                ErrorCode::FLOW_CONTROL_ERROR,
                "the body exceeds the stream's window",
            ));
        }
        self.request.body.extend_from_slice(data);
        self.moved = now;
        match self.length {
            Some(length) if self.request.body.len() > length => Err(wrong_length()),
            _ => Ok(()),
        }
    }

    /// The request, now that the client has sent all of it.
    ///
    /// # Errors
    /// PROTOCOL_ERROR if the body is shorter than was announced.
    pub(crate) fn end(self) -> Result<Request, Http2Error> {
        match self.length {
            Some(length) if length != self.request.body.len() => Err(wrong_length()),
            _ => Ok(self.request),
        }
    }

    pub(crate) fn deadline(&self, timeouts: &Timeouts) -> Instant {
        (self.since + timeouts.body).min(self.moved + timeouts.inactivity)
    }
}

/// The body is shorter or longer than `Content-Length` says.
pub(crate) fn wrong_length() -> Http2Error {
    protocol_error("the body is not as long as announced")
}

/// Where a response goes.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub stream: u32,
    /// Whether the client has sent all of its request.
    pub is_whole: bool,
    /// How much content the client takes on the stream.
    pub window: Window,
}

/// A request that waits for its response.
pub struct Ready {
    pub reply: Reply,
    /// The request, or why it is refused and whether it is `HEAD`.
    pub asked: Result<Request, (RequestError, bool)>,
}
