//! Chapter 12, exercise: a client that signs the guestbook too often has to wait.
//!
//!     cargo run -p ch12-limits --example ch12-solution

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    AccessLog, Blocking, Connection, ConnectionLimiter, ErrorLog, Guestbook, Limits, Permit,
    Request, RequestError, Response,
};

/// How often a client may try to sign the guestbook within [`WHILE`].
const TRIES: usize = 5;

/// After so long all tries are forgotten.
const WHILE: Duration = Duration::from_secs(60);

/// The same in the words of `Retry-After`. It is never too short.
const RETRY_AFTER: &str = "60";

/// What the site knows of its visitors.
#[derive(Default)]
struct Site {
    guestbook: Guestbook,
    tries: Mutex<Tries>,
}

/// How often each client has tried to sign. All counts are forgotten at once, so they cannot
/// grow for ever.
struct Tries {
    since: Instant,
    by_client: HashMap<IpAddr, usize>,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            by_client: HashMap::new(),
        }
    }
}

impl Tries {
    /// Counts a try. Whether it was one too many.
    fn is_too_many(&mut self, client: IpAddr) -> bool {
        if self.since.elapsed() >= WHILE {
            *self = Self::default();
        }
        let tries = self.by_client.entry(client).or_default();
        *tries += 1;
        *tries > TRIES
    }
}

impl Site {
    fn is_signed_too_often(&self, client: IpAddr) -> bool {
        // A thread that panicked while it held the lock has left the counts right.
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.is_too_many(client)
    }
}

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let listener = common::listen()?;
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log)?;
    let site = Arc::new(Site::default());

    loop {
        let Some((stream, permit)) = limiter.accept(&listener) else {
            continue;
        };
        let site = Arc::clone(&site);
        let thread = thread::Builder::new().spawn(move || {
            if let Err(error) = handle_connection(&stream, permit, &site) {
                common::log_error(&error);
            }
        });
        if let Err(error) = thread {
            common::log_error(format_args!("cannot start a thread: {error}"));
        }
    }
}

fn handle_connection(stream: &TcpStream, mut permit: Permit, site: &Site) -> anyhow::Result<()> {
    // Each response leaves at once, also while the client has yet to confirm the last.
    stream.set_nodelay(true)?;
    let client = stream.peer_addr()?.ip();
    let mut stream = Blocking::new(stream)?;
    let mut connection = Connection::new(permit.limits.timeouts, Instant::now())
        .with_chunks()
        .with_early_answers(common::needs_body);
    while stream.wait(&mut connection)? {
        while let Some(request) = connection.next_request() {
            if permit.is_last_request() {
                connection.finish_after_current();
            }
            let response = respond(&request, client, site).unwrap_or_else(common::refused);
            connection.answer(&request, permit.watch(&request, response));
        }
        permit.note(connection.refusal());
    }
    Ok(())
}

fn respond(request: &Request, client: IpAddr, site: &Site) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
        ("GET" | "HEAD", "/numbers") => common::count(request)?,
        ("GET" | "HEAD", "/guestbook") => Response::html("200 OK", site.guestbook.page()),
        ("POST", "/guestbook") if site.is_signed_too_often(client) => {
            Response::status_page("429 Too Many Requests").with("Retry-After", RETRY_AFTER)
        }
        ("POST", "/guestbook") => common::sign_in_turn(request, &site.guestbook)?,
        ("GET" | "HEAD", _) => common::send_file(request)?,
        (_, path) => common::other_method(request, common::allowed(path)),
    })
}
