//! Chapter 11, exercise: behind the numbers comes their sum, as a trailer.
//!
//!     cargo run -p ch11-chunked --example ch11-solution

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{
    Blocking, BodyEncoder, Connection, Guestbook, Request, RequestError, Response, Timeouts,
};

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
        .with_framing(common::by_length_or_chunks, encoder_for)
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

/// The coding of a response whose length is not known.
fn encoder_for(request: &Request) -> Option<Box<dyn BodyEncoder>> {
    match request.path() == "/numbers" && takes_trailers(request) {
        true => Some(Box::new(ChunksWithSum::default())),
        false => common::in_chunks(request),
    }
}

/// Whether the client takes fields behind the last chunk (RFC 9110 §10.1.4). One of
/// HTTP/1.0 gets no chunks.
fn takes_trailers(request: &Request) -> bool {
    let mut codings = request.fields.elements("TE");
    request.version != "HTTP/1.0" && codings.any(|one| one.eq_ignore_ascii_case("trailers"))
}

/// Numbers, a line each, in chunks, and behind the last chunk their sum.
#[derive(Default)]
struct ChunksWithSum {
    sum: u64,
    /// What has come of the number whose line end has not: the rest of it may be in the
    /// next piece.
    number: u64,
}

impl BodyEncoder for ChunksWithSum {
    fn name(&self) -> &'static str {
        "chunked"
    }

    fn trailers(&self) -> Option<&'static str> {
        Some("Sum")
    }

    fn around(&mut self, content: &[u8]) -> (String, &'static str) {
        for &byte in content {
            match byte {
                b'0'..=b'9' => self.number = self.number * 10 + u64::from(byte - b'0'),
                _ => self.sum += std::mem::take(&mut self.number),
            }
        }
        let trailers = match content {
            [] => format!("Sum: {}\r\n", self.sum),
            _ => String::new(),
        };
        (format!("{:x}\r\n{trailers}", content.len()), "\r\n")
    }
}
