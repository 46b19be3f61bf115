//! Bodies in chunks: each chunk has its size before it, and an empty one is the end, so
//! that the length of the whole need not be known before (RFC 9112 §7.1).

use crate::ch02::error::RequestError;
use crate::ch02::head::MAX_HEAD;
use crate::ch06::body::MAX_BODY;
use crate::ch06::fields::parse_fields;
use crate::ch09::request::Request;
use crate::ch10::body_decoder::{BodyDecoder, BodyEncoder, Decoded, by_length};
use crate::ch10::connection::Connection;

/// How long a line between chunks may be, in bytes. It holds a size, and extensions, which
/// a recipient may ignore.
pub const MAX_LINE: usize = 256;

/// How much may be sent around the content of all chunks together, in bytes. A chunk
/// of one byte takes six, so a client could make the server read six times what it keeps.
pub const MAX_AROUND: usize = 1024 * 1024;

/// Finds a body by its length, as [`by_length`] does, or in chunks.
///
/// # Errors
/// What [`by_length`] refuses, except a `Transfer-Encoding` that is `chunked` and nothing
/// else: 501 if another coding comes before it, and 400 if `chunked` comes twice, beside a
/// `Content-Length`, or from a client of HTTP/1.0. That version has no transfer codings, so
/// the field may have been passed on by a program that did not understand it (§6.1).
pub fn by_length_or_chunks(
    request: &Request,
) -> Result<Option<Box<dyn BodyDecoder>>, RequestError> {
    let is_chunked = |coding: &str| coding.eq_ignore_ascii_case("chunked");
    let codings = request.fields.elements("Transfer-Encoding");
    let codings: Vec<&str> = codings.collect();
    let has_length = request.fields.values("Content-Length").next().is_some();
    match codings[..] {
        [.., last] if is_chunked(last) && !has_length => {
            if request.version == "HTTP/1.0" {
                Err(bad("HTTP/1.0 has no Transfer-Encoding"))
            } else if codings.len() == 1 {
                Ok(Some(Box::new(ChunkedDecoder::default())))
            } else if codings.iter().filter(|coding| is_chunked(coding)).count() > 1 {
                Err(bad("the body is chunked twice"))
            } else {
                by_length(request)
            }
        }
        _ => by_length(request),
    }
}

fn bad(problem: &'static str) -> RequestError {
    RequestError::new("400 Bad Request", problem)
}

fn too_large(problem: &'static str) -> RequestError {
    RequestError::new("413 Content Too Large", problem)
}

/// What comes next in a chunked body.
#[derive(Debug, Default)]
enum ChunkState {
    #[default]
    Size,
    /// So many bytes of content.
    Content(usize),
    /// The line end behind the content of a chunk.
    LineEnd,
    Trailers,
    /// The body is whole.
    Nothing,
}

/// Takes a chunked body apart. Lines end in CRLF and in nothing else: if one server takes a
/// bare LF for the end of a line and another does not, the two find different chunks.
#[derive(Debug, Default)]
struct ChunkedDecoder {
    state: ChunkState,
    /// How many bytes of content have been announced.
    content: usize,
    /// How many bytes came that are not content.
    around: usize,
    trailers: usize,
}

impl BodyDecoder for ChunkedDecoder {
    fn decode(&mut self, received: &[u8], body: &mut Vec<u8>) -> Result<Decoded, RequestError> {
        let mut length = 0;
        while let Some(taken) = self.advance(&received[length..], body)? {
            length += taken;
        }
        Ok(Decoded {
            length,
            is_whole: matches!(self.state, ChunkState::Nothing),
        })
    }
}

