//! Chapter 14 sends only what the client does not have yet: validators, conditional requests
//! and ranges.

pub mod caching;
pub mod http_date;
pub mod ranges;
pub mod validators;

pub use {
    caching::send_what_is_missing,
    validators::{Outcome, Validators},
};
