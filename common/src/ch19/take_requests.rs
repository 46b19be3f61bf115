//! Requests out of field blocks and content (RFC 9113 §8.1).

use crate::ch02::error::RequestError;
use crate::ch06::body::expects_continue;
use crate::ch09::request::Scheme;
use crate::ch18::frame::Frame;
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};
use crate::ch19::field_section::FieldSection;
use crate::ch19::http2_connection::Http2Connection;
use crate::ch19::incoming::WINDOW;
use crate::ch19::request_fields::{FieldError, announced_length, check_trailers, request_of};
use crate::ch19::streams::State;

impl Http2Connection {
    /// Takes a field section: a new request, or the trailers of one.
    pub(crate) fn take_section(
        &mut self,
        stream: u32,
        end_stream: bool,
        section: &FieldSection,
    ) -> Result<(), Http2Error> {
        match self.streams.state(stream) {
            State::Idle => {
                self.streams.begin(stream)?;
                self.take_request(stream, end_stream, section)
            }
            State::Open => match check_trailers(section) {
                Ok(()) if end_stream => self.streams.end(stream),
                Ok(()) => Err(protocol_error("trailers do not end their stream").of_stream(stream)),
                Err(error) => self.take_field_error(error, stream, end_stream, section),
            },
            State::Reset => Ok(()),
            State::HalfClosed | State::Closed => Err(Http2Error::connection(
                ErrorCode::STREAM_CLOSED,
                "HEADERS follow the end of their stream",
            )),
        }
    }

    fn take_request(
        &mut self,
        stream: u32,
        end_stream: bool,
        section: &FieldSection,
    ) -> Result<(), Http2Error> {
        let request = request_of(section, Scheme::Http);
        let with_length = request.and_then(|request| {
            let length = announced_length(&request)?;
            match length {
                Some(length) if length > WINDOW => Err(FieldError::Refused(RequestError::new(
                    "413 Content Too Large",
                    "the body is longer than its stream's window",
                ))),
                _ => Ok((request, length)),
            }
        });
        match with_length {
            Ok((request, length)) => {
                let waits = !end_stream && expects_continue(&request.line(), &request.fields);
                self.streams.open(stream, request, length, self.now);
                if end_stream {
                    return self.streams.end(stream);
                }
                if waits {
                    self.add_interim(stream, "100", &[]);
                }
                Ok(())
            }
            Err(error) => self.take_field_error(error, stream, end_stream, section),
        }
    }

    /// Refuses a request for its fields: with a response, or without one.
    fn take_field_error(
        &mut self,
        error: FieldError,
        stream: u32,
        end_stream: bool,
        section: &FieldSection,
    ) -> Result<(), Http2Error> {
        match error {
            FieldError::Malformed(problem) => Err(protocol_error(problem).of_stream(stream)),
            FieldError::Refused(error) => {
                let is_head = section.lines().any(|line| line == (b":method", b"HEAD"));
                self.streams.refuse(stream, end_stream, error, is_head);
                Ok(())
            }
        }
    }

    /// Takes content. The window of the connection is raised again at once, by all that the
    /// frame has, for whichever stream it was: what is kept is bounded by the streams.
    pub(crate) fn take_data(
        &mut self,
        stream: u32,
        data: &[u8],
        padding: usize,
        end_stream: bool,
    ) -> Result<(), Http2Error> {
        if data.len() + padding > 0 {
            self.send(&Frame::WindowUpdate {
                stream: 0,
                increment: (data.len() + padding) as u32,
            });
        }
        match self.streams.state(stream) {
            State::Open => {
                self.streams.add_data(stream, data, padding, self.now)?;
                if end_stream {
                    return self.streams.end(stream);
                }
                self.streams.refuse_full();
                Ok(())
            }
            State::Reset => Ok(()),
            State::Idle => Err(protocol_error("DATA comes on a stream that is idle")),
            State::HalfClosed | State::Closed => {
                let error = "DATA follows the end of its stream";
                Err(Http2Error::connection(ErrorCode::STREAM_CLOSED, error).of_stream(stream))
            }
        }
    }
}
