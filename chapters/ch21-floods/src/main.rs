//! Chapter 21: what one client of HTTP/2 may cost.
//!
//!     cargo run -p ch21-floods

use std::io;
use std::thread;

use common::{
    Acceptor, AccessLog, ConnectionLimiter, ErrorLog, Guestbook, Limits, Request, RequestError,
    Response, ServerOptions, Tls, event_loops, http1_or_limited_http2,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let options = ServerOptions::read();
    let tls = Tls::new(options.credentials()?)?.with_http2();
    let shutdown = common::shutdown_or_reload(limits.stop, &tls)?;
    let listener = common::listen_on(&options.address)?;
    if !options.is_plain {
        tls.name_certificate();
    }
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log.clone())?;
    let guestbook = Guestbook::default();

    let acceptor = Acceptor::new(listener, &limiter, &shutdown)?
        .with_transports(|stream| options.transport(&tls, stream))
        .with_protocols(http1_or_limited_http2);
    let loops = thread::available_parallelism()?.get();
    let cut_off = event_loops::serve(acceptor, loops, |request| {
        respond(request, &guestbook).unwrap_or_else(common::refused)
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
        ("POST", "/guestbook") => common::sign_in_turn(request, guestbook)?,
        ("GET" | "HEAD", _) => common::send_what_is_missing(request)?,
        (_, path) => common::other_method(request, common::allowed(path)),
    })
}
