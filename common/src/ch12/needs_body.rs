//! Which requests are answered before their body has arrived.

use crate::ch09::request::Request;
use crate::ch10::routes::route;

/// Whether the answer to a request may depend on its body. The body of `GET`, `HEAD` or
/// `OPTIONS` has no meaning (RFC 9110 §9.3), and where the header section alone shows that the
/// request is refused, the body changes nothing. For a path that is not in the table of routes
/// the answer is yes.
pub fn needs_body(request: &Request) -> bool {
    let has_meaning = !matches!(&*request.method, "GET" | "HEAD" | "OPTIONS");
    let is_refused = route(request.path()).is_some_and(|route| route.refuses(request));
    has_meaning && !is_refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_a_route_waits_for_the_body() {
        for (line, needs) in [
            ("POST /vote", true),
            ("PUT /pages/index.html", true),
            ("GET /vote", false),
            ("HEAD /", false),
            ("OPTIONS *", false),
            ("PUT /hello", false),
            ("POST /guestbook", false),
        ] {
            let request = Request::from_head(format!("{line} HTTP/1.0\r\n\r\n").as_bytes());
            assert_eq!(needs_body(&request.unwrap()), needs, "{line}");
        }
    }
}
