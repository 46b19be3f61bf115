//! Which version of HTTP is spoken over a connection.

use std::io;
use std::time::Instant;

use crate::ch02::error::RequestError;
use crate::ch02::log::log_error;
use crate::ch09::request::{Request, Scheme};
use crate::ch09::response::Response;
use crate::ch10::wait::Wait;
use crate::ch12::limits::Limits;
use crate::ch12::needs_body::needs_body;
use crate::ch15::protocol::{Protocol, StreamId, http1};
use crate::ch15::transport::Transport;
use crate::ch17::tls::Tls;
use crate::ch18::http2_error::{ErrorCode, Http2Error};
use crate::ch20::by_preface::ByPreface;
use crate::ch20::multiplexed_connection::MultiplexedConnection;

/// The protocols that the server offers over TLS, best first, by their ALPN names (RFC 7301;
/// RFC 9113 §3.2).
const PROTOCOLS: [&[u8]; 3] = [b"h2", b"http/1.1", b"http/1.0"];

impl Tls {
    /// The same, which offers HTTP/2 too.
    pub fn with_http2(self) -> Self {
        self.offering(&PROTOCOLS)
    }
}

/// HTTP/2 or HTTP/1.1. Over TLS the handshake has chosen. Over TCP alone a client of HTTP/2
/// has to know that the server speaks it, and its first bytes tell (RFC 9113 §3.3).
pub fn http1_or_http2(
    transport: &dyn Transport,
    limits: &Limits,
    accepted: Instant,
) -> Box<dyn Protocol> {
    choose(transport, limits, accepted, |scheme| {
        Box::new(http2(scheme, limits, accepted))
    })
}

/// HTTP/1.1, or the HTTP/2 that is made for a transport with this scheme.
pub(crate) fn choose(
    transport: &dyn Transport,
    limits: &Limits,
    accepted: Instant,
    http2: impl FnOnce(Scheme) -> Box<dyn Protocol>,
) -> Box<dyn Protocol> {
    match (transport.alpn_protocol(), transport.scheme()) {
        (Some(b"h2"), scheme) => http2(scheme),
        (None, Scheme::Http) => {
            let http1 = http1(transport, limits, accepted);
            Box::new(ByPreface::new(http1, http2(Scheme::Http)))
        }
        _ => http1(transport, limits, accepted),
    }
}

/// HTTP/2, as a connection that has just been accepted begins.
pub(crate) fn http2(scheme: Scheme, limits: &Limits, accepted: Instant) -> MultiplexedConnection {
    MultiplexedConnection::new(limits.timeouts, accepted)
        .with_scheme(scheme)
        .with_early_answers(needs_body)
}

impl Protocol for MultiplexedConnection {
    fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.receive(bytes, now);
    }

    fn next_request(&mut self) -> Option<(StreamId, Request)> {
        self.next_request()
    }

    fn answer(&mut self, stream: StreamId, request: &Request, response: Response) {
        self.answer(stream, request, response);
    }

    fn to_send(&mut self) -> io::Result<&[u8]> {
        Ok((*self).to_send())
    }

    fn sent(&mut self, length: usize, now: Instant) {
        self.sent(length, now);
    }

    fn waits_for(&self) -> Wait {
        self.waits_for()
    }

    fn has_begun(&self) -> bool {
        self.has_begun()
    }

    fn time_passes(&mut self, now: Instant) {
        self.time_passes(now);
    }

    fn transport_moves(&mut self, now: Instant) {
        self.transport_moves(now);
    }

    fn finish_after_current(&mut self) {
        self.finish_after_current();
    }

    /// There is no stream yet that could be answered.
    fn reject(&mut self, _: Response, error: RequestError, _: Instant) {
        let code = ErrorCode::ENHANCE_YOUR_CALM;
        self.fail(Http2Error::connection(code, error.problem));
    }

    fn take_refusal(&mut self) -> Option<RequestError> {
        // These concern responses, which have their lines in the access log.
        while let Some(error) = self.take_error() {
            log_error(error);
        }
        self.take_refusal()
    }
}
