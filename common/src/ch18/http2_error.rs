//! Why a stream or a connection of HTTP/2 ends before its time, and the codes that say so
//! on the wire (RFC 9113 §5.4, §7).

use std::fmt;

/// The reason in a RST_STREAM or GOAWAY frame. A client may send any number here, and an
/// unknown one has no special meaning (RFC 9113 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Nothing is wrong, and all the same it ends.
    pub const NO_ERROR: Self = Self(0x0);
    /// A mistake that has no code of its own.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// The side that sends it cannot go on.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// More DATA has come than was allowed, or a window is too large.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// SETTINGS were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame has come for a stream that has ended.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame has a length that it must not have.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// The request was not looked at, and may be sent again.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The response, or the request, is not needed any more.
    pub const CANCEL: Self = Self(0x8);
    /// A field block cannot be decoded.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The connection that CONNECT asked for has failed.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// The other side asks for too much.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// TLS is not as good as HTTP/2 wants it.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// The request has to be sent in HTTP/1.1.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);
}

/// The names of the codes, in their order (RFC 9113 §7).
const NAMES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

impl fmt::Display for ErrorCode {
    /// The code's name, or its number if it has none.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.get(self.0 as usize) {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "{:#x}", self.0),
        }
    }
}

/// What a client has done wrong in HTTP/2, and how much of its connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2Error {
    /// The code that tells the client.
    pub code: ErrorCode,
    /// The stream at fault: RST_STREAM ends it, and the others go on (RFC 9113 §5.4.2).
    /// `None` is a fault of the connection: GOAWAY ends all of it (§5.4.1).
    pub stream: Option<u32>,
    /// What is wrong, for the log and for the client. It never contains bytes that the
    /// client sent.
    pub problem: &'static str,
}

impl Http2Error {
    /// An error that ends the connection.
    pub fn connection(code: ErrorCode, problem: &'static str) -> Self {
        Self {
            code,
            stream: None,
            problem,
        }
    }

    /// The same error, but it ends this stream alone.
    pub fn of_stream(self, stream: u32) -> Self {
        Self {
            stream: Some(stream),
            ..self
        }
    }
}

/// An error of the connection, for what a client must not do and what has no code of its own.
pub fn protocol_error(problem: &'static str) -> Http2Error {
    Http2Error::connection(ErrorCode::PROTOCOL_ERROR, problem)
}

impl fmt::Display for Http2Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stream) = self.stream {
            write!(formatter, "stream {stream}: ")?;
        }
        write!(formatter, "{}: {}", self.code, self.problem)
    }
}

impl std::error::Error for Http2Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_the_name_and_the_number_of_the_rfc() {
        for (code, number, name) in [
            (ErrorCode::NO_ERROR, 0x0, "NO_ERROR"),
            (ErrorCode::PROTOCOL_ERROR, 0x1, "PROTOCOL_ERROR"),
            (ErrorCode::INTERNAL_ERROR, 0x2, "INTERNAL_ERROR"),
            (ErrorCode::FLOW_CONTROL_ERROR, 0x3, "FLOW_CONTROL_ERROR"),
            (ErrorCode::SETTINGS_TIMEOUT, 0x4, "SETTINGS_TIMEOUT"),
            (ErrorCode::STREAM_CLOSED, 0x5, "STREAM_CLOSED"),
            (ErrorCode::FRAME_SIZE_ERROR, 0x6, "FRAME_SIZE_ERROR"),
            (ErrorCode::REFUSED_STREAM, 0x7, "REFUSED_STREAM"),
            (ErrorCode::CANCEL, 0x8, "CANCEL"),
            (ErrorCode::COMPRESSION_ERROR, 0x9, "COMPRESSION_ERROR"),
            (ErrorCode::CONNECT_ERROR, 0xa, "CONNECT_ERROR"),
            (ErrorCode::ENHANCE_YOUR_CALM, 0xb, "ENHANCE_YOUR_CALM"),
            (ErrorCode::INADEQUATE_SECURITY, 0xc, "INADEQUATE_SECURITY"),
            (ErrorCode::HTTP_1_1_REQUIRED, 0xd, "HTTP_1_1_REQUIRED"),
            (ErrorCode(0xe), 0xe, "0xe"),
            (ErrorCode(u32::MAX), u32::MAX, "0xffffffff"),
        ] {
            assert_eq!(code.0, number);
            assert_eq!(code.to_string(), name);
        }
    }

    #[test]
    fn an_error_says_whose_it_is() {
        let code = ErrorCode::FRAME_SIZE_ERROR;
        for (error, text) in [
            (
                Http2Error::connection(code, "too long"),
                "FRAME_SIZE_ERROR: too long",
            ),
            (
                Http2Error::connection(code, "too short").of_stream(3),
                "stream 3: FRAME_SIZE_ERROR: too short",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
