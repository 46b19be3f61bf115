//! How streams and the connection end (RFC 9113 §5.4, §6.8).

use crate::ch02::error::RequestError;
use crate::ch10::states::{Ending, Reading};
use crate::ch18::frame::Frame;
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};
use crate::ch18::settings::MAX_WINDOW_SIZE;
use crate::ch19::streams::State;
use crate::ch20::multiplexed_connection::{MultiplexedConnection, Taking};
use crate::ch20::stream_table::StreamTable;

/// What a PING holds that asks the client whether it has received GOAWAY.
const LAST_CALL: [u8; 8] = *b"last one";

/// The highest number that a stream can have.
const HIGHEST_STREAM: u32 = MAX_WINDOW_SIZE;

impl MultiplexedConnection {
    /// The response of a stream has been added to its end. If the client has not sent all of
    /// its request, the stream lingers: some clients lose a response behind which they find
    /// RST_STREAM at once.
    pub(crate) fn end_stream(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        (stream.answered, stream.content) = (Some(self.now), None);
        if !stream.is_open() {
            self.remove(id);
        }
    }

    /// Forgets a stream that has ended, or that the client has reset.
    pub(crate) fn remove(&mut self, id: u32) {
        // It may have been over before: that makes no connection active.
        if self.streams.get_mut(id).is_none() {
            return;
        }
        self.give_up_response(id);
        self.streams.remove(id);
        self.note_end();
    }

    /// Drops the watcher of a response that is not sent to its end.
    fn give_up_response(&mut self, id: u32) {
        if self
            .streams
            .get_mut(id)
            .is_none_or(|stream| stream.answered.is_none())
        {
            self.output.watchers.give_up(id);
        }
    }

    /// Ends a stream before its time.
    pub(crate) fn reset(&mut self, id: u32, code: ErrorCode) {
        self.output.send(&Frame::RstStream { stream: id, code });
        self.give_up_response(id);
        self.streams.reset(id);
        self.note_end();
    }

    /// A stream has ended. It may have held the window that the next one waits for.
    fn note_end(&mut self) {
        self.give_back();
        if self.streams.is_empty() {
            self.since = self.now;
        }
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
        self.refusals
            .push_back(RequestError::new("400 Bad Request", error.problem));
    }

    /// Tells the client that no more streams are taken, and ends the connection.
    pub(crate) fn go_away(&mut self, code: ErrorCode, problem: &str) {
        self.send_go_away(self.streams.last(), code, problem);
        self.end(Ending::Linger);
    }

    fn send_go_away(&mut self, last_stream: u32, code: ErrorCode, problem: &str) {
        self.output.send(&Frame::GoAway {
            last_stream,
            code,
            debug_data: problem.into(),
        });
    }

    /// Takes nothing more. What lies ready is sent.
    fn end(&mut self, ending: Ending) {
        (self.taking, self.since) = (Taking::Nothing(ending), self.now);
        self.streams = StreamTable::default();
    }

    /// Lets the connection end with the requests under way. Those that are on their way are
    /// not known yet: so the client is told first that the end comes, and is asked to confirm
    /// that. Whatever it sent before it knew has come then (RFC 9113 §6.8).
    pub fn finish_after_current(&mut self) {
        if self.taking == Taking::Requests {
            self.send_go_away(HIGHEST_STREAM, ErrorCode::NO_ERROR, "");
            self.output.send(&Frame::Ping(LAST_CALL));
            self.taking = Taking::LastRequests(None);
        }
    }

    /// The client has confirmed a PING.
    pub(crate) fn take_pong(&mut self, data: [u8; 8]) {
        if data == LAST_CALL && matches!(self.taking, Taking::LastRequests(_)) {
            self.take_no_requests();
        }
    }

    /// Takes no further request.
    pub(crate) fn take_no_requests(&mut self) {
        self.send_go_away(self.streams.last(), ErrorCode::NO_ERROR, "");
        self.taking = Taking::NoRequests;
    }

    /// Ends the connection where nothing more can come: the last request is answered, or the
    /// client has closed its side.
    pub(crate) fn end_where_nothing_comes(&mut self) {
        if self.is_over() {
            return;
        }
        let is_done = self.streams.is_empty();
        if self.taking == Taking::NoRequests && is_done {
            self.end(Ending::Linger);
        } else if self.reading == Reading::Ended {
            let is_coming = self.streams.iter().any(|(_, stream)| stream.is_coming());
            if self.reader.is_within_frame() || is_coming {
                self.fail(protocol_error("the connection ends within a request"));
            } else if is_done {
                self.end(Ending::Close);
            }
        }
    }

    /// Why a stream, the connection or a request was refused, for the log. Each is given once.
    pub fn take_refusal(&mut self) -> Option<RequestError> {
        self.refusals.pop_front()
    }

    /// Why a response was cut off, for the log. Each is given once.
    pub fn take_error(&mut self) -> Option<anyhow::Error> {
        self.errors.pop_front()
    }
}
