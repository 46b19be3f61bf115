//! What one side has sent, frame by frame, as it comes.

use loona_hpack::Decoder;

use super::PREFACE;
use super::block::FieldLine;
use super::frame::{Frame, Payload, Piece};
use super::names::{flags, kinds};

/// How long the head of a frame is.
const HEAD: usize = 9;

/// How large a dynamic table may be where nothing was said of it (RFC 9113 §6.5.2).
const TABLE_SIZE: usize = 4096;

/// Reads frames out of bytes, and field lines out of field blocks, for which it keeps the
/// dynamic table.
pub struct Reader {
    /// What has come and is no whole frame yet.
    rest: Vec<u8>,
    received: Vec<Received>,
    /// The bytes of a field block whose end has not come.
    block: Vec<u8>,
    decoder: Decoder<'static>,
    /// Whether what comes is no HTTP/2.
    is_other: bool,
}

/// One piece of what has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub piece: Piece,
    /// How long the payload of a frame is, with its padding.
    pub length: usize,
    /// How many bytes came before it.
    pub at: usize,
    /// Why the field block that ends here cannot be decoded.
    pub undecodable: Option<String>,
}

impl Default for Reader {
    fn default() -> Self {
        let mut decoder = Decoder::new();
        decoder.set_max_allowed_table_size(TABLE_SIZE);
        Self {
            rest: Vec::new(),
            received: Vec::new(),
            block: Vec::new(),
            decoder,
            is_other: false,
        }
    }
}

impl Reader {
    /// Takes what has come.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        if self.at() == 0 && self.rest.starts_with(b"HTTP/") {
            self.is_other = true;
        }
        while !self.is_other
            && let Some((received, length)) = self.next()
        {
            self.received.push(received);
            self.rest.drain(..length);
        }
    }

    /// Says that no more will come, so that what is left is no frame.
    pub fn end(&mut self) {
        if self.rest.is_empty() {
            return;
        }
        let at = self.at();
        let rest = std::mem::take(&mut self.rest);
        self.received.push(Received {
            length: rest.len(),
            piece: Piece::Bytes(rest),
            at,
            undecodable: None,
        });
    }

    /// What has come and is no whole frame.
    pub fn rest(&self) -> &[u8] {
        &self.rest
    }

    /// How long the frame is going to be of which a part has come.
    pub fn announced(&self) -> Option<usize> {
        let length = self.rest.get(..3)?;
        (!self.is_other).then(|| length_of(length))
    }

    /// All that has come so far, but for half a frame.
    pub fn received(&self) -> &[Received] {
        &self.received
    }

    /// The same, and nothing but the pieces.
    pub fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.received.iter().map(|received| &received.piece)
    }

    /// Where the next piece begins.
    fn at(&self) -> usize {
        let last = self.received.last();
        last.map_or(0, |last| match last.piece {
            Piece::Frame(_) => last.at + HEAD + last.length,
            _ => last.at + last.length,
        })
    }

    /// The next piece, and its length; none where it has not come whole.
    fn next(&mut self) -> Option<(Received, usize)> {
        let at = self.at();
        if at == 0 && self.rest.starts_with(PREFACE) {
            let received = Received {
                piece: Piece::Preface,
                length: PREFACE.len(),
                at,
                undecodable: None,
            };
            return Some((received, PREFACE.len()));
        }
        let (head, rest) = self.rest.split_at_checked(HEAD)?;
        let length = length_of(&head[..3]);
        let payload = rest.get(..length)?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut frame = Frame::read(head[3], head[4], stream, payload);
        let undecodable = self.decode(&mut frame);
        let received = Received {
            piece: Piece::Frame(frame),
            length,
            at,
            undecodable,
        };
        Some((received, HEAD + length))
    }

    /// Moves the bytes of a field block out of a frame, and the field lines into the one
    /// that ends it; or says why there are none.
    fn decode(&mut self, frame: &mut Frame) -> Option<String> {
        let (Payload::Headers { block, .. }
        | Payload::PushPromise { block, .. }
        | Payload::Continuation(block)) = &mut frame.payload
        else {
            return None;
        };
        if frame.kind != kinds::CONTINUATION {
            self.block.clear();
        }
        for line in block.drain(..) {
            if let FieldLine::Bytes(bytes) = line {
                self.block.extend(bytes);
            }
        }
        if frame.flags & flags::END_HEADERS == 0 {
            return None;
        }
        let bytes = std::mem::take(&mut self.block);
        match self.decoder.decode(&bytes) {
            Ok(fields) => {
                let lines = fields.into_iter();
                block.extend(lines.map(|(name, value)| FieldLine::new(name, value)));
                None
            }
            Err(error) => {
                block.push(FieldLine::Bytes(bytes));
                Some(error.to_string())
            }
        }
    }
}

/// A number of three bytes.
fn length_of(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |length, byte| length << 8 | usize::from(*byte))
}
