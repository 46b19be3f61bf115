//! Chapter 6 brings the header section and the body of a request, and the escaping of text
//! for a page of HTML.

pub mod body;
pub mod body_time;
pub mod fields;
pub mod html;

pub use {
    body::{body_length, read_body},
    fields::{Fields, parse_fields},
    html::escape,
};
