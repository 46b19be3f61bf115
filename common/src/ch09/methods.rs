//! The answer to a method that a target does not have.

use crate::ch09::request::Request;
use crate::ch09::response::Response;

/// Answers a request whose method is none of those that its target has. `allowed` lists
/// these, such as `GET, HEAD`. `OPTIONS` asks for the list, and gets it for every target
/// (RFC 9110 §9.3.7). Another method that the RFC defines gets 405 with the list
/// (§15.5.6), and a method that the RFC does not define gets 501 (§15.6.2).
///
/// ```
/// let request = common::Request::from_head(b"PUT / HTTP/1.0\r\n\r\n")?;
/// let response = common::other_method(&request, "GET, HEAD");
/// assert!(response.head().contains("\r\nAllow: GET, HEAD\r\n"));
/// # Ok::<(), common::RequestError>(())
/// ```
pub fn other_method(request: &Request, allowed: &'static str) -> Response {
    match &*request.method {
        "OPTIONS" => Response::empty("204 No Content").with("Allow", allowed),
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "TRACE" => {
            Response::status_page("405 Method Not Allowed").with("Allow", allowed)
        }
        _ => Response::status_page("501 Not Implemented"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_has_its_answer() {
        for (line, status, has_allow) in [
            ("OPTIONS * HTTP/1.0", "204 No Content", true),
            ("OPTIONS /a HTTP/1.0", "204 No Content", true),
            ("TRACE / HTTP/1.0", "405 Method Not Allowed", true),
            ("CONNECT a:80 HTTP/1.0", "405 Method Not Allowed", true),
            ("PATCH / HTTP/1.0", "501 Not Implemented", false),
            ("get / HTTP/1.0", "501 Not Implemented", false),
        ] {
            let request = Request::from_head(format!("{line}\r\n\r\n").as_bytes()).unwrap();
            let response = other_method(&request, "GET, HEAD");
            assert_eq!(response.status, status, "{line}");
            let allow = response.head().contains("\r\nAllow: GET, HEAD\r\n");
            assert_eq!(allow, has_allow, "{line}");
        }
    }
}
