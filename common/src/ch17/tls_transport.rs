//! TLS on a line that never waits: what a client sends is opened, what it is sent is
//! sealed, and HTTP knows nothing of it (RFC 8446).

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

/// The first byte of what a client of TLS sends: a record of a handshake.
const HANDSHAKE: u8 = 0x16;

/// What a client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Unknown,
    Tls,
    /// The same, but too many handshakes are under way for another one.
    Refused,
    Plain,
}

/// A client's line with TLS between.
pub struct TlsTransport {
    tcp: TcpStream,
    tls: ServerConnection,
    protocol: Protocol,
    /// How many bytes were sealed of which the caller has not heard yet that they are
    /// sent. It hears of the last one when all are, or else the end of the connection
    /// might come before the end of an answer.
    written: usize,
    /// Whether the client has said something since it was told something.
    owes_answer: bool,
    /// Counts all handshakes that are under way.
    handshakes: Arc<AtomicUsize>,
    /// This one's, from the client's first byte on: one that is silent costs no more than
    /// over TCP alone.
    handshake: Option<Handshake>,
}

impl TlsTransport {
    /// A line over this connection, on which nothing was said yet.
    pub fn new(tcp: TcpStream, tls: ServerConnection, handshakes: Arc<AtomicUsize>) -> Self {
        Self {
            tcp,
            tls,
            protocol: Protocol::Unknown,
            written: 0,
            owes_answer: false,
            handshakes,
            handshake: None,
        }
    }

    /// Sends what is sealed.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }

    /// Sends as much of what is sealed as the client takes now, and says how much that is.
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

    /// Receives some of what is to be opened.
    fn receive(&mut self) -> io::Result<()> {
        self.tls.read_tls(&mut self.tcp)?;
        let opened = self.tls.process_new_packets();
        if !self.tls.is_handshaking() {
            self.handshake = None;
        }
        // What TLS itself has to say goes out, and why it ends most of all; that it cannot
        // just now is told by the next call.
        match self.send() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        let opened = opened.map(drop);
        opened.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    /// Finds out what the client speaks, by its first byte. `false` where it has ended
    /// before that.
    fn find_protocol(&mut self) -> io::Result<bool> {
        let mut first = [0];
        if self.tcp.peek(&mut first)? == 0 {
            return Ok(false);
        }
        self.protocol = Protocol::Plain;
        if first == [HANDSHAKE] {
            self.handshake = Handshake::begin(&self.handshakes);
            self.protocol = match self.handshake {
                Some(_) => Protocol::Tls,
                None => Protocol::Refused,
            };
        }
        Ok(true)
    }

    /// Whether bytes are opened and sealed.
    fn is_sealed(&self) -> bool {
        matches!(self.protocol, Protocol::Unknown | Protocol::Tls)
    }
}

impl Read for TlsTransport {
    /// # Errors
    /// [`ErrorKind::Interrupted`] where something came, and nothing of it was for the
    /// caller. It has the clock, so it decides for how long that may go on.
    ///
    /// [`ErrorKind::UnexpectedEof`] where the connection ends and the client has not said
    /// that it does, in the middle of something: somebody else may have cut it
    /// (RFC 8446 §6.1).
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.protocol == Protocol::Unknown && !self.find_protocol()? {
            return Ok(0);
        }
        if !self.is_sealed() {
            return self.tcp.read(buffer);
        }
        // A client that does not take what TLS has to say is not heard any further.
        self.send()?;
        let mut opened = self.tls.reader().read(buffer);
        if matches!(&opened, Err(error) if error.kind() == ErrorKind::WouldBlock) {
            self.receive()?;
            opened = self.tls.reader().read(buffer);
        }
        match opened {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(ErrorKind::Interrupted.into())
            }
            // Many go like that when they have what they wanted; nothing is lost then.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && !self.owes_answer => Ok(0),
            opened => {
                self.owes_answer = true;
                opened
            }
        }
    }
}

impl Write for TlsTransport {
    /// Says of each part that it is sent, also of a record that is not whole: to a slow
    /// client that is all there is to see of it for a long time. What a record has besides
    /// its content counts as if it were content; the difference comes out at its end.
    ///
    /// What is given next has to begin with what was not said to be sent.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_sealed() {
            return self.tcp.write(bytes);
        }
        if self.written == 0 {
            self.written = self.tls.writer().write(bytes)?;
        }
        let sent = self.send_some()?;
        self.owes_answer = false;
        let told = match self.tls.wants_write() {
            true => sent.min(self.written.saturating_sub(1)),
            false => self.written,
        };
        self.written -= told;
        Ok(told)
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

    fn half_close(&mut self) -> io::Result<()> {
        if self.protocol == Protocol::Tls {
            // Called again, it says it once.
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
        let is_refused = self.protocol == Protocol::Refused;
        is_refused.then(|| RequestError::new(BUSY, "too many handshakes are under way"))
    }

    fn speaks_other_protocol(&self) -> bool {
        self.protocol == Protocol::Plain
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

    /// How long the page is: many blocks.
    const LENGTH: usize = 1 << 20;

    /// How much moves in a step: less than a block, or a record, and more than lies between
    /// the two ends.
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
        /// Where it is said, little lies between the two.
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
            assert_ne!(next, Progress::Closed, "the server gives the client up");
        }

        /// Lets the client send all that it has to say.
        fn send(&mut self, bytes: &[u8]) {
            self.tls.writer().write_all(bytes).unwrap();
            while self.tls.is_handshaking() || self.tls.wants_write() {
                let _ = self.tls.complete_io(&mut self.tcp);
                self.serve();
            }
        }

        /// Lets the client take so many bytes as they come, sealed.
        fn take(&mut self, mut left: usize) {
            while left > 0 {
                self.serve();
                let taken = self.tls.read_tls(&mut (&self.tcp).take(left as u64));
                left -= taken.unwrap_or_default();
                self.tls.process_new_packets().unwrap();
                let _ = self.tls.reader().read(&mut [0; 64 * 1024]);
            }
        }

        /// Lets time pass: not so much that a client that moves is late.
        fn time_passes(&mut self) {
            self.now += self.inactivity * 3 / 4;
        }
    }

    #[test]
    fn a_client_that_takes_less_than_a_block_in_its_patience_is_served_on() {
        let mut ends = Ends::new(true);
        ends.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        for _ in 0..LENGTH / STEP {
            ends.take(STEP);
            ends.time_passes();
        }
    }

    #[test]
    fn a_body_whose_record_comes_slower_than_a_piece_of_it_may_is_waited_for() {
        let mut ends = Ends::new(false);
        ends.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 16000\r\n\r\n");
        ends.tls.writer().write_all(&[b'b'; 16000]).unwrap();
        let mut sealed = Vec::new();
        ends.tls.write_tls(&mut sealed).unwrap();
        for part in sealed.chunks(4000) {
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
