//! A client of TLS, for the chapter that speaks it. It trusts any certificate: what is
//! tried is what the server says, and not who it is.

use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

pub use rustls;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, Stream, SupportedProtocolVersion,
};

use crate::clients::read_some;
use crate::play::Connection;
use crate::response::shown;

/// The first bytes of the records that a server may send.
const RECORDS: std::ops::RangeInclusive<u8> = 20..=23;

/// A connection with TLS in it. As long as nothing was sent, it has not begun.
pub struct Sealed {
    tcp: Limited,
    tls: ClientConnection,
    has_begun: bool,
    /// Whether the server has answered in plain HTTP, as one does that has no place for
    /// a client and does not want to shake hands to say so.
    is_plain: bool,
}

/// TLS as most clients speak it, over a connection.
pub fn sealed(tcp: TcpStream) -> Box<dyn Connection> {
    Box::new(Sealed::over(tcp, Arc::clone(&USUAL)))
}

static USUAL: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| Arc::new(config(ALL_VERSIONS)));

/// What servers are called here.
fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

/// Why there is no TLS with a server.
#[derive(Debug, PartialEq, Eq)]
pub enum NoTls {
    /// It did not say anything for so long.
    Silent(Duration),
    /// It closed the connection.
    Closed,
    /// It answered, and that was no TLS.
    Plain(String),
    /// The two sides could not agree.
    Failed(String),
}

impl fmt::Display for NoTls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the client sent the hello that begins a TLS handshake, and ")?;
        match self {
            Self::Silent(time) => write!(
                formatter,
                "nothing came back within {} s. A server of plain HTTP waits like that, for \
                 the end of what it takes for a request",
                time.as_secs_f32()
            ),
            Self::Closed => formatter.write_str("the server closed the connection"),
            Self::Plain(line) => {
                write!(formatter, "{line} came back, which is no TLS")
            }
            Self::Failed(error) => write!(formatter, "the handshake failed: {error}"),
        }
    }
}

/// Tries one handshake over a connection, and says farewell.
///
/// # Errors
/// What came in place of it.
pub fn try_handshake(tcp: TcpStream, longest: Duration) -> Result<(), NoTls> {
    let mut sealed = Sealed::over(tcp, Arc::clone(&USUAL));
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => NoTls::Silent(longest),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            NoTls::Closed
        }
        _ => NoTls::Failed(error.to_string()),
    };
    sealed.limit_reads(longest).map_err(failed)?;
    sealed.begin().map_err(failed)?;
    if sealed.is_plain {
        let mut answer = [0; 512];
        let length = read_some(&mut sealed.tcp, &mut answer).map_err(failed)?;
        let line = answer[..length]
            .split_inclusive(|&byte| byte == b'\n')
            .next();
        return Err(NoTls::Plain(shown(line.unwrap_or_default())));
    }
    sealed.shake_hands().map_err(failed)?;
    let _ = sealed.half_close();
    Ok(())
}

/// What a client needs to speak one of these versions.
pub fn config(versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let any = Arc::new(Any(Arc::clone(&provider)));
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("there are suites for these versions")
        .dangerous()
        .with_custom_certificate_verifier(any)
        .with_no_client_auth();
    as_first(config)
}

