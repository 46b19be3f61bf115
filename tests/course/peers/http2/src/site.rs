//! What the connection answers here: the path says what.

use std::io::Cursor;
use std::time::Instant;

use common::protocol::Protocol;
use common::{Body, LimitedConnection, Limits, MultiplexedConnection, Request, Response};

/// A connection of chapter 20, or one of chapter 21.
pub fn connection(is_limited: bool, now: Instant) -> Box<dyn Protocol> {
    let limits = Limits::default();
    let connection = MultiplexedConnection::new(limits.timeouts, now)
        .with_early_answers(|request| !request.path().starts_with("/early"));
    match is_limited {
        true => Box::new(LimitedConnection::new(connection, &limits, now)),
        false => Box::new(connection),
    }
}

/// Answers `/KIND/LENGTH/LETTER` with so many letters, and `/body/…` with the length of the
/// body.
pub fn respond(request: &Request) -> Response {
    let content = content(request.path(), request.body.len());
    match request.path().split('/').nth(1) {
        Some("unknown") => {
            let content = Body::of_unknown_length(Cursor::new(content));
            Response::new("200 OK", "text/plain", content)
        }
        Some("early") => Response::html("403 Forbidden", content),
        _ => Response::html("200 OK", content),
    }
}

/// What the content of the response is, unless the method is HEAD.
pub fn content(path: &str, body: usize) -> Vec<u8> {
    let mut parts = path.split('/').skip(1);
    let kind = parts.next();
    let length = parts.next().and_then(|length| length.parse().ok());
    let letter = parts.next().and_then(|letter| letter.bytes().next());
    match kind {
        Some("body") => body.to_string().into_bytes(),
        _ => vec![letter.unwrap_or(b'?'); length.unwrap_or(0).min(1 << 24)],
    }
}
