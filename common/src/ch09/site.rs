//! The pages of the site that earlier chapters taught.

use crate::ch02::error::RequestError;
use crate::ch06::html::escape;
use crate::ch07::files::open_page;
use crate::ch08::query::parse_query;
use crate::ch09::request::Request;
use crate::ch09::response::Response;

/// Chapter 7's answer: the file below `pages/` that the path names.
///
/// # Errors
/// 500 where the file is there and cannot be opened, or is of unknown length.
pub fn send_file(request: &Request) -> Result<Response, RequestError> {
    match open_page(request.path())? {
        Some(page) => Response::file(page),
        None => Ok(Response::status_page("404 Not Found")),
    }
}

/// Chapter 8's page: the query, as it was read.
///
/// # Errors
/// What [`parse_query`] refuses.
pub fn show_query(request: &Request) -> Result<Response, RequestError> {
    let query_params = escape(&format!("{:?}", parse_query(&request.target)?));
    let page = format!("<h1>Query Parameters</h1><pre>{query_params}</pre>");
    Ok(Response::html("200 OK", page))
}
