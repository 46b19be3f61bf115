//! What new lines of TLS are made with, and how that is changed while the server runs.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError, RwLock};

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use crate::ch02::log::log_error;
use crate::ch15::transport::Transport;
use crate::ch17::certificate::CertificateFiles;
use crate::ch17::tls_transport::TlsTransport;

/// What new lines are made with.
#[derive(Clone)]
pub struct Tls {
    pair: Arc<CertificateFiles>,
    config: Arc<RwLock<Arc<ServerConfig>>>,
    handshakes: Arc<AtomicUsize>,
}

impl Tls {
    /// Lines with this certificate and key.
    ///
    /// # Errors
    /// What [`CertificateFiles::load`] finds wrong with them.
    pub fn new(pair: CertificateFiles) -> anyhow::Result<Self> {
        let config = Arc::new(pair.load()?);
        Ok(Self {
            pair: Arc::new(pair),
            config: Arc::new(RwLock::new(config)),
            handshakes: Arc::default(),
        })
    }

    /// Says where the certificate lies: who is to trust it has to find it.
    pub fn name_certificate(&self) {
        let certificate = self.pair.certificate.display();
        log_error(format_args!("The certificate is {certificate}"));
    }

    /// Reads the certificate and the key again, for all lines from now on; those that are
    /// there keep what they began with. Where anything is wrong with the new ones, all
    /// goes on with the old ones: a file may be half written just now.
    pub fn reload(&self) {
        let certificate = self.pair.certificate.display();
        match self.pair.load() {
            Ok(config) => {
                let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
                *current = Arc::new(config);
                log_error(format_args!("{certificate} is read again"));
            }
            Err(error) => log_error(format_args!("the old certificate stays: {error:#}")),
        }
    }

    /// A line over this connection.
    ///
    /// # Errors
    /// TLS cannot be spoken as its configuration says.
    pub fn transport(&self, tcp: TcpStream) -> anyhow::Result<Box<dyn Transport>> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        let tls = ServerConnection::new(Arc::clone(&config))?;
        let handshakes = Arc::clone(&self.handshakes);
        Ok(Box::new(TlsTransport::new(tcp, tls, handshakes)))
    }
}
