//! How much content the client takes (RFC 9113 §6.9). Here a response goes out whole or not
//! at all, so the windows are only asked for their room.

use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch18::settings::MAX_WINDOW_SIZE;
use crate::ch19::incoming::WINDOW;

/// The window of the connection, and that with which each stream begins.
#[derive(Debug)]
pub struct SendWindows {
    connection: u32,
    /// `SETTINGS_INITIAL_WINDOW_SIZE`, as the client has set it.
    pub initial: u32,
}

impl Default for SendWindows {
    fn default() -> Self {
        Self {
            connection: WINDOW as u32,
            initial: WINDOW as u32,
        }
    }
}

impl SendWindows {
    /// How much content fits on a stream that the client has raised by so much.
    pub fn room(&self, raised: u32) -> usize {
        let stream = self.initial.saturating_add(raised);
        stream.min(self.connection) as usize
    }

    /// Takes so much out of the window of the connection: as much as there was room for, at
    /// most.
    pub fn use_up(&mut self, length: usize) {
        self.connection = self.connection.saturating_sub(length as u32);
    }

    /// Raises the window of the connection.
    ///
    /// # Errors
    /// FLOW_CONTROL_ERROR for the connection if it becomes too large (RFC 9113 §6.9.1).
    pub fn raise(&mut self, increment: u32) -> Result<(), Http2Error> {
        self.connection = self.connection.saturating_add(increment);
        if self.connection > MAX_WINDOW_SIZE {
            return Err(Http2Error::connection(
                ErrorCode::FLOW_CONTROL_ERROR,
                "the connection's window is too large",
            ));
        }
        Ok(())
    }
}
