//! What the servers need that speak TLS.

use std::io;
use std::sync::Arc;

use harness::tls::rustls::ServerConfig;
use harness::tls::rustls::crypto::ring;
use harness::tls::rustls::pki_types::PrivateKeyDer;

/// With a certificate that is made for the day, which comes with it as PEM.
pub fn config() -> io::Result<(Arc<ServerConfig>, String)> {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    let certificate = made.cert.pem();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.into()], key)
        .map_err(io::Error::other)?;
    Ok((Arc::new(config), certificate))
}
