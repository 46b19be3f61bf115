//! Why a field block cannot be decoded.

use std::fmt;

use crate::ch18::http2_error::{ErrorCode, Http2Error};

/// Why a field block cannot be decoded. Whatever it is, the connection is lost with it: the
/// dynamic tables of its two ends may differ from here on (RFC 9113 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompressionError {
    /// What is wrong with the block, for the log. It never contains bytes that the client
    /// sent.
    pub problem: &'static str,
}

impl CompressionError {
    /// An error with this sentence for the log.
    pub fn new(problem: &'static str) -> Self {
        Self { problem }
    }

    /// The block ends within an integer or a string.
    pub(crate) fn cut_off() -> Self {
        Self::new("the field block ends early")
    }
}

impl fmt::Display for CompressionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.problem)
    }
}

impl std::error::Error for CompressionError {}

impl From<CompressionError> for Http2Error {
    fn from(error: CompressionError) -> Self {
        Self::connection(ErrorCode::COMPRESSION_ERROR, error.problem)
    }
}
