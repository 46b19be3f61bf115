//! What each path of the site takes: one table, from which `Allow` and the early responses
//! are derived.

use crate::ch02::error::RequestError;
use crate::ch08::query::Query;
use crate::ch09::form::{expect_form, parse_form};
use crate::ch09::guestbook::{Entry, Guestbook};
use crate::ch09::request::Request;
use crate::ch09::response::Response;

/// The methods of a path that can only be read.
const READ: &str = "GET, HEAD, OPTIONS";

/// What requests one path takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The path, as [`Request::path`] gives it.
    pub path: &'static str,
    /// Its methods, as `Allow` lists them (RFC 9110 §10.2.1).
    pub allow: &'static str,
    /// Whether its requests have to bring a form.
    pub takes_form: bool,
}

/// The paths that are not files.
const ROUTES: [Route; 5] = [
    Route::read("/"),
    Route::read("/hello"),
    Route::read("/query"),
    Route::read("/numbers"),
    Route {
        path: "/guestbook",
        allow: "GET, HEAD, POST, OPTIONS",
        takes_form: true,
    },
];

impl Route {
    const fn read(path: &'static str) -> Self {
        Self {
            path,
            allow: READ,
            takes_form: false,
        }
    }

    /// Whether the header section alone shows that a request is refused here: its method is
    /// not allowed, or its body is not the form that the path takes.
    ///
    /// ```
    /// let request = common::Request::from_head(b"PUT /hello HTTP/1.0\r\n\r\n")?;
    /// assert!(common::route("/hello").unwrap().refuses(&request));
    /// # Ok::<(), common::RequestError>(())
    /// ```
    pub fn refuses(&self, request: &Request) -> bool {
        let is_allowed = self
            .allow
            .split(", ")
            .any(|method| method == request.method);
        !is_allowed || (self.takes_form && expect_form(request).is_err())
    }
}

/// The row of a path; `None` if the table has none, as for files.
pub fn route(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.path == path)
}

/// The methods of a path, as `Allow` lists them. A path without a row names a file, or
/// nothing.
///
/// ```
/// assert_eq!(common::allowed("/guestbook"), "GET, HEAD, POST, OPTIONS");
/// assert_eq!(common::allowed("/pages/style.css"), "GET, HEAD, OPTIONS");
/// ```
pub fn allowed(path: &str) -> &'static str {
    route(path).map_or(READ, |route| route.allow)
}

/// Adds the form of a request to the guestbook, and sends the browser back to the page.
///
/// # Errors
/// What [`parse_form`] and [`Entry::new`] refuse.
pub fn sign(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    sign_with(&parse_form(request)?, guestbook)
}

/// The same, with a form that has been parsed already.
///
/// # Errors
/// What [`Entry::new`] refuses.
pub(crate) fn sign_with(form: &Query, guestbook: &Guestbook) -> Result<Response, RequestError> {
    let first = |name| form.values(name).first().map_or("", String::as_str);
    guestbook.add(Entry::new(first("name"), first("message"))?);
    // The browser asks for that page next; a reload repeats that request and not this one.
    Ok(Response::empty("303 See Other").with("Location", "/guestbook"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_by_its_header_section() {
        const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
        for (line, fields, is_refused) in [
            ("GET /hello", "", false),
            ("OPTIONS /hello", "", false),
            ("PUT /hello", "", true),
            ("POST /hello", FORM, true),
            ("BREW /hello", "", true),
            ("POST /guestbook", FORM, false),
            ("POST /guestbook", "", true),
            ("POST /guestbook", "Content-Type: text/plain\r\n", true),
        ] {
            let head = format!("{line} HTTP/1.0\r\n{fields}\r\n");
            let request = Request::from_head(head.as_bytes()).unwrap();
            let route = route(request.path()).unwrap();
            assert_eq!(route.refuses(&request), is_refused, "{line} {fields}");
        }
    }
}
