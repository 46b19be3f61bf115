//! Chapter 19 brings what the frames hold: header compression (HPACK) from [`integer`] to
//! [`decoder`] and [`encoder`], the [`frame_reader`] that puts field sections together, the
//! fields of requests and responses, and `Http2Connection`, a state machine as chapter 10's
//! `Connection` is one.

pub mod compression_error;
pub mod decoder;
pub mod dynamic_table;
pub mod encoder;
pub mod endings;
pub mod field_block;
pub mod field_section;
pub mod frame_reader;
pub mod http2_connection;
pub mod http2_timeouts;
pub mod huffman;
pub mod huffman_code;
pub mod incoming;
pub mod integer;
pub mod request_fields;
pub mod response_fields;
pub mod static_table;
pub mod streams;
pub mod string;
pub mod take_frames;
pub mod take_requests;
pub mod transfer;
pub mod window;

pub use {
    compression_error::CompressionError,
    decoder::HpackDecoder,
    dynamic_table::DynamicTable,
    encoder::{HpackEncoder, keeping},
    field_section::FieldSection,
    http2_connection::Http2Connection,
    huffman::{decode_huffman, encode_huffman, huffman_length},
    integer::{decode_integer, encode_integer},
    string::{decode_string, encode_string},
    transfer::transfer,
};
