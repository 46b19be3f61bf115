//! Chapter 19 brings header compression, HPACK.

pub mod compression_error;
pub mod decoder;
pub mod dynamic_table;
pub mod encoder;
pub mod field_section;
pub mod huffman;
pub mod huffman_code;
pub mod integer;
pub mod static_table;
pub mod string;

pub use {
    compression_error::CompressionError,
    decoder::HpackDecoder,
    dynamic_table::DynamicTable,
    encoder::HpackEncoder,
    field_section::FieldSection,
    huffman::{decode_huffman, encode_huffman, huffman_length},
    integer::{decode_integer, encode_integer},
    string::{decode_string, encode_string},
};
