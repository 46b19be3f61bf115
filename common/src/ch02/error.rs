//! Why the server refuses a request.

use std::fmt;

/// Why the server refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// The status code of the response and its reason phrase (RFC 9110 §15.5, §15.6;
    /// RFC 6585 §5). Chapter 5a is the first to send it.
    pub status: &'static str,
    /// What is wrong with the request, for the log. It never contains bytes that the
    /// client sent.
    pub problem: &'static str,
}

impl RequestError {
    /// An error whose response has this status, such as `"400 Bad Request"`.
    pub fn new(status: &'static str, problem: &'static str) -> Self {
        Self { status, problem }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.status, self.problem)
    }
}

impl std::error::Error for RequestError {}
