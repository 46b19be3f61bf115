//! The head of a request: the request line, the header section and the blank line that
//! ends them (RFC 9112 §2.1).

use std::io::{BufRead, ErrorKind};
use std::ops::Range;

use anyhow::Context;

use crate::ch02::error::RequestError;

/// The longest head that is read, in bytes. Most servers have a limit near this one.
pub const MAX_HEAD: usize = 8 * 1024;

/// Finds the first head in the bytes received: the range from its request line to the end
/// of its blank line. `None` means that the head is not complete yet.
///
/// Empty lines before the request line are skipped, and a bare LF ends a line as CRLF does
/// (RFC 9112 §2.2 allows both).
///
/// ```
/// let received = b"\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\nthe body";
/// assert_eq!(common::find_head(received)?, Some(2..37));
/// assert_eq!(common::find_head(&received[..30])?, None);
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// # Errors
/// 400 if the first byte cannot begin a method. A client that speaks another protocol, such
/// as a browser that tries TLS, waits for an answer and would never send a blank line. 414
/// or 431 if the head, with the empty lines before it, does not end within [`MAX_HEAD`].
pub fn find_head(received: &[u8]) -> Result<Option<Range<usize>>, RequestError> {
    let searched = &received[..received.len().min(MAX_HEAD)];
    let mut start = 0;
    let mut line_start = 0;
    for line in searched.split_inclusive(|&byte| byte == b'\n') {
        let line_end = line_start + line.len();
        match line {
            b"\r\n" | b"\n" if line_start == start => start = line_end,
            _ if line_start == start && !may_begin_head(line) => return Err(no_method()),
            b"\r\n" | b"\n" => return Ok(Some(start..line_end)),
            _ if line.ends_with(b"\n") => {}
            _ => break,
        }
        line_start = line_end;
    }
    if received.len() < MAX_HEAD {
        Ok(None)
    } else {
        Err(too_long(line_start == start))
    }
}

/// Whether a request line can begin with these bytes: a method is a token (RFC 9112 §3.1).
/// A lone CR can still become an empty line.
fn may_begin_head(received: &[u8]) -> bool {
    match received {
        [] | [b'\r'] => true,
        [first, ..] => is_token_byte(*first),
    }
}

/// Whether a token may contain this byte (RFC 9110 §5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads one head, up to and including its blank line, as [`find_head`] finds it. The bytes
/// behind it stay in the reader. `None` means that the client sent nothing before it closed
/// the connection or ran out of time, which is no error.
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
/// A [`RequestError`] if [`find_head`] refuses the head, or if the client closes the
/// connection (400) or runs out of time (408) before the blank line. Otherwise the error of
/// the connection.
pub fn read_head(mut reader: impl BufRead) -> anyhow::Result<Option<Vec<u8>>> {
    let mut received = Vec::new();
    loop {
        let sent_nothing = received.iter().all(|byte| b"\r\n".contains(byte));
        let chunk = match reader.fill_buf() {
            Ok([]) if sent_nothing => return Ok(None),
            Ok([]) => return Err(cut_off().into()),
            Ok(chunk) => chunk,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return if sent_nothing {
                    Ok(None)
                } else {
                    Err(too_slow().into())
                };
            }
            Err(error) if sent_nothing => {
                return Err(error).context("the connection broke before a request came");
            }
            Err(error) => return Err(error).context("the connection broke within a head"),
        };
        let (length, before) = (chunk.len(), received.len());
        received.extend(chunk);
        match find_head(&received)? {
            Some(head) => {
                reader.consume(head.end - before);
                return Ok(Some(received.drain(head).collect()));
            }
            None => reader.consume(length),
        }
    }
}

/// 414 if the limit is reached within the request line, otherwise 431.
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

/// 400 for a first byte that cannot begin a method.
fn no_method() -> RequestError {
    RequestError::new(
        "400 Bad Request",
        "the request line does not begin with a method",
    )
}

