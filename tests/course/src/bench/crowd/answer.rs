//! Where an answer of HTTP/1.1 ends.

use std::io::{self, ErrorKind};

/// What is known of the answer that these bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// More has to come.
    NotYet,
    /// So long it is, and it may say that the connection ends with it.
    Whole { length: usize, closes: bool },
    /// It goes on until the connection ends.
    UntilTheEnd,
}

/// What has come whole.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// How many bytes that is.
    pub length: usize,
    pub answers: usize,
    /// Whether the connection ends with it.
    pub closes: bool,
}

/// Looks for all answers that have come whole.
pub fn all(received: &[u8]) -> io::Result<Heard> {
    let mut heard = Heard::default();
    while let Answer::Whole { length, closes } = first(&received[heard.length..])? {
        heard.answers += 1;
        heard.length += length;
        heard.closes = closes;
        if closes || heard.length == received.len() {
            break;
        }
    }
    Ok(heard)
}

/// Looks at the first answer. It has to be a success, or nothing was measured.
pub fn first(received: &[u8]) -> io::Result<Answer> {
    const OK: &[u8] = b"HTTP/1.1 200 ";
    let known = received.len().min(OK.len());
    if received[..known] != OK[..known] {
        let line = received.split(|&byte| byte == b'\r').next();
        let line = String::from_utf8_lossy(line.unwrap_or_default());
        return Err(io::Error::other(format!("it says {line:?}")));
    }
    let (mut head, mut body, mut closes) = (0, None, false);
    for line in received.split_inclusive(|&byte| byte == b'\n') {
        if !line.ends_with(b"\n") {
            break;
        }
        head += line.len();
        if let Some(value) = value(line, b"content-length:") {
            let value = str::from_utf8(value)
                .ok()
                .and_then(|value| value.trim().parse().ok());
            body = Some(value.ok_or(ErrorKind::InvalidData)?);
        } else if let Some(value) = value(line, b"connection:") {
            closes = value.trim_ascii().eq_ignore_ascii_case(b"close");
        } else if line == b"\r\n" {
            return Ok(match body {
                None => Answer::UntilTheEnd,
                Some(body) if received.len() - head < body => Answer::NotYet,
                Some(body) => Answer::Whole {
                    length: head + body,
                    closes,
                },
            });
        }
    }
    Ok(Answer::NotYet)
}

/// What stands behind a name, where the line begins with it.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (begin, value) = line.split_at_checked(name.len())?;
    begin.eq_ignore_ascii_case(name).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_answer() {
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1";
        let whole = Answer::Whole {
            length: 40,
            closes: false,
        };
        assert_eq!(first(two).unwrap(), whole);
        for length in 0..40 {
            assert_eq!(first(&two[..length]).unwrap(), Answer::NotYet, "{length}");
        }
    }

    #[test]
    fn answers_one_behind_the_other() {
        let one = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab";
        let heard = all(&one.repeat(3).as_bytes()[..100]).unwrap();
        let two = Heard {
            length: 80,
            answers: 2,
            closes: false,
        };
        assert_eq!(heard, two);
        let last = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let heard = all(format!("{one}{last}{one}").as_bytes()).unwrap();
        assert!(heard.closes);
        assert_eq!((heard.answers, heard.length), (2, one.len() + last.len()));
    }

    #[test]
    fn an_answer_that_ends_with_the_connection() {
        let told = b"HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 0\r\n\r\n";
        let length = told.len();
        assert_eq!(
            first(told).unwrap(),
            Answer::Whole {
                length,
                closes: true
            }
        );
        let untold = b"HTTP/1.1 200 OK\r\nDate: today\r\n\r\nab";
        assert_eq!(first(untold).unwrap(), Answer::UntilTheEnd);
    }

    #[test]
    fn what_is_no_success_is_an_error() {
        let refused = first(b"HTTP/1.1 503 Service Unavailable\r\n").unwrap_err();
        assert_eq!(
            refused.to_string(),
            "it says \"HTTP/1.1 503 Service Unavailable\""
        );
        assert!(first(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n").is_err());
    }
}
