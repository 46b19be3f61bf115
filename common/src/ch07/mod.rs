//! Chapter 7 brings files: percent-decoded paths, and which files below `pages/` they may
//! name.

pub mod files;
pub mod percent;
pub mod writer;

pub use files::{Page, open_page};
