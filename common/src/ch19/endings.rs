//! How a stream or a connection of HTTP/2 ends before its time (RFC 9113 §5.4).

use crate::ch02::error::RequestError;
use crate::ch09::response::Response;
use crate::ch10::states::Ending;
use crate::ch18::frame::Frame;
use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch19::http2_connection::{Http2Connection, Phase};
use crate::ch19::streams::{State, Streams};

impl Http2Connection {
    /// Ends a stream at once.
    pub(crate) fn reset(&mut self, stream: u32, code: ErrorCode) {
        self.streams.reset(stream);
        self.send(&Frame::RstStream { stream, code });
    }

    /// Ends the stream that is at fault, or the connection. A stream that is idle cannot be
    /// reset (RFC 9113 §6.4), so an error on one ends the connection too. One that was reset
    /// is not reset again: the client may not know yet (§5.1).
    pub(crate) fn fail(&mut self, error: Http2Error) {
        let with_state = |stream| (stream, self.streams.state(stream));
        match error.stream.map(with_state) {
            None | Some((_, State::Idle)) => self.go_away(error.code, error.problem),
            Some((_, State::Reset)) => return,
            Some((stream, _)) => self.reset(stream, error.code),
        }
        self.errors.push_back(error.into());
    }

    /// Answers a client that does not speak HTTP/2, in HTTP/1.1.
    pub(crate) fn refuse_version(&mut self, error: RequestError) {
        let response = Response::from(error.clone()).with("Connection", "close");
        let mut bytes = Vec::new();
        // Writing to a Vec cannot fail, and the page is there whole.
        let _ = response.write_to(&mut bytes, false);
        self.to_send.add(&bytes);
        self.end(Ending::Linger);
        self.errors.push_back(error.into());
    }

    /// Tells the client that no more streams are taken, and ends the connection.
    pub(crate) fn go_away(&mut self, code: ErrorCode, problem: &str) {
        self.send(&Frame::GoAway {
            last_stream: self.streams.last(),
            code,
            debug_data: problem.into(),
        });
        self.end(Ending::Linger);
    }

    /// Takes nothing more.
    pub(crate) fn end(&mut self, ending: Ending) {
        (self.phase, self.since) = (Phase::Over(ending), self.now);
        self.streams = Streams::default();
    }
}
