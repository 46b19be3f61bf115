//! The states of a connection. Those that cannot be cannot be written.

/// Whether the client may still send something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It may.
    Open,
    /// The client has closed its side.
    Ended,
}

/// Whether more requests are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// Yes, as many as come.
    Open,
    /// The request under way, where there is one, and no other.
    FinishAfterCurrent,
    /// No. What lies ready is sent, and then the connection ends.
    Over(Ending),
}

/// How a connection ends, once everything has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server closes its side, and reads off what still comes (RFC 9112 §9.6).
    Linger,
    /// The server closes at once: the client has no answer to lose.
    Close,
}
