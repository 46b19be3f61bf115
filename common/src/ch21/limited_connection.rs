//! A connection of HTTP/2 that ends when its client costs too much.

use std::io;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::request::Request;
use crate::ch09::response::Response;
use crate::ch10::wait::Wait;
use crate::ch12::limits::Limits;
use crate::ch15::protocol::{Protocol, StreamId};
use crate::ch15::transport::Transport;
use crate::ch18::http2_error::Http2Error;
use crate::ch20::multiplexed_connection::MultiplexedConnection;
use crate::ch20::negotiated::{choose, http2};
use crate::ch21::flood_guard::FloodGuard;
use crate::ch21::frame_meter::FrameMeter;
use crate::ch21::response_permits::ResponsePermits;

/// Does what [`http1_or_http2`](crate::http1_or_http2) does, with limits for HTTP/2.
pub fn http1_or_limited_http2(
    transport: &dyn Transport,
    limits: &Limits,
    accepted: Instant,
) -> Box<dyn Protocol> {
    choose(transport, limits, accepted, |scheme| {
        let http2 = http2(scheme, limits, accepted);
        Box::new(LimitedConnection::new(http2, limits, accepted))
    })
}

/// A connection of HTTP/2 whose frames are counted.
pub struct LimitedConnection {
    connection: MultiplexedConnection,
    meter: FrameMeter,
    guard: FloodGuard,
    permits: ResponsePermits,
    /// How many streams the connection had reset when they were last counted.
    resets: u64,
    now: Instant,
}

impl LimitedConnection {
    /// The same connection, with limits.
    pub fn new(connection: MultiplexedConnection, limits: &Limits, now: Instant) -> Self {
        Self {
            connection,
            meter: FrameMeter::default(),
            guard: FloodGuard::new(now),
            permits: ResponsePermits::new(limits),
            resets: 0,
            now,
        }
    }

    /// Counts the frames in these bytes.
    fn count(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Http2Error> {
        while let Some(header) = self.meter.next(&mut bytes) {
            self.guard.take(&header, now)?;
        }
        Ok(())
    }

    /// Holds requests back while too many responses wait, and gives whether they do.
    fn hold_requests(&mut self) -> bool {
        let streams = &mut self.connection.streams;
        let is_free = self.permits.is_free(|stream| streams.is_sending(stream));
        streams.hold_requests(!is_free);
        !is_free
    }

    /// Counts the streams that the connection has reset meanwhile.
    fn count_resets(&mut self) {
        let resets = self.connection.streams.resets();
        let more = resets.saturating_sub(self.resets);
        self.resets = resets;
        let taken = self.guard.take_resets(more, self.now);
        self.end_if_too_much(taken);
    }

    fn end_if_too_much(&mut self, taken: Result<(), Http2Error>) {
        if let Err(error) = taken
            && !self.connection.is_over()
        {
            self.connection.fail(error);
        }
    }
}

impl Protocol for LimitedConnection {
    /// What has come is counted before any of it is taken.
    fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.now = now;
        let taken = self.count(bytes, now);
        self.end_if_too_much(taken);
        self.connection.receive(bytes, now);
    }

    fn next_request(&mut self) -> Option<(StreamId, Request)> {
        let were_held = self.hold_requests();
        let mut next = self.connection.next_request();
        // The frames that it took may have ended the responses that a request waits for.
        if next.is_none() && were_held && !self.hold_requests() {
            next = self.connection.next_request();
        }
        self.count_resets();
        // Where the connection has just ended, nothing can be answered.
        next.filter(|_| !self.connection.is_over())
    }

    fn answer(&mut self, stream: StreamId, request: &Request, response: Response) {
        self.guard.note_answer();
        let memory = response.memory;
        self.connection.answer(stream, request, response);
        if self.connection.streams.is_sending(stream) {
            self.permits.add(stream, memory);
        }
    }

    fn to_send(&mut self) -> io::Result<&[u8]> {
        Ok(self.connection.to_send())
    }

    fn sent(&mut self, length: usize, now: Instant) {
        self.guard.note_sent(length);
        self.connection.sent(length, now);
    }

    fn waits_for(&self) -> Wait {
        self.connection.waits_for()
    }

    fn has_begun(&self) -> bool {
        self.connection.has_begun()
    }

    fn time_passes(&mut self, now: Instant) {
        self.now = now;
        self.connection.time_passes(now);
    }

    fn transport_moves(&mut self, now: Instant) {
        self.now = now;
        self.connection.transport_moves(now);
    }

    fn finish_after_current(&mut self) {
        self.guard.note_last_call(self.now);
        self.connection.finish_after_current();
    }

    fn reject(&mut self, response: Response, error: RequestError, now: Instant) {
        Protocol::reject(&mut self.connection, response, error, now);
    }

    fn take_refusal(&mut self) -> Option<RequestError> {
        Protocol::take_refusal(&mut self.connection)
    }
}
