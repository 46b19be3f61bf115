//! Strings: a bit for the coding, a length, and so many octets (RFC 7541 §5.2).

use crate::ch19::compression_error::CompressionError;
use crate::ch19::huffman::{decode_huffman, encode_huffman, huffman_length};
use crate::ch19::integer::{decode_integer, encode_integer};

/// The bit that says that a string is in the Huffman code.
const HUFFMAN: u8 = 0x80;

/// Takes a string from the front of a field block, and adds it to `text`. It is at most 8/5
/// as long as its octets in the block.
///
/// # Errors
/// The block ends early, or what [`decode_integer`] and [`decode_huffman`] refuse.
pub fn decode_string(block: &mut &[u8], text: &mut Vec<u8>) -> Result<(), CompressionError> {
    let is_coded = block.first().is_some_and(|first| first & HUFFMAN != 0);
    let length = decode_integer(block, 7)?;
    let (octets, rest) = block
        .split_at_checked(length)
        .ok_or(CompressionError::cut_off())?;
    *block = rest;
    if is_coded {
        return decode_huffman(octets, text);
    }
    text.extend_from_slice(octets);
    Ok(())
}

/// Adds a string to a field block, in the Huffman code unless that is longer.
pub fn encode_string(text: &[u8], block: &mut Vec<u8>) {
    let coded = huffman_length(text);
    if coded <= text.len() {
        encode_integer(coded, 7, HUFFMAN, block);
        encode_huffman(text, block);
    } else {
        encode_plain(text, block);
    }
}

/// Adds a string to a field block, as it is.
pub fn encode_plain(text: &[u8], block: &mut Vec<u8>) {
    encode_integer(text.len(), 7, 0, block);
    block.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_is_not_longer_is_taken_and_comes_back() {
        for (text, octets) in [
            (&b""[..], 1),
            (b"a", 2),
            (b"no-cache", 7),
            (b"\0\0", 3),
            (&[b'a'; 203], 129),
            (&[0xff; 127], 129),
        ] {
            let mut block = Vec::new();
            encode_string(text, &mut block);
            assert_eq!(block.len(), octets, "{text:?}");
            for cut in 0..block.len() {
                let cut_off = decode_string(&mut &block[..cut], &mut Vec::new());
                assert_eq!(cut_off, Err(CompressionError::cut_off()));
            }
            block.push(7);
            let (mut rest, mut decoded) = (&*block, b"before ".to_vec());
            decode_string(&mut rest, &mut decoded).unwrap();
            assert_eq!((rest, &decoded[7..]), (&[7][..], text));
        }
    }

    #[test]
    fn a_length_without_end_takes_no_memory() {
        let mut text = Vec::new();
        let endless = [0x7f, 0xff, 0xff, 0xff, 0xff, 0x0e, b'a'];
        let error = decode_string(&mut &endless[..], &mut text).unwrap_err();
        assert_eq!(error, CompressionError::cut_off());
        assert_eq!(text.capacity(), 0);
    }
}
