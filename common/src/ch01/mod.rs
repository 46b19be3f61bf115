//! Chapter 1 brings a listening socket. `main.rs` of chapter 1 spells out what `listen` and
//! `accept` do for every later chapter.

pub mod arguments;
pub mod listen;

pub use {
    arguments::address,
    listen::{accept, advice, concerns_one_client, listen, listen_on, try_accept},
};
