//! Chapter 11: bodies of unknown length.
//!
//!     cargo run -p ch11-chunked

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{Blocking, Connection, Guestbook, Request, RequestError, Response, Timeouts};

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
    let mut stream = Blocking::new(stream)?;
    let mut connection = Connection::new(Timeouts::default(), Instant::now())
        .with_chunks()
        .with_early_answers(needs_body);
    let client = client.to_string();
    while stream.wait(&mut connection)? {
        while let Some(request) = connection.next_request() {
            common::log(&client, request.to_string());
            let response = respond(&request, guestbook).unwrap_or_else(common::refused);
            connection.answer(&request, response);
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
        ("POST", "/guestbook") => common::sign(request, guestbook)?,
        ("GET" | "HEAD", _) => common::send_file(request)?,
        (_, path) => common::other_method(request, common::allowed(path)),
    })
}

/// Whether the answer may depend on the body. If not, it need not wait for the body. What
/// `GET`, `HEAD` and `OPTIONS` bring has no meaning (RFC 9110 §9.3).
fn needs_body(request: &Request) -> bool {
    let has_meaning = !matches!(&*request.method, "GET" | "HEAD" | "OPTIONS");
    let route = common::route(request.path());
    has_meaning && !route.is_some_and(|route| route.refuses(request))
}
