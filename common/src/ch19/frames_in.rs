//! What each frame of a client does to its connection (RFC 9113 §5.1, §6).

use crate::ch02::error::RequestError;
use crate::ch06::body::expects_continue;
use crate::ch09::request::Scheme;
use crate::ch10::states::{Ending, Reading};
use crate::ch18::frame::Frame;
use crate::ch18::header::{FrameHeader, HEADER_LENGTH, kind};
use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch18::preface::{PREFACE, check_preface};
use crate::ch18::settings::Setting;
use crate::ch19::compression_error::CompressionError;
use crate::ch19::field_block::FieldBlock;
use crate::ch19::field_section::FieldSection;
use crate::ch19::http2_connection::{Http2Connection, MAX_SECTION, Phase};
use crate::ch19::request_fields::{FieldError, announced_length, check_trailers, request_of};
use crate::ch19::response_fields::add_block;
use crate::ch19::streams::{Incoming, MAX_STREAMS, Ready, State, WINDOW};

fn protocol_error(problem: &'static str) -> Http2Error {
    Http2Error::connection(ErrorCode::PROTOCOL_ERROR, problem)
}

impl From<CompressionError> for Http2Error {
    fn from(error: CompressionError) -> Self {
        Self::connection(ErrorCode::COMPRESSION_ERROR, error.problem)
    }
}

impl Http2Connection {
    /// Reads the preface and the frames that have come whole.
    pub(crate) fn read_frames(&mut self) {
        if self.phase == Phase::Preface {
            self.read_preface();
        }
        while matches!(self.phase, Phase::Settings | Phase::Frames) {
            match self.next_frame() {
                Ok(None) => return,
                Ok(Some(frame)) => {
                    if let Err(error) = self.take(frame) {
                        self.fail(error);
                    }
                }
                Err(error) => self.fail(error),
            }
        }
    }

    fn read_preface(&mut self) {
        let received = self.received.rest();
        match check_preface(&received[..received.len().min(PREFACE.len())]) {
            Ok(false) => {}
            Ok(true) => {
                self.received.take(PREFACE.len());
                self.phase = Phase::Settings;
                let setting = |id, value: usize| Setting {
                    id,
                    value: value as u32,
                };
                self.send(&Frame::Settings(vec![
                    setting(Setting::MAX_CONCURRENT_STREAMS, MAX_STREAMS),
                    setting(Setting::MAX_HEADER_LIST_SIZE, MAX_SECTION),
                ]));
            }
            Err(error) => self.refuse_version(error),
        }
    }

    /// The next frame that has come whole.
    fn next_frame(&mut self) -> Result<Option<Frame>, Http2Error> {
        let received = self.received.rest();
        let Some((header, rest)) = received.split_first_chunk::<HEADER_LENGTH>() else {
            return Ok(None);
        };
        let header = FrameHeader::parse(header)?;
        let Some(payload) = rest.get(..header.length) else {
            return Ok(None);
        };
        if self.phase == Phase::Settings && header.kind != kind::SETTINGS {
            return Err(protocol_error("the first frame is not SETTINGS"));
        }
        if self.block.is_some() && header.kind != kind::CONTINUATION {
            return Err(protocol_error("another frame stands within a field block"));
        }
        let frame = Frame::parse(header, payload);
        self.received.take(HEADER_LENGTH + header.length);
        if self.block.is_none() {
            self.begun = self.now;
        }
        frame.map(Some)
    }

    fn take(&mut self, frame: Frame) -> Result<(), Http2Error> {
        match frame {
            Frame::Settings(settings) => self.take_settings(&settings),
            Frame::SettingsAck if self.phase == Phase::Settings => {
                Err(protocol_error("the first SETTINGS is an acknowledgement"))
            }
            Frame::Ping(data) => {
                self.send(&Frame::PingAck(data));
                Ok(())
            }
            Frame::Headers {
                stream,
                end_stream,
                end_headers,
                fragment,
                ..
            } => self.take_fragment(FieldBlock::new(stream, end_stream), &fragment, end_headers),
            Frame::Continuation {
                stream,
                end_headers,
                fragment,
            } => match self.block.take() {
                Some(block) if block.stream == stream => {
                    self.take_fragment(block, &fragment, end_headers)
                }
                _ => Err(protocol_error("CONTINUATION continues no field block")),
            },
            Frame::Data {
                stream,
                end_stream,
                data,
                padding,
            } => self.take_data(stream, &data, padding, end_stream),
            Frame::WindowUpdate { stream, increment } => self.take_window(stream, increment),
            Frame::RstStream { stream, .. } => {
                self.check_used(stream)?;
                self.streams.remove(stream);
                Ok(())
            }
            // The client opens no more streams then, and closes when it has its responses.
            Frame::GoAway { .. } => Ok(()),
            Frame::SettingsAck
            | Frame::PingAck(_)
            | Frame::Priority { .. }
            | Frame::Unknown { .. } => Ok(()),
        }
    }

