//! Reads requests out of the bytes that a client has sent. The last one may not have come
//! whole yet.

use crate::ch02::error::RequestError;
use crate::ch02::head::find_head;
use crate::ch09::request::{Request, Scheme};
use crate::ch09::response::Response;
use crate::ch10::body_decoder::{BodyDecoder, DecoderFor};
use crate::ch10::buffer::Buffer;

/// What has come.
#[derive(Debug, PartialEq, Eq)]
pub enum ReadEvent {
    /// Nothing that is whole.
    Nothing,
    /// A head whose body is to follow: that of [`RequestReader::head`].
    Head,
    /// A request with all of its body.
    Request(Request),
    /// The body of a request that [`RequestReader::take_head`] took before.
    Rest,
}

/// A request that is refused.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub error: RequestError,
    /// Whether it was `HEAD`; `None` if its head has not come, so that it is unknown.
    pub is_head: Option<bool>,
}

impl Refused {
    /// The response to it. It has no content if the request may have been `HEAD`.
    pub fn response(&self) -> Response {
        match self.is_head {
            None => Response::empty(self.error.status),
            Some(_) => self.error.clone().into(),
        }
    }
}

/// Reads requests, one behind the other.
#[derive(Default)]
pub struct RequestReader {
    scheme: Scheme,
    received: Buffer,
    coming: Option<Coming>,
}

/// A request whose head has come, and whose body has not.
struct Coming {
    /// `None` where it was taken before.
    request: Option<Request>,
    decoder: Box<dyn BodyDecoder>,
}

impl RequestReader {
    /// The same over a connection of that scheme.
    pub fn over(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: &[u8]) {
        self.received.add(bytes);
    }

    /// Whether the client has not begun a request. Empty lines do not begin one.
    pub fn is_idle(&self) -> bool {
        let is_blank = |byte| b"\r\n".contains(byte);
        !self.is_within_body() && self.received.rest().iter().all(is_blank)
    }

    /// Whether a head has come, and its body has not.
    pub fn is_within_body(&self) -> bool {
        self.coming.is_some()
    }

    /// The request whose body is to follow.
    pub fn head(&self) -> Option<&Request> {
        self.coming.as_ref()?.request.as_ref()
    }

    /// Takes that request before its body has come. The body is dropped as it comes.
    pub fn take_head(&mut self) -> Option<Request> {
        self.coming.as_mut()?.request.take()
    }

    /// Whether a request was taken so, and its body is still to come.
    pub fn head_was_taken(&self) -> bool {
        self.is_within_body() && self.head().is_none()
    }

    /// Goes on to what has come next.
    ///
    /// # Errors
    /// What is not a request. Where the next one begins is unknown then.
    pub fn advance(&mut self, decoder_for: DecoderFor) -> Result<ReadEvent, Refused> {
        let advanced = match self.coming {
            None => self.advance_head(decoder_for),
            Some(_) => self.advance_body(),
        };
        advanced.map_err(|error| self.refused(error))
    }

    /// The refusal of what has come so far.
    pub fn refused(&self, error: RequestError) -> Refused {
        let is_head = self.is_head();
        Refused { error, is_head }
    }

    /// Whether the request under way is `HEAD`; `None` if its head has not come whole.
    fn is_head(&self) -> Option<bool> {
        if let Some(Coming { request, .. }) = &self.coming {
            let is_head = |request: &Request| request.method == "HEAD";
            return Some(request.as_ref().is_some_and(is_head));
        }
        let received = self.received.rest();
        let head = find_head(received).ok()??;
        Some(received[head].starts_with(b"HEAD "))
    }

    fn advance_head(&mut self, decoder_for: DecoderFor) -> Result<ReadEvent, RequestError> {
        let Some(head) = find_head(self.received.rest())? else {
            return Ok(ReadEvent::Nothing);
        };
        let end = head.end;
        let request = Request::from_head_over(self.scheme, &self.received.rest()[head])?;
        let decoder = decoder_for(&request)?;
        self.received.take(end);
        let Some(decoder) = decoder else {
            return Ok(ReadEvent::Request(request));
        };
        let request = Some(request);
        self.coming = Some(Coming { request, decoder });
        Ok(ReadEvent::Head)
    }

    fn advance_body(&mut self) -> Result<ReadEvent, RequestError> {
        let mut dropped = Vec::new();
        let Some(Coming { request, decoder }) = &mut self.coming else {
            return Ok(ReadEvent::Nothing);
        };
        let body = request
            .as_mut()
            .map_or(&mut dropped, |request| &mut request.body);
        let taken = decoder.decode(self.received.rest(), body)?;
        self.received.take(taken.length);
        if !taken.is_whole {
            return Ok(ReadEvent::Nothing);
        }
        let request = self.coming.take().and_then(|coming| coming.request);
        Ok(request.map_or(ReadEvent::Rest, ReadEvent::Request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch10::body_decoder::by_length;

    fn reader(received: &[u8]) -> RequestReader {
        let mut reader = RequestReader::default();
        reader.add(received);
        reader
    }

    #[test]
    fn one_request_behind_the_other() {
        let mut reader = reader(
            b"\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n\
              POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n12",
        );
        let Ok(ReadEvent::Request(first)) = reader.advance(by_length) else {
            panic!("the first request is whole");
        };
        assert_eq!(first.target, "/a");
        assert_eq!(reader.advance(by_length), Ok(ReadEvent::Head));
        assert_eq!(reader.head().unwrap().target, "/b");
        assert_eq!(reader.advance(by_length), Ok(ReadEvent::Nothing));
        assert!(reader.is_within_body() && !reader.is_idle());
        reader.add(b"3\r\n");
        let Ok(ReadEvent::Request(second)) = reader.advance(by_length) else {
            panic!("the second request is whole");
        };
        assert_eq!(second.body, b"123");
        assert_eq!(reader.advance(by_length), Ok(ReadEvent::Nothing));
        assert!(reader.is_idle());
        reader.add(b"G");
        assert!(!reader.is_idle());
    }

    #[test]
    fn the_body_of_a_request_that_was_taken_is_dropped() {
        let mut reader = reader(
            b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n123\
              GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
        );
        assert_eq!(reader.advance(by_length), Ok(ReadEvent::Head));
        assert_eq!(reader.take_head().unwrap().target, "/a");
        assert_eq!(reader.head(), None);
        assert_eq!(reader.advance(by_length), Ok(ReadEvent::Rest));
        assert!(matches!(
            reader.advance(by_length),
            Ok(ReadEvent::Request(_))
        ));
    }

    #[test]
    fn which_refused_requests_may_be_head() {
        for (received, is_head) in [
            (&b"HEAD / HTTP/1.1\r\n\r\n"[..], Some(true)),
            (b"GET / HTTP/1.1\r\n\r\n", Some(false)),
            (
                b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                Some(true),
            ),
            (
                b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
                Some(false),
            ),
            (&[b'G'; 8192], None),
        ] {
            let refused = reader(received).advance(by_length).unwrap_err();
            assert_eq!(refused.is_head, is_head, "{}", refused.error);
        }
    }
}
