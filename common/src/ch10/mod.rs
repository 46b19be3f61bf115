//! Chapter 10 brings persistent connections: `Connection`, a state machine without a socket
//! and without a clock, and `Blocking`, with which a thread waits for it.

pub mod blocking;
pub mod body_decoder;
pub mod buffer;
pub mod connection;
pub mod persistence;
pub mod refusal;
pub mod request_reader;
pub mod response_writer;
pub mod routes;
pub mod states;
pub mod wait;

pub use {
    blocking::Blocking,
    body_decoder::{BodyDecoder, BodyEncoder, Decoded, by_length},
    connection::Connection,
    persistence::wants_to_persist,
    routes::{Route, allowed, route, sign},
    wait::{Timeouts, Wait},
};
