//! Chapter 19: decode the header fields of HTTP/2, and answer.
//!
//!     cargo run -p ch19-hpack

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{Guestbook, Http2Connection, Request, RequestError, Response, Timeouts};

fn main() -> anyhow::Result<()> {
    let listener = common::listen()?;
    let guestbook = Arc::new(Guestbook::default());

    loop {
        let (stream, client) = common::accept(&listener);
        let guestbook = Arc::clone(&guestbook);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream, client, &guestbook) {
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
    client: SocketAddr,
    guestbook: &Guestbook,
) -> anyhow::Result<()> {
    // Each response leaves at once, also while the client has yet to confirm the last.
    stream.set_nodelay(true)?;
    let mut connection = Http2Connection::new(Timeouts::default(), Instant::now());
    let client = client.to_string();
    while common::transfer(stream, &mut connection)? {
        while let Some((id, request)) = connection.next_request() {
            common::log(&client, request.to_string());
            let response = respond(&request, guestbook).unwrap_or_else(common::refused);
            connection.answer(id, &request, response);
        }
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
        ("GET" | "HEAD", _) => common::send_what_is_missing(request)?,
        (_, path) => common::other_method(request, common::allowed(path)),
    })
}
