//! Chapter 8 brings the query of a target.

pub mod query;

pub use query::{Query, parse_query};
