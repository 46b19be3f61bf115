//! Chapter 14, exercise: files that can be made smaller are sent in gzip.
//!
//!     cargo run -p ch14-caching --example ch14-solution

use std::io::{self, Cursor, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::validators::Outcome;
use common::{
    AccessLog, Blocking, Body, Connection, ConnectionGuard, ConnectionLimiter, ErrorLog, Guestbook,
    Limits, Page, Permit, Request, RequestError, Response, Shutdown, Validators,
};
use flate2::Compression;
use flate2::read::GzEncoder;

/// The longest file that is coded, in bytes: the coded one lies in memory whole, as its
/// length is to be announced.
const MOST: u64 = 1024 * 1024;

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let shutdown = Shutdown::on_signal(limits.stop)?;
    let listener = shutdown.listen()?;
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log.clone())?;
    let guestbook = Arc::new(Guestbook::default());

    while let Some((stream, permit, mut guard)) = listener.accept(&limiter) {
        let guestbook = Arc::clone(&guestbook);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream, permit, &mut guard, &guestbook) {
                common::log_error(&error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
    drop(listener);
    shutdown.finish(&log);
    Ok(())
}

fn handle_connection(
    stream: &TcpStream,
    mut permit: Permit,
    guard: &mut ConnectionGuard,
    guestbook: &Guestbook,
) -> anyhow::Result<()> {
    // Each response leaves at once, also while the client has yet to confirm the last.
    stream.set_nodelay(true)?;
    let mut stream = Blocking::new(stream)?;
    let mut connection = Connection::new(permit.limits.timeouts, Instant::now())
        .with_chunks()
        .with_early_answers(common::needs_body);
    while guard.wait(&mut stream, &mut connection)? {
        while let Some(request) = connection.next_request() {
            if permit.is_last_request() {
                connection.finish_after_current();
            }
            let response = respond(&request, guestbook).unwrap_or_else(common::refused);
            connection.answer(&request, permit.watch(&request, response));
        }
        permit.note(connection.refusal());
    }
    Ok(())
}

fn respond(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
        ("GET" | "HEAD", "/numbers") => common::count(request)?,
        ("GET" | "HEAD", "/guestbook") => Response::html("200 OK", guestbook.page()),
        ("POST", "/guestbook") => common::sign_in_turn(request, guestbook)?,
        ("GET" | "HEAD", _) => send_file(request)?,
        (_, path) => common::other_method(request, common::allowed(path)),
    })
}

/// A file, in gzip where the client prefers that. `Vary` tells all caches on the way that there
/// are two forms.
fn send_file(request: &Request) -> Result<Response, RequestError> {
    let response = match in_gzip(request)? {
        Some(response) => response,
        None => common::send_what_is_missing(request)?,
    };
    Ok(response.with("Vary", "Accept-Encoding"))
}

/// The file in gzip, or 304 or 412 about that form; `None` where the answer is about the plain
/// form. A range always is about the plain form: bytes that are coded anew each time have no
/// parts.
fn in_gzip(request: &Request) -> Result<Option<Response>, RequestError> {
    let is_part = request.method == "GET" && request.fields.values("Range").next().is_some();
    if is_part || !prefers_gzip(request) {
        return Ok(None);
    }
    let Some(page) = common::open_page(request.path())? else {
        return Ok(None);
    };
    let metadata = page.file.metadata().map_err(|_| unreadable())?;
    if metadata.len() > MOST || !gets_smaller(page.content_type) {
        return Ok(None);
    }
    let mut validators = Validators::of(&metadata);
    // The bytes are others, so the tag has to be another.
    validators.tag = match validators.tag.strip_suffix('"') {
        Some(tag) => format!("{tag}-gzip\""),
        None => validators.tag,
    };
    let response = match validators.outcome(request) {
        Outcome::Failed => return Ok(Some(Response::status_page("412 Precondition Failed"))),
        Outcome::NotModified => Response::empty("304 Not Modified"),
        Outcome::Fulfilled => {
            let response = code(page, metadata.len())?;
            match validators.last_modified() {
                Some(date) => response.with("Last-Modified", date),
                None => response,
            }
        }
    };
    let response = response
        .with("ETag", validators.tag)
        .with("Cache-Control", "no-cache");
    Ok(Some(response))
}

fn code(page: Page, length: u64) -> Result<Response, RequestError> {
    let mut coded = Vec::new();
    // A file that grows meanwhile must not fill the memory.
    let file = page.file.take(length);
    let mut encoder = GzEncoder::new(file, Compression::default());
    encoder.read_to_end(&mut coded).map_err(|_| unreadable())?;
    let body = Body {
        length: Some(coded.len() as u64),
        source: Box::new(Cursor::new(coded)),
    };
    Ok(Response::new("200 OK", page.content_type, body).with("Content-Encoding", "gzip"))
}

/// A picture or a film is packed already.
fn gets_smaller(content_type: &str) -> bool {
    content_type.starts_with("text/")
        || ["image/svg+xml", "application/json", "application/xml"].contains(&content_type)
}

/// Whether the client takes gzip, and would not rather have the plain form
/// (RFC 9110 §12.5.3).
fn prefers_gzip(request: &Request) -> bool {
    let given = |coding: &str| {
        let mut elements = request.fields.elements("Accept-Encoding");
        elements.find_map(|element| weight_of(coding, element))
    };
    let any = given("*");
    let weight = |coding| given(coding).or(any).unwrap_or(0.0);
    weight("gzip") > 0.0 && weight("gzip") >= weight("identity")
}

/// How much an element, such as `gzip;q=0.5`, wants this coding, where it is about that;
/// 0 is not at all, and so is what makes no sense.
fn weight_of(coding: &str, element: &str) -> Option<f32> {
    let (name, parameter) = element.split_once(';').unwrap_or((element, "q=1"));
    let (q, value) = parameter.split_once('=').unwrap_or_default();
    let weight = match trim(value).parse() {
        Ok(weight @ 0.0..=1.0) if trim(q).eq_ignore_ascii_case("q") => weight,
        _ => 0.0,
    };
    let is_meant = trim(name).eq_ignore_ascii_case(coding);
    is_meant.then_some(weight)
}

/// HTTP's white space is spaces and tabs (RFC 9110 §5.6.3).
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn unreadable() -> RequestError {
    RequestError::new("500 Internal Server Error", "the file cannot be read")
}
