//! Finds the frame headers in what a client sends, however it is cut. It keeps nine bytes at
//! most, and nothing of a payload.

use crate::ch18::header::{FrameHeader, HEADER_LENGTH};
use crate::ch18::preface::PREFACE;

/// Reads along with a connection.
#[derive(Debug)]
pub struct FrameMeter {
    /// How many bytes come before the next header.
    skip: usize,
    header: [u8; HEADER_LENGTH],
    /// How much of the header has come.
    length: usize,
}

impl Default for FrameMeter {
    /// A meter for a connection that begins with the preface.
    fn default() -> Self {
        Self {
            skip: PREFACE.len(),
            header: [0; HEADER_LENGTH],
            length: 0,
        }
    }
}

impl FrameMeter {
    /// The next header in these bytes, which become the rest behind it. `None` if no other has
    /// come whole, or if the frame is too long: the connection refuses that.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Option<FrameHeader> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        let missing = HEADER_LENGTH - self.length;
        let rest = &bytes[skipped..];
        let (part, rest) = rest.split_at(missing.min(rest.len()));
        self.header[self.length..][..part.len()].copy_from_slice(part);
        self.length += part.len();
        *bytes = rest;
        if self.length < HEADER_LENGTH {
            return None;
        }
        self.length = 0;
        let header = FrameHeader::parse(&self.header).ok()?;
        self.skip = header.length;
        Some(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_headers_wherever_the_bytes_are_cut() {
        let sent = [
            PREFACE,
            &b"\0\0\0\x04\0\0\0\0\0"[..],
            &b"\0\0\x08\x06\0\0\0\0\0\0\0\0\0\0\0\0\0"[..],
            &b"\0\0\x04\x08\0\0\0\0\x01\0\0\0\x09"[..],
        ]
        .concat();
        let expected = [(4, 0), (6, 8), (8, 4)];
        for size in 1..=sent.len() {
            let mut meter = FrameMeter::default();
            let mut found = Vec::new();
            for mut piece in sent.chunks(size) {
                while let Some(header) = meter.next(&mut piece) {
                    found.push((header.kind, header.length));
                }
            }
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }
}
