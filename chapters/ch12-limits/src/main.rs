//! Chapter 12: what one client may cost.
//!
//!     cargo run -p ch12-limits

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{
    AccessLog, Blocking, Connection, ConnectionLimiter, ErrorLog, Guestbook, Limits, Permit,
    Request, RequestError, Response,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let listener = common::listen()?;
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log)?;
    let guestbook = Arc::new(Guestbook::default());

    loop {
        let Some((stream, permit)) = limiter.accept(&listener) else {
            continue;
        };
        let guestbook = Arc::clone(&guestbook);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream, permit, &guestbook) {
                common::log_error(&error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_connection(
    stream: &TcpStream,
    mut permit: Permit,
    guestbook: &Guestbook,
) -> anyhow::Result<()> {
    // Each response leaves at once, also while the client has yet to confirm the last.
    stream.set_nodelay(true)?;
    let mut stream = Blocking::new(stream)?;
    let mut connection = Connection::new(permit.limits.timeouts, Instant::now())
        .with_chunks()
        .with_early_answers(common::needs_body);
    while stream.wait(&mut connection)? {
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
        ("GET" | "HEAD", _) => common::send_file(request)?,
        (_, path) => common::other_method(request, common::allowed(path)),
    })
}
