//! A client of TLS, for the chapter that speaks it. It trusts any certificate: what is
//! tried is what the server says, and not who it is.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

pub use rustls;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, Stream, SupportedProtocolVersion,
};

use crate::play::Connection;

/// The first bytes of the records that a server may send.
const RECORDS: std::ops::RangeInclusive<u8> = 20..=23;

/// A connection with TLS in it. As long as nothing was sent, it has not begun.
pub struct Sealed {
    tcp: TcpStream,
    tls: ClientConnection,
    has_begun: bool,
    /// Whether the server has answered in plain HTTP, as one does that has no place for
    /// a client and does not want to shake hands to say so.
    is_plain: bool,
}

/// TLS as most clients speak it, over a connection.
pub fn sealed(tcp: TcpStream) -> Box<dyn Connection> {
    static USUAL: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| Arc::new(config(ALL_VERSIONS)));
    Box::new(Sealed::over(tcp, Arc::clone(&USUAL)))
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
        let name = ServerName::try_from("localhost").expect("a name");
        Self::to(name, tcp, config)
    }

    /// TLS over a connection, with a server of that name.
    pub fn to(name: ServerName<'static>, tcp: TcpStream, config: Arc<ClientConfig>) -> Self {
        Self {
            tcp,
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

    /// Waits for the first byte, and looks what it begins; `false` where none comes.
    fn look(&mut self) -> io::Result<bool> {
        let mut first = [0];
        let length = self.tcp.peek(&mut first)?;
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
        &mut self.tcp
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
            self.has_begun = true;
            self.send()?;
            self.look()?;
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
        self.tcp.limit_reads(time)
    }

    fn half_close(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.send()?;
        self.tcp.shutdown(Shutdown::Write)
    }

    fn own_address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    fn abandon(&self) {
        self.tcp.abandon();
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
