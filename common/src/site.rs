//! The pages of the site that earlier chapters taught.

use crate::error::RequestError;
use crate::files::open_page;
use crate::html::escape;
use crate::query::parse_query;
use crate::request::Request;
use crate::response::Response;

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