/// What a client needs that trusts those alone for whom these certificates vouch.
pub fn config_that_trusts(roots: RootCertStore) -> ClientConfig {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(ALL_VERSIONS)
        .expect("there are suites for these versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    as_first(config)
}

/// The same for HTTP/1.1, where each connection shows all that a first one does.
fn as_first(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    config
}

impl Sealed {
    /// TLS over a connection, with a server that is called `localhost`.
    pub fn over(tcp: TcpStream, config: Arc<ClientConfig>) -> Self {
        Self::to(localhost(), tcp, config)
    }

    /// What the two sides have agreed to speak over it (RFC 7301).
    pub fn protocol(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// TLS over a connection, with a server of that name.
    pub fn to(name: ServerName<'static>, tcp: TcpStream, config: Arc<ClientConfig>) -> Self {
        Self {
            tcp: Limited {
                stream: tcp,
                deadline: Cell::new(None),
            },
            tls: ClientConnection::new(config, name).expect("a client of TLS"),
            has_begun: false,
            is_plain: false,
        }
    }

    /// Agrees with the server on keys, before anything is sent.
    ///
    /// # Errors
    /// It speaks no TLS, or shows a certificate that is not trusted.
    pub fn shake_hands(&mut self) -> io::Result<()> {
        self.has_begun = true;
        while self.tls.is_handshaking() {
            self.tls.complete_io(&mut self.tcp)?;
        }
        Ok(())
    }

    /// Sends the hello, and waits for what comes back, but not for ever.
    fn begin(&mut self) -> io::Result<()> {
        self.has_begun = true;
        self.send()?;
        match self.look()? {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Waits for the first byte, and looks what it begins; `false` where none comes.
    fn look(&mut self) -> io::Result<bool> {
        let mut first = [0];
        self.tcp.limit()?;
        let length = loop {
            match self.tcp.stream.peek(&mut first) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                peeked => break peeked?,
            }
        };
        self.is_plain = length > 0 && !RECORDS.contains(&first[0]);
        Ok(length > 0)
    }

    /// Sends what is sealed.
    fn send(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }

    /// Tells the server that other keys are used from now on.
    pub fn change_keys(&mut self) -> io::Result<()> {
        self.tls.refresh_traffic_keys().map_err(io::Error::other)?;
        self.send()
    }

    /// What TLS knows of the connection.
    pub fn tls(&self) -> &ClientConnection {
        &self.tls
    }

    /// What carries it.
    pub fn tcp(&mut self) -> &mut TcpStream {
        &mut self.tcp.stream
    }
}

/// TCP that can be waited for no more than so long, in however many pieces it comes: a
/// handshake takes several, and a server could let wait for each of them.
struct Limited {
    stream: TcpStream,
    deadline: Cell<Option<Instant>>,
}

impl Limited {
    /// Lets the next read end in time.
    fn limit(&self) -> io::Result<()> {
        let Some(deadline) = self.deadline.get() else {
            return Ok(());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match left.is_zero() {
            true => Err(ErrorKind::TimedOut.into()),
            false => self.stream.limit_reads(left),
        }
    }
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.limit()?;
        self.stream.read(buffer)
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Read for Sealed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.has_begun && !self.look()? {
            return Ok(0);
        }
        if self.is_plain {
            return self.tcp.read(buffer);
        }
        Stream::new(&mut self.tls, &mut self.tcp).read(buffer)
    }
}

impl Write for Sealed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.has_begun {
            self.begin()?;
        }
        if self.is_plain {
            // It has answered already, and reads off what comes.
            return Ok(bytes.len());
        }
        Stream::new(&mut self.tls, &mut self.tcp).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Stream::new(&mut self.tls, &mut self.tcp).flush()
    }
}

impl Connection for Sealed {
    fn limit_reads(&self, time: Duration) -> io::Result<()> {
        self.tcp.deadline.set(Some(Instant::now() + time));
        Ok(())
    }

    fn half_close(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.send()?;
        self.tcp.stream.shutdown(Shutdown::Write)
    }

    fn own_address(&self) -> io::Result<SocketAddr> {
        self.tcp.stream.local_addr()
    }

    fn peer_address(&self) -> io::Result<SocketAddr> {
        self.tcp.stream.peer_addr()
    }

    fn abandon(&self) {
        self.tcp.stream.abandon();
    }

    fn speak_http2(&mut self) {
        let mut config = ClientConfig::clone(&USUAL);
        config.alpn_protocols = vec![b"h2".to_vec()];
        self.tls = ClientConnection::new(Arc::new(config), localhost()).expect("a client of TLS");
    }

    fn is_sealed(&self) -> bool {
        true
    }
}

/// Takes any certificate, but not a signature that its key has not made.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
