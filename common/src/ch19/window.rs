//! A window: how much DATA one side may send before the other allows more (RFC 9113 §5.2,
//! §6.9). The connection has one in each direction, and so has each stream.

use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch18::settings::MAX_WINDOW_SIZE;

/// With how much each window begins if no setting says otherwise, in bytes. That of the
/// connection always does (RFC 9113 §6.9.2).
pub const DEFAULT_WINDOW: u32 = 65_535;

/// How much DATA may be sent. It is below zero where a setting has made it smaller than what
/// was sent before (RFC 9113 §6.9.2).
///
/// ```
/// let mut window = common::window::Window::new(100);
/// window.use_up(60);
/// window.change_by(-90)?;
/// assert_eq!(window.room(), 0);
/// window.raise(51, 1)?;
/// assert_eq!(window.room(), 1);
/// # Ok::<(), common::Http2Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(pub(crate) i64);

impl Default for Window {
    fn default() -> Self {
        Self::new(DEFAULT_WINDOW)
    }
}

impl Window {
    /// A window of this size.
    pub fn new(size: u32) -> Self {
        Self(size.into())
    }

    /// How much may be sent now.
    pub fn room(self) -> usize {
        self.0.max(0) as usize
    }

    /// Takes what was sent out of the window. Gives whether there was so much room.
    pub fn use_up(&mut self, length: usize) -> bool {
        self.0 -= length as i64;
        self.0 >= 0
    }

    /// Makes the window larger, as WINDOW_UPDATE on this stream says. The window of the
    /// connection has 0 for its stream.
    ///
    /// # Errors
    /// FLOW_CONTROL_ERROR, for the stream or the connection, if the window becomes larger than
    /// 2,147,483,647 bytes (RFC 9113 §6.9.1).
    pub fn raise(&mut self, increment: u32, stream: u32) -> Result<(), Http2Error> {
        match stream {
            0 => self.add(increment.into(), "the connection's window is too large"),
            _ => self
                .add(increment.into(), "a stream's window is too large")
                .map_err(|error| error.of_stream(stream)),
        }
    }

    /// Makes the window of a stream larger or smaller, as SETTINGS says.
    ///
    /// # Errors
    /// FLOW_CONTROL_ERROR for the connection if the window becomes too large (RFC 9113
    /// §6.9.2).
    pub fn change_by(&mut self, difference: i64) -> Result<(), Http2Error> {
        self.add(difference, "SETTINGS makes a stream's window too large")
    }

    fn add(&mut self, difference: i64, problem: &'static str) -> Result<(), Http2Error> {
        self.0 += difference;
        match self.0 > MAX_WINDOW_SIZE.into() {
            true => Err(Http2Error::connection(
                ErrorCode::FLOW_CONTROL_ERROR,
                problem,
            )),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_no_room_below_zero_and_a_largest_size() {
        let mut window = Window::new(10);
        assert!(window.use_up(10));
        assert!(!window.use_up(1));
        assert_eq!(window.room(), 0);
        window.change_by(i64::from(MAX_WINDOW_SIZE) + 1).unwrap();
        assert_eq!(window.room(), MAX_WINDOW_SIZE as usize);
        let [mut of_connection, mut of_stream] = [window; 2];
        for (error, stream) in [
            (window.change_by(1), None),
            (of_connection.raise(1, 0), None),
            (of_stream.raise(1, 3), Some(3)),
        ] {
            let error = error.unwrap_err();
            assert_eq!(error.code, ErrorCode::FLOW_CONTROL_ERROR);
            assert_eq!(error.stream, stream);
        }
    }
}
