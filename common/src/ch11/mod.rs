//! Chapter 11 brings bodies of unknown length, in both directions: the chunked transfer
//! coding.

pub mod chunked;
pub mod early_answers;
pub mod numbers;

pub use {
    chunked::{ChunkedEncoder, by_length_or_chunks, in_chunks},
    numbers::{Numbers, count},
};
