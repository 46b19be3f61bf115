//! What a connection waits for, and how long.

use std::time::{Duration, Instant};

use crate::ch02::stream::{HEAD_TIME, INACTIVITY_TIME};
use crate::ch03::close::LINGER_TIME;
use crate::ch06::body_time::BODY_TIME;

/// How long a client may take until its next request begins. Until then it costs what a
/// connection costs: in chapter 10 that is a thread.
pub const IDLE_TIME: Duration = Duration::from_secs(10);

/// How long a client may take for each thing that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To begin the next request: [`IDLE_TIME`].
    pub idle: Duration,
    /// For a head, from its first byte on: [`HEAD_TIME`].
    pub head: Duration,
    /// For a body: [`BODY_TIME`].
    pub body: Duration,
    /// In which it sends nothing of a body, or takes nothing of a response:
    /// [`INACTIVITY_TIME`].
    pub inactivity: Duration,
    /// To close, once it has taken the last response: [`LINGER_TIME`].
    pub linger: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            idle: IDLE_TIME,
            head: HEAD_TIME,
            body: BODY_TIME,
            inactivity: INACTIVITY_TIME,
            linger: LINGER_TIME,
        }
    }
}

/// What a connection waits for, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// For bytes from the client.
    ToRead(Instant),
    /// For the client to take bytes.
    ToWrite(Instant),
    /// For either, whichever comes first. A connection of HTTP/1.1 never does: while a
    /// response lies ready it takes no further request. In HTTP/2, what the client sends
    /// may be what allows the server to write.
    ToReadOrWrite(Instant),
    /// For the client to close, after it was told that nothing more comes. What it
    /// still sends is read off (RFC 9112 §9.6).
    ToLinger(Instant),
    /// For nothing: it is over.
    ToClose,
}

impl Wait {
    /// Whether bytes from the client are wanted. A connection that lingers wants them too,
    /// and drops them.
    pub fn wants_to_read(self) -> bool {
        matches!(
            self,
            Self::ToRead(_) | Self::ToReadOrWrite(_) | Self::ToLinger(_)
        )
    }

    /// Whether there is something for the client to take.
    pub fn wants_to_write(self) -> bool {
        matches!(self, Self::ToWrite(_) | Self::ToReadOrWrite(_))
    }

    /// When the wait ends if the client does nothing; `None` where there is no wait.
    pub fn until(self) -> Option<Instant> {
        match self {
            Self::ToRead(until)
            | Self::ToWrite(until)
            | Self::ToReadOrWrite(until)
            | Self::ToLinger(until) => Some(until),
            Self::ToClose => None,
        }
    }

    /// The same, or [`Wait::ToClose`] if its time is over.
    pub fn or_close(self, now: Instant) -> Self {
        match self.until() {
            Some(until) if now < until => self,
            _ => Self::ToClose,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_wait_wants() {
        let now = Instant::now();
        let later = now + IDLE_TIME;
        for (wait, reads, writes) in [
            (Wait::ToRead(later), true, false),
            (Wait::ToWrite(later), false, true),
            (Wait::ToReadOrWrite(later), true, true),
            (Wait::ToLinger(later), true, false),
        ] {
            assert_eq!(
                (wait.wants_to_read(), wait.wants_to_write()),
                (reads, writes)
            );
            assert_eq!(wait.until(), Some(later));
            assert_eq!(wait.or_close(now), wait);
            assert_eq!(wait.or_close(later), Wait::ToClose);
        }
        let close = Wait::ToClose;
        assert!(!close.wants_to_read() && !close.wants_to_write());
        assert_eq!((close.until(), close.or_close(now)), (None, close));
    }
}