    fn take_settings(&mut self, settings: &[Setting]) -> Result<(), Http2Error> {
        for &Setting { id, value } in settings {
            match id {
                Setting::HEADER_TABLE_SIZE => self.encoder.allow_table_size(value as usize),
                Setting::INITIAL_WINDOW_SIZE => self.windows.initial = value,
                _ => {}
            }
        }
        self.phase = Phase::Frames;
        self.send(&Frame::SettingsAck);
        Ok(())
    }

    fn take_fragment(
        &mut self,
        mut block: FieldBlock,
        fragment: &[u8],
        is_last: bool,
    ) -> Result<(), Http2Error> {
        block.add(fragment)?;
        if is_last {
            return self.take_block(&block);
        }
        self.block = Some(block);
        Ok(())
    }

    /// Takes a whole field block: a new request, or the trailers of one. It is decoded first,
    /// whatever becomes of its stream: the next block may refer to it.
    fn take_block(&mut self, block: &FieldBlock) -> Result<(), Http2Error> {
        let section = self.decoder.decode(block.bytes())?;
        let stream = block.stream;
        match self.streams.state(stream) {
            State::Idle => {
                self.streams.begin(stream)?;
                self.take_request(&section, block)
            }
            State::Open => match check_trailers(&section) {
                Ok(()) if block.end_stream => self.streams.end(stream),
                Ok(()) => Err(protocol_error("trailers do not end their stream").of_stream(stream)),
                Err(error) => self.take_field_error(error, &section, block),
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
        section: &FieldSection,
        block: &FieldBlock,
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
                let waits = !block.end_stream && expects_continue(&request.line(), &request.fields);
                let incoming = Incoming::new(request, length, self.now);
                self.streams.open(block.stream, incoming);
                if block.end_stream {
                    return self.streams.end(block.stream);
                }
                if waits {
                    let mut continues = Vec::new();
                    let line = [(&b":status"[..], &b"100"[..])];
                    self.encoder.encode(line, &mut continues);
                    add_block(&continues, block.stream, false, &mut self.to_send);
                }
                Ok(())
            }
            Err(error) => self.take_field_error(error, section, block),
        }
    }

    /// Refuses a request for its fields: with a response, or without one.
    fn take_field_error(
        &mut self,
        error: FieldError,
        section: &FieldSection,
        block: &FieldBlock,
    ) -> Result<(), Http2Error> {
        match error {
            FieldError::Malformed(problem) => Err(protocol_error(problem).of_stream(block.stream)),
            FieldError::Refused(error) => {
                let is_head = section.lines().any(|line| line == (b":method", b"HEAD"));
                self.streams.add(Ready {
                    stream: block.stream,
                    asked: Err((error, is_head)),
                    is_whole: block.end_stream,
                    raised: 0,
                });
                Ok(())
            }
        }
    }

    /// Takes content. The window of the connection is raised again at once, by all that the
    /// frame has, for whichever stream it was: what is kept is bounded by the streams.
    fn take_data(
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
                match end_stream {
                    true => self.streams.end(stream),
                    false => Ok(()),
                }
            }
            State::Reset => Ok(()),
            State::Idle => Err(protocol_error("DATA comes on a stream that is idle")),
            State::HalfClosed | State::Closed => {
                let error = "DATA follows the end of its stream";
                Err(Http2Error::connection(ErrorCode::STREAM_CLOSED, error).of_stream(stream))
            }
        }
    }

    fn take_window(&mut self, stream: u32, increment: u32) -> Result<(), Http2Error> {
        if stream == 0 {
            return self.windows.raise(increment);
        }
        self.check_used(stream)?;
        self.streams.raise(stream, increment, self.windows.initial)
    }

    /// Only HEADERS and PRIORITY may come on a stream that is idle (RFC 9113 §5.1).
    fn check_used(&self, stream: u32) -> Result<(), Http2Error> {
        match self.streams.state(stream) {
            State::Idle => Err(protocol_error("a frame comes on a stream that is idle")),
            _ => Ok(()),
        }
    }

    /// The client has closed its side. Requests that have come whole are still answered.
    pub(crate) fn client_ended(&mut self) {
        let is_within = !self.received.rest().is_empty() || self.block.is_some();
        match self.phase {
            Phase::Over(_) => {}
            Phase::Preface if is_within => self.refuse_version(RequestError::new(
                "400 Bad Request",
                "the connection ends within the preface",
            )),
            Phase::Preface => self.end(Ending::Close),
            _ if is_within || self.streams.any_open() => {
                self.fail(protocol_error("the connection ends within a request"));
            }
            _ => self.reading = Reading::Ended,
        }
    }
}
