//! Strings in the Huffman code of HPACK (RFC 7541 §5.2).

use crate::ch19::compression_error::CompressionError;
use crate::ch19::huffman_code::{CODES, END, RANGES, SYMBOLS};

/// How many bits are looked up at once. Letters, digits and most punctuation have a code that
/// is not longer.
const SHORT: u32 = 8;

/// What a code of up to [`SHORT`] bits stands for, at each place that begins with these bits,
/// and how long it is. The length is 0 where the code is longer.
static SHORT_CODES: [(u8, u8); 1 << SHORT] = short_codes();

const fn short_codes() -> [(u8, u8); 1 << SHORT] {
    let mut table = [(0, 0); 1 << SHORT];
    let mut place = 0;
    while place < table.len() {
        let (symbol, length) = look_up((place as u32) << (32 - SHORT));
        if length <= SHORT {
            table[place] = (symbol as u8, length as u8);
        }
        place += 1;
    }
    table
}

/// The symbol whose code these bits begin with, and the length of its code.
const fn look_up(bits: u32) -> (u16, u32) {
    let mut row = 0;
    while RANGES[row].last < bits {
        row += 1;
    }
    let range = RANGES[row];
    let distance = (bits - range.first) >> (32 - range.length);
    (SYMBOLS[range.position + distance as usize], range.length)
}

/// Decodes a whole string, and adds it to `text`.
///
/// ```
/// let mut text = Vec::new();
/// common::decode_huffman(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], &mut text)?;
/// assert_eq!(text, b"no-cache");
/// # Ok::<(), common::CompressionError>(())
/// ```
///
/// # Errors
/// The string contains the symbol that ends strings, or the bits behind its last code are
/// more than 7 or not the first bits of that symbol, which are ones. What was decoded until
/// there stays in `text`.
pub fn decode_huffman(coded: &[u8], text: &mut Vec<u8>) -> Result<(), CompressionError> {
    // A code has 5 bits at least.
    text.reserve(coded.len() * 8 / 5);
    let mut rest = coded;
    // The bits that are not decoded yet stand at the front, and behind them zeros.
    let (mut bits, mut count) = (0_u64, 0);
    loop {
        // The longest code has 30 bits.
        if count < 32 {
            if let Some((next, behind)) = rest.split_first_chunk() {
                bits |= u64::from(u32::from_be_bytes(*next)) << (32 - count);
                (rest, count) = (behind, count + 32);
            } else {
                for &octet in rest {
                    bits |= u64::from(octet) << (56 - count);
                    count += 8;
                }
                rest = &[];
            }
        }
        let (symbol, length) = match SHORT_CODES[(bits >> (64 - SHORT)) as usize] {
            (_, 0) => look_up((bits >> 32) as u32),
            (symbol, length) => (u16::from(symbol), u32::from(length)),
        };
        if length > count {
            return check_padding(bits, count);
        }
        if symbol == END {
            return Err(CompressionError::new("a string contains its end symbol"));
        }
        text.push(symbol as u8);
        bits <<= length;
        count -= length;
    }
}

/// Checks the bits behind the last code. Fewer than a whole octet fill up the last one.
fn check_padding(bits: u64, count: u32) -> Result<(), CompressionError> {
    let ones = !(u64::MAX >> count);
    match count {
        8.. => Err(CompressionError::new("a string is padded with an octet")),
        _ if bits != ones => Err(CompressionError::new("the padding is not all ones")),
        _ => Ok(()),
    }
}

/// Adds a string to `block`, coded. The last octet is filled up with ones.
pub fn encode_huffman(text: &[u8], block: &mut Vec<u8>) {
    let (mut bits, mut count) = (0_u64, 0);
    for &byte in text {
        let code = CODES[usize::from(byte)];
        bits = bits << code.length | u64::from(code.bits);
        count += code.length;
        if count >= 32 {
            count -= 32;
            block.extend_from_slice(&((bits >> count) as u32).to_be_bytes());
        }
    }
    while count >= 8 {
        count -= 8;
        block.push((bits >> count) as u8);
    }
    if count > 0 {
        block.push((bits << (8 - count)) as u8 | 0xff >> count);
    }
}

/// How many octets [`encode_huffman`] adds for a string.
pub fn huffman_length(text: &[u8]) -> usize {
    let length = |byte: &u8| CODES[usize::from(*byte)].length as usize;
    text.iter().map(length).sum::<usize>().div_ceil(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(coded: &[u8]) -> Result<Vec<u8>, CompressionError> {
        let mut text = Vec::new();
        decode_huffman(coded, &mut text).map(|()| text)
    }

    fn encode(text: &[u8]) -> Vec<u8> {
        let mut block = Vec::new();
        encode_huffman(text, &mut block);
        assert_eq!(block.len(), huffman_length(text));
        block
    }

    #[test]
    fn each_pair_of_bytes_comes_back() {
        assert_eq!(decode(b""), Ok(Vec::new()));
        for first in 0..=255 {
            for second in 0..=255 {
                for text in [&[first, second][..], &[first, second, first, first, b'a']] {
                    assert_eq!(decode(&encode(text)).as_deref(), Ok(text));
                }
            }
        }
    }

    #[test]
    fn padding() {
        // `a` is 00011, and 3 bits fill up its octet.
        assert_eq!(decode(&[0b0001_1111]), Ok(b"a".to_vec()));
        for last in 0b000..0b111 {
            let error = decode(&[0b0001_1000 | last]).unwrap_err();
            assert_eq!(error.problem, "the padding is not all ones");
        }
        for coded in [&[0b0001_1111, 0xff][..], &[0xff], &[0xff, 0xff, 0xff]] {
            let error = decode(coded).unwrap_err();
            assert_eq!(error.problem, "a string is padded with an octet");
        }
        // `0` takes 5 bits, so 8 of them fill 5 octets and nothing is left to fill.
        assert_eq!(decode(&[0; 5]), Ok(b"00000000".to_vec()));
    }

    #[test]
    fn the_end_symbol_is_in_no_string() {
        let error = decode(&[0xff; 4]).unwrap_err();
        assert_eq!(error.problem, "a string contains its end symbol");
        // `a`, then 30 ones, then what would be padding.
        let error = decode(&[0b0001_1111, 0xff, 0xff, 0xff, 0xff]).unwrap_err();
        assert_eq!(error.problem, "a string contains its end symbol");
    }
}
