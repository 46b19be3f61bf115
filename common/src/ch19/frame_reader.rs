//! Takes the preface, the frames and the field sections out of what a client has sent.

use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch10::buffer::Buffer;
use crate::ch18::frame::Frame;
use crate::ch18::header::{FrameHeader, HEADER_LENGTH, kind};
use crate::ch18::http2_error::{Http2Error, protocol_error};
use crate::ch18::preface::{PREFACE, check_preface};
use crate::ch19::decoder::HpackDecoder;
use crate::ch19::dynamic_table::DEFAULT_TABLE_SIZE;
use crate::ch19::field_block::FieldBlock;
use crate::ch19::field_section::{FieldSection, MAX_SECTION};

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

    /// Whether a field block has begun, and has not come whole.
    pub fn is_within_block(&self) -> bool {
        self.block.is_some()
    }

    /// Whether the preface, a frame or a field block has begun, and has not come whole.
    pub fn is_within_frame(&self) -> bool {
        self.waiting() > 0 || self.is_within_block()
    }

    /// When it began.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// Takes the preface. `false` if it has not come whole.
    ///
    /// # Errors
    /// Those of [`check_preface`].
    pub fn take_preface(&mut self) -> Result<bool, RequestError> {
        let received = self.received.rest();
        let is_whole = check_preface(&received[..received.len().min(PREFACE.len())])?;
        if is_whole {
            self.received.take(PREFACE.len());
            self.expected = Expected::Settings;
        }
        Ok(is_whole)
    }

    /// The next frame or field section that has come whole.
    ///
    /// # Errors
    /// What is no preface or no frame, or comes where another frame has to; a field block
    /// that is too long or cannot be decoded. If the error is that of a stream, the next
    /// frame may be read.
    pub fn next(&mut self, now: Instant) -> Result<Option<FrameEvent>, Http2Error> {
        if self.expected == Expected::Preface {
            let no_preface = |_| protocol_error("the client does not begin with the preface");
            if !self.take_preface().map_err(no_preface)? {
                return Ok(None);
            }
        }
        while let Some(frame) = self.next_frame(now)? {
            let event = match frame {
                Frame::Headers {
                    stream,
                    end_stream,
                    end_headers,
                    fragment,
                    ..
                } => {
                    let block = FieldBlock::new(stream, end_stream);
                    self.add_fragment(block, &fragment, end_headers, now)?
                }
                Frame::Continuation {
                    stream,
                    end_headers,
                    fragment,
                } => match self.block.take() {
                    Some(block) if block.stream == stream => {
                        self.add_fragment(block, &fragment, end_headers, now)?
                    }
                    _ => return Err(protocol_error("CONTINUATION continues no field block")),
                },
                frame => Some(FrameEvent::Frame(frame)),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Adds a fragment. A block that is whole is decoded, whatever becomes of its stream: the
    /// next block may refer to it.
    fn add_fragment(
        &mut self,
        mut block: FieldBlock,
        fragment: &[u8],
        is_last: bool,
        now: Instant,
    ) -> Result<Option<FrameEvent>, Http2Error> {
        block.add(fragment)?;
        if !is_last {
            self.block = Some(block);
            return Ok(None);
        }
        self.begun = now;
        Ok(Some(FrameEvent::Section {
            stream: block.stream,
            end_stream: block.end_stream,
            section: self.decoder.decode(block.bytes())?,
        }))
    }

    /// The next frame that has come whole, if it may come here.
    fn next_frame(&mut self, now: Instant) -> Result<Option<Frame>, Http2Error> {
        let received = self.received.rest();
        let Some((header, rest)) = received.split_first_chunk::<HEADER_LENGTH>() else {
            return Ok(None);
        };
        let header = FrameHeader::parse(header)?;
        let Some(payload) = rest.get(..header.length) else {
            return Ok(None);
        };
        if self.expected == Expected::Settings && header.kind != kind::SETTINGS {
            return Err(protocol_error("the first frame is not SETTINGS"));
        }
        if self.block.is_some() && header.kind != kind::CONTINUATION {
            return Err(protocol_error("another frame stands within a field block"));
        }
        let frame = Frame::parse(header, payload);
        if self.expected == Expected::Settings && matches!(frame, Ok(Frame::SettingsAck)) {
            return Err(protocol_error("the first SETTINGS is an acknowledgement"));
        }
        self.expected = Expected::Frames;
        self.received.take(HEADER_LENGTH + header.length);
        if !matches!(header.kind, kind::HEADERS | kind::CONTINUATION) {
            self.begun = now;
        }
        frame.map(Some)
    }
}
