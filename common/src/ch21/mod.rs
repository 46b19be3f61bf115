//! Chapter 21 brings what one client of HTTP/2 may cost: [`flood_limits`] says how many frames
//! of each type a client may send, and [`limited_connection`] ends a connection that sends
//! more.

pub mod budget;
pub mod flood_guard;
pub mod flood_limits;
pub mod frame_meter;
pub mod limited_connection;
pub mod response_permits;

pub use {
    budget::{Budget, FloodLimit},
    limited_connection::{LimitedConnection, http1_or_limited_http2},
};
