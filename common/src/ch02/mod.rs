//! Chapter 2 brings the head of a request: `head` finds it in the bytes that came, `stream`
//! reads these bytes without waiting for ever, and `log` shows them.

pub mod error;
pub mod head;
pub mod log;
pub mod stream;

pub use {
    error::RequestError,
    head::{find_head, read_head},
    log::{log, log_error, printable, take_errors},
    stream::reader,
};
