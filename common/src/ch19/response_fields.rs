//! A response as frames (RFC 9113 §8.1, §8.3.2).

use std::io::Read;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::date;
use crate::ch09::response::Response;
use crate::ch10::buffer::Buffer;
use crate::ch18::frame::Frame;
use crate::ch18::header::{FrameHeader, MAX_FRAME_SIZE, flag, kind};
use crate::ch19::encoder::HpackEncoder;
use crate::ch19::incoming::WINDOW;

/// How many bytes the names of most responses take.
const USUAL_NAMES: usize = 64;

/// How many bytes most field blocks take.
const USUAL_BLOCK: usize = 64;

/// Adds the header section of a response: the status code as the pseudo-field `:status`, and
/// the fields that chapter 9 sends, their names in lower case. There is no reason phrase.
pub fn add_header_section(
    response: &Response,
    stream: u32,
    end_stream: bool,
    now: Instant,
    encoder: &mut HpackEncoder,
    to_send: &mut Buffer,
) {
    let mut date = String::new();
    date::add_now(&mut date, now);
    let length = response.body.length.filter(|_| response.may_have_content());
    let length = length.map(|length| length.to_string());
    // All names in one piece of memory, as there are several in each response.
    let (mut names, mut ends) = (String::with_capacity(USUAL_NAMES), Vec::new());
    for (name, _) in response.fields() {
        names.push_str(name);
        ends.push(names.len());
    }
    names.make_ascii_lowercase();
    let starts = [0].into_iter().chain(ends.iter().copied());
    let names = starts.zip(&ends).map(|(start, &end)| &names[start..end]);
    let values = response.fields().map(|(_, value)| value);
    let first = [(":status", &response.status[..3]), ("date", &*date)];
    let last = length.iter().map(|length| ("content-length", &**length));
    let lines = first.into_iter().chain(names.zip(values)).chain(last);
    let lines = lines.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut block = Vec::with_capacity(USUAL_BLOCK);
    encoder.encode(lines, &mut block);
    add_block(&block, stream, end_stream, to_send);
}

/// Adds a field block: one HEADERS frame, and CONTINUATION where it is too long for one.
pub fn add_block(block: &[u8], stream: u32, end_stream: bool, to_send: &mut Buffer) {
    let mut kind = kind::HEADERS;
    let mut flags = if end_stream { flag::END_STREAM } else { 0 };
    let mut rest = block;
    loop {
        let (fragment, behind) = rest.split_at(rest.len().min(MAX_FRAME_SIZE));
        rest = behind;
        if rest.is_empty() {
            flags |= flag::END_HEADERS;
        }
        let header = FrameHeader {
            length: fragment.len(),
            kind,
            flags,
            stream,
        };
        to_send.add(&header.to_bytes());
        to_send.add(fragment);
        if rest.is_empty() {
            return;
        }
        (kind, flags) = (kind::CONTINUATION, 0);
    }
}

/// Adds content, in DATA frames. The last one ends the stream.
pub fn add_content(content: &[u8], stream: u32, to_send: &mut Buffer) {
    let mut rest = content;
    while !rest.is_empty() {
        let (data, behind) = rest.split_at(rest.len().min(MAX_FRAME_SIZE));
        rest = behind;
        let data = Frame::Data {
            stream,
            end_stream: rest.is_empty(),
            data: data.to_vec(),
            padding: 0,
        };
        to_send.add(&data.to_bytes());
    }
}

/// Reads the whole content of a response.
///
/// # Errors
/// 500 where it is longer than the client's window or than [`WINDOW`], where its source fails,
/// or where it is shorter than was announced.
pub fn read_content(response: &mut Response, window: usize) -> Result<Vec<u8>, RequestError> {
    let failed = |problem| RequestError::new("500 Internal Server Error", problem);
    let (most, problem) = match window < WINDOW {
        true => (window, "the response is longer than the client's window"),
        false => (WINDOW, "the response is longer than 65,535 bytes"),
    };
    let too_long = || failed(problem);
    let announced = response.body.length;
    if announced.is_some_and(|length| length > most as u64) {
        return Err(too_long());
    }
    let mut content = Vec::new();
    // One byte more shows that there is more than fits.
    let limit = announced.unwrap_or(most as u64 + 1);
    let source = &mut response.body.source;
    source
        .take(limit)
        .read_to_end(&mut content)
        .map_err(|_| failed("the content of the response cannot be read"))?;
    match announced {
        Some(length) if (content.len() as u64) < length => {
            Err(failed("the content of the response ends early"))
        }
        None if content.len() > most => Err(too_long()),
        _ => Ok(content),
    }
}
