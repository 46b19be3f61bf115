//! Whether a connection stays open (RFC 9112 §9.3).

use crate::ch09::request::Request;

/// Whether the client wants the connection to stay open once it has its response. A client
/// of HTTP/1.1 does unless it says `close`; a client of HTTP/1.0 does if it says
/// `keep-alive`.
///
/// ```
/// let head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
/// let request = common::Request::from_head(head)?;
/// assert!(!common::wants_to_persist(&request));
/// # Ok::<(), common::RequestError>(())
/// ```
pub fn wants_to_persist(request: &Request) -> bool {
    let says = |option: &str| {
        let mut options = request.fields.elements("Connection");
        options.any(|one| one.eq_ignore_ascii_case(option))
    };
    !says("close") && (request.version != "HTTP/1.0" || says("keep-alive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_connections_stay() {
        for (version, fields, stays) in [
            ("HTTP/1.1", "", true),
            ("HTTP/1.1", "Connection: close\r\n", false),
            ("HTTP/1.1", "Connection: Keep-Alive, CLOSE\r\n", false),
            (
                "HTTP/1.1",
                "Connection: upgrade\r\nconnection: close\r\n",
                false,
            ),
            ("HTTP/1.1", "Connection: closed\r\n", true),
            ("HTTP/1.1", "Connection: \"close\"\r\n", true),
            ("HTTP/1.9", "", true),
            ("HTTP/1.0", "", false),
            ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
            ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
            ("HTTP/1.0", "Keep-Alive: timeout=5\r\n", false),
        ] {
            let head = format!("GET / {version}\r\nHost: a\r\n{fields}\r\n");
            let request = Request::from_head(head.as_bytes()).unwrap();
            assert_eq!(wants_to_persist(&request), stays, "{version} {fields:?}");
        }
    }
}
