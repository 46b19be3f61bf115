//! A file, or less, where the client has some of it already.

use std::io::{Seek, SeekFrom};

use crate::error::RequestError;
use crate::files::{Page, open_page};
use crate::ranges::{Part, part};
use crate::request::Request;
use crate::response::{Body, Response};
use crate::validators::{Outcome, Validators};

/// What a cache may do with a file: keep it, and ask each time whether it is still the
/// same (RFC 9111 §5.2.2.4). A file that may change at any time allows no more, and the
/// question costs a head and not the file.
const CACHE_CONTROL: &str = "no-cache";

/// Chapter 7's answer, the file below `pages/` that the path names, where the client
/// does not have it yet; else 304, the part that is missing (206), or why it cannot be
/// had (412, 416).
///
/// # Errors
/// 500 where the file is there and cannot be opened, or read from that part on.
pub fn send_what_is_missing(request: &Request) -> Result<Response, RequestError> {
    let Some(page) = open_page(request.path())? else {
        return Ok(Response::status_page("404 Not Found"));
    };
    let Ok(metadata) = page.file.metadata() else {
        // It says so itself.
        return Response::file(page);
    };
    let validators = Validators::of(&metadata);
    let response = match validators.outcome(request) {
        Outcome::Failed => return Ok(Response::status_page("412 Precondition Failed")),
        Outcome::NotModified => Response::empty("304 Not Modified"),
        Outcome::Fulfilled => {
            let asked = match validators.fits_range(request) {
                true => part(request, metadata.len()),
                false => Part::Whole,
            };
            let response = send_part(page, asked, metadata.len())?;
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

fn send_part(mut page: Page, asked: Part, length: u64) -> Result<Response, RequestError> {
    let response = match asked {
        Part::Whole => Response::file(page)?,
        Part::None => Response::status_page("416 Range Not Satisfiable")
            .with("Content-Range", format!("bytes */{length}")),
        Part::Bytes(range) => {
            page.file.seek(SeekFrom::Start(range.start)).map_err(|_| {
                RequestError::new(
                    "500 Internal Server Error",
                    "the file cannot be read from there",
                )
            })?;
            let body = Body {
                length: Some(range.end - range.start),
                source: Box::new(page.file),
            };
            let last = range.end - 1;
            Response::new("206 Partial Content", page.content_type, body).with(
                "Content-Range",
                format!("bytes {}-{last}/{length}", range.start),
            )
        }
    };
    Ok(response.with("Accept-Ranges", "bytes"))
}
