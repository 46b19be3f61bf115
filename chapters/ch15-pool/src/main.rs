//! Chapter 15: few threads for many connections.
//!
//!     cargo run -p ch15-pool

use std::io;

use common::{
    Acceptor, AccessLog, ConnectionLimiter, ErrorLog, Guestbook, Limits, Request, RequestError,
    Response, Shutdown, pool,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let shutdown = Shutdown::on_signal(limits.stop)?;
    let listener = common::listen()?;
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log.clone())?;
    let guestbook = Guestbook::default();

    let acceptor = Acceptor::new(listener, &limiter, &shutdown)?;
    let cut_off = pool::serve(acceptor, move |request| {
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
