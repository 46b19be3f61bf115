//! What the system says of a socket.

use mio::event::Event;

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// A read may bring something: bytes, the client's end, or an error.
    pub may_read: bool,
    /// A write may succeed; an error shows in a write too.
    pub may_write: bool,
    /// A read that brings less than there was room for may not have brought all: it stops
    /// before the client's end, and at an urgent byte (RFC 9293 §3.8.5).
    pub may_stop_short: bool,
}

impl Readiness {
    /// Adds what the system said later.
    pub fn add(&mut self, later: Self) {
        self.may_read |= later.may_read;
        self.may_write |= later.may_write;
        self.may_stop_short |= later.may_stop_short;
    }
}

impl From<&Event> for Readiness {
    fn from(event: &Event) -> Self {
        let has_ended = event.is_read_closed() || event.is_error();
        // Only Linux tells of urgent bytes.
        let tells_of_urgent = cfg!(any(target_os = "linux", target_os = "android"));
        Self {
            may_read: event.is_readable() || event.is_priority() || has_ended,
            may_write: event.is_writable() || event.is_write_closed() || event.is_error(),
            may_stop_short: !tells_of_urgent || event.is_priority() || has_ended,
        }
    }
}
