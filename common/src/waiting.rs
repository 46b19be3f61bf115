//! What a connection may wait for, and how long.

use std::time::{Duration, Instant};

use crate::stream::{BODY_TIME, HEAD_TIME, LINGER_TIME, PATIENCE};

/// How long a client may take until its next request begins. While it does not come
/// back, it costs what a connection costs: in chapter 10 that is a thread.
pub const IDLE_TIME: Duration = Duration::from_secs(10);

/// How long a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// To begin with the next request: [`IDLE_TIME`].
    pub idle: Duration,
    /// For a head, from its first byte on: [`HEAD_TIME`].
    pub head: Duration,
    /// For a body: [`BODY_TIME`].
    pub body: Duration,
    /// To send nothing of a body, or take nothing of a response: [`PATIENCE`].
    pub patience: Duration,
    /// To close, once it has the last response: [`LINGER_TIME`].
    pub linger: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            idle: IDLE_TIME,
            head: HEAD_TIME,
            body: BODY_TIME,
            patience: PATIENCE,
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
    /// For the client to close, after it was told that nothing more comes. What it
    /// still sends is read off (RFC 9112 §9.6).
    ToLinger(Instant),
    /// For nothing: it is over.
    ToClose,
}

impl Wait {
    /// The same, or the end where the time for it is over.
    pub fn or_close(self, now: Instant) -> Self {
        match self {
            Self::ToRead(until) | Self::ToWrite(until) | Self::ToLinger(until) if now < until => {
                self
            }
            _ => Self::ToClose,
        }
    }
}
