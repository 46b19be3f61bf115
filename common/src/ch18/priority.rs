//! The priorities of streams, which are obsolete.

use crate::ch18::header::WITHOUT_RESERVED_BIT;

/// The obsolete priority of a stream, as RFC 7540 §5.3 had it. It is printed and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority {
    pub exclusive: bool,
    /// The stream that this one depends on.
    pub dependency: u32,
    /// The weight less one: 0 to 255 for 1 to 256.
    pub weight: u8,
}

impl Priority {
    /// Reads the five bytes.
    pub(crate) fn parse(&[a, b, c, d, weight]: &[u8; 5]) -> Self {
        let dependency = u32::from_be_bytes([a, b, c, d]);
        Self {
            exclusive: dependency & !WITHOUT_RESERVED_BIT != 0,
            dependency: dependency & WITHOUT_RESERVED_BIT,
            weight,
        }
    }

    /// The five bytes.
    pub(crate) fn to_bytes(self) -> [u8; 5] {
        let exclusive = u32::from(self.exclusive) << 31;
        let [a, b, c, d] = (self.dependency | exclusive).to_be_bytes();
        [a, b, c, d, self.weight]
    }
}
