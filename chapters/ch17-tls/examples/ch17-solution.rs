//! Exercise 17: a browser is told to come back over TLS alone.
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
