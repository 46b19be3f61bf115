//! The states of a connection. A combination that cannot occur cannot be written down.

/// Whether the client may still send something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The client may send more.
    Open,
    /// The client has closed its side.
    Ended,
}

/// Whether the connection takes more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// It takes as many as come.
    Open,
    /// The request under way, if there is one, is the last.
    FinishAfterCurrent,
    /// It takes none. What lies ready is sent, and then the connection ends.
    Over(Ending),
}

/// How a connection ends, once everything has been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server closes its side and reads off what still comes (RFC 9112 §9.6).
    Linger,
    /// The server closes at once: there is no response that the client could lose.
    Close,
}
