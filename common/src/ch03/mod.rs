//! Chapter 3 brings the end of a connection: the server closes it in a way that lets the
//! response arrive.

pub mod close;

pub use close::{close, linger};
