//! Chapter 10, exercise: `/count` says which request of its connection it is, and how long.
//!
//!     cargo run -p ch10-keepalive --example ch10-solution

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use common::{
    Blocking, Connection, Entry, Guestbook, Request, RequestError, Response, Timeouts, Wait,
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
    let mut stream = Counting::new(stream)?;
    let mut connection = Connection::new(Timeouts::default(), Instant::now());
    let mut count = Count::default();
    let client = client.to_string();
    while stream.wait(&mut connection)? {
        while let Some(request) = connection.next_request() {
            common::log(&client, request.to_string());
            count.add_request_that_ends_at(stream.received);
            let response = respond(&request, guestbook, &count).unwrap_or_else(common::refused);
            connection.answer(&request, response);
        }
    }
    Ok(())
}

/// What the requests of a connection have brought.
#[derive(Default)]
struct Count {
    requests: u64,
    /// How long the last of them was, in bytes.
    length: u64,
    /// How long all of them were.
    bytes: u64,
}

impl Count {
    fn add_request_that_ends_at(&mut self, received: u64) {
        self.requests += 1;
        self.length = received - self.bytes;
        self.bytes = received;
    }

    fn page(&self) -> String {
        let Self {
            requests,
            length,
            bytes,
        } = self;
        format!("<h1>Request {requests} of this connection: {length} of {bytes} bytes</h1>")
    }
}

/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// A thread's end of a connection that knows how many bytes the connection has received.
/// It receives one byte at a time, so that a request is there as soon as its last byte is,
/// and before the first one of the next.
struct Counting<'a> {
    stream: &'a TcpStream,
    blocking: Blocking<'a>,
    piece: Box<[u8; PIECE]>,
    /// How much of the piece was read from the stream, and how much of that was received.
    length: usize,
    position: usize,
    received: u64,
}

impl<'a> Counting<'a> {
    fn new(stream: &'a TcpStream) -> anyhow::Result<Self> {
        Ok(Self {
            stream,
            // It sets the limit of each read, too.
            blocking: Blocking::new(stream)?,
            piece: Box::new([0; PIECE]),
            length: 0,
            position: 0,
            received: 0,
        })
    }

    /// Does what [`Blocking::wait`] does.
    fn wait(&mut self, connection: &mut Connection) -> anyhow::Result<bool> {
        if !matches!(connection.waits_for(), Wait::ToRead(_)) {
            return self.blocking.wait(connection);
        }
        if self.position == self.length {
            match (&mut &*self.stream).read(&mut *self.piece) {
                Ok(0) => {
                    connection.receive(&[], Instant::now());
                    return Ok(true);
                }
                Ok(length) => (self.position, self.length) = (0, length),
                Err(error) if is_nothing(error.kind()) => {
                    connection.time_passes(Instant::now());
                    return Ok(true);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let byte = self.piece[self.position];
        self.position += 1;
        self.received += 1;
        connection.receive(&[byte], Instant::now());
        Ok(true)
    }
}

/// Whether a read has only come to its limit. Unix says `WouldBlock` then, Windows
/// `TimedOut`.
fn is_nothing(error: ErrorKind) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error, WouldBlock | TimedOut | Interrupted)
}

fn respond(
    request: &Request,
    guestbook: &Guestbook,
    count: &Count,
) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/count") => Response::html("200 OK", count.page()),
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
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

fn sign(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    let form = common::parse_form(request)?;
    let first = |name| form.values(name).first().map_or("", String::as_str);
    guestbook.add(Entry::new(first("name"), first("message"))?);
    // The browser asks for that page next, and a reload repeats that and not this.
    Ok(Response::empty("303 See Other").with("Location", "/guestbook"))
}
