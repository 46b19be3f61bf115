//! The code that the chapters share: what one chapter teaches, the next ones
//! take from here.
//!
//! Each module is named after what it takes care of and came with one chapter.
//! The parsers are pure: bytes or text in, a value or a `RequestError` out. Only
//! `read_head` and `read_body` take from a reader what they then parse. The module
//! `stream` is the one layer that reads from a connection; `close` and `refuse`
//! end one.

#[cfg(feature = "ch01")]
pub mod arguments;
#[cfg(feature = "ch01")]
pub mod listen;
#[cfg(feature = "ch01")]
pub use {
    arguments::address,
    listen::{accept, advice, listen},
};

#[cfg(feature = "ch02")]
pub mod error;
#[cfg(feature = "ch02")]
pub mod head;
#[cfg(feature = "ch02")]
pub mod log;
#[cfg(feature = "ch02")]
pub mod stream;
#[cfg(feature = "ch02")]
pub use {
    error::RequestError,
    head::{find_head, read_head},
    log::{log, log_error, printable},
    stream::reader,
};

#[cfg(feature = "ch03")]
pub mod close;
#[cfg(feature = "ch03")]
pub use close::{close, linger};

#[cfg(feature = "ch04")]
pub mod request_line;
#[cfg(feature = "ch04")]
pub use request_line::{RequestLine, parse_request_line};

#[cfg(feature = "ch05a")]
pub mod status;
#[cfg(feature = "ch05a")]
pub use status::refuse;

#[cfg(feature = "ch06")]
pub mod body;
#[cfg(feature = "ch06")]
pub mod fields;
#[cfg(feature = "ch06")]
pub mod html;
#[cfg(feature = "ch06")]
pub use {
    body::{body_length, read_body},
    fields::{Fields, parse_fields},
    html::escape,
};

#[cfg(feature = "ch07")]
pub mod files;
#[cfg(feature = "ch07")]
pub mod percent;
#[cfg(feature = "ch07")]
pub use files::{Page, open_page};

#[cfg(feature = "ch08")]
pub mod query;
#[cfg(feature = "ch08")]
pub use query::{Query, parse_query};
