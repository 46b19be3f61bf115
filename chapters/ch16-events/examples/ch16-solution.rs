//! Chapter 16, exercise: what takes long is done elsewhere, and asked for later.
//!
//!     cargo run -p ch16-events --example ch16-solution

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use common::{
    Acceptor, AccessLog, ConnectionLimiter, Entry, ErrorLog, Guestbook, Limits, Request,
    RequestError, Response, Shutdown, event_loops,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let shutdown = Shutdown::on_signal(limits.stop)?;
    let listener = common::listen()?;
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log.clone())?;
    let guestbook = Guestbook::default();
    let primes = Arc::new(Primes::default());

    let acceptor = Acceptor::new(listener, &limiter, &shutdown)?;
    let loops = thread::available_parallelism()?.get();
    let cut_off = event_loops::serve(acceptor, loops, |request| {
        respond(request, &guestbook, &primes).unwrap_or_else(common::refused)
    })?;
    shutdown.report(cut_off, &log);
    Ok(())
}

fn respond(
    request: &Request,
    guestbook: &Guestbook,
    primes: &Arc<Primes>,
) -> Result<Response, RequestError> {
    Ok(match (&*request.method, request.path()) {
        ("GET" | "HEAD", "/hello") => Response::html("200 OK", "<h1>Hello, User!</h1>"),
        ("GET" | "HEAD", "/query") => common::show_query(request)?,
        ("GET" | "HEAD", "/numbers") => common::count(request)?,
        ("GET" | "HEAD", "/guestbook") => Response::html("200 OK", guestbook.page()),
        ("POST", "/guestbook") => sign(request, guestbook)?,
        ("GET" | "HEAD", "/primes") => primes.page(),
        ("POST", "/primes") => count_primes(request, primes)?,
        ("GET" | "HEAD", _) => common::send_what_is_missing(request)?,
        (_, path) => common::other_method(request, allowed(path)),
    })
}

fn allowed(path: &str) -> &'static str {
    match path {
        "/guestbook" | "/primes" => "GET, HEAD, POST, OPTIONS",
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

/// Up to here they are counted before anybody has noticed.
const FEW: u64 = 1000;

/// How long a client is asked to stay away while others are counted, in seconds.
const RETRY_AFTER: &str = "10";

fn count_primes(request: &Request, primes: &Arc<Primes>) -> Result<Response, RequestError> {
    let form = common::form_in_turn(request)?;
    let last = form.values("to").first().and_then(|last| last.parse().ok());
    let Some(last) = last else {
        let problem = "the last number is none";
        return Err(RequestError::new("400 Bad Request", problem));
    };
    if last <= FEW {
        return Ok(counted(primes_up_to(last), last));
    }
    Ok(match primes.begin(last) {
        true => Response::status_page("202 Accepted").with("Location", "/primes"),
        false => Response::status_page("503 Service Unavailable").with("Retry-After", RETRY_AFTER),
    })
}

/// What is counted, or was last.
#[derive(Default)]
struct Primes(Mutex<Option<Count>>);

#[derive(Clone, Copy)]
struct Count {
    last: u64,
    /// How many there are, once they are counted.
    primes: Option<usize>,
}

impl Primes {
    /// Has them counted; false where others are.
    fn begin(self: &Arc<Self>, last: u64) -> bool {
        let mut count = self.lock();
        if count.is_some_and(|count| count.primes.is_none()) {
            return false;
        }
        let primes = Arc::clone(self);
        // The lock is held here for a moment, and there for another one: while they are
        // counted, everybody may ask how it goes.
        let thread = thread::Builder::new().spawn(move || {
            let counted = primes_up_to(last);
            if let Some(count) = &mut *primes.lock() {
                count.primes = Some(counted);
            }
        });
        if thread.is_ok() {
            *count = Some(Count { last, primes: None });
        }
        thread.is_ok()
    }

    fn page(&self) -> Response {
        match *self.lock() {
            None => Response::status_page("404 Not Found"),
            Some(Count { last, primes: None }) => {
                let page = format!("<h1>Counting the primes up to {last}</h1>");
                Response::html("200 OK", page)
            }
            Some(Count {
                last,
                primes: Some(primes),
            }) => counted(primes, last),
        }
    }

    /// A thread that panicked while it held the lock has left it as it was.
    fn lock(&self) -> MutexGuard<'_, Option<Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn counted(primes: usize, last: u64) -> Response {
    Response::html("200 OK", format!("<h1>{primes} primes up to {last}</h1>"))
}

fn primes_up_to(last: u64) -> usize {
    (2..=last).filter(|&number| is_prime(number)).count()
}

fn is_prime(number: u64) -> bool {
    !(2..=number.isqrt()).any(|divisor| number.is_multiple_of(divisor))
}
