//! A whole response: its status line, its header section and its body.

use std::borrow::Cow;
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch02::log::log_error;
use crate::ch03::close::linger;
use crate::ch07::files::Page;
use crate::ch09::date;
use crate::ch09::form::unknown_coding;

/// How long most heads are, in bytes. A longer head is moved as it grows.
const USUAL_HEAD: usize = 256;

/// How many fields most responses have, without those that are added on sending.
const USUAL_FIELDS: usize = 4;

/// A response. `Date` and `Content-Length` are made of its parts when it is sent.
pub struct Response {
    /// The status code and its reason phrase, such as `200 OK`.
    pub status: &'static str,
    /// Names and values of the header section, in the order in which they are sent.
    fields: Vec<(&'static str, Cow<'static, str>)>,
    /// The content.
    pub body: Body,
    /// Is told how much of the content was sent, from chapter 10 on.
    pub watcher: Option<Box<dyn Watcher>>,
    /// How much memory the content takes, in bytes, where it is held as a whole. Counted from
    /// chapter 21 on.
    pub memory: usize,
}

/// Follows a response while it is sent. It is dropped when no more of the response will be
/// sent.
pub trait Watcher: Send {
    /// `length` more bytes of the content were sent. What a transfer coding adds to the
    /// content does not count.
    fn sent(&mut self, length: u64);
}

/// The content of a response. It is read while the response is sent.
pub struct Body {
    /// How many bytes there are. Where that is not known beforehand, only the end of the
    /// connection can mark the end of the content (RFC 9112 §6.3).
    pub length: Option<u64>,
    /// The bytes are read from it.
    pub source: Box<dyn Read + Send>,
}

impl Body {
    /// All bytes that a source gives, however many these are.
    pub fn of_unknown_length(source: impl Read + Send + 'static) -> Self {
        Self {
            length: None,
            source: Box::new(source),
        }
    }
}

impl Response {
    /// A response of that media type. With text, the field also says its encoding, UTF-8.
    pub fn new(status: &'static str, content_type: &'static str, body: Body) -> Self {
        let content_type = match content_type {
            "text/html" => Cow::Borrowed("text/html; charset=utf-8"),
            text if text.starts_with("text/") => Cow::Owned(format!("{text}; charset=utf-8")),
            other => Cow::Borrowed(other),
        };
        let mut response = Self::empty(status);
        response.fields.push(("Content-Type", content_type));
        Self { body, ..response }
    }

    /// A response without content.
    pub fn empty(status: &'static str) -> Self {
        Self {
            status,
            fields: Vec::with_capacity(USUAL_FIELDS),
            body: Body {
                length: Some(0),
                source: Box::new(io::empty()),
            },
            watcher: None,
            memory: 0,
        }
    }

    /// A response with a page of HTML.
    ///
    /// ```
    /// let response = common::Response::html("200 OK", "<h1>Hello, User!</h1>");
    /// let head = response.head();
    /// assert!(head.starts_with("HTTP/1.1 200 OK\r\nDate: "));
    /// let rest = "Content-Type: text/html; charset=utf-8\r\nContent-Length: 21\r\n\r\n";
    /// assert!(head.ends_with(rest));
    /// ```
    pub fn html(status: &'static str, page: impl Into<Vec<u8>>) -> Self {
        let page = page.into();
        let memory = page.capacity();
        let body = Body {
            length: Some(page.len() as u64),
            source: Box::new(Cursor::new(page)),
        };
        let response = Self::new(status, "text/html", body);
        Self { memory, ..response }
    }

    /// A response with a page that shows its status, as an error has it.
    pub fn status_page(status: &'static str) -> Self {
        Self::html(status, format!("<h1>{status}</h1>"))
    }

