//! Chapter 17, exercise: a page behind a password, and no way back to plain HTTP.
//!
//!     cargo run -p ch17-tls --example ch17-solution

use std::io;
use std::thread;

use common::{
    Acceptor, AccessLog, ConnectionLimiter, Entry, ErrorLog, Guestbook, Limits, Options, Request,
    RequestError, Response, Tls, event_loops,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let options = Options::read();
    let tls = Tls::new(options.credentials()?)?;
    let shutdown = common::shutdown_or_reload(limits.stop, &tls)?;
    let listener = common::listen_on(&options.address)?;
    tls.name_certificate();
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log.clone())?;
    let guestbook = Guestbook::default();

    let acceptor = Acceptor::new(listener, &limiter, &shutdown)?
        .with_transports(|stream| tls.transport(stream));
    let loops = thread::available_parallelism()?.get();
    let cut_off = event_loops::serve(acceptor, loops, |request| {
        let response = respond(request, &guestbook).unwrap_or_else(common::refused);
        // Who speaks plain HTTP is answered before it comes to this.
        response.with("Strict-Transport-Security", "max-age=86400")
    })?;
    shutdown.report(cut_off, &log);
    Ok(())
}

fn respond(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/private") => private(request),
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
        ("GET" | "HEAD", "/numbers") => common::count(request)?,
        ("GET" | "HEAD", "/guestbook") => Response::html("200 OK", guestbook.page()),
        ("POST", "/guestbook") => sign(request, guestbook)?,
        ("GET" | "HEAD", _) => common::send_what_is_missing(request)?,
        (_, path) => common::other_method(request, allowed(path)),
    })
}

fn allowed(path: &str) -> &'static str {
    match path {
        "/guestbook" => "GET, HEAD, POST, OPTIONS",
        _ => "GET, HEAD, OPTIONS",
    }
}

fn sign(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    let form = common::form_in_turn(request)?;
    let first = |name| form.values(name).first().map_or("", String::as_str);
    guestbook.add(Entry::new(first("name"), first("message"))?);
    // The browser asks for that page next, and a reload repeats that and not this.
    Ok(Response::empty("303 See Other").with("Location", "/guestbook"))
}

/// Who may see the private page: their names, and their passwords behind a colon.
const USERS: [&str; 2] = ["ada:Zoë: 100 %", "bob:correct horse"];

/// What a client is asked for that has not said, or not rightly, who it is.
const CHALLENGE: &str = "Basic realm=\"private\", charset=\"UTF-8\"";

fn private(request: &Request) -> Response {
    match user_of(request) {
        Some(name) => Response::html("200 OK", format!("<h1>Hello, {name}!</h1>"))
            .with("Cache-Control", "no-store"),
        // Whatever was wrong, the answer is the same: it helps nobody to guess.
        None => Response::status_page("401 Unauthorized").with("WWW-Authenticate", CHALLENGE),
    }
}

/// Who sends a request, where it says so and knows the password (RFC 7617 §2).
fn user_of(request: &Request) -> Option<&'static str> {
    let mut values = request.fields.values("Authorization");
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, credentials) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let credentials = decode(credentials.trim_start_matches(' '))?;
    let is_it = |user: &&str| are_the_same(user.as_bytes(), &credentials);
    let (name, _) = USERS.into_iter().find(is_it)?.split_once(':')?;
    Some(name)
}

/// Compares all bytes, also where the first ones differ: how long that takes must not tell
/// how much of a password was right.
fn are_the_same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).map(|(one, other)| one ^ other);
    one.len() == other.len() && differences.fold(0, |all, one| all | one) == 0
}

/// Undoes base64 (RFC 4648 §4): each digit stands for six bits, and four of them for three
/// bytes. `None` for what is none.
fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if !text.len().is_multiple_of(4) || text.len() - digits.len() > 2 {
        return None;
    }
    let mut decoded = Vec::new();
    let (mut bits, mut count) = (0, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count & 0xff) as u8);
        }
    }
    Some(decoded)
}
