//! The head of a request: the request line, the header section and the blank
//! line that ends them (RFC 9112 §2.1).

use std::fmt;
use std::io::{BufRead, ErrorKind, Read};

/// The longest head that is read, in bytes, as most servers have it.
pub const MAX_HEAD: usize = 8 * 1024;

/// Why a request gets no page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestError {
    /// The status code that answers it and its reason phrase (RFC 9110 §15.5,
    /// §15.6; RFC 6585 §5); chapter 5a is the first to send it.
    pub status: &'static str,
    /// What is wrong with the request, as a sentence for the log. It never
    /// holds what the client sent.
    pub problem: &'static str,
}

impl RequestError {
    /// An error that is answered with `status`, such as `"400 Bad Request"`.
    pub fn new(status: &'static str, problem: &'static str) -> Self {
        Self { status, problem }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.status, self.problem)
    }
}

impl std::error::Error for RequestError {}

/// Reads one head, up to and with the blank line that ends it. What follows
/// stays in the reader. `None` is a client that left, or ran out of time,
/// without sending anything: no request, and no error.
///
/// Empty lines before the request line are skipped, and a bare LF ends a line
/// as CRLF does (RFC 9112 §2.2 allows both).
///
/// ```
/// let mut sent = &b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nthe body"[..];
/// let head = common::read_head(&mut sent)?;
/// assert_eq!(head.unwrap(), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
/// assert_eq!(sent, b"the body");
/// # anyhow::Ok(())
/// ```
///
/// # Errors
/// A [`RequestError`] where the head is longer than [`MAX_HEAD`], or where the
/// client ends it or runs out of time before the blank line; else what the
/// connection reports.
pub fn read_head(mut reader: impl BufRead) -> anyhow::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    let mut room = MAX_HEAD;
    loop {
        let line_start = head.len();
        let mut line = reader.by_ref().take(room as u64);
        match line.read_until(b'\n', &mut head) {
            Ok(length) => room -= length,
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return if head.is_empty() {
                    Ok(None)
                } else {
                    Err(too_slow().into())
                };
            }
            Err(error) => return Err(error.into()),
        }
        match &head[line_start..] {
            b"\r\n" | b"\n" if line_start == 0 => head.clear(),
            b"\r\n" | b"\n" => return Ok(Some(head)),
            line if line.ends_with(b"\n") => {}
            _ if room == 0 => return Err(too_long(line_start == 0).into()),
            _ if head.is_empty() => return Ok(None),
            _ => return Err(cut_off().into()),
        }
    }
}

fn too_long(in_request_line: bool) -> RequestError {
    if in_request_line {
        RequestError::new(
            "414 URI Too Long",
            "the request line does not end within 8 KiB",
        )
    } else {
        RequestError::new(
            "431 Request Header Fields Too Large",
            "the head is longer than 8 KiB",
        )
    }
}

fn cut_off() -> RequestError {
    RequestError::new("400 Bad Request", "the head ends before its blank line")
}

fn too_slow() -> RequestError {
    RequestError::new("408 Request Timeout", "the head did not arrive in time")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, BufReader};

    fn read(mut sent: &[u8]) -> Result<Option<Vec<u8>>, RequestError> {
        read_head(&mut sent).map_err(|error| error.downcast().unwrap())
    }

    #[test]
    fn whole_heads() {
        for (sent, head) in [
            ("GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"),
            ("A\r\nB: c\r\n\r\nbody", "A\r\nB: c\r\n\r\n"),
            ("A\nB: c\n\nbody", "A\nB: c\n\n"),
            ("A\r\nB: c\n\r\nbody", "A\r\nB: c\n\r\n"),
            ("\r\nA\r\n\r\n", "A\r\n\r\n"),
            ("\n\r\n\nA\r\n\r\n", "A\r\n\r\n"),
            ("A\r\r\n\r\n", "A\r\r\n\r\n"),
        ] {
            let read = read(sent.as_bytes()).unwrap().unwrap();
            assert_eq!(String::from_utf8(read).unwrap(), head, "{sent:?}");
        }
    }

    #[test]
    fn the_parts_it_arrives_in_do_not_matter() {
        let sent = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        for split in 0..=sent.len() {
            let (first, second) = sent.split_at(split);
            let mut reader = BufReader::with_capacity(1, first.chain(second));
            let head = read_head(&mut reader).unwrap().unwrap();
            assert_eq!(head, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "{split}");
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"body", "{split}");
        }
    }

    #[test]
    fn nothing_sent_is_no_error() {
        for sent in ["", "\r\n", "\n\n"] {
            assert_eq!(read(sent.as_bytes()), Ok(None), "{sent:?}");
        }
    }

    #[test]
    fn cut_off_before_the_blank_line() {
        for sent in [
            "G",
            "GET / HTTP/1.1",
            "GET / HTTP/1.1\r\n",
            "A\r\nB: c\r\n\r",
        ] {
            assert_eq!(read(sent.as_bytes()), Err(cut_off()), "{sent:?}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let head_of = |length: usize| format!("A\r\nB: {}\r\n\r\n", "c".repeat(length - 10));
        assert!(read(head_of(MAX_HEAD).as_bytes()).is_ok());
        assert_eq!(read(head_of(MAX_HEAD + 1).as_bytes()), Err(too_long(false)));
        assert_eq!(read(&[b'A'; MAX_HEAD]), Err(too_long(true)));
        assert_eq!(
            read("\r\n".repeat(MAX_HEAD).as_bytes()),
            Err(too_long(true))
        );
    }

    #[test]
    fn no_more_is_read_than_the_limit() {
        let mut endless = io::repeat(b'A').take(1 << 40);
        let reader = BufReader::new(&mut endless);
        read_head(reader).unwrap_err();
        assert!((1 << 40) - endless.limit() <= 2 * MAX_HEAD as u64);
    }

    /// Gives what it holds, and then what a client in silence gives.
    struct ThenSilence<'a>(&'a [u8]);

    impl Read for ThenSilence<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(ErrorKind::TimedOut.into()),
                length => Ok(length),
            }
        }
    }

    #[test]
    fn silence() {
        let read = |sent| read_head(BufReader::new(ThenSilence(sent)));
        assert_eq!(read(b"").unwrap(), None);
        for sent in [&b"G"[..], b"GET / HTTP/1.1\r\n"] {
            let error: RequestError = read(sent).unwrap_err().downcast().unwrap();
            assert_eq!(error, too_slow());
        }
    }
}
