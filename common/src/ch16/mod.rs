//! Chapter 16 brings event loops: one for each core, each with connections of its own.

pub mod accept_dispatcher;
pub mod event_loop;
pub mod event_loops;
