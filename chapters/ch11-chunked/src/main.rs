//! Chapter 11: bodies of unknown length.
//!
//!     cargo run -p ch11-chunked

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{Blocking, Connection, Entry, Guestbook, Request, RequestError, Response, Times};

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
    let mut connection = Connection::new(Times::default(), Instant::now())
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
        ("POST", "/guestbook") => sign(request, guestbook)?,
        ("GET" | "HEAD", _) => common::send_file(request)?,
        (_, path) => common::other_method(request, allowed(path)),
    })
}

fn allowed(path: &str) -> &'static str {
    match path {
        "/guestbook" => "GET, HEAD, POST, OPTIONS",
        _ => "GET, HEAD, OPTIONS",
    }
}

/// Whether the answer depends on the body; else nobody has to wait for it.
fn needs_body(request: &Request) -> bool {
    request.method == "POST"
        && request.path() == "/guestbook"
        && common::expect_form(request).is_ok()
}

fn sign(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    let form = common::parse_form(request)?;
    let first = |name| form.values(name).first().map_or("", String::as_str);
    guestbook.add(Entry::new(first("name"), first("message"))?);
    // The browser asks for that page next, and a reload repeats that and not this.
    Ok(Response::empty("303 See Other").with("Location", "/guestbook"))
}
