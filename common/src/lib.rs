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
    listen::{accept, advice, listen, listen_on, try_accept},
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
    log::{log, log_error, printable, take_errors},
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

#[cfg(feature = "ch09")]
pub mod date;
#[cfg(feature = "ch09")]
pub mod form;
#[cfg(feature = "ch09")]
pub mod guestbook;
#[cfg(feature = "ch09")]
pub mod methods;
#[cfg(feature = "ch09")]
pub mod request;
#[cfg(feature = "ch09")]
pub mod response;
#[cfg(feature = "ch09")]
pub mod site;
#[cfg(feature = "ch09")]
pub use {
    form::{expect_form, parse_form},
    guestbook::{Entry, Guestbook},
    methods::other_method,
    request::{Request, Scheme, read_request},
    response::{Body, Response, refusal, refused, turn_away},
    site::{send_file, show_query},
};

#[cfg(feature = "ch10")]
pub mod blocking;
#[cfg(feature = "ch10")]
pub mod buffer;
#[cfg(feature = "ch10")]
pub mod connection;
#[cfg(feature = "ch10")]
pub mod framing;
#[cfg(feature = "ch10")]
pub mod incoming;
#[cfg(feature = "ch10")]
pub mod outgoing;
#[cfg(feature = "ch10")]
pub mod persistence;
#[cfg(feature = "ch10")]
pub mod waiting;
#[cfg(feature = "ch10")]
pub use {
    blocking::Blocking,
    connection::Connection,
    framing::{Framing, Taken, by_length},
    persistence::wants_to_stay,
    waiting::{Times, Wait},
};

#[cfg(feature = "ch11")]
pub mod chunked;
#[cfg(feature = "ch11")]
pub mod numbers;
#[cfg(feature = "ch11")]
pub use {
    chunked::{by_length_or_chunks, in_chunks},
    numbers::{Numbers, count},
};

#[cfg(feature = "ch12")]
pub mod access_log;
#[cfg(feature = "ch12")]
pub mod admission;
#[cfg(feature = "ch12")]
pub mod error_log;
#[cfg(feature = "ch12")]
pub mod limits;
#[cfg(feature = "ch12")]
pub mod lines;
#[cfg(feature = "ch12")]
pub use {
    access_log::AccessLog,
    admission::{Admission, Place},
    error_log::ErrorLog,
    limits::{FormInTurn, Limits, form_in_turn},
};

#[cfg(feature = "ch13")]
pub mod bell;
#[cfg(feature = "ch13")]
pub mod signals;
#[cfg(feature = "ch13")]
pub mod stop;
#[cfg(feature = "ch13")]
pub mod under_way;
#[cfg(feature = "ch13")]
pub use {stop::Stop, under_way::UnderWay};

#[cfg(feature = "ch14")]
pub mod caching;
#[cfg(feature = "ch14")]
pub mod moments;
#[cfg(feature = "ch14")]
pub mod ranges;
#[cfg(feature = "ch14")]
pub mod validators;
#[cfg(feature = "ch14")]
pub use {
    caching::send_what_is_missing,
    validators::{Outcome, Validators},
};

#[cfg(feature = "ch15")]
pub mod acceptor;
#[cfg(feature = "ch15")]
pub mod client;
#[cfg(feature = "ch15")]
pub mod deadlines;
#[cfg(feature = "ch15")]
pub mod line;
#[cfg(feature = "ch15")]
pub mod pool;
#[cfg(feature = "ch15")]
pub use acceptor::Acceptor;

#[cfg(feature = "ch16")]
pub mod event_loop;
#[cfg(feature = "ch16")]
pub mod event_loops;

#[cfg(feature = "ch17")]
pub mod certificate;
#[cfg(feature = "ch17")]
pub mod handshake;
#[cfg(feature = "ch17")]
pub mod options;
#[cfg(feature = "ch17")]
pub mod own_certificate;
#[cfg(feature = "ch17")]
pub mod reload;
#[cfg(feature = "ch17")]
pub mod tls;
#[cfg(feature = "ch17")]
pub mod tls_line;
#[cfg(feature = "ch17")]
pub use {
    certificate::Pair, options::Options, own_certificate::Credentials, reload::stop_or_reload,
    tls::Tls,
};
