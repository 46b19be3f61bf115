//! Takes the preface, the frames and the field sections out of what a client has sent.

use std::time::Instant;

use crate::ch10::buffer::Buffer;
use crate::ch18::frame::Frame;
use crate::ch18::header::{FrameHeader, HEADER_LENGTH, kind};
use crate::ch18::http2_error::Http2Error;
use crate::ch18::preface::PREFACE;
use crate::ch19::decoder::HpackDecoder;
use crate::ch19::dynamic_table::DEFAULT_TABLE_SIZE;
use crate::ch19::field_block::FieldBlock;
use crate::ch19::field_section::FieldSection;
use crate::ch19::http2_connection::MAX_SECTION;
use crate::ch19::take_frames::protocol_error;

/// What has come.
pub enum FrameEvent {
    /// The fields of a request, or trailers: what HEADERS and CONTINUATION hold together.
    Section {
        stream: u32,
        end_stream: bool,
        section: FieldSection,
    },
    /// Another frame.
    Frame(Frame),
}

/// What has to come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Preface,
    Settings,
    Frames,
}

/// Reads what a client sends over one connection.
pub struct FrameReader {
    received: Buffer,
    expected: Expected,
    block: Option<FieldBlock>,
    decoder: HpackDecoder,
    /// When the part began that has not come whole.
    begun: Instant,
}

impl FrameReader {
    /// A reader to which nothing has come.
    pub fn new(now: Instant) -> Self {
        Self {
            received: Buffer::default(),
            expected: Expected::Preface,
            block: None,
            decoder: HpackDecoder::new(DEFAULT_TABLE_SIZE, MAX_SECTION),
            begun: now,
        }
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8], now: Instant) {
        if !self.is_within_frame() {
            self.begun = now;
        }
        self.received.add(bytes);
    }

    /// How many bytes have come that were not taken.
    pub fn waiting(&self) -> usize {
        self.received.rest().len()
    }

    /// Whether the preface, a frame or a field block has begun, and has not come whole.
    pub fn is_within_frame(&self) -> bool {
        self.waiting() > 0 || self.block.is_some()
    }

    /// When it began.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// The next frame or field section that has come whole.
    ///
    /// # Errors
    /// What is no preface or no frame, or comes where another frame has to; a field block
    /// that is too long or cannot be decoded. If the error is that of a stream, the next
    /// frame may be read.
    pub fn next(&mut self, now: Instant) -> Result<Option<FrameEvent>, Http2Error> {
        if self.expected == Expected::Preface && !self.take_preface()? {
            return Ok(None);
        }
        while let Some(frame) = self.next_frame(now)? {
            let is_whole = match frame {
                Frame::Headers {
                    stream,
                    end_stream,
                    end_headers,
                    fragment,
                    ..
                } => {
                    let mut block = FieldBlock::new(stream, end_stream);
                    block.add(&fragment)?;
                    self.block = Some(block);
                    end_headers
                }
                Frame::Continuation {
                    stream,
                    end_headers,
                    fragment,
                } => match &mut self.block {
                    Some(block) if block.stream == stream => {
                        block.add(&fragment)?;
                        end_headers
                    }
                    _ => return Err(protocol_error("CONTINUATION continues no field block")),
                },
                frame => return Ok(Some(FrameEvent::Frame(frame))),
            };
            if is_whole && let Some(block) = self.block.take() {
                // It is decoded whatever becomes of its stream: the next block may refer to
                // it.
                self.begun = now;
                return Ok(Some(FrameEvent::Section {
                    stream: block.stream,
                    end_stream: block.end_stream,
                    section: self.decoder.decode(block.bytes())?,
                }));
            }
        }
        Ok(None)
    }

    /// `false` if the preface has not come whole.
    fn take_preface(&mut self) -> Result<bool, Http2Error> {
        let received = self.received.rest();
        let length = received.len().min(PREFACE.len());
        if received[..length] != PREFACE[..length] {
            return Err(protocol_error("the client does not begin with the preface"));
        }
        if length == PREFACE.len() {
            self.received.take(length);
            self.expected = Expected::Settings;
        }
        Ok(length == PREFACE.len())
    }

    fn next_frame(&mut self, now: Instant) -> Result<Option<Frame>, Http2Error> {
        let received = self.received.rest();
        let Some((header, rest)) = received.split_first_chunk::<HEADER_LENGTH>() else {
            return Ok(None);
        };
        let header = FrameHeader::parse(header)?;
        let Some(payload) = rest.get(..header.length) else {
            return Ok(None);
        };
        let frame = match (self.expected, header.kind) {
            (Expected::Frames, kind::CONTINUATION) => Frame::parse(header, payload),
            (Expected::Frames, _) if self.block.is_some() => {
                return Err(protocol_error("another frame stands within a field block"));
            }
            (Expected::Frames, _) => Frame::parse(header, payload),
            (_, kind::SETTINGS) => match Frame::parse(header, payload) {
                Ok(Frame::SettingsAck) => {
                    return Err(protocol_error("the first SETTINGS is an acknowledgement"));
                }
                frame => frame,
            },
            _ => return Err(protocol_error("the first frame is not SETTINGS")),
        };
        self.expected = Expected::Frames;
        self.received.take(HEADER_LENGTH + header.length);
        if !matches!(header.kind, kind::HEADERS | kind::CONTINUATION) {
            self.begun = now;
        }
        frame.map(Some)
    }
}
