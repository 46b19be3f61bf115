//! Chapter 21, exercise: a connection that guesses too often ends.
//!
//!     cargo run -p ch21-floods --example ch21-solution

use std::io;
use std::thread;
use std::time::Instant;

use common::protocol::{Protocol, StreamId};
use common::transport::Transport;
use common::{
    Acceptor, AccessLog, ConnectionLimiter, ErrorLog, Guestbook, Limits, Request, RequestError,
    Response, ServerOptions, Tls, Wait, event_loops, http1_or_limited_http2,
};

/// How many pages that are not there a client may ask for, more than those that are.
const MOST_GUESSES: usize = 5;

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

    let acceptor = Acceptor::new(listener, &limiter, &shutdown)?
        .with_transports(|stream| options.transport(&tls, stream))
        .with_protocols(without_guessing);
    let loops = thread::available_parallelism()?.get();
    let cut_off = event_loops::serve(acceptor, loops, |request| {
        respond(request, &guestbook).unwrap_or_else(common::refused)
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

/// What the chapter speaks, but over HTTP/2 a client that only guesses is sent away.
fn without_guessing(
    transport: &dyn Transport,
    limits: &Limits,
    accepted: Instant,
) -> Box<dyn Protocol> {
    Box::new(WithoutGuessing {
        inner: http1_or_limited_http2(transport, limits, accepted),
        left: MOST_GUESSES,
        now: accepted,
    })
}

/// A connection that counts the pages that are not there.
struct WithoutGuessing {
    inner: Box<dyn Protocol>,
    /// How many guesses the client has left.
    left: usize,
    now: Instant,
}

impl Protocol for WithoutGuessing {
    fn answer(&mut self, stream: StreamId, request: &Request, response: Response) {
        let is_guess = response.status.starts_with("404") && request.version == "HTTP/2.0";
        if !is_guess {
            self.left = MOST_GUESSES.min(self.left + 1);
        } else if self.left == 0 {
            let error = RequestError::new("429 Too Many Requests", "too many pages are guessed");
            let refusal = Response::status_page(error.status);
            return self.inner.reject(refusal, error, self.now);
        } else {
            self.left -= 1;
        }
        self.inner.answer(stream, request, response);
    }

    fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.now = now;
        self.inner.receive(bytes, now);
    }

    fn next_request(&mut self) -> Option<(StreamId, Request)> {
        self.inner.next_request()
    }

    fn to_send(&mut self) -> io::Result<&[u8]> {
        self.inner.to_send()
    }

    fn sent(&mut self, length: usize, now: Instant) {
        self.inner.sent(length, now);
    }

    fn waits_for(&self) -> Wait {
        self.inner.waits_for()
    }

    fn has_begun(&self) -> bool {
        self.inner.has_begun()
    }

    fn time_passes(&mut self, now: Instant) {
        self.inner.time_passes(now);
    }

    fn transport_moves(&mut self, now: Instant) {
        self.inner.transport_moves(now);
    }

    fn finish_after_current(&mut self) {
        self.inner.finish_after_current();
    }

    fn reject(&mut self, response: Response, error: RequestError, now: Instant) {
        self.inner.reject(response, error, now);
    }

    fn take_refusal(&mut self) -> Option<RequestError> {
        self.inner.take_refusal()
    }
}
