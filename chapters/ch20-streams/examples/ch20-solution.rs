//! Chapter 20, exercise: show the responses that are under way.
//!
//!     cargo run -p ch20-streams --example ch20-solution

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use common::{
    Acceptor, AccessLog, Body, ConnectionLimiter, ErrorLog, Guestbook, Limits, Request,
    RequestError, Response, ServerOptions, Tls, event_loops, http1_or_http2,
};

fn main() -> anyhow::Result<()> {
    let limits = Limits::from_environment();
    let options = ServerOptions::read();
    let tls = Tls::new(options.credentials()?)?.with_http2();
    let shutdown = common::shutdown_or_reload(limits.stop, &tls)?;
    let listener = common::listen_on(&options.address)?;
    if !options.is_plain {
        tls.name_certificate();
    }
    let _errors = ErrorLog::start(limits.log_lines)?;
    let log = AccessLog::start(limits.log_lines, io::stdout())?;
    let limiter = ConnectionLimiter::start(limits, log.clone())?;
    let guestbook = Guestbook::default();
    let under_way = UnderWay::default();

    let acceptor = Acceptor::new(listener, &limiter, &shutdown)?
        .with_transports(|stream| options.transport(&tls, stream))
        .with_protocols(http1_or_http2);
    let loops = thread::available_parallelism()?.get();
    let cut_off = event_loops::serve(acceptor, loops, |request| {
        if request.method == "GET" && request.path() == "/streams" {
            return under_way.page();
        }
        let response = respond(request, &guestbook).unwrap_or_else(common::refused);
        under_way.watch(request, response)
    })?;
    shutdown.report(cut_off, &log);
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

/// The responses that are under way, in the order in which they began: what each answers, and
/// how many bytes of its content were taken.
#[derive(Clone, Default)]
struct UnderWay(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    lines: BTreeMap<u64, (String, usize)>,
    next: u64,
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line for each of them.
    fn page(&self) -> Response {
        let shown = self.lock();
        let lines = shown.lines.values();
        let page: String = lines
            .map(|(what, taken)| format!("{what} {taken}\n"))
            .collect();
        let body = Body {
            length: Some(page.len() as u64),
            source: Box::new(Cursor::new(page)),
        };
        Response::new("200 OK", "text/plain", body)
    }

    /// The same response, which is shown until its content is dropped: when it has been taken
    /// as a whole, or the client does not want it any more.
    fn watch(&self, request: &Request, mut response: Response) -> Response {
        let mut shown = self.lock();
        let number = shown.next;
        shown.next += 1;
        shown.lines.insert(number, (request.to_string(), 0));
        response.body.source = Box::new(Watched {
            source: response.body.source,
            number,
            under_way: self.clone(),
        });
        response
    }
}

/// The content of a response that is under way.
struct Watched {
    source: Box<dyn Read + Send>,
    number: u64,
    under_way: UnderWay,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.source.read(buffer)?;
        if let Some((_, taken)) = self.under_way.lock().lines.get_mut(&self.number) {
            *taken += length;
        }
        Ok(length)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.under_way.lock().lines.remove(&self.number);
    }
}
