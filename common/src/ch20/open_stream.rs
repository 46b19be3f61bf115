//! One stream: a request and its response (RFC 9113 §5.1).

use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::request::Request;
use crate::ch09::response::Body;
use crate::ch18::http2_error::Http2Error;
use crate::ch19::window::Window;
use crate::ch20::extensible_priority::ExtensiblePriority;
use crate::ch20::patience::Patience;
use crate::ch20::receive_window::exceeded;
use crate::ch20::request_body::RequestBody;

/// How far the request of a stream has come.
pub enum RequestState {
    /// Its fields have come, and its body has not come whole.
    Body(Box<RequestBody>),
    /// The client may send more of it, and that is dropped: the response does not need it.
    Dropped,
    /// The client has sent all of it.
    Ended,
}

/// A stream that is not closed.
pub struct Stream {
    pub request: RequestState,
    /// How much the request takes until it is answered, in bytes: its fields, and what may
    /// come of its body at first.
    pub kept: usize,
    /// What is left of the content of the response; `None` before there is a response.
    pub content: Option<Body>,
    pub priority: ExtensiblePriority,
    /// How much content the client takes.
    pub send_window: Window,
    /// How much of a body the client may send.
    pub receive_window: Window,
    /// Of the streams with the same urgency, the one with the smallest number sends next.
    pub turn: u64,
    /// For how much longer the server waits until the client opens the stream's window.
    pub patience: Patience,
    /// When the response was added to its end, once it was.
    pub answered: Option<Instant>,
}

impl Stream {
    /// Whether the client may send more on this stream.
    pub fn is_open(&self) -> bool {
        !matches!(self.request, RequestState::Ended)
    }

    /// Whether the client may send more of a request that waits for its response.
    pub fn is_coming(&self) -> bool {
        self.is_open() && self.answered.is_none()
    }

    /// The request and its body, if that is still to come whole.
    pub fn body(&self) -> Option<&RequestBody> {
        match &self.request {
            RequestState::Body(body) => Some(body),
            RequestState::Dropped | RequestState::Ended => None,
        }
    }

    /// Takes what the client has sent out of the stream's window.
    ///
    /// # Errors
    /// FLOW_CONTROL_ERROR if the client has sent more than it may.
    pub fn take_of_window(&mut self, length: usize) -> Result<(), Http2Error> {
        match self.receive_window.use_up(length) {
            true => Ok(()),
            false => Err(exceeded()),
        }
    }

    /// Whether a part of the content fits into the stream's window.
    pub fn can_send(&self) -> bool {
        self.content.is_some() && self.send_window.room() > 0
    }
}

/// A request that waits for its response.
pub struct Ready {
    pub stream: u32,
    /// The request, or why it is refused and whether it is `HEAD`.
    pub asked: Result<Request, (RequestError, bool)>,
}
