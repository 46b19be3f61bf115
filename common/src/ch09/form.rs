//! What a browser sends for a form: `name=Ada&message=Hello` in a body.

use crate::ch02::error::RequestError;
use crate::ch06::fields::trim;
use crate::ch08::query::{Query, parse_parameters};
use crate::ch09::request::Request;

/// The media type in which a browser sends a form, where the page asks for no other.
const FORM: &str = "application/x-www-form-urlencoded";

/// Reads the form in a request's body. Its notation is that of a query, and
/// [`parse_query`] says how it is read.
///
/// [`parse_query`]: crate::parse_query()
///
/// ```
/// let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n";
/// let mut request = common::Request::from_head(head)?;
/// request.body = b"name=Ada+Lovelace".to_vec();
/// assert_eq!(common::parse_form(&request)?.values("name"), ["Ada Lovelace"]);
/// # Ok::<(), common::RequestError>(())
/// ```
///
/// # Errors
/// What [`expect_form`] refuses; 400 for too many parameters.
pub fn parse_form(request: &Request) -> Result<Query, RequestError> {
    expect_form(request)?;
    parse_parameters(&String::from_utf8_lossy(&request.body))
}

/// Checks that the fields of a request announce a form without a content coding. The body
/// need not have arrived.
///
/// # Errors
/// 415 where they do not. A body in a content coding, such as `gzip`, would have to be
/// decoded before it can be read (RFC 9110 §8.4).
pub fn expect_form(request: &Request) -> Result<(), RequestError> {
    let mut types = request.fields.values("Content-Type");
    let media_type = types.next().and_then(|value| value.split(';').next());
    let is_form = media_type.is_some_and(|name| trim(name).eq_ignore_ascii_case(FORM));
    if !is_form || types.next().is_some() {
        return Err(RequestError::new(
            "415 Unsupported Media Type",
            "the body is not a form",
        ));
    }
    let mut codings = request.fields.elements("Content-Encoding");
    match codings.all(|coding| coding.eq_ignore_ascii_case("identity")) {
        true => Ok(()),
        false => Err(unknown_coding()),
    }
}

/// The error for a form in a content coding.
pub(crate) fn unknown_coding() -> RequestError {
    RequestError::new(
        "415 Unsupported Media Type",
        "the body is in a content coding",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: &str, body: &str) -> Result<String, RequestError> {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut request = Request::from_head(head.as_bytes()).unwrap();
        request.body = body.into();
        Ok(format!("{:?}", parse_form(&request)?))
    }

    #[test]
    fn forms() {
        for (fields, body, form) in [
            (
                "Content-Type: application/x-www-form-urlencoded\r\n",
                "",
                "{}",
            ),
            (
                "Content-Type: Application/X-WWW-Form-URLencoded ; charset=UTF-8\r\n",
                "a=1&b=%26+2#3?4",
                r#"{"a": ["1"], "b": ["& 2#3?4"]}"#,
            ),
            (
                "Content-Type: \t application/x-www-form-urlencoded\t ;a=b\r\n\
                 Content-Encoding: , Identity\r\n",
                "a=1",
                r#"{"a": ["1"]}"#,
            ),
        ] {
            assert_eq!(parse(fields, body).unwrap(), form, "{body}");
        }
    }

    #[test]
    fn what_is_no_form() {
        for fields in [
            "",
            "Content-Type: text/plain\r\n",
            "Content-Type: multipart/form-data; boundary=a\r\n",
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Type: text/plain\r\n",
            // White space in Unicode, but not in HTTP.
            "Content-Type: application/x-www-form-urlencoded\u{a0}\r\n",
            "Content-Type: \u{3000}application/x-www-form-urlencoded\r\n",
            "Content-Type: application/x-www-form-urlencoded\u{85};a=b\r\n",
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\n",
            "Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Encoding: identity\r\nContent-Encoding: br\r\n",
        ] {
            let error = parse(fields, "a=1").unwrap_err();
            assert_eq!(error.status, "415 Unsupported Media Type", "{fields:?}");
        }
    }

    #[test]
    fn not_more_than_a_thousand() {
        let type_of_a_form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let error = parse(type_of_a_form, &"a&".repeat(1000)).unwrap_err();
        assert_eq!(error.status, "400 Bad Request");
    }
}
