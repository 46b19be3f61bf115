//! The nine bytes that every frame of HTTP/2 begins with (RFC 9113 §4.1).

use crate::ch18::http2_error::{ErrorCode, Http2Error};

/// The length of a frame header, in bytes.
pub const HEADER_LENGTH: usize = 9;

/// The longest payload that is read, in bytes. It is what each side may send as long as the
/// other has not announced more with SETTINGS_MAX_FRAME_SIZE (RFC 9113 §4.2).
pub const MAX_FRAME_SIZE: usize = 16 * 1024;

/// The 31 bits of a stream's number or of a window's increment. The bit before them is
/// reserved, and ignored.
pub(crate) const WITHOUT_RESERVED_BIT: u32 = 0x7fff_ffff;

/// What a frame says of itself before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// The length of the payload, in bytes: 24 bits.
    pub length: usize,
    /// What the payload means; one of [`kind`](mod@kind), or a number that later documents
    /// define.
    pub kind: u8,
    /// Eight flags. What each means depends on the type.
    pub flags: u8,
    /// The stream that the frame belongs to: 31 bits. Stream 0 is the connection itself.
    pub stream: u32,
}

/// The types of frames (RFC 9113 §6).
pub mod kind {
    pub const DATA: u8 = 0x0;
    pub const HEADERS: u8 = 0x1;
    pub const PRIORITY: u8 = 0x2;
    pub const RST_STREAM: u8 = 0x3;
    pub const SETTINGS: u8 = 0x4;
    pub const PUSH_PROMISE: u8 = 0x5;
    pub const PING: u8 = 0x6;
    pub const GOAWAY: u8 = 0x7;
    pub const WINDOW_UPDATE: u8 = 0x8;
    pub const CONTINUATION: u8 = 0x9;
}

/// The flags of the types (RFC 9113 §6). A flag that a type does not define is ignored.
pub mod flag {
    /// The message ends with this frame, or with the CONTINUATION behind it: DATA, HEADERS.
    pub const END_STREAM: u8 = 0x01;
    /// The frame acknowledges one of the other side: SETTINGS, PING.
    pub const ACK: u8 = 0x01;
    /// The field block ends here: HEADERS, CONTINUATION.
    pub const END_HEADERS: u8 = 0x04;
    /// The payload begins with the length of its padding: DATA, HEADERS.
    pub const PADDED: u8 = 0x08;
    /// A priority stands before the field block: HEADERS.
    pub const PRIORITY: u8 = 0x20;
}

impl FrameHeader {
    /// Reads the nine bytes. The reserved bit before the stream's number is ignored, as it
    /// has to be (RFC 9113 §4.1).
    ///
    /// ```
    /// let header = common::FrameHeader::parse(b"\x00\x00\x08\x06\x01\x80\x00\x00\x03")?;
    /// assert_eq!((header.length, header.kind), (8, 6));
    /// assert_eq!((header.flags, header.stream), (1, 3));
    /// # Ok::<(), common::Http2Error>(())
    /// ```
    ///
    /// # Errors
    /// FRAME_SIZE_ERROR for the connection if the payload is longer than
    /// [`MAX_FRAME_SIZE`]. Some types of frames would allow to end only their stream, but
    /// the server would have to read and discard up to 16 MiB first.
    pub fn parse(bytes: &[u8; HEADER_LENGTH]) -> Result<Self, Http2Error> {
        let [a, b, c, kind, flags, stream @ ..] = *bytes;
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if length > MAX_FRAME_SIZE {
            return Err(Http2Error::connection(
                ErrorCode::FRAME_SIZE_ERROR,
                "the frame is longer than 16,384 bytes",
            ));
        }
        Ok(Self {
            length,
            kind,
            flags,
            stream: u32::from_be_bytes(stream) & WITHOUT_RESERVED_BIT,
        })
    }

    /// The nine bytes.
    pub fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let [_, a, b, c] = (self.length as u32).to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, d, e, f, g]
    }

    /// Whether this flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nine_bytes_and_back() {
        for (bytes, length, kind, flags, stream) in [
            (*b"\x00\x00\x00\x04\x01\x00\x00\x00\x00", 0, 4, 1, 0),
            (*b"\x00\x40\x00\x00\x09\x00\x00\x00\x01", 16_384, 0, 9, 1),
            (
                *b"\x00\x01\x02\xfe\xff\x7f\xff\xff\xff",
                258,
                254,
                255,
                0x7fff_ffff,
            ),
        ] {
            let header = FrameHeader {
                length,
                kind,
                flags,
                stream,
            };
            assert_eq!(FrameHeader::parse(&bytes), Ok(header));
            assert_eq!(header.to_bytes(), bytes);
        }
    }

    #[test]
    fn the_reserved_bit_is_ignored() {
        let header = FrameHeader::parse(b"\x00\x00\x00\x00\x00\x80\x00\x00\x05");
        assert_eq!(header.unwrap().stream, 5);
    }

    #[test]
    fn one_byte_too_long() {
        for bytes in [
            *b"\x00\x40\x01\x00\x00\x00\x00\x00\x01",
            *b"\xff\xff\xff\xbe\x00\x00\x00\x00\x00",
        ] {
            let error = FrameHeader::parse(&bytes).unwrap_err();
            assert_eq!(error.code, ErrorCode::FRAME_SIZE_ERROR);
            assert_eq!(error.stream, None);
        }
    }
}
