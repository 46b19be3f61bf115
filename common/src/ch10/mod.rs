//! Chapter 10 brings persistent connections: a state machine without a socket and without a
//! clock, `Connection`, and the thread that waits for it, `Blocking`.

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
