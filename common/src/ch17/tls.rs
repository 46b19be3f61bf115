//! What new TLS connections are made with, and how that is replaced while the server runs.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, PoisonError, RwLock};

use mio::net::TcpStream;
use rustls::{ServerConfig, ServerConnection};

use crate::ch02::log::log_error;
use crate::ch15::transport::Transport;
use crate::ch17::certificate::CertificateFiles;
use crate::ch17::own_certificate::Credentials;
use crate::ch17::tls_transport::TlsTransport;

/// What new TLS connections are made with. Clones share it.
#[derive(Clone)]
pub struct Tls {
    /// The files that are read, or why there are none.
    pair: Arc<anyhow::Result<CertificateFiles>>,
    config: Arc<RwLock<Arc<ServerConfig>>>,
    /// Other protocols than the configuration offers by itself, by their ALPN names.
    protocols: Option<&'static [&'static [u8]]>,
    handshakes: Arc<AtomicUsize>,
}

impl Tls {
    /// Connections with this certificate and key.
    ///
    /// # Errors
    /// What [`CertificateFiles::load`] finds wrong with them.
    pub fn new(credentials: Credentials) -> anyhow::Result<Self> {
        let (config, pair) = match credentials {
            Credentials::InFiles(pair) => (pair.load()?, Ok(pair)),
            Credentials::InMemory { config, reason } => (config, Err(reason)),
        };
        Ok(Self {
            pair: Arc::new(pair),
            config: Arc::new(RwLock::new(Arc::new(config))),
            protocols: None,
            handshakes: Arc::default(),
        })
    }

    /// The same, which offers these protocols, best first, by their ALPN names.
    pub fn offering(self, protocols: &'static [&'static [u8]]) -> Self {
        let tls = Self {
            protocols: Some(protocols),
            ..self
        };
        let config = ServerConfig::clone(&tls.config());
        tls.set_config(config);
        tls
    }

    fn config(&self) -> Arc<ServerConfig> {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&config)
    }

    fn set_config(&self, mut config: ServerConfig) {
        if let Some(protocols) = self.protocols {
            let names = protocols.iter().map(|name| name.to_vec());
            config.alpn_protocols = names.collect();
        }
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(config);
    }

    /// Says where the certificate is, so that a client can be told to trust it.
    pub fn name_certificate(&self) {
        match &*self.pair {
            Ok(pair) => {
                let certificate = pair.certificate.display();
                log_error(format_args!("The certificate is {certificate}"));
            }
            Err(reason) => log_error(format_args!(
                "The certificate is in memory alone, and another one the next time: {reason:#}"
            )),
        }
    }

    /// Reads the certificate and the key again, for all new connections. Open connections keep
    /// what they began with. Where anything is wrong with the new files, the old pair stays: a
    /// file may be half written just now. This waits for the files, so a thread that serves
    /// connections or receives signals must not call it.
    pub fn reload(&self) {
        let Ok(pair) = &*self.pair else {
            return log_error("the old certificate stays: it is in memory alone");
        };
        let certificate = pair.certificate.display();
        match pair.load() {
            Ok(config) => {
                self.set_config(config);
                log_error(format_args!("{certificate} is read again"));
            }
            Err(error) => log_error(format_args!("the old certificate stays: {error:#}")),
        }
    }

    /// A transport over this connection.
    ///
    /// # Errors
    /// TLS cannot be spoken as its configuration says.
    pub fn transport(&self, tcp: TcpStream) -> anyhow::Result<Box<dyn Transport>> {
        let tls = ServerConnection::new(self.config())?;
        let handshakes = Arc::clone(&self.handshakes);
        Ok(Box::new(TlsTransport::new(tcp, tls, handshakes)))
    }
}