impl ChunkedDecoder {
    /// Takes what comes next, a line or content, and gives its length; `None` if it has not
    /// come, or nothing more belongs to the body.
    fn advance(&mut self, rest: &[u8], body: &mut Vec<u8>) -> Result<Option<usize>, RequestError> {
        if let ChunkState::Content(left) = self.state {
            let taken = rest.len().min(left);
            body.extend_from_slice(&rest[..taken]);
            self.state = match left - taken {
                0 => ChunkState::LineEnd,
                left => ChunkState::Content(left),
            };
            return Ok((taken > 0).then_some(taken));
        }
        if matches!(self.state, ChunkState::LineEnd)
            && !b"\r\n".starts_with(&rest[..rest.len().min(2)])
        {
            return Err(bad("a chunk is longer than its size says"));
        }
        let long_trailers = RequestError::new(
            "431 Request Header Fields Too Large",
            "the trailers are longer than 8 KiB",
        );
        let (most, too_long) = match self.state {
            ChunkState::Nothing => return Ok(None),
            ChunkState::Trailers => (MAX_HEAD - self.trailers, long_trailers),
            _ => (MAX_LINE, bad("a line between chunks is too long")),
        };
        let Some(line) = line(rest, most, too_long)? else {
            return Ok(None);
        };
        let length = line.len() + 2;
        self.around += length;
        if self.around > MAX_AROUND {
            return Err(too_large("there is too much around the chunks"));
        }
        self.state = match self.state {
            ChunkState::Size => match size(line, MAX_BODY - self.content)? {
                0 => ChunkState::Trailers,
                size => {
                    self.content += size;
                    ChunkState::Content(size)
                }
            },
            ChunkState::Trailers if line.is_empty() => ChunkState::Nothing,
            ChunkState::Trailers => {
                // A field that comes late is parsed and dropped. If it were added to those
                // of the head, a client could change what was checked before (RFC 9110
                // §6.5.1).
                parse_fields(&[b"\n", line, b"\r\n"].concat())?;
                self.trailers += length;
                ChunkState::Trailers
            }
            // That was the end of a chunk. The other two states never come this far.
            ChunkState::LineEnd | ChunkState::Content(_) | ChunkState::Nothing => ChunkState::Size,
        };
        Ok(Some(length))
    }
}

/// The first line, without its CRLF, which may be so many bytes long with it; `None` if it
/// has not come whole.
fn line(
    received: &[u8],
    most: usize,
    too_long: RequestError,
) -> Result<Option<&[u8]>, RequestError> {
    let searched = &received[..received.len().min(most)];
    let Some(end) = searched.iter().position(|&byte| byte == b'\n') else {
        return match received.len() < most {
            true => Ok(None),
            false => Err(too_long),
        };
    };
    match searched[..end].strip_suffix(b"\r") {
        Some(line) => Ok(Some(line)),
        None => Err(bad("a line between chunks does not end in CRLF")),
    }
}

/// The size that a line gives: hexadecimal digits and nothing else, except extensions
/// behind a semicolon (§7.1.1).
fn size(line: &[u8], most: usize) -> Result<usize, RequestError> {
    let mut parts = line.splitn(2, |&byte| byte == b';');
    let (digits, extensions) = (parts.next().unwrap_or_default(), parts.next());
    let blanks = digits.iter().rev().take_while(|byte| b" \t".contains(byte));
    let digits = match extensions {
        Some(_) => &digits[..digits.len() - blanks.count()],
        None => digits,
    };
    let is_text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    if !extensions.unwrap_or_default().iter().all(is_text) {
        return Err(bad("an extension holds a control character"));
    }
    // `from_str_radix` alone would take a sign too.
    if !(1..=16).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(bad("the size of a chunk is no number"));
    }
    let size = u64::from_str_radix(&String::from_utf8_lossy(digits), 16);
    match size.map(usize::try_from) {
        Ok(Ok(size)) if size <= most => Ok(size),
        _ => Err(too_large("the body is longer than 1 MiB")),
    }
}

/// The chunked transfer coding (§7.1): each piece of content has its length before it, in
/// hexadecimal digits, and the one without content is the last.
pub struct ChunkedEncoder;

impl BodyEncoder for ChunkedEncoder {
    fn name(&self) -> &'static str {
        "chunked"
    }

    fn around(&mut self, content: &[u8]) -> (String, &'static str) {
        (format!("{:x}\r\n", content.len()), "\r\n")
    }
}

