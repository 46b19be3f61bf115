//! Chapter 20 brings many requests at once: [`multiplexed_connection`] is a connection of
//! HTTP/2 with streams, [`receive_window`] counts what a client may send, and [`negotiated`] chooses
//! between HTTP/1.1 and HTTP/2 on one port.

pub mod by_preface;
pub mod deadlines;
pub mod extensible_priority;
pub mod multiplexed_connection;
pub mod negotiated;
pub mod open_stream;
pub mod output;
pub mod patience;
pub mod receive_window;
pub mod request_body;
pub mod server_options;
pub mod stream_endings;
pub mod stream_table;
pub mod take_events;
pub mod take_sections;
pub mod waiting_requests;
pub mod watchers;

pub use {
    extensible_priority::ExtensiblePriority, multiplexed_connection::MultiplexedConnection,
    negotiated::http1_or_http2, server_options::ServerOptions,
};
