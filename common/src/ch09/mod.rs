//! Chapter 9 brings whole messages: a `Request` with its body, a `Response` with its length,
//! and the pages of the small site that every later chapter serves.

pub mod authority;
pub mod date;
pub mod form;
pub mod guestbook;
pub mod methods;
pub mod path;
pub mod request;
pub mod response;
pub mod site;

pub use {
    form::{expect_form, parse_form},
    guestbook::{Entry, Guestbook},
    methods::other_method,
    request::{Request, Scheme, read_request},
    response::{Body, Response, refusal, refused, reject},
    site::{send_file, show_query},
};
