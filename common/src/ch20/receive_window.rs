//! How much DATA a client may send: flow control of what is received (RFC 9113 §5.2, §6.9).

use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch19::window::{DEFAULT_WINDOW, Window};

/// With how much a client may begin each body, in bytes (`SETTINGS_INITIAL_WINDOW_SIZE`).
/// Most forms are shorter. A longer body has to wait until there is room for it.
pub const STREAM_WINDOW: u32 = 8 * 1024;

impl Window {
    /// By how much the window has to be raised so that there is room for so much.
    pub fn missing(self, length: usize) -> u32 {
        (length as i64 - self.0).max(0) as u32
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
            window: Window::default(),
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
        let used = self.window.missing(self.size as usize);
        if used < self.size / 2 {
            return None;
        }
        self.window = Window::new(self.size);
        Some(used)
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
    fn what_is_missing_below_zero_and_where_there_is_room() {
        let mut window = Window::new(10);
        window.use_up(11);
        assert_eq!(window.missing(5), 6);
        window.raise(6, 1).unwrap();
        assert_eq!((window.missing(5), window.missing(4)), (0, 0));
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
