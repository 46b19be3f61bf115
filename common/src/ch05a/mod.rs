//! Chapter 5a brings status codes: a request that cannot be parsed gets a response with the
//! status that says why.

pub mod status;

pub use status::refuse;
