//! Chapter 12 brings limits: what one client may cost in time, memory and connections, and
//! two logs that never make the server wait.

pub mod access_log;
pub mod connection_limiter;
pub mod error_log;
pub mod limits;
pub mod log_writer;
pub mod needs_body;

pub use {
    access_log::AccessLog,
    connection_limiter::{ConnectionLimiter, Permit},
    error_log::ErrorLog,
    limits::{FormInTurn, Limits, form_in_turn, sign_in_turn},
    needs_body::needs_body,
};
