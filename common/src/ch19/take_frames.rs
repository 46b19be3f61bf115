//! What each frame of a client does to its connection (RFC 9113 §5.1, §6).

use crate::ch02::error::RequestError;
use crate::ch10::states::{Ending, Reading};
use crate::ch18::frame::Frame;
use crate::ch18::header::{FrameHeader, HEADER_LENGTH, kind};
use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch18::preface::{PREFACE, check_preface};
use crate::ch18::settings::{MAX_WINDOW_SIZE, Setting};
use crate::ch19::field_block::FieldBlock;
use crate::ch19::http2_connection::{Http2Connection, MAX_SECTION, Phase};
use crate::ch19::streams::{MAX_STREAMS, State};

/// An error of the connection, for what a client must not do.
pub(crate) fn protocol_error(problem: &'static str) -> Http2Error {
    Http2Error::connection(ErrorCode::PROTOCOL_ERROR, problem)
}

impl Http2Connection {
    /// Takes the preface or the next frame. `false` if neither has come whole.
    pub(crate) fn read_frame(&mut self) -> bool {
        let taken = match self.phase {
            Phase::Preface => return self.read_preface() || self.client_ended(),
            Phase::Settings | Phase::Frames => self.next_frame(),
            Phase::Over(_) => return false,
        };
        let taken = match taken {
            Ok(None) => return self.client_ended(),
            Ok(Some(frame)) => self.take_frame(frame),
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            self.fail(error);
        }
        true
    }

    /// `false` if the preface has not come whole.
    fn read_preface(&mut self) -> bool {
        let received = self.received.rest();
        match check_preface(&received[..received.len().min(PREFACE.len())]) {
            Ok(false) => return false,
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
        true
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

    fn take_frame(&mut self, frame: Frame) -> Result<(), Http2Error> {
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
                Setting::INITIAL_WINDOW_SIZE => self.set_initial_window(value)?,
                _ => {}
            }
        }
        self.phase = Phase::Frames;
        self.send(&Frame::SettingsAck);
        Ok(())
    }

    /// Takes another size for the windows of all streams, those that are open too (RFC 9113
    /// §6.9.2).
    fn set_initial_window(&mut self, size: u32) -> Result<(), Http2Error> {
        if size.saturating_add(self.streams.most_raised()) > MAX_WINDOW_SIZE {
            return Err(Http2Error::connection(
                ErrorCode::FLOW_CONTROL_ERROR,
                "SETTINGS makes a stream's window too large",
            ));
        }
        self.windows.initial = size;
        Ok(())
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

    /// Ends the connection if the client has closed its side. `false` if the client may send
    /// more, or if it has ended between two requests: then there is nothing to tell it.
    fn client_ended(&mut self) -> bool {
        let is_within = !self.received.rest().is_empty() || self.block.is_some();
        match (self.reading, self.phase) {
            (Reading::Open, _) | (_, Phase::Over(_)) => return false,
            (_, Phase::Preface) if is_within => self.refuse_version(RequestError::new(
                "400 Bad Request",
                "the connection ends within the preface",
            )),
            _ if is_within || self.streams.any_open() => {
                self.fail(protocol_error("the connection ends within a request"));
            }
            _ => self.end(Ending::Close),
        }
        true
    }
}
