//! The request line: a method, a target and a version (RFC 9112 §3).

use crate::ch02::error::RequestError;
use crate::ch02::head::is_token_byte;

/// The three parts of a request line, as the client wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// What the client wants done, such as `GET` (RFC 9110 §9). Case matters.
    pub method: &'a str,
    /// What the method applies to, such as `/hello?name=Ada` (RFC 9112 §3.2).
    pub target: &'a str,
    /// The version that the client speaks: `HTTP/1.` and one digit.
    pub version: &'a str,
}

/// Splits the first line of a head into its three parts.
///
/// ```
/// let line = common::parse_request_line(b"GET /hello HTTP/1.1\r\n\r\n")?;
/// assert_eq!(line.method, "GET");
/// assert_eq!(line.target, "/hello");
/// assert_eq!(line.version, "HTTP/1.1");
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// A target should contain only ASCII (RFC 3986 §2), but `curl` and other clients send what
/// the user typed, so any UTF-8 without control characters is accepted.
///
/// # Errors
/// 400 if the line does not have exactly three parts with one space between them, or if the
/// target has none of the forms of RFC 9112 §3.2; 505 for a version other than `HTTP/1.`
/// and a digit.
pub fn parse_request_line(head: &[u8]) -> Result<RequestLine<'_>, RequestError> {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = str::from_utf8(line).map_err(|_| bad("the request line is not UTF-8"))?;
    if line.contains(char::is_control) {
        return Err(bad("the request line holds a control character"));
    }

    let mut parts = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad(
            "the request line has not three parts with one space between",
        ));
    };
    if !is_token(method) {
        return Err(bad("the method is no token"));
    }
    if !has_a_form(method, target) {
        return Err(bad("the target is neither a path, nor an address, nor *"));
    }
    check_version(version)?;
    Ok(RequestLine {
        method,
        target,
        version,
    })
}

/// Whether a target has one of the forms of RFC 9112 §3.2: a path (origin-form), an address
/// with a scheme (absolute-form) or `*` (asterisk-form). Only CONNECT takes a host and a
/// port without a scheme (authority-form).
fn has_a_form(method: &str, target: &str) -> bool {
    let is_scheme_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let has_scheme = || {
        target.split_once("://").is_some_and(|(scheme, _)| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.bytes().all(is_scheme_byte)
        })
    };
    match method {
        "CONNECT" => !target.is_empty(),
        _ => target.starts_with('/') || target == "*" || has_scheme(),
    }
}

/// Accepts `HTTP/1.` and a digit. Any other version gets 505, and anything else 400.
fn check_version(version: &str) -> Result<(), RequestError> {
    match version.as_bytes() {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] => Ok(()),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(RequestError::new(
            "505 HTTP Version Not Supported",
            "the version is not HTTP/1",
        )),
        _ => Err(bad("the request line does not end in a version")),
    }
}

/// 400 for a request line with this problem.
fn bad(problem: &'static str) -> RequestError {
    RequestError::new("400 Bad Request", problem)
}

/// Whether this is a token, as methods and field names are (RFC 9110 §5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_lines() {
        for (line, [method, target, version]) in [
            ("GET / HTTP/1.1\r\n", ["GET", "/", "HTTP/1.1"]),
            ("GET / HTTP/1.0\n", ["GET", "/", "HTTP/1.0"]),
            ("GET / HTTP/1.9", ["GET", "/", "HTTP/1.9"]),
            (
                "get /a?b=c#d HTTP/1.1\r\nHost: a\r\n\r\n",
                ["get", "/a?b=c#d", "HTTP/1.1"],
            ),
            ("OPTIONS * HTTP/1.1\r\n", ["OPTIONS", "*", "HTTP/1.1"]),
            (
                "M-SEARCH http://a/b HTTP/1.1\r\n",
                ["M-SEARCH", "http://a/b", "HTTP/1.1"],
            ),
            ("GET /grüße HTTP/1.1\r\n", ["GET", "/grüße", "HTTP/1.1"]),
            (
                "GET h2+a-b.c:// HTTP/1.1\r\n",
                ["GET", "h2+a-b.c://", "HTTP/1.1"],
            ),
            ("CONNECT a:80 HTTP/1.1\r\n", ["CONNECT", "a:80", "HTTP/1.1"]),
        ] {
            let expected = RequestLine {
                method,
                target,
                version,
            };
            assert_eq!(
                parse_request_line(line.as_bytes()),
                Ok(expected),
                "{line:?}"
            );
        }
    }

    #[test]
    fn bad_lines() {
        for (line, code) in [
            (&b"\r\n"[..], "400"),
            (b"GET\r\n", "400"),
            (b"GET /\r\n", "400"),
            (b"GET / HTTP/1.1 \r\n", "400"),
            (b"GET / x HTTP/1.1\r\n", "400"),
            (b" GET / HTTP/1.1\r\n", "400"),
            (b"GET  / HTTP/1.1\r\n", "400"),
            (b"GET  HTTP/1.1\r\n", "400"),
            (b"CONNECT  HTTP/1.1\r\n", "400"),
            (b"GET hello HTTP/1.1\r\n", "400"),
            (b"GET localhost:8080 HTTP/1.1\r\n", "400"),
            (b"GET ** HTTP/1.1\r\n", "400"),
            (b"GET ?a=b HTTP/1.1\r\n", "400"),
            (b"GET :// HTTP/1.1\r\n", "400"),
            (b"GET 1a://b HTTP/1.1\r\n", "400"),
            (b"GET a_b://c HTTP/1.1\r\n", "400"),
            (b"GET\t/\tHTTP/1.1\r\n", "400"),
            (b"GET /\tx HTTP/1.1\r\n", "400"),
            (b"GET / HTTP/1.1\r\r\n", "400"),
            (b"GET /\0 HTTP/1.1\r\n", "400"),
            (b"GET /\x7f HTTP/1.1\r\n", "400"),
            (b"GET /\xc2\x9b HTTP/1.1\r\n", "400"),
            (b"GET /\xff HTTP/1.1\r\n", "400"),
            (b"G(T / HTTP/1.1\r\n", "400"),
            (b"GET / http/1.1\r\n", "400"),
            (b"GET / HTTP/1\r\n", "400"),
            (b"GET / HTTP/1.\r\n", "400"),
            (b"GET / HTTP/1.10\r\n", "400"),
            (b"GET / HTTP/11.1\r\n", "400"),
            (b"GET / HTTPS/1.1\r\n", "400"),
            (b"GET / HTTP/0.9\r\n", "505"),
            (b"GET / HTTP/2.0\r\n", "505"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
        ] {
            let error = parse_request_line(line).unwrap_err();
            let sent = String::from_utf8_lossy(line);
            assert!(error.status.starts_with(code), "{sent:?}: {error}");
        }
    }
}
