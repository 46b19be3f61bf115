//! What is spoken over a connection: HTTP/1.1 here, and another version where a later
//! chapter brings one. The code that moves the bytes calls each in the same way.

use std::io;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::request::{Request, Scheme};
use crate::ch09::response::Response;
use crate::ch10::connection::Connection;
use crate::ch10::states::{Ending, KeepAlive};
use crate::ch10::wait::Wait;
use crate::ch12::limits::Limits;
use crate::ch12::needs_body::needs_body;
use crate::ch15::transport::Transport;

/// Which exchange of a connection a request belongs to, and its response. In HTTP/1.1 there
/// is one at a time, so all have the same number.
pub type StreamId = u32;

/// What the server knows of one connection: bytes go in, requests come out; responses go
/// in, bytes come out. It has neither a socket nor a clock.
pub trait Protocol: Send {
    /// Takes what the client has sent. No bytes mean that the client has ended.
    fn receive(&mut self, bytes: &[u8], now: Instant);

    /// The next request that has come whole, and which stream it belongs to.
    fn next_request(&mut self) -> Option<(StreamId, Request)>;

    /// Answers a request, on its stream.
    fn answer(&mut self, stream: StreamId, request: &Request, response: Response);

    /// What is to be sent next.
    ///
    /// # Errors
    /// The body of a response could not be read to its end.
    fn to_send(&mut self) -> io::Result<&[u8]>;

    /// Says how many of these bytes the client has taken.
    fn sent(&mut self, length: usize, now: Instant);

    /// What it waits for, where [`Protocol::next_request`] gives nothing.
    fn waits_for(&self) -> Wait;

    /// Whether the client has begun with a request that has not come whole.
    fn has_begun(&self) -> bool;

    /// Tells it the time when nothing else has happened. It may find that the client is late.
    fn time_passes(&mut self, now: Instant);

    /// Tells it that the client has sent something that holds no bytes for HTTP yet.
    fn transport_moves(&mut self, now: Instant);

    /// Makes the request under way the last one. Where there is none, the connection ends.
    fn finish_after_current(&mut self);

    /// Refuses the client with this answer, whatever it sends. The first refusal counts.
    fn reject(&mut self, response: Response, error: RequestError, now: Instant);

    /// Why a request was refused, for the log.
    fn take_refusal(&mut self) -> Option<RequestError>;
}

impl Protocol for Connection {
    fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.receive(bytes, now);
    }

    fn next_request(&mut self) -> Option<(StreamId, Request)> {
        self.next_request().map(|request| (0, request))
    }

    fn answer(&mut self, _: StreamId, request: &Request, response: Response) {
        self.answer(request, response);
    }

    fn to_send(&mut self) -> io::Result<&[u8]> {
        self.to_send()
    }

    fn sent(&mut self, length: usize, now: Instant) {
        self.sent(length, now);
    }

    fn waits_for(&self) -> Wait {
        self.waits_for()
    }

    fn has_begun(&self) -> bool {
        self.has_begun()
    }

    fn time_passes(&mut self, now: Instant) {
        self.time_passes(now);
    }

    fn transport_moves(&mut self, now: Instant) {
        self.note_progress(now);
    }

    fn finish_after_current(&mut self) {
        self.finish_after_current();
    }

    fn reject(&mut self, response: Response, error: RequestError, now: Instant) {
        self.turn_down(response, error, now);
    }

    fn take_refusal(&mut self) -> Option<RequestError> {
        self.take_refusal()
    }
}

/// Makes what is spoken over a transport whose handshake is over. The connection was
/// accepted at that moment.
pub type ProtocolFor = fn(&dyn Transport, &Limits, accepted: Instant) -> Box<dyn Protocol>;

impl Connection {
    /// The same connection over a transport with this scheme.
    fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.reader = self.reader.over(scheme);
        self
    }

    /// Notes that the client has sent something that holds no bytes for HTTP yet. The client
    /// counts as active within a body; for all else it has no more time than before.
    fn note_progress(&mut self, now: Instant) {
        (self.now, self.moved) = (now, now);
    }

    /// Refuses the client with this answer, whatever it sends. The first refusal counts.
    fn turn_down(&mut self, response: Response, error: RequestError, now: Instant) {
        if !self.is_over() {
            (self.keep_alive, self.now) = (KeepAlive::Over(Ending::Linger), now);
            self.send(response, None, false);
            self.refusal = Some(error);
        }
    }
}

/// HTTP/1.1, whatever the transport.
pub fn http1(transport: &dyn Transport, limits: &Limits, accepted: Instant) -> Box<dyn Protocol> {
    let connection = Connection::new(limits.timeouts, accepted)
        .with_chunks()
        .with_early_answers(needs_body)
        .with_scheme(transport.scheme());
    Box::new(connection)
}
