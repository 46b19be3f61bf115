//! A file, or only the part of it that the client does not have.

use std::io::{Seek, SeekFrom};
use std::ops::Range;

use crate::ch02::error::RequestError;
use crate::ch07::files::{Page, open_page};
use crate::ch09::request::Request;
use crate::ch09::response::{Body, Response};
use crate::ch14::ranges::{Part, part};
use crate::ch14::validators::{Outcome, Validators};

/// What a cache may do with a file: keep it, and ask before each use whether it has changed
/// (RFC 9111 §5.2.2.4). A file that may change at any time allows no more, and the question
/// costs a head and not the file.
const CACHE_CONTROL: &str = "no-cache";

/// Answers with the file below `pages/` that the path names, as chapter 7 does. Where the
/// request has conditions or a range, the answer may be 304, the part that the client asks for
/// (206), or a refusal (412, 416).
///
/// # Errors
/// 500 where there is a file that cannot be opened, or read from that position on.
pub fn send_what_is_missing(request: &Request) -> Result<Response, RequestError> {
    let Some(page) = open_page(request.path())? else {
        return Ok(Response::status_page("404 Not Found"));
    };
    // Of the opened file: its name may stand for another file by now.
    let metadata = page.file.metadata().map_err(|_| unreadable())?;
    let (validators, length) = (Validators::of(&metadata), metadata.len());
    let response = match validators.outcome(request) {
        Outcome::Failed => return Ok(Response::status_page("412 Precondition Failed")),
        Outcome::NotModified => Response::empty("304 Not Modified"),
        Outcome::Fulfilled => {
            let asked = match validators.fits_range(request) {
                true => part(request, length),
                false => Part::Whole,
            };
            let response = match asked {
                Part::None => return Ok(no_such_part(length)),
                Part::Whole => bytes_of(page, "200 OK", 0..length)?,
                Part::Bytes(range) => {
                    let place = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                    bytes_of(page, "206 Partial Content", range)?.with("Content-Range", place)
                }
            };
            let response = response.with("Accept-Ranges", "bytes");
            match validators.last_modified() {
                Some(date) => response.with("Last-Modified", date),
                None => response,
            }
        }
    };
    Ok(response
        .with("ETag", validators.tag)
        .with("Cache-Control", CACHE_CONTROL))
}

fn bytes_of(
    mut page: Page,
    status: &'static str,
    range: Range<u64>,
) -> Result<Response, RequestError> {
    if range.start > 0 {
        let start = SeekFrom::Start(range.start);
        page.file.seek(start).map_err(|_| unreadable())?;
    }
    let body = Body {
        length: Some(range.end - range.start),
        source: Box::new(page.file),
    };
    Ok(Response::new(status, page.content_type, body))
}

fn no_such_part(length: u64) -> Response {
    Response::status_page("416 Range Not Satisfiable")
        .with("Content-Range", format!("bytes */{length}"))
        .with("Accept-Ranges", "bytes")
}

fn unreadable() -> RequestError {
    RequestError::new("500 Internal Server Error", "the file cannot be read")
}
