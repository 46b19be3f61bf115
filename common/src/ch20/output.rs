//! What a connection sends: the frames that lie ready, and DATA of many responses in turns.

use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

use crate::ch09::response::{Body, Response};
use crate::ch10::buffer::Buffer;
use crate::ch18::frame::Frame;
use crate::ch18::header::{FrameHeader, HEADER_LENGTH, MAX_FRAME_SIZE, flag, kind};
use crate::ch19::encoder::HpackEncoder;
use crate::ch19::response_fields::{add_block, add_header_section};
use crate::ch19::window::Window;
use crate::ch20::open_stream::Stream;
use crate::ch20::patience::Patience;
use crate::ch20::stream_table::StreamTable;
use crate::ch20::watchers::Watchers;

/// How much may lie ready to be sent, in bytes, when DATA is added: however many streams there
/// are.
pub const ROOM: usize = 64 * 1024;

/// With how much lying ready nothing more is taken from the client: what it sends makes the
/// server send more. A client that takes what it is sent never sees that.
const MOST_READY: usize = 2 * ROOM;

/// The longest DATA frame, with its header.
const FULL_FRAME: usize = HEADER_LENGTH + MAX_FRAME_SIZE;

/// What is sent over one connection.
pub struct Output {
    pub to_send: Buffer,
    pub encoder: HpackEncoder,
    pub watchers: Watchers,
    /// How much DATA the client takes over the connection.
    pub window: Window,
    /// For how much longer the server waits until the client opens that window.
    pub patience: Patience,
}

/// What came of the DATA that was added for one stream.
pub enum Filled {
    /// The response has more content.
    More,
    /// The content is over, and the stream has ended.
    Ended(u32),
    /// The source of the content has failed.
    Failed(u32, io::Error),
}

impl Output {
    /// Nothing to send yet.
    pub fn new(inactivity: Duration) -> Self {
        Self {
            to_send: Buffer::default(),
            encoder: HpackEncoder::default(),
            watchers: Watchers::default(),
            window: Window::default(),
            patience: Patience::new(inactivity),
        }
    }

    /// How much lies ready.
    pub fn ready(&self) -> usize {
        self.to_send.rest().len()
    }

    /// Whether so much lies ready that nothing more is taken from the client.
    pub fn is_full(&self) -> bool {
        self.ready() >= MOST_READY
    }

    /// Adds a frame.
    pub fn send(&mut self, frame: &Frame) {
        self.to_send.add(&frame.to_bytes());
    }

    /// Adds an interim response: a status below 200 (RFC 9110 §15.2).
    pub fn send_interim(&mut self, stream: u32, status: &str) {
        let mut block = Vec::new();
        let lines = [(&b":status"[..], status.as_bytes())];
        self.encoder.encode(lines, &mut block);
        add_block(&block, stream, false, &mut self.to_send);
    }

    /// Adds the header section of a response. It ends the stream if no content follows.
    pub fn send_header_section(
        &mut self,
        stream: u32,
        response: &mut Response,
        has_content: bool,
        now: Instant,
    ) {
        let (encoder, to_send) = (&mut self.encoder, &mut self.to_send);
        add_header_section(response, stream, !has_content, now, encoder, to_send);
        if let Some(watcher) = response.watcher.take() {
            self.watchers.add(stream, watcher);
        }
        self.watchers.note(stream, self.ready(), 0, !has_content);
    }

    /// Adds a DATA frame for the stream whose turn it is. `None` if there is no room, or no
    /// window that is open.
    pub fn fill(&mut self, streams: &mut StreamTable) -> Option<Filled> {
        if self.ready() + FULL_FRAME > ROOM || self.window.room() == 0 {
            return None;
        }
        let (id, stream) = streams.next_to_send()?;
        Some(match self.add_data(id, stream) {
            Ok(false) => Filled::More,
            Ok(true) => Filled::Ended(id),
            Err(error) => Filled::Failed(id, error),
        })
    }

    /// Adds as much content as fits into one frame and both windows. Gives whether it was the
    /// last.
    fn add_data(&mut self, id: u32, stream: &mut Stream) -> io::Result<bool> {
        let Some(body) = &mut stream.content else {
            return Ok(true);
        };
        let windows = self.window.room().min(stream.send_window.room());
        let left = body.length.unwrap_or(u64::MAX);
        let left = left.try_into().unwrap_or(usize::MAX);
        let (mut length, mut is_last) = (0, false);
        let most = MAX_FRAME_SIZE.min(windows).min(left);
        self.to_send.add_from(HEADER_LENGTH + most, |frame| {
            let (header, data) = frame.split_at_mut(HEADER_LENGTH);
            (length, is_last) = read_content(body, data)?;
            let flags = if is_last { flag::END_STREAM } else { 0 };
            let its_header = FrameHeader {
                length,
                kind: kind::DATA,
                flags,
                stream: id,
            };
            header.copy_from_slice(&its_header.to_bytes());
            Ok::<_, io::Error>(HEADER_LENGTH + length)
        })?;
        self.window.use_up(length);
        stream.send_window.use_up(length);
        self.patience.earn(length);
        stream.patience.earn(length);
        self.watchers.note(id, self.ready(), length, is_last);
        Ok(is_last)
    }
}

/// Fills the buffer, which has no more room than is left of the content, unless the content
/// ends before. Gives how much there is, and whether the content ends with it.
///
/// # Errors
/// What the source reports; or it ends before as much has come as was announced.
fn read_content(body: &mut Body, buffer: &mut [u8]) -> io::Result<(usize, bool)> {
    let mut filled = 0;
    while filled < buffer.len() {
        match body.source.read(&mut buffer[filled..]) {
            Ok(0) if body.length.is_some() => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(0) => return Ok((filled, true)),
            Ok(length) => filled += length,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(left) = &mut body.length {
        *left -= filled as u64;
    }
    Ok((filled, body.length == Some(0)))
}
