//! Responses that do not wait for the body of their request.

use crate::ch09::request::Request;
use crate::ch10::connection::Connection;

impl Connection {
    /// The same, but a request whose body is not needed is given before its body has come.
    /// The body is dropped as it comes.
    pub fn with_early_answers(mut self, needs_body: fn(&Request) -> bool) -> Self {
        self.needs_body = needs_body;
        self
    }
}
