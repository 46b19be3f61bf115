//! Integers that begin in the last bits of an octet (RFC 7541 §5.1). A small number takes
//! these bits only, and a large one goes on in the octets behind them.

use crate::ch19::compression_error::CompressionError;

/// How many octets may follow the first. Five hold each number of 32 bits, and no block
/// needs a larger one.
const MAX_FOLLOWING: u32 = 5;

/// Takes an integer from the front of a field block. It begins in the last `prefix` bits of
/// the first octet, at most 8; the other bits of that octet mean something else.
///
/// ```
/// let mut block = &[0b0101_1111, 0b1001_1010, 0b0000_1010, 42][..];
/// assert_eq!(common::decode_integer(&mut block, 5)?, 1337);
/// assert_eq!(block, [42]);
/// # Ok::<(), common::CompressionError>(())
/// ```
///
/// # Errors
/// The block ends early, the number is not below 2³², or it takes more than six octets,
/// which leading zeros could do without end.
pub fn decode_integer(block: &mut &[u8], prefix: u32) -> Result<usize, CompressionError> {
    let too_large = || CompressionError::new("an integer is too large");
    let largest = (1 << prefix) - 1;
    let value = u32::from(next_octet(block)?) & largest;
    if value < largest {
        return Ok(value as usize);
    }
    let mut value = u64::from(value);
    for position in 0..MAX_FOLLOWING {
        let octet = next_octet(block)?;
        value += u64::from(octet & 0x7f) << (7 * position);
        if octet & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| too_large())?;
            return Ok(value as usize);
        }
    }
    Err(too_large())
}

fn next_octet(block: &mut &[u8]) -> Result<u8, CompressionError> {
    let (&octet, rest) = block.split_first().ok_or(CompressionError::cut_off())?;
    *block = rest;
    Ok(octet)
}

/// Adds an integer to a field block. `pattern` is what the bits of the first octet before the
/// `prefix` bits are.
///
/// ```
/// let mut block = Vec::new();
/// common::encode_integer(1337, 5, 0b0100_0000, &mut block);
/// assert_eq!(block, [0b0101_1111, 0b1001_1010, 0b0000_1010]);
/// ```
pub fn encode_integer(value: usize, prefix: u32, pattern: u8, block: &mut Vec<u8>) {
    let largest = (1_usize << prefix) - 1;
    if value < largest {
        block.push(pattern | value as u8);
        return;
    }
    block.push(pattern | largest as u8);
    let mut rest = value - largest;
    while rest >= 0x80 {
        block.push(0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    block.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541 C.1.
    #[test]
    fn the_examples_of_the_rfc() {
        for (value, prefix, octets) in [
            (10, 5, &[0b01010][..]),
            (1337, 5, &[0b11111, 0b1001_1010, 0b1010]),
            (42, 8, &[0b0010_1010]),
        ] {
            let mut block = Vec::new();
            encode_integer(value, prefix, 0, &mut block);
            assert_eq!(block, octets, "{value}");
            assert_eq!(decode_integer(&mut &*block, prefix), Ok(value));
        }
    }

    #[test]
    fn each_integer_comes_back_and_takes_no_octet_of_the_next() {
        let near = |value: usize| value.saturating_sub(3)..value + 3;
        let values = (0..32).flat_map(|bits| near(1 << bits));
        for value in values.chain([u32::MAX as usize - 1, u32::MAX as usize]) {
            for prefix in 1..=8 {
                let pattern = !((1_u16 << prefix) - 1) as u8;
                let mut block = Vec::new();
                encode_integer(value, prefix, pattern, &mut block);
                assert_eq!(block[0] & pattern, pattern);
                for cut in 0..block.len() {
                    let cut_off = decode_integer(&mut &block[..cut], prefix);
                    assert_eq!(cut_off, Err(CompressionError::cut_off()));
                }
                block.push(7);
                let mut rest = &*block;
                assert_eq!(decode_integer(&mut rest, prefix), Ok(value));
                assert_eq!(rest, [7]);
            }
        }
    }

    #[test]
    fn integers_without_end_and_beyond_the_largest() {
        for octets in [
            // 2³².
            &[0xff, 0x81, 0xfe, 0xff, 0xff, 0x0f][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0xff, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
            &[0xff; 100],
        ] {
            let error = decode_integer(&mut &*octets, 8).unwrap_err();
            assert_eq!(error.problem, "an integer is too large", "{octets:?}");
        }
        let leading_zeros = &[0xff, 0x81, 0x80, 0x80, 0x80, 0x00];
        assert_eq!(decode_integer(&mut &leading_zeros[..], 8), Ok(256));
    }
}
