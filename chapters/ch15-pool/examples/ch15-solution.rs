//! Chapter 15, exercise: an answer that fails is answered with 500, and counted.
//!
//!     cargo run -p ch15-pool --example ch15-solution

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{
    Acceptor, AccessLog, ConnectionLimiter, Entry, ErrorLog, Guestbook, Limits, Request,
    RequestError, Response, Shutdown, pool,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let shutdown = Shutdown::on_signal(limits.stop)?;
    let listener = common::listen()?;
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log.clone())?;
    let guestbook = Guestbook::default();
    let counts = Counts::default();

    let acceptor = Acceptor::new(listener, &limiter, &shutdown)?;
    let cut_off = pool::serve(acceptor, move |request| {
        counts.watch(|| respond(request, &guestbook, &counts).unwrap_or_else(common::refused))
    })?;
    shutdown.report(cut_off, &log);
    Ok(())
}

/// What all workers have answered together.
#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    failed: AtomicUsize,
}

impl Counts {
    fn watch(&self, respond: impl FnOnce() -> Response) -> Response {
        // What may be half changed when it fails is left to those who own it: the guestbook
        // gives its lock to the next one all the same, and the counts are whole at any time.
        let response = catch_unwind(AssertUnwindSafe(respond)).unwrap_or_else(|_| {
            self.failed.fetch_add(1, Ordering::Relaxed);
            Response::status_page("500 Internal Server Error")
        });
        self.answered.fetch_add(1, Ordering::Relaxed);
        response
    }

    fn page(&self) -> String {
        let answered = self.answered.load(Ordering::Relaxed);
        let failed = self.failed.load(Ordering::Relaxed);
        format!("<h1>{answered} answered, {failed} failed</h1>")
    }
}

fn respond(
    request: &Request,
    guestbook: &Guestbook,
    counts: &Counts,
) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/divide") => divide(request)?,
        ("GET" | "HEAD", "/status") => Response::html("200 OK", counts.page()),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
        ("GET" | "HEAD", "/numbers") => common::count(request)?,
        ("GET" | "HEAD", "/guestbook") => Response::html("200 OK", guestbook.page()),
        ("POST", "/guestbook") => sign(request, guestbook)?,
        ("GET" | "HEAD", _) => common::send_what_is_missing(request)?,
        (_, path) => common::other_method(request, allowed(path)),
    })
}

fn divide(request: &Request) -> Result<Response, RequestError> {
    let query = common::parse_query(&request.target)?;
    let number = |name| {
        let number = query
            .values(name)
            .first()
            .and_then(|value| value.parse().ok());
        number.ok_or_else(|| RequestError::new("400 Bad Request", "there is no whole number"))
    };
    let (a, b): (i64, i64) = (number("a")?, number("b")?);
    Ok(Response::html(
        "200 OK",
        format!("<h1>{a} / {b} = {}</h1>", a / b),
    ))
}

fn allowed(path: &str) -> &'static str {
    match path {
        "/guestbook" => "GET, HEAD, POST, OPTIONS",
        _ => "GET, HEAD, OPTIONS",
    }
}

fn sign(request: &Request, guestbook: &Guestbook) -> Result<Response, RequestError> {
    let form = common::form_in_turn(request)?;
    let first = |name| form.values(name).first().map_or("", String::as_str);
    guestbook.add(Entry::new(first("name"), first("message"))?);
    // The browser asks for that page next, and a reload repeats that and not this.
    Ok(Response::empty("303 See Other").with("Location", "/guestbook"))
}
