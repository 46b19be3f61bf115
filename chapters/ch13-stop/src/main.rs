//! Chapter 13: stop without cutting a response off.
//!
//!     cargo run -p ch13-stop

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{
    AccessLog, Blocking, Connection, ConnectionGuard, ConnectionLimiter, ErrorLog, Guestbook,
    Limits, Permit, Request, RequestError, Response, Shutdown,
};

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
        ("GET" | "HEAD", _) => common::send_file(request)?,
        (_, path) => common::other_method(request, common::allowed(path)),
    })
}
