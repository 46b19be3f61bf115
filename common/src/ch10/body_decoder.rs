//! Where a body ends, when it comes in pieces and more follows (RFC 9112 §6).

use crate::ch02::error::RequestError;
use crate::ch06::body::body_length;
use crate::ch09::request::Request;

/// Takes the body of one request out of the bytes that follow its head.
pub trait BodyDecoder: Send {
    /// Takes what belongs to the body from the front of what was received, and
    /// adds the content to `body`. What follows the body is left.
    ///
    /// # Errors
    /// 400 if the end of the body cannot be found any more, and the status of whatever
    /// else is wrong with the body.
    fn decode(&mut self, received: &[u8], body: &mut Vec<u8>) -> Result<Decoded, RequestError>;
}

/// What was taken of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many of the received bytes.
    pub length: usize,
    /// Whether the body is whole now.
    pub is_whole: bool,
}

/// Puts the content of one response into a transfer coding. The coding shows the recipient
/// where the content ends if the sender does not know its length in advance (RFC 9112 §7).
pub trait BodyEncoder: Send {
    /// The name of the coding in `Transfer-Encoding`.
    fn name(&self) -> &'static str;

    /// The names of the fields that it sends behind the content, as `Trailer` lists them
    /// (RFC 9110 §6.6.2). An encoder that does not say otherwise has none.
    fn trailers(&self) -> Option<&'static str> {
        None
    }

    /// What goes on the wire before this piece of the content, and what goes behind it. An
    /// empty piece ends the content.
    fn around(&mut self, content: &[u8]) -> (String, &'static str);
}

/// Gives the transfer coding for the response to a request if the length of the response
/// is not known; `None` if the end of the connection has to show its end.
pub type EncoderFor = fn(&Request) -> Option<Box<dyn BodyEncoder>>;

/// Gives what finds the end of a request's body; `None` if the request has no body.
pub type DecoderFor = fn(&Request) -> Result<Option<Box<dyn BodyDecoder>>, RequestError>;

/// A body as long as `Content-Length` says, as [`body_length`] reads it.
///
/// ```
/// let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n";
/// let request = common::Request::from_head(head)?;
/// let mut decoder = common::by_length(&request)?.unwrap();
/// let mut body = Vec::new();
/// assert!(!decoder.decode(b"name", &mut body)?.is_whole);
/// let taken = decoder.decode(b"=AdaGET /", &mut body)?;
/// assert!(taken.is_whole && taken.length == 4 && body == b"name=Ada");
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// # Errors
/// What [`body_length`] refuses.
pub fn by_length(request: &Request) -> Result<Option<Box<dyn BodyDecoder>>, RequestError> {
    Ok(match body_length(&request.fields)? {
        0 => None,
        left => Some(Box::new(LengthDecoder { left })),
    })
}

struct LengthDecoder {
    left: usize,
}

impl BodyDecoder for LengthDecoder {
    fn decode(&mut self, received: &[u8], body: &mut Vec<u8>) -> Result<Decoded, RequestError> {
        let length = self.left.min(received.len());
        body.extend_from_slice(&received[..length]);
        self.left -= length;
        Ok(Decoded {
            length,
            is_whole: self.left == 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &str) -> Request {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        Request::from_head(head.as_bytes()).unwrap()
    }

    #[test]
    fn a_body_in_two_pieces_wherever_they_part() {
        let sent = b"12345678 and more";
        for cut in 0..8 {
            let decoder = by_length(&request("Content-Length: 8\r\n"));
            let mut decoder = decoder.unwrap().unwrap();
            let mut body = Vec::new();
            let first = decoder.decode(&sent[..cut], &mut body).unwrap();
            assert_eq!((first.length, first.is_whole), (cut, false));
            let second = decoder.decode(&sent[cut..], &mut body).unwrap();
            assert_eq!((second.length, second.is_whole), (8 - cut, true));
            assert_eq!(body, b"12345678");
        }
    }

    #[test]
    fn no_body_and_refused_ones() {
        for fields in ["", "Content-Length: 0\r\n"] {
            assert!(by_length(&request(fields)).unwrap().is_none(), "{fields}");
        }
        let refused = by_length(&request("Content-Length: 1\r\nContent-Length: 1\r\n"));
        assert_eq!(refused.err().unwrap().status, "400 Bad Request");
    }
}
