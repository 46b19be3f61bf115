//! TLS as a transport that never waits. It decrypts what a client sends and encrypts what the
//! client is sent, and HTTP does not know of it (RFC 8446).

use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use mio::net::TcpStream;
use rustls::ServerConnection;

use crate::ch02::error::RequestError;
use crate::ch09::request::Scheme;
use crate::ch12::connection_limiter::BUSY;
use crate::ch15::transport::Transport;
use crate::ch17::handshake::Handshake;

/// The first byte of what a TLS client sends: the type of a handshake record.
const HANDSHAKE: u8 = 0x16;

/// The answer to a client that speaks plain HTTP.
const OTHER_PROTOCOL: &str = "400 Bad Request: this port speaks HTTPS";

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientProtocol {
    Unknown,
    Tls,
    /// TLS, but too many handshakes are under way.
    Refused,
    Plain,
}

/// A connection with TLS over TCP.
pub struct TlsTransport {
    tcp: TcpStream,
    tls: ServerConnection,
    protocol: ClientProtocol,
    /// How many bytes were encrypted and not yet reported to the caller as sent. The last one
    /// is reported only when all have been sent. Otherwise the caller could end the connection
    /// before the end of an answer.
    written: usize,
    /// Whether the client has sent something since the server last wrote.
    owes_answer: bool,
    /// Counts all handshakes that are under way.
    handshakes: Arc<AtomicUsize>,
    /// This connection's own, from the client's first byte on. A silent connection costs no
    /// more than over TCP alone.
    handshake: Option<Handshake>,
}

impl TlsTransport {
    /// A transport over a connection on which nothing was sent yet.
    pub fn new(tcp: TcpStream, tls: ServerConnection, handshakes: Arc<AtomicUsize>) -> Self {
        Self {
            tcp,
            tls,
            protocol: ClientProtocol::Unknown,
            written: 0,
            owes_answer: false,
            handshakes,
            handshake: None,
        }
    }

    /// Sends all that is encrypted.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }

    /// Sends as much of the encrypted bytes as the client takes now, and gives how many.
    fn send_some(&mut self) -> io::Result<usize> {
        let mut sent = 0;
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(length) => sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock && sent > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Receives encrypted bytes, and decrypts the records that are complete.
    fn receive(&mut self) -> io::Result<()> {
        self.tls.read_tls(&mut self.tcp)?;
        let processed = self.tls.process_new_packets();
        if !self.tls.is_handshaking() {
            self.handshake = None;
        }
        // TLS itself may have to send something, such as an alert that says why it ends. If
        // that would have to wait, the next call reports it.
        match self.send() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        let processed = processed.map(drop);
        processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    /// Finds out by its first byte what the client speaks. `false` where it has ended before
    /// that.
    fn find_protocol(&mut self) -> io::Result<bool> {
        let mut first = [0];
        if self.tcp.peek(&mut first)? == 0 {
            return Ok(false);
        }
        self.protocol = ClientProtocol::Plain;
        if first == [HANDSHAKE] {
            self.handshake = Handshake::begin(&self.handshakes);
            self.protocol = match self.handshake {
                Some(_) => ClientProtocol::Tls,
                None => ClientProtocol::Refused,
            };
        }
        Ok(true)
    }

    /// Whether bytes are decrypted and encrypted.
    fn is_encrypted(&self) -> bool {
        matches!(self.protocol, ClientProtocol::Unknown | ClientProtocol::Tls)
    }
}

impl Read for TlsTransport {
    /// # Errors
    /// [`ErrorKind::Interrupted`] where bytes came, and none of them were for the caller. The
    /// caller has the clock, so it decides how long that may go on.
    ///
    /// [`ErrorKind::UnexpectedEof`] where the connection ends without a close_notify and the
    /// client waits for an answer: an attacker may have cut it (RFC 8446 §6.1).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.protocol == ClientProtocol::Unknown && !self.find_protocol()? {
            return Ok(0);
        }
        if !self.is_encrypted() {
            return self.tcp.read(buffer);
        }
        // Nothing more is read from a client that does not take what TLS has to send.
        self.send()?;
        let mut decrypted = self.tls.reader().read(buffer);
        if matches!(&decrypted, Err(error) if error.kind() == ErrorKind::WouldBlock) {
            self.receive()?;
            decrypted = self.tls.reader().read(buffer);
        }
        match decrypted {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(ErrorKind::Interrupted.into())
            }
            // Many clients end like that once they have their answers. Nothing is lost then.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && !self.owes_answer => Ok(0),
            decrypted => {
                self.owes_answer = true;
                decrypted
            }
        }
    }
}