/// 400 for a head whose client has closed the connection.
fn cut_off() -> RequestError {
    RequestError::new("400 Bad Request", "the head ends before its blank line")
}

/// 408 for a head whose client has run out of time.
fn too_slow() -> RequestError {
    RequestError::new("408 Request Timeout", "the head did not arrive in time")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, BufReader, Read};

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
    fn the_head_may_be_cut_anywhere() {
        let sent = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
        for split in 0..=sent.len() {
            let (first, second) = sent.split_at(split);
            for capacity in [1, sent.len()] {
                let mut reader = BufReader::with_capacity(capacity, first.chain(second));
                let head = read_head(&mut reader).unwrap().unwrap();
                assert_eq!(head, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "{split}");
                let mut rest = Vec::new();
                reader.read_to_end(&mut rest).unwrap();
                assert_eq!(rest, b"body", "{split}");
            }
        }
    }

    #[test]
    fn a_client_that_sends_nothing_is_no_error() {
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
    fn a_byte_that_begins_no_method_is_refused_at_once() {
        for sent in [
            // A client that begins with TLS.
            &b"\x16"[..],
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"\r\n\x16",
            b"\r\x16",
            b"\r\r",
            b"\x80",
            b"\0",
            b" GET / HTTP/1.1\r\n\r\n",
            b"(GET) / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(find_head(sent), Err(no_method()), "{sent:?}");
            assert_eq!(read(sent), Err(no_method()), "{sent:?}");
        }
        for sent in [&b""[..], b"\r", b"\n\r", b"\r\n\r\n", b"G", b"\n!"] {
            assert_eq!(find_head(sent), Ok(None), "{sent:?}");
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

    /// Gives its bytes, and then fails with that error.
    struct Then<'a>(&'a [u8], ErrorKind);

    impl Read for Then<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(self.1.into()),
                length => Ok(length),
            }
        }
    }

    #[test]
    fn a_client_that_runs_out_of_time() {
        let read = |sent| read_head(BufReader::new(Then(sent, ErrorKind::TimedOut)));
        assert_eq!(read(b"").unwrap(), None);
        assert_eq!(read(b"\r\n").unwrap(), None);
        for sent in [&b"G"[..], b"GET / HTTP/1.1\r\n"] {
            let error: RequestError = read(sent).unwrap_err().downcast().unwrap();
            assert_eq!(error, too_slow());
        }
    }

    #[test]
    fn the_error_of_a_broken_connection_says_where_it_broke() {
        let read = |sent| read_head(BufReader::new(Then(sent, ErrorKind::ConnectionReset)));
        for (sent, words) in [
            (&b""[..], "before a request came: "),
            (b"\r\n", "before a request came: "),
            (b"GET /", "within a head: "),
        ] {
            let error = read(sent).unwrap_err();
            assert!(error.downcast_ref::<RequestError>().is_none(), "{error:#}");
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
    }

    #[test]
    fn an_interrupted_read_is_repeated() {
        let first = Then(b"GET /", ErrorKind::Interrupted);
        struct Interrupted<'a>(Option<Then<'a>>);
        impl Read for Interrupted<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let Some(then) = &mut self.0 else {
                    return b" HTTP/1.1\r\n\r\n".as_slice().read(buffer);
                };
                let read = then.read(buffer);
                if read.is_err() {
                    self.0 = None;
                }
                read
            }
        }
        let head = read_head(BufReader::new(Interrupted(Some(first)))).unwrap();
        assert_eq!(head.unwrap(), b"GET / HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn the_range_of_a_head() {
        for (received, found) in [
            (&b""[..], None),
            (b"\r\n", None),
            (b"A\r\n\r", None),
            (b"A\r\n\r\n", Some(0..5)),
            (b"\n\r\nA\n\nB\n\n", Some(3..6)),
        ] {
            assert_eq!(find_head(received), Ok(found));
        }
    }
}
