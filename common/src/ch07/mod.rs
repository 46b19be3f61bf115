//! Chapter 7 brings files: percent-decoded paths, which files below `pages/` they may name,
//! and writing to a slow client.

pub mod files;
pub mod percent;
pub mod writer;

pub use files::{Page, open_page};
