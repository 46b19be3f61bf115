//! The body: as many bytes as the header section says (RFC 9112 §6).

use std::io::{BufReader, ErrorKind, Read, Write};

use anyhow::Context;

use crate::ch02::error::RequestError;
use crate::ch02::stream::TimedStream;
use crate::ch04::request_line::RequestLine;
use crate::ch06::fields::Fields;

/// The longest body that is read, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// Gives how many bytes of body follow the head: what `Content-Length` says, and 0
/// where no field announces a body (RFC 9112 §6.3).
///
/// ```
/// let head = b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n";
/// let fields = common::parse_fields(head)?;
/// assert_eq!(common::body_length(&fields)?, 8);
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// # Errors
/// 400 where the length is no number, is given twice, or stands beside a
/// `Transfer-Encoding`: a proxy may read another length from such a request than this
/// server does, and then the one takes for a body what the other takes for the next
/// request (request smuggling, RFC 9112 §11.2). 400 too for a transfer coding
/// that does not end in `chunked`, since the end of such a body cannot be found
/// (§6.3), and 501 for one that does, since no coding is decoded here; 413 for more
/// than [`MAX_BODY`].
pub fn body_length(fields: &Fields) -> Result<usize, RequestError> {
    let bad = |problem| RequestError::new("400 Bad Request", problem);

    let mut lengths = fields.values("Content-Length");
    let (length, second_length) = (lengths.next(), lengths.next());
    if fields.values("Transfer-Encoding").next().is_some() {
        let last_coding = fields.elements("Transfer-Encoding").last();
        return Err(match (length, last_coding) {
            (Some(_), _) => bad("Transfer-Encoding and Content-Length contradict each other"),
            (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => {
                RequestError::new("501 Not Implemented", "the transfer coding is unknown")
            }
            (None, _) => bad("the transfer coding does not end in chunked"),
        });
    }
    if second_length.is_some() {
        return Err(bad("Content-Length is given twice"));
    }
    let Some(length) = length else {
        return Ok(0);
    };
    // `parse` alone would accept a sign too.
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad("Content-Length is no number"));
    }
    match length.parse() {
        Ok(length) if length <= MAX_BODY => Ok(length),
        // A number that does not fit into a `usize` ends here too.
        _ => Err(RequestError::new(
            "413 Content Too Large",
            "the body is longer than 1 MiB",
        )),
    }
}

/// Whether the client waits for `100 Continue` before it sends its body
/// (RFC 9110 §10.1.1). From an HTTP/1.0 client the field means nothing.
pub(crate) fn expects_continue(request_line: &RequestLine, fields: &Fields) -> bool {
    request_line.version != "HTTP/1.0"
        && fields
            .elements("Expect")
            .any(|expectation| expectation.eq_ignore_ascii_case("100-continue"))
}

/// Reads the body that belongs to a head: as many bytes as [`body_length`] says. A
/// client that waits for `100 Continue` gets it first. From here on the client has
/// [the time for a body](TimedStream::expect_body). What follows the body stays in the
/// reader.
///
/// # Errors
/// What [`body_length`] refuses; 400 where the client ends the body early
/// (RFC 9112 §8), 408 where the time is over; else what the connection reports.
pub fn read_body(
    reader: &mut BufReader<TimedStream>,
    stream: impl Write,
    request_line: &RequestLine,
    fields: &Fields,
) -> anyhow::Result<Vec<u8>> {
    reader.get_mut().expect_body();
    receive_body(reader, stream, request_line, fields)
}

