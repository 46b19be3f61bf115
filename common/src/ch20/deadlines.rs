//! How long a connection with many streams waits for its client.

use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch18::http2_error::{ErrorCode, protocol_error};
use crate::ch20::multiplexed_connection::{MultiplexedConnection, Taking};
use crate::ch20::open_stream::Stream;

impl MultiplexedConnection {
    /// Tells the connection the time if nothing else has happened. It may find that the client
    /// is late.
    pub fn time_passes(&mut self, now: Instant) {
        self.note_time(now);
        if self.is_over() {
            return;
        }
        if self.of_frame().is_some_and(|until| now >= until) {
            return self.fail(protocol_error(
                "a frame or a field block did not come in time",
            ));
        }
        let is_late = |until: Option<Instant>| until.is_some_and(|until| now >= until);
        let late = |of: &dyn Fn(&Stream) -> Option<Instant>| -> Vec<u32> {
            let late = self
                .streams
                .iter()
                .filter(|(_, stream)| is_late(of(stream)));
            late.map(|(id, _)| id).collect()
        };
        let late_bodies = late(&|stream| self.of_body(stream));
        let held = late(&|stream| self.of_content(stream));
        let answered = late(&|stream| self.of_rest(stream));
        for id in answered {
            // The client need not send the rest of its request (RFC 9113 §8.1).
            self.reset(id, ErrorCode::NO_ERROR);
        }
        for id in late_bodies {
            let error = "the request did not come in time";
            self.refuse(id, RequestError::new("408 Request Timeout", error));
        }
        for id in held {
            self.reset(id, ErrorCode::CANCEL);
            let problem = "the client did not open the window in time";
            let error = RequestError::new("408 Request Timeout", problem);
            self.errors.push_back(error.into());
        }
        if is_late(self.of_connection()) {
            match self.taking {
                Taking::LastRequests(_) => self.take_no_requests(),
                // No fault of the client: it may send its next request elsewhere.
                _ => self.go_away(ErrorCode::NO_ERROR, ""),
            }
        }
    }

    /// Tells the connection that the client has sent something that holds no bytes for HTTP
    /// yet. The client counts as active within its bodies; for all else it has no more time
    /// than before.
    pub(crate) fn transport_moves(&mut self, now: Instant) {
        self.streams.note_progress(now);
        self.time_passes(now);
    }

    /// The client sends or takes something, or time has passed: time in which the server waited
    /// for the client to take what lies ready, or, where nothing did, to open a window.
    pub(crate) fn note_time(&mut self, now: Instant) {
        let time = now.saturating_duration_since(self.now);
        self.now = now;
        if !self.to_send().is_empty() {
            return self.patience.spend(time);
        }
        self.patience.restore();
        let mut waits_for_connection = false;
        for stream in self.streams.iter_mut() {
            match stream.can_send() {
                true => waits_for_connection = true,
                false if stream.content.is_some() => stream.patience.spend(time),
                false => {}
            }
        }
        match waits_for_connection {
            true => self.output.patience.spend(time),
            false => self.output.patience.restore(),
        }
    }

    /// When the client is late, if it sends nothing until then.
    pub(crate) fn deadline(&self) -> Instant {
        let of_streams = self.streams.iter().flat_map(|(_, stream)| {
            [
                self.of_body(stream),
                self.of_content(stream),
                self.of_rest(stream),
            ]
        });
        let others = [self.of_frame(), self.of_connection()];
        let earliest = of_streams.chain(others).flatten().min();
        earliest.unwrap_or(self.now + self.timeouts.inactivity)
    }

    /// When a frame or a field block has to be whole that has begun.
    fn of_frame(&self) -> Option<Instant> {
        let until = self.reader.begun() + self.timeouts.head;
        self.reader.is_within_frame().then_some(until)
    }

    /// When the next part of a body has to come.
    fn of_body(&self, stream: &Stream) -> Option<Instant> {
        let window = stream.receive_window;
        Some(stream.body()?.deadline(window, &self.timeouts))
    }

    /// When the client has to open a window for a response, if all that could be sent was
    /// sent: that of the stream, or that of the connection.
    fn of_content(&self, stream: &Stream) -> Option<Instant> {
        if stream.content.is_none() || !self.to_send().is_empty() {
            return None;
        }
        let patience = match stream.can_send() {
            true => self.output.patience,
            false => stream.patience,
        };
        Some(self.now + patience.left())
    }

    /// How long a stream lingers whose request has been answered before its end.
    fn of_rest(&self, stream: &Stream) -> Option<Instant> {
        Some(stream.answered? + self.timeouts.linger)
    }

    /// When the next request has to begin, or when the last ones have to have come. A frame
    /// that has begun has its time, but those behind it have no more.
    fn of_connection(&self) -> Option<Instant> {
        match self.taking {
            Taking::Requests => {
                let idle = self.since + self.timeouts.idle;
                let until = match self.reader.is_within_frame() {
                    true => idle + self.timeouts.head,
                    false => idle,
                };
                self.streams.is_empty().then_some(until)
            }
            Taking::LastRequests(since) => Some(since? + self.timeouts.linger),
            Taking::NoRequests | Taking::Nothing(_) => None,
        }
    }
}
