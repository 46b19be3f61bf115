//! What each frame of a client does to its connection (RFC 9113 §5.1, §6).

use crate::ch02::error::RequestError;
use crate::ch10::states::{Ending, Reading};
use crate::ch18::frame::Frame;
use crate::ch18::http2_error::{Http2Error, protocol_error};
use crate::ch18::settings::Setting;
use crate::ch19::field_section::MAX_SECTION;
use crate::ch19::frame_reader::FrameEvent;
use crate::ch19::http2_connection::{Http2Connection, Phase};
use crate::ch19::streams::{MAX_STREAMS, State};

impl Http2Connection {
    /// Takes the preface, or the next frame or field section. `false` if none has come whole.
    pub(crate) fn read_frame(&mut self) -> bool {
        let event = match self.phase {
            Phase::Preface => return self.read_preface() || self.client_ended(),
            Phase::Frames => self.reader.next(self.now),
            Phase::Over(_) => return false,
        };
        let taken = match event {
            Ok(None) => return self.client_ended(),
            Ok(Some(event)) => self.take_event(event),
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            self.fail(error);
        }
        true
    }

    /// `false` if the preface has not come whole.
    fn read_preface(&mut self) -> bool {
        match self.reader.take_preface() {
            Ok(false) => return false,
            Ok(true) => {
                self.phase = Phase::Frames;
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

    fn take_event(&mut self, event: FrameEvent) -> Result<(), Http2Error> {
        match event {
            FrameEvent::Section {
                stream,
                end_stream,
                section,
            } => self.take_section(stream, end_stream, &section),
            FrameEvent::Frame(frame) => self.take_frame(frame),
        }
    }

    fn take_frame(&mut self, frame: Frame) -> Result<(), Http2Error> {
        match frame {
            Frame::Settings(settings) => self.take_settings(&settings),
            Frame::Ping(data) => {
                self.send(&Frame::PingAck(data));
                Ok(())
            }
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
            | Frame::Headers { .. }
            | Frame::Continuation { .. }
            | Frame::Priority { .. }
            | Frame::Unknown { .. } => Ok(()),
        }
    }

    fn take_settings(&mut self, settings: &[Setting]) -> Result<(), Http2Error> {
        for &Setting { id, value } in settings {
            match id {
                Setting::HEADER_TABLE_SIZE => self.encoder.allow_table_size(value as usize),
                Setting::INITIAL_WINDOW_SIZE => self.streams.set_window(value)?,
                _ => {}
            }
        }
        self.send(&Frame::SettingsAck);
        Ok(())
    }

    fn take_window(&mut self, stream: u32, increment: u32) -> Result<(), Http2Error> {
        if stream == 0 {
            return self.window.raise(increment, stream);
        }
        self.check_used(stream)?;
        self.streams.raise(stream, increment)
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
        let is_within = self.reader.is_within_frame();
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