fn receive_body(
    reader: impl Read,
    mut stream: impl Write,
    request_line: &RequestLine,
    fields: &Fields,
) -> anyhow::Result<Vec<u8>> {
    let length = body_length(fields)?;
    if length > 0 && expects_continue(request_line, fields) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = Vec::new();
    match reader.take(length as u64).read_to_end(&mut body) {
        Ok(received) if received == length => Ok(body),
        Ok(_) => Err(RequestError::new(
            "400 Bad Request",
            "the body is shorter than Content-Length says",
        )
        .into()),
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            Err(RequestError::new("408 Request Timeout", "the body did not arrive in time").into())
        }
        Err(error) => Err(error).context("the connection broke within a body"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch06::body_time::BODY_TIME;
    use crate::{parse_fields, parse_request_line};
    use std::io;
    use std::net::{TcpListener, TcpStream};
    use std::time::Duration;

    fn length(lines: &str) -> Result<usize, RequestError> {
        body_length(&parse_fields(
            format!("POST / HTTP/1.1\r\n{lines}\r\n").as_bytes(),
        )?)
    }

    #[test]
    fn lengths() {
        for (lines, expected) in [
            ("", 0),
            ("Content-Length: 0\r\n", 0),
            ("Content-Length: 5\r\n", 5),
            ("content-length:\t5 \r\n", 5),
            ("Content-Length: 0005\r\n", 5),
            ("Content-Length: 1048576\r\n", MAX_BODY),
        ] {
            assert_eq!(length(lines), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn refused_lengths() {
        for (lines, code) in [
            ("Content-Length:\r\n", "400"),
            ("Content-Length: +5\r\n", "400"),
            ("Content-Length: -5\r\n", "400"),
            ("Content-Length: 5 5\r\n", "400"),
            ("Content-Length: 5, 5\r\n", "400"),
            ("Content-Length: 0x5\r\n", "400"),
            ("Content-Length: 5.0\r\n", "400"),
            ("Content-Length: ５\r\n", "400"),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", "400"),
            ("Content-Length: 5\r\ncontent-length: 5\r\n", "400"),
            ("Content-Length: 18446744073709551616\r\n", "413"),
            ("Content-Length: 18446744073709551615\r\n", "413"),
            ("Content-Length: 1048577\r\n", "413"),
            ("Transfer-Encoding: chunked\r\n", "501"),
            ("Transfer-Encoding: gzip, Chunked \r\n", "501"),
            (
                "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                "501",
            ),
            ("Transfer-Encoding:\r\n", "400"),
            ("Transfer-Encoding: identity\r\n", "400"),
            ("Transfer-Encoding: gzip\r\n", "400"),
            ("Transfer-Encoding: chunked, identity\r\n", "400"),
            ("Transfer-Encoding: xchunked\r\n", "400"),
            ("Transfer-Encoding: \u{b}chunked\r\n", "400"),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "400"),
            (
                "Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n",
                "400",
            ),
        ] {
            let error = length(lines).unwrap_err();
            assert!(error.status.starts_with(code), "{lines:?}: {error}");
        }
    }

    /// The body that is read from `sent`, and what is sent back before.
    fn exchange(head: &str, sent: impl Read) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
        let line = parse_request_line(head.as_bytes())?;
        let fields = parse_fields(head.as_bytes())?;
        let mut told = Vec::new();
        let body = receive_body(sent, &mut told, &line, &fields)?;
        Ok((body, told))
    }

    fn refused(head: &str, sent: impl Read) -> RequestError {
        exchange(head, sent).unwrap_err().downcast().unwrap()
    }

    #[test]
    fn clients_that_are_told_to_continue() {
        for (head, told) in [
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nexpect: 100-Continue\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: a miracle, 100-continue\r\n\r\n",
                true,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: a miracle\r\n\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: a=\"x, 100-continue, y\"\r\n\r\n",
                false,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 1\r\nExpect: \u{85}100-continue\r\n\r\n",
                false,
            ),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n", false),
            ("POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", false),
            (
                "POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n",
                false,
            ),
        ] {
            let (_, sent_back) = exchange(head, &b"1"[..]).unwrap();
            let continued = b"HTTP/1.1 100 Continue\r\n\r\n";
            assert_eq!(
                sent_back,
                if told { &continued[..] } else { b"" },
                "{head:?}"
            );
        }
    }

    #[test]
    fn bodies() {
        for (length, sent, expected) in [
            (0, &b""[..], &b""[..]),
            (0, b"more", b""),
            (5, b"12345", b"12345"),
            (5, b"12345 and more", b"12345"),
            (2, b"\0\xff", b"\0\xff"),
        ] {
            let head = format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
            assert_eq!(exchange(&head, sent).unwrap().0, expected);
        }
    }

    /// A connection whose reads fail: the client is silent, or gone.
    struct Failing(ErrorKind);

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
    }

    #[test]
    fn bodies_that_do_not_come_whole() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n";
        for sent in [&b""[..], b"1234"] {
            assert_eq!(refused(head, sent).status, "400 Bad Request");
            let silence = Failing(ErrorKind::TimedOut);
            assert_eq!(
                refused(head, sent.chain(silence)).status,
                "408 Request Timeout"
            );
            let reset = Failing(ErrorKind::ConnectionReset);
            let error = exchange(head, sent.chain(reset)).unwrap_err();
            assert!(error.downcast_ref::<RequestError>().is_none(), "{error:#}");
        }
    }

    #[test]
    fn a_body_that_is_too_long_is_refused_and_not_asked_for() {
        let head = "POST / HTTP/1.1\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n";
        assert_eq!(refused(head, io::empty()).status, "413 Content Too Large");
    }

    #[test]
    fn the_longest_body_comes_in_time_at_6_kib_a_second() {
        assert!(BODY_TIME.as_secs() * 6 * 1024 >= MAX_BODY as u64);
    }

    /// The time for the head is over when the body is read.
    #[test]
    fn a_body_has_a_time_of_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        client.write_all(b"name=Ada and more").unwrap();
        let head = b"POST / HTTP/1.1\r\nContent-Length: 8\r\n\r\n";
        let line = parse_request_line(head).unwrap();
        let fields = parse_fields(head).unwrap();

        let mut reader = BufReader::new(TimedStream::new(&server, Duration::ZERO));
        let body = read_body(&mut reader, io::sink(), &line, &fields).unwrap();
        assert_eq!(body, b"name=Ada");
    }
}
