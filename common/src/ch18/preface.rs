//! The connection preface: what a client of HTTP/2 sends first, so that no server takes it
//! for a client of HTTP/1.1 (RFC 9113 §3.4).

use std::io::BufRead;

use crate::ch02::error::RequestError;
use crate::ch02::head::is_token_byte;
use crate::ch18::receive::{Fill, fill};

/// The 24 bytes. They look like a request of HTTP/1.1 with a method that does not exist.
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much of the preface is its request line: enough to be sure of HTTP/2.
const REQUEST_LINE: usize = 16;

/// Compares the bytes received with the preface, as many as have come: `true` if all 24
/// have.
///
/// ```
/// let received = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// assert!(common::check_preface(received)?);
/// assert!(!common::check_preface(&received[..23])?);
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// # Errors
/// 505 at the first byte that differs, since the client speaks another version of HTTP; 400
/// if it speaks no HTTP, or if only the last 8 bytes differ. Both are for an answer in
/// HTTP/1.1. In HTTP/2 no frame has to tell a client of a wrong preface (RFC 9113 §3.4).
pub fn check_preface(received: &[u8]) -> Result<bool, RequestError> {
    let pairs = received.iter().zip(PREFACE);
    let same = pairs
        .take_while(|(received, wanted)| received == wanted)
        .count();
    match received.first() {
        _ if same == PREFACE.len() => Ok(true),
        _ if same == received.len() => Ok(false),
        _ if same >= REQUEST_LINE => Err(RequestError::new(
            "400 Bad Request",
            "the preface does not end as that of HTTP/2 does",
        )),
        Some(&first) if is_token_byte(first) => Err(RequestError::new(
            "505 HTTP Version Not Supported",
            "the client does not begin with the preface of HTTP/2",
        )),
        _ => Err(RequestError::new(
            "400 Bad Request",
            "the client begins with neither the preface of HTTP/2 nor a method",
        )),
    }
}

/// Reads the preface. `false` means that the client sent nothing before it closed the
/// connection or ran out of time, which is no error.
///
/// # Errors
/// The errors of [`check_preface`]; 400 if the client closes the connection within the
/// preface, and 408 if it runs out of time. Otherwise the error of the connection.
pub fn read_preface(mut reader: impl BufRead) -> anyhow::Result<bool> {
    let mut received = [0; PREFACE.len()];
    for length in 0..PREFACE.len() {
        // One byte at a time, out of the reader's buffer: a client of HTTP/1.1 may send
        // less than 24 bytes, and wait.
        match fill(&mut reader, &mut received[length..=length])? {
            Fill::Whole => check_preface(&received[..=length])?,
            _ if length == 0 => return Ok(false),
            Fill::Closed => {
                return Err(RequestError::new(
                    "400 Bad Request",
                    "the connection ends within the preface",
                )
                .into());
            }
            Fill::TimedOut => {
                return Err(RequestError::new(
                    "408 Request Timeout",
                    "the preface did not arrive in time",
                )
                .into());
            }
        };
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn another_protocol_is_known_by_its_first_wrong_byte() {
        for (received, status) in [
            (&b"G"[..], "505 HTTP Version Not Supported"),
            (b"POST / HTTP/1.1\r\n", "505 HTTP Version Not Supported"),
            (b"PRO", "505 HTTP Version Not Supported"),
            (b"PRI * HTTP/1", "505 HTTP Version Not Supported"),
            (b"PRI * HTTP/2.0\r\n\r\nX", "400 Bad Request"),
            (b"\x16\x03\x01", "400 Bad Request"),
            (b"\r\n", "400 Bad Request"),
        ] {
            let error = check_preface(received).unwrap_err();
            assert_eq!(error.status, status, "{received:?}");
            // It is known at that byte, and no earlier.
            let so_far = &received[..received.len() - 1];
            let is_told = check_preface(so_far).is_err();
            assert_eq!(
                is_told,
                received.len() > 1 && so_far != &PREFACE[..so_far.len()]
            );
        }
    }

    #[test]
    fn the_preface_may_be_cut_anywhere() {
        let sent = [&PREFACE[..], b"the next frame"].concat();
        for split in 0..=sent.len() {
            let (first, second) = sent.split_at(split);
            let mut reader = first.chain(second);
            assert!(read_preface(&mut reader).unwrap());
            let mut rest = Vec::new();
            reader.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, b"the next frame", "{split}");
        }
    }

    #[test]
    fn cut_off() {
        assert!(!read_preface(&b""[..]).unwrap());
        for length in 1..PREFACE.len() {
            let error = read_preface(&PREFACE[..length]).unwrap_err();
            let error: RequestError = error.downcast().unwrap();
            assert_eq!(error.problem, "the connection ends within the preface");
        }
    }
}
