//! The numbers from 1 on, a line each, made while they are read.

use std::fmt::Write as _;
use std::io::{self, Cursor, Read};

use crate::ch02::error::RequestError;
use crate::ch08::query::parse_query;
use crate::ch09::request::Request;
use crate::ch09::response::{Body, Response};

/// The highest last number. The lines to there are 9.9 GB.
pub const MAX_NUMBER: u64 = 1_000_000_000;

/// How much text is made at once, in bytes.
const PIECE: usize = 8 * 1024;

/// Gives the numbers as text. They are never held all at once.
///
/// ```
/// use std::io::Read;
///
/// let mut text = String::new();
/// common::Numbers::to("3")?.read_to_string(&mut text)?;
/// assert_eq!(text, "1\n2\n3\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Numbers {
    next: u64,
    last: u64,
    piece: Cursor<String>,
}

impl Numbers {
    /// The numbers from 1 to this one, as a client has written it.
    ///
    /// # Errors
    /// 400 if that is not a number from 0 to [`MAX_NUMBER`].
    pub fn to(last: &str) -> Result<Self, RequestError> {
        // `parse` alone would take a sign too.
        let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
        match last.parse() {
            Ok(last @ 0..=MAX_NUMBER) if is_number => Ok(Self {
                next: 1,
                last,
                piece: Cursor::default(),
            }),
            _ => Err(RequestError::new(
                "400 Bad Request",
                "the last number is none from 0 to 1,000,000,000",
            )),
        }
    }
}

impl Read for Numbers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.position() == self.piece.get_ref().len() as u64 {
            self.piece.set_position(0);
            let text = self.piece.get_mut();
            text.clear();
            while self.next <= self.last && text.len() < PIECE {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{}", self.next);
                self.next += 1;
            }
        }
        self.piece.read(buffer)
    }
}

/// The numbers from 1 to the one that the parameter `to` names.
///
/// # Errors
/// 400 if that is not a number that [`Numbers::to`] takes.
pub fn count(request: &Request) -> Result<Response, RequestError> {
    let query = parse_query(&request.target)?;
    let last = query.values("to").first().map_or("", String::as_str);
    let body = Body::of_unknown_length(Numbers::to(last)?);
    let response = Response::new("200 OK", "text/plain", body);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_once_however_little_is_read_at_once() {
        let expected: String = (1..=5000).map(|number| format!("{number}\n")).collect();
        for step in [1, 7, 100_000] {
            let mut numbers = Numbers::to("5000").unwrap();
            let (mut text, mut piece) = (Vec::new(), vec![0; step]);
            loop {
                match numbers.read(&mut piece).unwrap() {
                    0 => break,
                    length => text.extend_from_slice(&piece[..length]),
                }
            }
            assert_eq!(String::from_utf8(text).unwrap(), expected, "{step}");
        }
    }

    #[test]
    fn last_numbers() {
        for last in ["0", "1", "0007", "1000000000"] {
            assert!(Numbers::to(last).is_ok(), "{last}");
        }
        for last in [
            "",
            "-1",
            "+1",
            "1.0",
            "x",
            "1000000001",
            "99999999999999999999",
        ] {
            let error = Numbers::to(last).unwrap_err();
            assert_eq!(error.status, "400 Bad Request", "{last}");
        }
        let mut text = String::new();
        Numbers::to("0").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "");
    }
}
