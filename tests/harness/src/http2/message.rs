//! The messages that frames carry, a stream each.

use super::block::FieldLine;
use super::frame::{Frame, Payload, Piece};
use super::names::flags;

/// The value of the first field line of that name.
pub fn field<'a>(block: &'a [FieldLine], wanted: &[u8]) -> Option<&'a [u8]> {
    block.iter().find_map(|line| match line {
        FieldLine::Field { name, value, .. } if name == wanted => Some(&**value),
        _ => None,
    })
}

/// What one side has sent over a stream.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The field lines of each section: of interim answers, of the message, and trailers.
    pub sections: Vec<Vec<FieldLine>>,
    pub body: Vec<u8>,
    /// Whether its end has come.
    pub is_whole: bool,
    /// The error with which it was given up.
    pub reset: Option<u32>,
    /// Which of the pieces the first and the last frame of it are.
    pub first: Option<usize>,
    pub last: Option<usize>,
}

impl Message {
    /// What these pieces carry over that stream.
    pub fn of(pieces: &[Piece], stream: u32) -> Self {
        let mut message = Self::default();
        let mut section = Vec::new();
        for (number, piece) in pieces.iter().enumerate() {
            let frame = match piece {
                Piece::Frame(frame) if frame.stream == stream => frame,
                _ => continue,
            };
            message.take(frame, &mut section);
            message.first.get_or_insert(number);
            message.last = Some(number);
        }
        message
    }

    fn take(&mut self, frame: &Frame, section: &mut Vec<FieldLine>) {
        match &frame.payload {
            Payload::Headers { block, .. } | Payload::Continuation(block) => {
                section.extend(block.iter().cloned());
                if frame.has(flags::END_HEADERS) {
                    self.sections.push(std::mem::take(section));
                }
            }
            Payload::Data(data) => self.body.extend(data),
            Payload::RstStream(error) => {
                // An answer that has come whole is not taken back.
                self.reset = self.reset.or(Some(*error).filter(|_| !self.is_whole));
            }
            _ => {}
        }
        self.is_whole |= frame.ends_stream();
    }

    /// The section of the final answer: the first whose status is none of an interim one.
    pub fn final_section(&self) -> Option<usize> {
        self.sections.iter().position(|section| {
            field(section, b":status").is_some_and(|status| !status.starts_with(b"1"))
        })
    }
}

/// The streams that a client opens, in their order.
pub fn streams(sent: &[Piece]) -> Vec<u32> {
    let mut streams = Vec::new();
    for piece in sent {
        if let Piece::Frame(frame) = piece
            && matches!(frame.payload, Payload::Headers { .. })
            && frame.stream > 0
            && !streams.contains(&frame.stream)
        {
            streams.push(frame.stream);
        }
    }
    streams
}
