//! Chapter 15 brings readiness: one thread waits for all connections, and a few workers serve
//! the connections that are ready.

pub mod acceptor;
pub mod poller;
pub mod pool;
pub mod protocol;
pub mod readiness;
pub mod session;
pub mod session_io;
pub mod timer_queue;
pub mod transport;

pub use acceptor::Acceptor;
