//! Requests out of field sections and bodies (RFC 9113 §8.1).

use std::mem;

use crate::ch02::error::RequestError;
use crate::ch06::body::expects_continue;
use crate::ch09::request::Request;
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};
use crate::ch19::field_section::FieldSection;
use crate::ch19::request_fields::{FieldError, announced_length, check_trailers, request_of};
use crate::ch19::streams::State;
use crate::ch20::extensible_priority::ExtensiblePriority;
use crate::ch20::multiplexed_connection::{MultiplexedConnection, Taking};
use crate::ch20::open_stream::{Ready, RequestState, Stream};
use crate::ch20::patience::Patience;
use crate::ch20::request_body::RequestBody;

/// The version as the access log has it. Most servers write it so, although HTTP/2 has no
/// minor version.
const VERSION: &str = "HTTP/2.0";

impl MultiplexedConnection {
    /// Takes a field section: a new request, or the trailers of one.
    pub(crate) fn take_section(
        &mut self,
        id: u32,
        end_stream: bool,
        section: &FieldSection,
    ) -> Result<(), Http2Error> {
        match self.streams.state(id) {
            State::Idle if self.taking == Taking::NoRequests => Ok(()),
            State::Idle => {
                self.streams.begin(id)?;
                self.take_request(id, end_stream, section)?;
                self.streams.keep(id, section.size());
                Ok(())
            }
            State::Open => match check_trailers(section) {
                Ok(()) if end_stream => self.end_request(id),
                Ok(()) => Err(protocol_error("trailers do not end their stream").of_stream(id)),
                Err(FieldError::Malformed(problem)) => Err(protocol_error(problem).of_stream(id)),
                Err(FieldError::Refused(error)) => {
                    self.refuse(id, error);
                    Ok(())
                }
            },
            State::Reset => Ok(()),
            State::HalfClosed => {
                let error = "HEADERS follow the end of their stream";
                Err(Http2Error::connection(ErrorCode::STREAM_CLOSED, error).of_stream(id))
            }
            State::Closed => Err(Http2Error::connection(
                ErrorCode::STREAM_CLOSED,
                "HEADERS come on a stream that is closed",
            )),
        }
    }

    fn take_request(
        &mut self,
        id: u32,
        end_stream: bool,
        section: &FieldSection,
    ) -> Result<(), Http2Error> {
        let request = request_of(section, self.scheme).and_then(|request| {
            let length = announced_length(&request)?;
            Ok((request, length))
        });
        match request {
            Ok((mut request, length)) => {
                request.version = VERSION.into();
                self.open(id, end_stream, request, length)
            }
            Err(FieldError::Malformed(problem)) => Err(protocol_error(problem).of_stream(id)),
            Err(FieldError::Refused(error)) => {
                let is_head = section.lines().any(|line| line == (b":method", b"HEAD"));
                self.open_with(id, end_stream, Err((error, is_head)));
                Ok(())
            }
        }
    }

    /// Opens a stream for a request. Its body is waited for only if it is needed.
    fn open(
        &mut self,
        id: u32,
        end_stream: bool,
        request: Request,
        length: Option<usize>,
    ) -> Result<(), Http2Error> {
        let is_short = end_stream && length.is_some_and(|length| length > 0);
        if is_short {
            let error = protocol_error("the body is not as long as announced");
            return Err(error.of_stream(id));
        }
        if end_stream || !(self.needs_body)(&request) {
            self.open_with(id, end_stream, Ok(request));
            return Ok(());
        }
        if expects_continue(&request.line(), &request.fields) {
            self.output.send_interim(id, "100");
        }
        let priority = ExtensiblePriority::of(&request.fields);
        let body = RequestBody::new(request, length, self.now);
        self.add_stream(id, RequestState::Body(Box::new(body)), priority);
        self.give_back();
        Ok(())
    }

    /// Opens a stream for a request that can be answered now.
    fn open_with(
        &mut self,
        id: u32,
        end_stream: bool,
        asked: Result<Request, (RequestError, bool)>,
    ) {
        let priority = match &asked {
            Ok(request) => ExtensiblePriority::of(&request.fields),
            Err(_) => ExtensiblePriority::USUAL,
        };
        let state = match end_stream {
            true => RequestState::Ended,
            false => RequestState::Dropped,
        };
        self.add_stream(id, state, priority);
        self.streams.add_ready(Ready { stream: id, asked });
    }

    fn add_stream(&mut self, id: u32, request: RequestState, priority: ExtensiblePriority) {
        let patience = Patience::new(self.timeouts.inactivity);
        self.streams
            .open(id, |send_window, receive_window, turn| Stream {
                request,
                kept: 0,
                content: None,
                priority,
                send_window,
                receive_window,
                turn,
                patience,
                answered: None,
            });
    }

    /// The client has sent the whole request.
    pub(crate) fn end_request(&mut self, id: u32) -> Result<(), Http2Error> {
        let Some(stream) = self.streams.get_mut(id) else {
            return Ok(());
        };
        let is_answered = stream.answered.is_some();
        let state = mem::replace(&mut stream.request, RequestState::Ended);
        if let RequestState::Body(body) = state {
            let request = body.end().map_err(|error| error.of_stream(id))?;
            let asked = Ok(request);
            self.streams.add_ready(Ready { stream: id, asked });
            // The next long body may come.
            self.give_back();
        }
        if is_answered {
            self.remove(id);
        }
        Ok(())
    }
}
