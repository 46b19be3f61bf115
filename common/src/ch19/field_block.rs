//! A field block that comes in several frames: HEADERS, and CONTINUATION behind it
//! (RFC 9113 §4.3, §6.10).

use crate::ch18::header::HEADER_LENGTH;
use crate::ch18::http2_error::{ErrorCode, Http2Error};

/// The longest field block that is put together, in bytes. Its frames count with their
/// headers, so that empty ones come to an end too. A client that keeps to the announced size
/// of a section never needs so much.
pub const MAX_BLOCK: usize = 32 * 1024;

/// A field block of which some fragments have come.
#[derive(Debug)]
pub struct FieldBlock {
    /// The stream that it belongs to.
    pub stream: u32,
    /// Whether the client sends nothing behind it on this stream.
    pub end_stream: bool,
    bytes: Vec<u8>,
    taken: usize,
}

impl FieldBlock {
    /// A block without a fragment.
    pub fn new(stream: u32, end_stream: bool) -> Self {
        Self {
            stream,
            end_stream,
            bytes: Vec::new(),
            taken: 0,
        }
    }

    /// Adds a fragment. A fragment may end anywhere, within a string too: only the whole
    /// block can be decoded.
    ///
    /// # Errors
    /// ENHANCE_YOUR_CALM for the connection if the block is longer than [`MAX_BLOCK`]. It
    /// cannot be left out, because all later blocks depend on it.
    pub fn add(&mut self, fragment: &[u8]) -> Result<(), Http2Error> {
        self.taken += HEADER_LENGTH + fragment.len();
        if self.taken > MAX_BLOCK {
            return Err(Http2Error::connection(
                ErrorCode::ENHANCE_YOUR_CALM,
                "a field block is longer than 32 KiB",
            ));
        }
        self.bytes.extend_from_slice(fragment);
        Ok(())
    }

    /// All that has come of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_without_end_and_empty_ones_too() {
        for (fragment, count) in [(&[0; 16_384][..], 1), (&[0; 91], 327), (&[], 3640)] {
            let mut block = FieldBlock::new(1, true);
            for _ in 0..count {
                block.add(fragment).unwrap();
            }
            assert_eq!(block.bytes().len(), count * fragment.len());
            let error = block.add(fragment).unwrap_err();
            assert_eq!(
                (error.code, error.stream),
                (ErrorCode::ENHANCE_YOUR_CALM, None)
            );
        }
    }
}
