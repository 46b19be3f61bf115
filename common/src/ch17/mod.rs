//! Chapter 17 brings TLS: certificates, the transport that encrypts, and a signal that
//! replaces the certificate while the server runs.

pub mod certificate;
pub mod handshake;
pub mod options;
pub mod own_certificate;
pub mod reload;
pub mod tls;
pub mod tls_transport;

pub use {
    certificate::CertificateFiles, options::Options, own_certificate::Credentials,
    reload::shutdown_or_reload, tls::Tls,
};
