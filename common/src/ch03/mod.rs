//! Chapter 3 brings the end of a connection: how the server closes it so that the response
//! arrives.

pub mod close;

pub use close::{close, linger};
