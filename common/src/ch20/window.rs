//! Flow control: how much DATA one side may send before the other allows more (RFC 9113
//! §5.2, §6.9). The connection has a window in each direction, and so has each stream.

use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch18::settings::MAX_WINDOW_SIZE;

/// With how much each window begins if no setting says otherwise, in bytes. That of the
/// connection always does (RFC 9113 §6.9.2).
pub const DEFAULT_WINDOW: u32 = 65_535;

/// With how much a client may begin each body, in bytes (`SETTINGS_INITIAL_WINDOW_SIZE`).
/// Most forms are shorter. A longer body has to wait until there is room for it.
pub const STREAM_WINDOW: u32 = 8 * 1024;

/// How much DATA may be sent. It is below zero where a setting has made it smaller than what
/// was sent before (RFC 9113 §6.9.2).
///
/// ```
/// let mut window = common::window::Window::new(100);
/// window.use_up(60);
/// window.change_by(-90)?;
/// assert_eq!(window.room(), 0);
/// window.change_by(51)?;
/// assert_eq!(window.room(), 1);
/// # Ok::<(), common::Http2Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window(i64);

impl Window {
    /// A window of this size.
    pub fn new(size: u32) -> Self {
        Self(size.into())
    }

    /// How much may be sent now.
    pub fn room(self) -> usize {
        self.0.max(0) as usize
    }

    /// By how much the window has to be raised so that there is room for so much.
    pub fn missing(self, length: usize) -> u32 {
        (length as i64 - self.0).max(0) as u32
    }

    /// Takes what was sent out of the window. Gives whether there was so much room.
    pub fn use_up(&mut self, length: usize) -> bool {
        self.0 -= length as i64;
        self.0 >= 0
    }

    /// Makes the window larger or smaller.
    ///
    /// # Errors
    /// FLOW_CONTROL_ERROR for the connection if the window becomes larger than 2,147,483,647
    /// bytes (RFC 9113 §6.9.1).
    pub fn change_by(&mut self, difference: i64) -> Result<(), Http2Error> {
        self.0 += difference;
        if self.0 > MAX_WINDOW_SIZE.into() {
            let problem = "a window is too large";
            return Err(Http2Error::connection(
                ErrorCode::FLOW_CONTROL_ERROR,
                problem,
            ));
        }
        Ok(())
    }
}

/// The window that a client has over the connection. What the client uses up is given back
/// once it is half of the window: each byte by itself would cost a frame of 13 bytes, and a
/// window that is given back only when it is empty makes the client wait.
#[derive(Debug)]
pub struct ReceiveWindow {
    window: Window,
    size: u32,
}

impl Default for ReceiveWindow {
    fn default() -> Self {
        Self {
            window: Window::new(DEFAULT_WINDOW),
            size: DEFAULT_WINDOW,
        }
    }
}

impl ReceiveWindow {
    /// Takes note of DATA, with its padding.
    ///
    /// # Errors
    /// FLOW_CONTROL_ERROR for the connection if the client has sent more than it may.
    pub fn use_up(&mut self, length: usize) -> Result<(), Http2Error> {
        match self.window.use_up(length) {
            true => Ok(()),
            false => Err(exceeded()),
        }
    }

    /// Sets the size up to which the window is filled from now on.
    pub fn resize(&mut self, size: u32) {
        self.size = size;
    }

    /// By how much the window is to be raised now, if it is.
    pub fn take_increment(&mut self) -> Option<u32> {
        let used = i64::from(self.size) - self.window.0;
        if used < i64::from(self.size / 2) {
            return None;
        }
        self.window = Window::new(self.size);
        u32::try_from(used).ok()
    }
}

/// The client has sent more DATA than it may.
pub(crate) fn exceeded() -> Http2Error {
    Http2Error::connection(
        ErrorCode::FLOW_CONTROL_ERROR,
        "there is more DATA than the window allows",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_no_room_below_zero_and_a_largest_size() {
        let mut window = Window::new(10);
        assert!(window.use_up(10));
        assert!(!window.use_up(1));
        assert_eq!((window.room(), window.missing(5)), (0, 6));
        window.change_by(i64::from(MAX_WINDOW_SIZE) + 1).unwrap();
        assert_eq!(window.room(), MAX_WINDOW_SIZE as usize);
        assert_eq!(window.missing(5), 0);
        let error = window.change_by(1).unwrap_err();
        assert_eq!(error.code, ErrorCode::FLOW_CONTROL_ERROR);
    }

    #[test]
    fn half_of_the_window_is_given_back_at_once() {
        let mut window = ReceiveWindow::default();
        window.use_up(32_766).unwrap();
        assert_eq!(window.take_increment(), None);
        window.use_up(1).unwrap();
        assert_eq!(window.take_increment(), Some(32_767));
        assert_eq!(window.take_increment(), None);
        window.resize(1_000_000);
        assert_eq!(window.take_increment(), Some(1_000_000 - DEFAULT_WINDOW));
        window.use_up(1_000_000).unwrap();
        let error = window.use_up(1).unwrap_err();
        assert_eq!(error.code, ErrorCode::FLOW_CONTROL_ERROR);
    }
}