impl Write for TlsTransport {
    /// Reports each part as sent, even within a record: a slow client may take nothing else
    /// for a long time. The bytes that a record adds to its content are counted as content,
    /// and the end of the record evens that out.
    ///
    /// The next call has to begin with the bytes that were not reported as sent.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_encrypted() {
            return self.tcp.write(bytes);
        }
        if self.written == 0 {
            self.written = self.tls.writer().write(bytes)?;
        }
        let sent = self.send_some()?;
        self.owes_answer = false;
        let reported = match self.tls.wants_write() {
            true => sent.min(self.written.saturating_sub(1)),
            false => self.written,
        };
        self.written -= reported;
        Ok(reported)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

impl Transport for TlsTransport {
    fn socket(&mut self) -> &mut TcpStream {
        &mut self.tcp
    }

    fn scheme(&self) -> Scheme {
        Scheme::Https
    }

    fn alpn_protocol(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    fn half_close(&mut self) -> io::Result<()> {
        if self.protocol == ClientProtocol::Tls {
            // However often this is called, it is sent once.
            self.tls.send_close_notify();
            self.send()?;
        }
        self.tcp.shutdown(net::Shutdown::Write)
    }

    fn has_unsent(&self) -> bool {
        self.tls.wants_write()
    }

    fn is_handshaking(&self) -> bool {
        self.handshake.is_some()
    }

    fn refusal(&self) -> Option<RequestError> {
        let is_refused = self.protocol == ClientProtocol::Refused;
        is_refused.then(|| RequestError::new(BUSY, "too many handshakes are under way"))
    }

    fn other_protocol(&self) -> Option<&'static str> {
        (self.protocol == ClientProtocol::Plain).then_some(OTHER_PROTOCOL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ch09::request::Request;
    use crate::ch09::response::Response;
    use crate::ch12::access_log::AccessLog;
    use crate::ch12::connection_limiter::ConnectionLimiter;
    use crate::ch12::limits::Limits;
    use crate::ch13::connection_guard::ConnectionGuard;
    use crate::ch13::shutdown::Shutdown;
    use crate::ch15::protocol::http1;
    use crate::ch15::readiness::Readiness;
    use crate::ch15::session::{Progress, Session};
    use rustls::crypto::ring;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig};
    use rustls_pki_types::PrivateKeyDer;
    use socket2::{Domain, SockRef, Socket, Type};
    use std::net::TcpListener;
    use std::time::{Duration, Instant};

    /// The length of the page: many blocks.
    const LENGTH: usize = 1 << 20;

    /// How many bytes move in a step: fewer than a block or a record has, and more than the
    /// buffers between the two ends hold.
    const STEP: usize = 12 * 1024;

    /// Both ends of a connection, with TLS at each.
    struct Ends {
        tcp: Socket,
        tls: ClientConnection,
        client: Session,
        now: Instant,
        inactivity: Duration,
    }

    fn respond(request: &Request) -> Response {
        Response::html("200 OK", "x".repeat(LENGTH - request.body.len()))
    }

    impl Ends {
        /// The buffers between the two ends are small where that is said.
        fn new(holds_little: bool) -> Self {
            let names = vec!["localhost".to_owned()];
            let made = rcgen::generate_simple_self_signed(names).unwrap();
            let certificate = made.cert.der().clone();
            let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
            let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.clone()], key)
                .unwrap();
            let mut roots = RootCertStore::empty();
            roots.add(certificate).unwrap();
            let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let name = "localhost".try_into().unwrap();
            let tls = ClientConnection::new(Arc::new(config), name).unwrap();

            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let tcp = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            if holds_little {
                tcp.set_recv_buffer_size(2048).unwrap();
            }
            tcp.connect(&listener.local_addr().unwrap().into()).unwrap();
            tcp.set_nonblocking(true).unwrap();
            let (stream, address) = listener.accept().unwrap();
            stream.set_nonblocking(true).unwrap();
            if holds_little {
                let socket = SockRef::from(&stream);
                socket.set_send_buffer_size(2048).unwrap();
            }

            let log = AccessLog::start(1, io::sink()).unwrap();
            let permit = ConnectionLimiter::start(Limits::default(), log).unwrap();
            let permit = permit.acquire(address.ip()).unwrap();
            let (timeouts, now) = (permit.limits.timeouts, Instant::now());
            let server = ServerConnection::new(Arc::new(server)).unwrap();
            let transport = TlsTransport::new(TcpStream::from_std(stream), server, Arc::default());
            let guard = ConnectionGuard::new(&Shutdown::new(Duration::ZERO));
            let client = Session::new(Box::new(transport), http1, now, permit, guard);
            let inactivity = timeouts.inactivity;
            Self {
                tcp,
                tls,
                client,
                now,
                inactivity,
            }
        }