    /// A response with a file.
    ///
    /// # Errors
    /// 500 where the system does not tell how long the file is.
    pub fn file(page: Page) -> Result<Self, RequestError> {
        let metadata = page.file.metadata().map_err(|_| {
            RequestError::new(
                "500 Internal Server Error",
                "nobody knows how long the file is",
            )
        })?;
        let body = Body {
            length: Some(metadata.len()),
            source: Box::new(page.file),
        };
        Ok(Self::new("200 OK", page.content_type, body))
    }

    /// The same response with one more field. Control characters are left out of its
    /// value: with a line end in the value, a client that chose it could add a field of
    /// its own (response splitting).
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let mut value = value.into();
        let is_plain = |byte| matches!(byte, b' '..=b'~');
        if !value.bytes().all(is_plain) {
            value.to_mut().retain(|character| !character.is_control());
        }
        self.fields.push((name, value));
        self
    }

    /// The fields that were given to it, as names and values.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.fields.iter().map(|(name, value)| (*name, &**value))
    }

    /// The same response with a watcher.
    pub fn watched_by(self, watcher: impl Watcher + 'static) -> Self {
        let watcher = Some(Box::new(watcher) as Box<dyn Watcher>);
        Self { watcher, ..self }
    }

    /// The status line, the header section and the blank line. This asks a clock for the
    /// time; a server that knows it already calls [`head_at`](Self::head_at).
    pub fn head(&self) -> String {
        self.head_at(Instant::now())
    }

    /// The same, where `now` is the current time.
    pub fn head_at(&self, now: Instant) -> String {
        let mut head = String::with_capacity(USUAL_HEAD);
        head += "HTTP/1.1 ";
        head += self.status;
        head += "\r\nDate: ";
        date::add_now(&mut head, now);
        head += "\r\n";
        for (name, value) in self.fields() {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if let Some(length) = self.body.length
            && self.may_have_content()
        {
            head += "Content-Length: ";
            head += &length.to_string();
            head += "\r\n";
        }
        head += "\r\n";
        head
    }

    /// Whether content may follow a head with this status: none follows `204` and `304`,
    /// whatever the fields say (RFC 9112 §6.3).
    pub fn may_have_content(&self) -> bool {
        !self.status.starts_with("204") && !self.status.starts_with("304")
    }

    /// Writes the response: all of it, or the head alone where the client asked for no
    /// more with `HEAD` (RFC 9110 §9.3.2).
    ///
    /// # Errors
    /// What the connection reports, or the source of the body; and
    /// [`ErrorKind::UnexpectedEof`] where the source gives less than was announced.
    pub fn write_to(self, mut writer: impl Write, is_head: bool) -> io::Result<()> {
        writer.write_all(self.head().as_bytes())?;
        if is_head || !self.may_have_content() {
            return Ok(());
        }
        let most = self.body.length.unwrap_or(u64::MAX);
        let written = io::copy(&mut self.body.source.take(most), &mut writer)?;
        match self.body.length {
            Some(length) if written < length => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

impl From<RequestError> for Response {
    fn from(error: RequestError) -> Self {
        let page = Self::status_page(error.status);
        match error == unknown_coding() {
            // Says that the coding was wrong and not the media type (RFC 9110 §15.5.16).
            true => page.with("Accept-Encoding", "identity"),
            false => page,
        }
    }
}

/// The answer to a request that failed, where the request itself was wrong. The reason
/// goes to the log.
///
/// # Errors
/// The error itself, where the connection failed: then no answer can arrive.
pub fn refusal(error: anyhow::Error) -> anyhow::Result<Response> {
    Ok(refused(error.downcast()?))
}

/// The answer to a request that is refused. The reason goes to the log.
pub fn refused(error: RequestError) -> Response {
    log_error(&error);
    error.into()
}

/// Writes an error to standard error. Where a head did not arrive whole, the client also
/// gets an answer, and the connection ends. The method is not known then. It may have been
/// `HEAD`, so the answer has no content.
pub fn reject(stream: &TcpStream, error: &anyhow::Error) {
    log_error(error);
    let Some(RequestError { status, .. }) = error.downcast_ref() else {
        return;
    };
    let response = Response::empty(status).with("Connection", "close");
    if response.write_to(stream, true).is_ok() {
        linger(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// What is written, with the date replaced.
    fn written(response: Response, is_head: bool) -> io::Result<String> {
        let mut bytes = Vec::new();
        response.write_to(&mut bytes, is_head)?;
        let text = String::from_utf8(bytes).unwrap();
        let (before, date) = text.split_once("Date: ").unwrap();
        Ok(format!("{before}Date: [date]{}", &date[29..]))
    }

    #[test]
    fn whole_responses() {
        let page = || Response::html("200 OK", "<h1>ö</h1>");
        let head = "HTTP/1.1 200 OK\r\nDate: [date]\r\nContent-Type: text/html; charset=utf-8\r\n\
                    Content-Length: 11\r\n\r\n";
        assert_eq!(written(page(), false).unwrap(), format!("{head}<h1>ö</h1>"));
        assert_eq!(written(page(), true).unwrap(), head);
        let see_other = Response::empty("303 See Other").with("Location", "/");
        assert_eq!(
            written(see_other, false).unwrap(),
            "HTTP/1.1 303 See Other\r\nDate: [date]\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
        );
        for status in ["204 No Content", "304 Not Modified"] {
            let response = Response::html(status, "none of it");
            let written = written(response, false).unwrap();
            assert!(written.ends_with("charset=utf-8\r\n\r\n"), "{written}");
        }
    }

    #[test]
    fn only_text_has_a_charset() {
        let empty = || Body {
            length: Some(0),
            source: Box::new(io::empty()),
        };
        for (content_type, sent) in [
            ("text/css", "text/css; charset=utf-8"),
            ("image/svg+xml", "image/svg+xml"),
        ] {
            let head = Response::new("200 OK", content_type, empty()).head();
            assert!(
                head.contains(&format!("\r\nContent-Type: {sent}\r\n")),
                "{head}"
            );
        }
    }

    #[test]
    fn a_value_cannot_hold_a_second_field() {
        let response = Response::empty("200 OK").with("Location", "/a\r\nSet-Cookie: b\0");
        assert!(
            response
                .head()
                .contains("\r\nLocation: /aSet-Cookie: b\r\n")
        );
    }

    #[test]
    fn as_much_as_was_announced_and_not_more() {
        let response = |length| {
            let source = Box::new(&b"12345"[..]);
            let body = Body { length, source };
            Response::new("200 OK", "image/png", body)
        };
        for (length, end) in [(Some(3), "\r\n\r\n123"), (None, "png\r\n\r\n12345")] {
            let written = written(response(length), false).unwrap();
            assert!(written.ends_with(end), "{written}");
        }
        let error = written(response(Some(6)), false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_request_is_refused_and_a_broken_connection_is_not() {
        let bad_request = RequestError::new("400 Bad Request", "no reason");
        let response = refusal(bad_request.into()).unwrap();
        let written = written(response, false).unwrap();
        assert!(
            written.ends_with("\r\n\r\n<h1>400 Bad Request</h1>"),
            "{written}"
        );
        assert!(refusal(io::Error::other("cable cut").into()).is_err());
    }

    fn received_after_rejection(error: anyhow::Error) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let client = thread::spawn(move || {
            let mut received = String::new();
            client.read_to_string(&mut received).unwrap();
            received
        });
        reject(&server, &error);
        drop(server);
        client.join().unwrap()
    }

    #[test]
    fn a_rejected_client_gets_a_whole_answer_without_content() {
        let too_slow = RequestError::new("408 Request Timeout", "no reason");
        let received = received_after_rejection(too_slow.into());
        assert!(
            received.starts_with("HTTP/1.1 408 Request Timeout\r\nDate: "),
            "{received}"
        );
        let rest = "Connection: close\r\nContent-Length: 0\r\n\r\n";
        assert!(received.ends_with(rest), "{received}");
        let broken = io::Error::other("cable cut").into();
        assert_eq!(received_after_rejection(broken), "");
    }
}
