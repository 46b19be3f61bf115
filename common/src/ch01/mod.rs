//! Chapter 1 brings a listening socket. Its `main.rs` spells out what [`listen()`] and
//! [`accept`] do for every later chapter.

pub mod arguments;
pub mod listen;

pub use {
    arguments::address,
    listen::{accept, advice, concerns_one_client, listen, listen_on, try_accept},
};
