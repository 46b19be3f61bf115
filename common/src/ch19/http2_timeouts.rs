//! How long a connection of HTTP/2 waits for its client.

use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch10::states::Ending;
use crate::ch18::http2_error::{ErrorCode, protocol_error};
use crate::ch19::http2_connection::{Http2Connection, Phase};

impl Http2Connection {
    /// Tells the connection the time if nothing else has happened. It may find that the
    /// client is late.
    pub fn time_passes(&mut self, now: Instant) {
        self.now = now;
        let is_late = !self.is_over() && self.to_send().is_empty() && now >= self.deadline();
        if !is_late {
            return;
        }
        // What the client is told now, it has its time to take.
        self.moved = now;
        let has_nothing = !self.reader.is_within_frame();
        self.streams.refuse_late(&self.timeouts, now);
        if self.phase == Phase::Preface && has_nothing {
            self.end(Ending::Close);
        } else if self.phase == Phase::Preface {
            self.refuse_version(RequestError::new(
                "408 Request Timeout",
                "the preface did not come in time",
            ));
        } else if self.of_frame().is_some_and(|until| now >= until) {
            self.fail(protocol_error(
                "a frame or a field block did not come in time",
            ));
        } else if self.streams.is_idle() {
            // No fault of the client: it may send its next request on another connection.
            self.go_away(ErrorCode::NO_ERROR, "");
        }
    }

    /// When a frame or a field block has to be whole that has begun.
    fn of_frame(&self) -> Option<Instant> {
        let until = self.reader.begun() + self.timeouts.head;
        self.reader.is_within_frame().then_some(until)
    }

    /// When the client is late, if it sends nothing until then. It may be late with the frame
    /// or the field block that it has begun, with the bodies of its requests, or with its next
    /// request. A frame that is no request does not give it more time for that.
    pub(crate) fn deadline(&self) -> Instant {
        let of_streams = self.streams.deadline(&self.timeouts);
        let is_idle = self.streams.is_idle() && !self.reader.is_within_block();
        let of_next = is_idle.then_some(self.since + self.timeouts.idle);
        let deadlines = [self.of_frame(), of_streams, of_next];
        deadlines.into_iter().flatten().min().unwrap_or(self.now)
    }
}