/// Chunks for every client that knows them: one of HTTP/1.0 does not (§6.1), and is shown
/// the end of a response by the end of the connection.
pub fn in_chunks(request: &Request) -> Option<Box<dyn BodyEncoder>> {
    (request.version != "HTTP/1.0").then(|| Box::new(ChunkedEncoder) as Box<dyn BodyEncoder>)
}

impl Connection {
    /// The same, with chunks in both directions: in requests, and in responses whose
    /// length the server does not know in advance.
    ///
    /// ```
    /// use common::{Body, Connection, Response};
    ///
    /// let now = std::time::Instant::now();
    /// let mut connection = Connection::new(common::Timeouts::default(), now).with_chunks();
    /// connection.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", now);
    /// let request = connection.next_request().unwrap();
    /// let body = Body::of_unknown_length(&b"text"[..]);
    /// connection.answer(&request, Response::new("200 OK", "text/plain", body));
    /// let sent = String::from_utf8_lossy(connection.to_send()?);
    /// assert!(sent.ends_with("Transfer-Encoding: chunked\r\n\r\n4\r\ntext\r\n0\r\n\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn with_chunks(self) -> Self {
        self.with_framing(by_length_or_chunks, in_chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch09::response::{Body, Response};
    use crate::ch10::wait::{Timeouts, Wait};
    use std::io::{self, Read};
    use std::time::Instant;

    /// The body, and how much of what was sent belongs to it.
    fn decode(sent: &[u8]) -> Result<Option<(Vec<u8>, usize)>, RequestError> {
        let mut body = Vec::new();
        let taken = ChunkedDecoder::default().decode(sent, &mut body)?;
        Ok(taken.is_whole.then_some((body, taken.length)))
    }

    #[test]
    fn chunked_bodies() {
        for (sent, body) in [
            ("0\r\n\r\n", ""),
            ("5\r\n12345\r\n0\r\n\r\n", "12345"),
            ("1\r\na\r\n02\r\nbc\r\n000\r\n\r\n", "abc"),
            ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
            ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
            ("1;a\r\na\r\n0;b=\"c;d\"\r\n\r\n", "a"),
            ("1 \t; a = b\r\na\r\n0\r\n\r\n", "a"),
            ("1;\r\na\r\n0\r\n\r\n", "a"),
            ("0\r\nA: 1\r\nB: 2\r\n\r\n", ""),
            ("0000000000000001\r\na\r\n0\r\n\r\n", "a"),
        ] {
            let expected = Ok(Some((body.into(), sent.len())));
            assert_eq!(decode(sent.as_bytes()), expected, "{sent:?}");
            let and_more = format!("{sent}GET / HTTP/1.1\r\n");
            assert_eq!(decode(and_more.as_bytes()), expected, "{sent:?}");
        }
    }

    #[test]
    fn what_is_no_chunk() {
        for (sent, code) in [
            ("\r\n", "400"),
            ("x\r\n", "400"),
            ("+1\r\na\r\n", "400"),
            ("-1\r\n", "400"),
            ("0x1\r\na\r\n", "400"),
            (" 1\r\na\r\n", "400"),
            ("1 \r\na\r\n", "400"),
            ("1 1\r\na\r\n", "400"),
            ("1\u{c};a\r\na\r\n", "400"),
            ("1_0\r\n", "400"),
            ("\u{661}\r\na\r\n", "400"),
            (";a\r\n", "400"),
            ("1\na\r\n", "400"),
            ("1\r\na\n0\r\n\r\n", "400"),
            ("1\r\nab\r\n0\r\n\r\n", "400"),
            ("1\r\na0\r\n\r\n", "400"),
            ("2\r\na\r\n0\r\n\r\n", "400"),
            ("1\r\nab", "400"),
            ("1;a\rb\r\na\r\n", "400"),
            ("1;a\nb\r\na\r\n", "400"),
            ("1;\0\r\na\r\n", "400"),
            ("0\r\n\n", "400"),
            ("0\r\nA\r\n\r\n", "400"),
            ("0\r\nA : 1\r\n\r\n", "400"),
            ("0\r\nA: 1\n\r\n", "400"),
            ("0\r\nA: 1\r\r\n\r\n", "400"),
            ("0\r\n\r\r\n\r\n", "400"),
            ("00000000000000001\r\n", "400"),
            ("100001\r\n", "413"),
            ("ffffffffffffffff\r\n", "413"),
            ("8000000000000000\r\n", "413"),
        ] {
            let error = decode(sent.as_bytes()).unwrap_err();
            assert!(error.status.starts_with(code), "{sent:?}: {error}");
        }
    }

    #[test]
    fn wherever_it_is_cut() {
        let sent = b"5;a=b\r\n12345\r\n1\r\n6\r\n0\r\nA: 1\r\n\r\nmore";
        for first in 0..=sent.len() - 4 {
            for second in first..=sent.len() - 4 {
                let mut decoder = ChunkedDecoder::default();
                let (mut body, mut taken) = (Vec::new(), 0);
                let mut is_whole = false;
                for end in [first, second, sent.len()] {
                    if !is_whole {
                        let step = decoder.decode(&sent[taken..end], &mut body).unwrap();
                        (taken, is_whole) = (taken + step.length, step.is_whole);
                    }
                }
                assert!(is_whole && body == b"123456" && taken == sent.len() - 4);
            }
        }
    }

    #[test]
    fn all_limits_are_exact() {
        let chunk = |size: usize| format!("{size:x}\r\n{}\r\n", "a".repeat(size));
        let half = MAX_BODY / 2;
        let most = chunk(half) + &chunk(half) + "0\r\n\r\n";
        assert_eq!(decode(most.as_bytes()).unwrap().unwrap().0.len(), MAX_BODY);
        let more = chunk(half) + &chunk(half) + "1\r\n";
        assert_eq!(
            decode(more.as_bytes()).unwrap_err().status,
            "413 Content Too Large"
        );

        let with_extension = |length: usize| format!("0;{}\r\n\r\n", "a".repeat(length - 4));
        assert!(
            decode(with_extension(MAX_LINE).as_bytes())
                .unwrap()
                .is_some()
        );
        for sent in [with_extension(MAX_LINE + 1), "1".repeat(MAX_LINE)] {
            assert_eq!(
                decode(sent.as_bytes()).unwrap_err().status,
                "400 Bad Request"
            );
        }

        // Each of these takes 256 bytes around its one.
        let wasteful = format!("1;{}\r\na\r\n", "a".repeat(MAX_LINE - 6));
        let around = MAX_AROUND / MAX_LINE;
        assert_eq!(decode(wasteful.repeat(around).as_bytes()), Ok(None));
        let error = decode(wasteful.repeat(around + 1).as_bytes()).unwrap_err();
        assert_eq!(error.status, "413 Content Too Large");

        // With the blank line behind them, these take as much as a head may.
        let trailers = |length: usize| format!("0\r\nA: {}\r\n\r\n", "a".repeat(length - 7));
        assert!(decode(trailers(MAX_HEAD).as_bytes()).unwrap().is_some());
        let endless = "A: b\r\n".repeat(MAX_HEAD / 6 + 1);
        for sent in [trailers(MAX_HEAD + 1), format!("0\r\n{endless}")] {
            let error = decode(sent.as_bytes()).unwrap_err();
            assert_eq!(error.status, "431 Request Header Fields Too Large");
        }
    }

    fn request(version: &str, fields: &str) -> Request {
        let head = format!("POST / {version}\r\nHost: a\r\n{fields}\r\n");
        Request::from_head(head.as_bytes()).unwrap()
    }

    #[test]
    fn which_bodies_are_chunked() {
        let decoder = |version, fields| by_length_or_chunks(&request(version, fields));
        for fields in [
            "Transfer-Encoding: chunked\r\n",
            "transfer-encoding: , Chunked ,\r\n",
            "Content-Length: 1\r\n",
        ] {
            assert!(decoder("HTTP/1.1", fields).unwrap().is_some(), "{fields}");
        }
        assert!(decoder("HTTP/1.1", "").unwrap().is_none());
        for (version, fields, code) in [
            ("HTTP/1.0", "Transfer-Encoding: chunked\r\n", "400"),
            ("HTTP/1.1", "Transfer-Encoding: chunked, chunked\r\n", "400"),
            ("HTTP/1.1", "Transfer-Encoding: gzip, chunked\r\n", "501"),
            ("HTTP/1.1", "Transfer-Encoding: chunked, gzip\r\n", "400"),
            ("HTTP/1.1", "Transfer-Encoding: chunked;a=b\r\n", "400"),
            ("HTTP/1.1", "Transfer-Encoding: \"chunked\"\r\n", "400"),
            ("HTTP/1.1", "Transfer-Encoding:\r\n", "400"),
            (
                "HTTP/1.1",
                "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
                "400",
            ),
        ] {
            let error = decoder(version, fields).err().unwrap();
            assert!(
                error.status.starts_with(code),
                "{version} {fields:?}: {error}"
            );
        }
    }

    /// All that is sent to a client of that version, with the date left out, and whether
    /// it came to its end.
    fn sent(version: &str, response: Response) -> (Vec<u8>, bool) {
        let now = Instant::now();
        let mut connection = Connection::new(Timeouts::default(), now).with_chunks();
        connection.receive(
            format!("GET / {version}\r\nHost: a\r\n\r\n").as_bytes(),
            now,
        );
        let request = connection.next_request().unwrap();
        connection.answer(&request, response);
        let mut sent = Vec::new();
        while matches!(connection.waits_for(), Wait::ToWrite(_)) {
            let Ok(to_send) = connection.to_send() else {
                return (sent, false);
            };
            let length = to_send.len();
            sent.extend_from_slice(to_send);
            connection.sent(length, now);
        }
        (sent, true)
    }

    fn split(sent: &[u8]) -> (String, &[u8]) {
        let end = sent
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap()
            + 4;
        (
            String::from_utf8(sent[..end].to_vec()).unwrap(),
            &sent[end..],
        )
    }

    fn unknown_length(source: impl Read + Send + 'static) -> Response {
        Response::new("200 OK", "text/plain", Body::of_unknown_length(source))
    }

    #[test]
    fn what_is_sent_in_chunks_comes_back_whole() {
        const PIECE: usize = 16 * 1024;
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 20 * PIECE] {
            let source = io::repeat(b'x').take(length as u64);
            let (sent, is_whole) = sent("HTTP/1.1", unknown_length(source));
            let (head, body) = split(&sent);
            assert!(is_whole);
            assert!(
                head.contains("\r\nTransfer-Encoding: chunked\r\n"),
                "{head}"
            );
            assert!(!head.contains("\r\nContent-Length: "), "{head}");
            let expected = (vec![b'x'; length], body.len());
            assert_eq!(decode(body), Ok(Some(expected)), "{length}");
        }
    }

    /// A body that breaks off must not look whole: it has no last chunk.
    #[test]
    fn a_source_that_breaks_ends_no_chunks() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk"))
            }
        }
        let source = b"1234".chain(Broken);
        let (sent, is_whole) = sent("HTTP/1.1", unknown_length(source));
        let (_, body) = split(&sent);
        assert!(!is_whole);
        assert_eq!(body, b"4\r\n1234\r\n");
    }

    #[test]
    fn which_responses_are_not_chunked() {
        let (old, _) = sent("HTTP/1.0", unknown_length(&b"as it is"[..]));
        let (head, body) = split(&old);
        assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
        assert!(!head.contains("chunked"), "{head}");
        assert_eq!(body, b"as it is");
        let (known, _) = sent("HTTP/1.1", Response::html("200 OK", "known"));
        let (head, body) = split(&known);
        assert!(head.contains("\r\nContent-Length: 5\r\n"), "{head}");
        assert!(!head.contains("chunked"), "{head}");
        assert_eq!(body, b"known");
    }
}
