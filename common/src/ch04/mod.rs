//! Chapter 4 brings the request line: method, target and version.

pub mod request_line;

pub use request_line::{RequestLine, parse_request_line};