        /// Gives the server a turn. It must not be the last one.
        fn serve(&mut self) {
            let mut piece = [0; 16 * 1024];
            self.client.notify(Readiness {
                may_read: true,
                may_write: true,
                may_stop_short: true,
            });
            let next = self.client.advance(self.now, &mut piece, &respond);
            assert_ne!(next, Progress::Closed, "the server closes the connection");
        }

        /// Lets the client send these bytes, and what TLS has to send.
        fn send(&mut self, bytes: &[u8]) {
            self.tls.writer().write_all(bytes).unwrap();
            while self.tls.is_handshaking() || self.tls.wants_write() {
                let _ = self.tls.complete_io(&mut self.tcp);
                self.serve();
            }
        }

        /// Lets the client take so many encrypted bytes.
        fn take(&mut self, mut left: usize) {
            while left > 0 {
                self.serve();
                let taken = self.tls.read_tls(&mut (&self.tcp).take(left as u64));
                left -= taken.unwrap_or_default();
                self.tls.process_new_packets().unwrap();
                let _ = self.tls.reader().read(&mut [0; 64 * 1024]);
            }
        }

        /// Lets time pass, but not so much that an active client is late.
        fn time_passes(&mut self) {
            self.now += self.inactivity * 3 / 4;
        }
    }

    #[test]
    fn a_client_that_takes_less_than_a_block_within_the_inactivity_time_is_served() {
        let mut ends = Ends::new(true);
        ends.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        for _ in 0..LENGTH / STEP {
            ends.take(STEP);
            ends.time_passes();
        }
    }

    #[test]
    fn a_body_whose_record_takes_longer_than_the_inactivity_time_is_waited_for() {
        let mut ends = Ends::new(false);
        ends.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n");
        ends.tls.writer().write_all(&[b'b'; 16000]).unwrap();
        let mut encrypted = Vec::new();
        ends.tls.write_tls(&mut encrypted).unwrap();
        for part in encrypted.chunks(4000) {
            (&ends.tcp).write_all(part).unwrap();
            let mut room = vec![0; part.len()];
            while !matches!(ends.client.socket().peek(&mut room), Ok(came) if came == part.len()) {
                std::thread::yield_now();
            }
            ends.serve();
            ends.time_passes();
        }
        ends.take(LENGTH - 16000);
    }
}
