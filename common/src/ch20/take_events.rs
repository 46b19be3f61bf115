//! What each frame of a client does to its connection (RFC 9113 §5.1, §6).

use crate::ch02::error::RequestError;
use crate::ch18::frame::Frame;
use crate::ch18::http2_error::{ErrorCode, Http2Error, protocol_error};
use crate::ch18::settings::Setting;
use crate::ch19::frame_reader::FrameEvent;
use crate::ch19::streams::State;
use crate::ch20::multiplexed_connection::{MultiplexedConnection, Taking};
use crate::ch20::open_stream::{Ready, RequestState};
use crate::ch20::receive_window::STREAM_WINDOW;
use crate::ch20::request_body::Added;

/// How much DATA a client may send over the connection before some of it is given back. What
/// is kept of it is bounded by the streams, so this need not be small.
pub const CONNECTION_WINDOW: u32 = 1024 * 1024;

impl MultiplexedConnection {
    pub(crate) fn take_event(&mut self, event: FrameEvent) -> Result<(), Http2Error> {
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
            Frame::Data {
                stream,
                end_stream,
                data,
                padding,
            } => self.take_data(stream, &data, padding, end_stream),
            Frame::WindowUpdate { stream, increment } => self.take_increment(stream, increment),
            Frame::RstStream { stream, .. } => {
                self.check_used(stream)?;
                self.remove(stream);
                Ok(())
            }
            Frame::Settings(settings) => self.take_settings(&settings),
            Frame::SettingsAck => self.take_acknowledgement(),
            Frame::Ping(data) => {
                self.output.send(&Frame::PingAck(data));
                Ok(())
            }
            Frame::PingAck(data) => {
                self.take_pong(data);
                Ok(())
            }
            // The client opens no more streams then, and closes when it has its responses.
            Frame::GoAway { .. } => Ok(()),
            Frame::Headers { .. }
            | Frame::Continuation { .. }
            | Frame::Priority { .. }
            | Frame::Unknown { .. } => Ok(()),
        }
    }

    fn take_settings(&mut self, settings: &[Setting]) -> Result<(), Http2Error> {
        for &Setting { id, value } in settings {
            match id {
                Setting::HEADER_TABLE_SIZE => self.output.encoder.allow_table_size(value as usize),
                Setting::INITIAL_WINDOW_SIZE => self.streams.set_send_window(value)?,
                _ => {}
            }
        }
        self.output.send(&Frame::SettingsAck);
        Ok(())
    }

    /// From here on the client keeps to the settings. Before, it might have sent more of each
    /// body: so only now does it get a larger window over the connection.
    fn take_acknowledgement(&mut self) -> Result<(), Http2Error> {
        if !self.is_acknowledged {
            self.is_acknowledged = true;
            self.streams.set_receive_window(STREAM_WINDOW)?;
            self.receive_window.resize(CONNECTION_WINDOW);
            self.give_back();
        }
        Ok(())
    }

    /// Raises the windows that the client needs.
    pub(crate) fn give_back(&mut self) {
        if !self.is_acknowledged {
            return;
        }
        let of_connection = self.receive_window.take_increment().map(|by| (0, by));
        let of_streams = std::iter::from_fn(|| self.streams.grant(self.now));
        for (stream, increment) in of_connection.into_iter().chain(of_streams) {
            self.output.send(&Frame::WindowUpdate { stream, increment });
        }
    }

    fn take_increment(&mut self, id: u32, increment: u32) -> Result<(), Http2Error> {
        if id == 0 {
            return self.output.window.raise(increment, id);
        }
        self.check_used(id)?;
        match self.streams.get_mut(id) {
            Some(stream) => stream.send_window.raise(increment, id),
            None => Ok(()),
        }
    }

    /// Only HEADERS and PRIORITY may come on a stream that is idle (RFC 9113 §5.1). What comes
    /// on streams that are not taken any more is ignored.
    fn check_used(&self, id: u32) -> Result<(), Http2Error> {
        match self.streams.state(id) {
            State::Idle if self.taking != Taking::NoRequests => {
                Err(protocol_error("a frame comes on a stream that is idle"))
            }
            _ => Ok(()),
        }
    }

    /// Takes a part of a body. It counts for the window of the connection whatever becomes of
    /// it: client and server have to count the same.
    fn take_data(
        &mut self,
        id: u32,
        data: &[u8],
        padding: usize,
        end_stream: bool,
    ) -> Result<(), Http2Error> {
        self.receive_window.use_up(data.len() + padding)?;
        self.give_back();
        self.check_used(id)?;
        match self.streams.state(id) {
            State::Open => {
                let added = self.add_data(id, data, padding);
                added.map_err(|error| error.of_stream(id))?;
                match end_stream {
                    true => self.end_request(id),
                    false => Ok(()),
                }
            }
            State::Idle | State::Reset => Ok(()),
            State::HalfClosed | State::Closed => {
                let error = "DATA follows the end of its stream";
                Err(Http2Error::connection(ErrorCode::STREAM_CLOSED, error).of_stream(id))
            }
        }
    }

    fn add_data(&mut self, id: u32, data: &[u8], padding: usize) -> Result<(), Http2Error> {
        let Some(stream) = self.streams.get_mut(id) else {
            return Ok(());
        };
        stream.take_of_window(data.len() + padding)?;
        let RequestState::Body(body) = &mut stream.request else {
            return Ok(());
        };
        let added = body.add(data, self.now)?;
        if padding > 0 {
            // It was no part of the body for which the window is meant.
            let increment = padding as u32;
            stream.receive_window.raise(increment, id)?;
            let stream = id;
            self.output.send(&Frame::WindowUpdate { stream, increment });
        }
        if let Added::Refused(error) = added {
            self.refuse(id, error);
        }
        Ok(())
    }

    /// Answers a request whose body is not taken any more.
    pub(crate) fn refuse(&mut self, id: u32, error: RequestError) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        let state = std::mem::replace(&mut stream.request, RequestState::Dropped);
        if let RequestState::Body(body) = state {
            let asked = Err((error, body.request.method == "HEAD"));
            self.streams.add_ready(Ready { stream: id, asked });
            // There is room for another body.
            self.give_back();
        }
    }
}
