//! Chapter 13: stop without cutting anybody off.
//!
//!     cargo run -p ch13-stop

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{
    AccessLog, Admission, Blocking, Connection, ErrorLog, Guestbook, Limits, Place, Request,
    RequestError, Response, Stop, UnderWay,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let stop = Stop::on_signal(limits.stop)?;
    let listener = stop.listen()?;
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let admission = Admission::start(limits, log.clone())?;
    let guestbook = Arc::new(Guestbook::default());

    while let Some((stream, place, mut under_way)) = stop.accept(&listener, &admission) {
        let guestbook = Arc::clone(&guestbook);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream, place, &mut under_way, &guestbook) {
                common::log_error(&error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
    drop(listener);
    stop.finish(&log);
    Ok(())
}

fn handle_connection(
    stream: &TcpStream,
    mut place: Place,
    under_way: &mut UnderWay,
    guestbook: &Guestbook,
) -> anyhow::Result<()> {
    // Each response leaves at once, also while the client has yet to confirm the last.
    stream.set_nodelay(true)?;
    let mut stream = Blocking::new(stream)?;
    let mut connection = Connection::new(place.limits.times, Instant::now())
        .with_chunks()
        .with_early_answers(common::needs_body);
    while under_way.wait(&mut stream, &mut connection)? {
        while let Some(request) = connection.next_request() {
            if place.is_last_request() {
                connection.wind_up();
            }
            let response = respond(&request, guestbook).unwrap_or_else(common::refused);
            connection.answer(&request, place.watch(&request, response));
        }
        place.note(connection.refusal());
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
