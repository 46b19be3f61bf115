//! Chapter 2 brings the head of a request: [`head`] finds it in the bytes received,
//! [`stream`] reads these bytes and limits how long a read waits, and [`mod@log`] prints
//! them. [`error`] says why a request is refused.

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
