//! Chapter 13 brings the shutdown: a signal ends the server, and what has begun is finished first.

pub mod accept_waker;
pub mod connection_guard;
pub mod shutdown;
pub mod shutdown_listener;
pub mod signals;

pub use {
    connection_guard::ConnectionGuard, shutdown::Shutdown, shutdown_listener::ShutdownListener,
};
