//! A response as frames (RFC 9113 §8.1, §8.3.2).

use std::io::Read;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch09::date;
use crate::ch09::response::Response;
use crate::ch10::buffer::Buffer;
use crate::ch18::frame::Frame;
use crate::ch18::header::MAX_FRAME_SIZE;
use crate::ch19::encoder::HpackEncoder;

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
    let mut lines = vec![
        (":status".to_owned(), response.status[..3].to_owned()),
        ("date".to_owned(), date),
    ];
    for (name, value) in response.fields() {
        lines.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    if let Some(length) = response.body.length
        && response.may_have_content()
    {
        lines.push(("content-length".to_owned(), length.to_string()));
    }
    let lines = lines
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    let mut block = Vec::new();
    encoder.encode(lines, &mut block);
    add_block(&block, stream, end_stream, to_send);
}

/// Adds a field block: one HEADERS frame, and CONTINUATION where it is too long for one.
pub fn add_block(block: &[u8], stream: u32, end_stream: bool, to_send: &mut Buffer) {
    let (first, mut rest) = block.split_at(block.len().min(MAX_FRAME_SIZE));
    let headers = Frame::Headers {
        stream,
        end_stream,
        end_headers: rest.is_empty(),
        priority: None,
        fragment: first.to_vec(),
    };
    to_send.add(&headers.to_bytes());
    while !rest.is_empty() {
        let (fragment, behind) = rest.split_at(rest.len().min(MAX_FRAME_SIZE));
        rest = behind;
        let continuation = Frame::Continuation {
            stream,
            end_headers: rest.is_empty(),
            fragment: fragment.to_vec(),
        };
        to_send.add(&continuation.to_bytes());
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
/// 500 where it is longer than `most` bytes, where its source fails, or where it is shorter
/// than was announced.
pub fn read_content(response: &mut Response, most: usize) -> Result<Vec<u8>, RequestError> {
    let failed = |problem| RequestError::new("500 Internal Server Error", problem);
    let too_long = || failed("the response is longer than the client's window");
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
